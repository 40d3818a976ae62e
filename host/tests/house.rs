//! The rules that the code holds itself to: layers go one way, no provider is named, SQL stays in its folder.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `host/src` by line; a module uses only modules on lines before its own, and its own.
const LAYERS: &[&[&str]] = &[
    &["ids", "keys"],
    &["model", "wake"],
    &["base_url", "config", "clock", "disk", "upkeep"],
    &["db", "data_dir"],
    &["plugins", "auth", "media", "mail", "backup"],
    &["inbound", "outbound", "feed", "retention"],
    &["channels"],
    &["web"],
    &["api", "console", "ingress"],
    &["app"],
    &["cli"],
];

/// Uses that the table above would forbid, with the reason.
const ALLOWED: &[(&str, &str)] = &[];

/// Every source below a folder, without files that hold only tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

fn host() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|line| line.contains(&module))
}

/// The first parts of the paths in `crate::…`, also within braces.
fn used(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with("in ") || text[..at].ends_with("$") {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split('}').next().unwrap_or_default();
            found.extend(list.split(',').map(|item| item.trim().split("::").next().unwrap_or_default().to_owned()));
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

#[test]
fn a_module_uses_only_lower_layers() {
    let root = host().join("src");
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" || module == "main" {
            continue;
        }
        let own = layer(&module).unwrap_or_else(|| panic!("{module} stands on no line of LAYERS"));
        for target in used(&fs::read_to_string(&path).unwrap()) {
            let Some(line) = layer(&target) else { continue };
            let fine = target == module || line < own || ALLOWED.contains(&(module.as_str(), target.as_str()));
            if !fine {
                wrong.push(format!("{} uses crate::{target}", relative.display()));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_provider_is_named_in_the_host() {
    const NAMES: &[&str] = &[
        "whatsapp",
        "telegram",
        "facebook",
        "messenger",
        "instagram",
        "twitter",
        "wechat",
        "viber",
        "kakao",
        "meta",
        "line messaging",
        "line official",
    ];
    let mut wrong = Vec::new();
    for path in sources(&host().join("src")).into_iter().chain(sources(&host().join("runtime/src"))) {
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        for (number, line) in text.lines().enumerate() {
            for name in NAMES {
                let whole_word = line.match_indices(name).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + name.len()..].chars().next();
                    let outside = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                    outside(before) && outside(after)
                });
                // `meta` as a local name for a file's metadata is no provider.
                let named = *name != "meta" || line.trim_start().starts_with("//");
                if whole_word && named {
                    wrong.push(format!("{}:{}: {name}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn sql_stands_only_in_its_folder() {
    let root = host().join("src");
    let wrong: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| !path.starts_with(root.join("db")))
        .filter(|path| fs::read_to_string(path).unwrap().contains("rusqlite"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let wrong: Vec<_> = sources(&host().join("src"))
        .into_iter()
        .chain(sources(&host().join("runtime/src")))
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows of the tables in the section *Threat model*.
fn threats() -> Vec<String> {
    let text = fs::read_to_string(host().join("ARCHITECTURE.md")).unwrap();
    let section =
        text.split("\n## ").find(|section| section.starts_with("Threat model")).expect("there is the section");
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what |"));
    rows.filter(|line| !line.starts_with("| ---")).map(str::to_owned).collect()
}

#[test]
fn every_threat_names_a_test_that_exists() {
    let root = host().parent().unwrap().to_owned();
    let mut wrong = Vec::new();
    for row in threats() {
        let tests: Vec<_> = row.split('`').filter_map(|word| word.split_once(".rs::")).collect();
        if tests.is_empty() {
            wrong.push(format!("no test stands in: {row}"));
        }
        for (file, test) in tests {
            let file = format!("{file}.rs");
            let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
            if !text.contains(&format!("fn {test}(")) {
                wrong.push(format!("{file} has no test {test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(threats().len() > 30, "the tables are read");
}
