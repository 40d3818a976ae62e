//! The console's pages, found as a person finds them: by their links.

use std::collections::BTreeSet;

use crate::chromium::Browser;

/// What a page's links may lead to without being a page: files, the API, the chat.
const NO_PAGES: [&str; 6] = ["/v1", "/docs", "/console", "/widget", "/media", "/assets"];
/// Most pages that are looked for, so that links which are made anew for ever do not go on for ever.
const MOST: usize = 100;

/// The languages of the pages.
pub const LANGUAGES: [&str; 2] = ["en", "id"];
/// The themes of the pages.
pub const THEMES: [&str; 2] = ["light", "dark"];

/// The paths of all pages that this browser's person reaches from `first`, one for each kind of page: of two conversations, one.
///
/// # Panics
/// When a page cannot be loaded.
pub async fn every_page(browser: &Browser, base: &str, first: &str) -> Vec<String> {
    let mut kinds = BTreeSet::from([kind_of(first)]);
    let mut found = vec![first.to_owned()];
    let mut looked_at = 0;
    while looked_at < found.len().min(MOST) {
        browser.visit(&format!("{base}{}", found[looked_at])).await;
        looked_at += 1;
        for path in links(browser).await {
            if kinds.insert(kind_of(&path)) {
                found.push(path);
            }
        }
    }
    found.truncate(MOST);
    found
}

async fn links(browser: &Browser) -> Vec<String> {
    let links = browser
        .run("return [...document.querySelectorAll('a[href]:not([download])')].map(link => link.getAttribute('href'))")
        .await;
    let links = links.as_array().cloned().unwrap_or_default();
    let paths = links.iter().filter_map(|link| link.as_str()).filter(|link| link.starts_with('/'));
    let paths = paths.map(|link| link.split(['?', '#']).next().unwrap_or(link).to_owned());
    paths.filter(|path| is_page(path)).collect()
}

fn is_page(path: &str) -> bool {
    !path.contains('.') && !NO_PAGES.iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")))
}

/// The path with its ids left out: an id has an underscore, a template's a colon.
pub fn kind_of(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.contains(['_', ':']) { "one" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Has the browser show pages in this language and theme, as a person chooses them in the menu.
///
/// # Panics
/// When the host refuses.
pub async fn choose_look(browser: &Browser, language: &str, theme: &str) {
    let script = format!(
        "return fetch('/preferences', {{ method: 'POST', body: new URLSearchParams({{ language: '{language}', \
         theme: '{theme}', to: '/inbox' }}) }}).then(answer => answer.ok)"
    );
    assert_eq!(browser.run(&script).await, true, "the host keeps {language} and {theme}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_of_one_kind_differ_by_ids_alone() {
        assert_eq!(super::kind_of("/integrations/ch_01a/templates/siap:id"), "/integrations/one/templates/one");
        assert_eq!(super::kind_of("/integrations/new/line"), "/integrations/new/line");
        assert!(super::is_page("/integrations") && !super::is_page("/docs/") && !super::is_page("/settings/audit.csv"));
    }
}
