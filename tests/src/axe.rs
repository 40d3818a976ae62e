//! axe, which finds faults of a page that keep people from using it with a screen reader or a keyboard.
//!
//! It is a script of Deque's under the MPL 2.0, got from the npm registry for the tests and not part of the project.

use std::path::PathBuf;

use serde_json::Value;

use crate::chromium::Browser;
use crate::fixtures::skip;
use crate::server::target_folder;

const HOW_TO_GET_IT: &str =
    "npm pack axe-core@4.14.1, and put its axe.min.js into target/axe/ or name it in SAMBUNG_AXE";

/// The script, if it is there; otherwise `test` is said to be skipped.
///
/// # Panics
/// When it is not there and `SAMBUNG_REQUIRE` contains `axe`.
pub fn script(test: &str) -> Option<String> {
    let usual = || target_folder().join("axe").join("axe.min.js");
    let path = std::env::var_os("SAMBUNG_AXE").map_or_else(usual, PathBuf::from);
    let script = std::fs::read_to_string(&path).ok();
    if script.is_none() {
        skip("axe", test, &format!("{} is missing; get it with: {HOW_TO_GET_IT}", path.display()));
    }
    script
}

/// The serious and critical faults of the page, each with the elements that have it.
///
/// # Panics
/// When the script does not run.
pub async fn serious(browser: &Browser, script: &str) -> Vec<String> {
    let found = browser
        .run(&format!(
            "{script}; return axe.run(document, {{ resultTypes: ['violations'] }}).then(found => found.violations\
             .filter(one => one.impact === 'serious' || one.impact === 'critical')\
             .map(one => one.id + ': ' + one.help + ': ' + one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)).join(' | ')))"
        ))
        .await;
    found.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
