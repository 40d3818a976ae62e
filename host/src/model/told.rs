//! What is said of faults and problems by their codes, in English and Indonesian: one table for the API and the pages.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    faults: BTreeMap<String, Words>,
    findings: BTreeMap<String, Words>,
    problems: BTreeMap<String, Words>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    en: String,
    id: String,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("told.toml")).expect("the tests read the table"));

fn said<'w>(table: &'w BTreeMap<String, Words>, code: &str, language: &str) -> Option<&'w str> {
    let words = table.get(code)?;
    Some(if language == "id" { &words.id } else { &words.en })
}

/// What is said of a fault of a field or of a step; none: the code has no words here.
pub fn of_fault(code: &str, language: &str) -> Option<&'static str> {
    said(&TABLE.faults, code, language)
}

/// What is said of a finding of the host's own; none: the code has no words here.
pub fn of_finding(code: &str, language: &str) -> Option<&'static str> {
    said(&TABLE.findings, code, language)
}

/// What is said of a problem; none: the code has no words here.
pub fn of_problem(code: &str, language: &str) -> Option<&'static str> {
    said(&TABLE.problems, code, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_words_in_both_languages() {
        for table in [&TABLE.faults, &TABLE.findings, &TABLE.problems] {
            assert!(!table.is_empty());
            for (code, words) in table {
                assert!(!words.en.is_empty() && !words.id.is_empty() && words.en != words.id, "{code}");
            }
        }
        assert_eq!(of_fault("required", "en"), Some("field is required"));
        assert_eq!(of_fault("required", "id"), Some("wajib diisi"));
        assert_eq!(of_problem("no-such-code", "id"), None);
    }
}
