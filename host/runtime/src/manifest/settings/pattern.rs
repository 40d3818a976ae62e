//! Patterns of fields. They come from a plugin and the texts from whoever fills a form in, so they are matched by automata, whose
//! time grows with the text alone: no pattern is slow, and look-around and back-references are not in the subset.

use jsonschema::{PatternOptions, Validator};
use serde_json::{Value, json};

/// Bytes that one compiled pattern may take.
const MOST_BYTES: usize = 512 << 10;
/// Characters of a pattern.
pub(super) const MOST_CHARACTERS: usize = 1_000;

/// A pattern, ready to be matched; `None` where it is no pattern of the subset.
pub(super) fn compiled(pattern: &Value) -> Option<Validator> {
    let text = pattern.as_str().filter(|text| text.chars().count() <= MOST_CHARACTERS)?;
    let engine = PatternOptions::regex().size_limit(MOST_BYTES).dfa_size_limit(4 * MOST_BYTES);
    jsonschema::options().with_pattern_options(engine).build(&json!({ "pattern": text })).ok()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn no_pattern_is_slow() {
        let begun = Instant::now();
        for pattern in ["^(a+)+$", "^(a|aa)+$", "(.*a){20}", "^([a-z]+)*[0-9]$"] {
            let compiled = compiled(&json!(pattern)).expect("it is in the subset");
            let _ = compiled.is_valid(&json!(format!("{}!", "a".repeat(16 << 10))));
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn what_only_backtracking_finds_or_takes_megabytes_is_no_pattern() {
        for pattern in ["(a)\\1", "(?=a)b", "(?<!a)b", "(((a{100}){100}){100}){100}", "("] {
            assert!(compiled(&json!(pattern)).is_none(), "{pattern}");
        }
        assert!(compiled(&json!("a".repeat(MOST_CHARACTERS + 1))).is_none());
        assert!(compiled(&json!(7)).is_none());
        assert!(compiled(&json!("^\\s*[0-9]+-[A-Za-z0-9]+\\s*$")).expect("usual").is_valid(&json!(" 12-ab ")));
    }
}
