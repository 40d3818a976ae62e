//! The console's pages, found as a person finds them: by their links.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chromium::Browser;

/// What a page's links may lead to without being a page: files, the API, the chat.
const NO_PAGES: [&str; 6] = ["/v1", "/docs", "/console", "/widget", "/media", "/assets"];
/// Pages of one kind whose links are followed: one channel has templates and another has none.
const OF_A_KIND: usize = 8;
/// Most pages whose links are followed.
const MOST: usize = 200;

/// The languages of the pages.
pub const LANGUAGES: [&str; 2] = ["en", "id"];
/// The themes of the pages.
pub const THEMES: [&str; 2] = ["light", "dark"];

/// The paths of all pages that this browser's person reaches from `first`, one for each kind of page: of two conversations, one.
///
/// # Panics
/// When a page cannot be loaded.
pub async fn every_page(browser: &Browser, base: &str, first: &str) -> Vec<String> {
    let mut kinds = BTreeMap::from([(kind_of(first), 1)]);
    let (mut found, mut to_visit) = (vec![first.to_owned()], VecDeque::from([first.to_owned()]));
    let mut visited = BTreeSet::new();
    while let Some(next) = to_visit.pop_front().filter(|_| visited.len() < MOST) {
        if !visited.insert(next.clone()) {
            continue;
        }
        browser.visit(&format!("{base}{next}")).await;
        for path in links(browser).await {
            let count = kinds.entry(kind_of(&path)).or_insert(0);
            if *count == 0 {
                found.push(path.clone());
            }
            if *count < OF_A_KIND && !visited.contains(&path) && !to_visit.contains(&path) {
                *count += 1;
                to_visit.push_back(path);
            }
        }
    }
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

/// A form of a page, as pressing one of its buttons sends it once every box is ticked; a page tells it as a list of its fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub struct Act {
    /// The path that it goes to.
    pub to: String,
    /// Names and values.
    pub pairs: Vec<(String, String)>,
    /// Whether it may carry files.
    pub is_multipart: bool,
}

/// The paths of the files that these pages offer, and their forms, one for each kind of address.
///
/// # Panics
/// When a page cannot be loaded.
pub async fn every_act(browser: &Browser, base: &str, pages: &[String]) -> (BTreeSet<String>, Vec<Act>) {
    const FILES: &str =
        "return [...document.querySelectorAll('a[href][download]')].map(link => new URL(link.href).pathname)";
    const FORMS: &str = "return [...document.forms].filter(form => form.method === 'post').flatMap(form => { \
        const buttons = [...form.elements].filter(one => one.type === 'submit'); \
        return (buttons.length ? buttons : [null]).map(button => [ \
            new URL(button?.hasAttribute('formaction') ? button.formAction : form.getAttribute('action') ?? '', location).pathname, \
            [...new FormData(form, button)].filter(pair => typeof pair[1] === 'string') \
                .concat([...form.elements].filter(one => one.type === 'checkbox' && !one.checked).map(one => [one.name, one.value])), \
            form.enctype === 'multipart/form-data']) })";
    let (mut files, mut acts) = (BTreeSet::new(), BTreeMap::new());
    for page in pages {
        browser.visit(&format!("{base}{page}")).await;
        files.extend(serde_json::from_value::<Vec<String>>(browser.run(FILES).await).expect("a list of paths"));
        let forms: Vec<Act> = serde_json::from_value(browser.run(FORMS).await).expect("a list of forms");
        for act in forms {
            acts.entry(kind_of(&act.to)).or_insert(act);
        }
    }
    (files, acts.into_values().collect())
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
