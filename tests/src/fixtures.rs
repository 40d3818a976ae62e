//! Where the recorded payloads and published descriptions are, and how a test says that it did not run without them.

use std::io::Write;
use std::path::PathBuf;

/// A folder of the fixtures ("line/openapi"), or none where it is absent: then the test says so and returns.
///
/// `SAMBUNG_FIXTURES` names the fixtures' folder; by default it is `../shared/fixtures` beside the workspace.
///
/// # Panics
/// When it is absent and `SAMBUNG_REQUIRE` contains `fixtures`.
pub fn folder(test: &str, name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SAMBUNG_FIXTURES").map_or_else(default_root, PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    skip("fixtures", test, &format!("no folder {}; set SAMBUNG_FIXTURES to where the fixtures are", folder.display()));
    None
}

fn default_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/fixtures"))
}

/// Says visibly that a test did not run. The test harness swallows `eprintln!` of a test that passes, so this writes to the
/// real standard error.
///
/// # Panics
/// When `SAMBUNG_REQUIRE` contains `what`.
pub fn skip(what: &str, test: &str, missing: &str) {
    let required = std::env::var("SAMBUNG_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word.trim() == what), "{test}: {missing}");
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {missing}");
}
