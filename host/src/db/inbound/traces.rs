//! Where a person stands in the bytes of raw requests: by what names them, their conversations and their messages.

use aho_corasick::AhoCorasick;
use rusqlite::Row;

use crate::db::DbError;

/// Shorter words stand in many requests by chance, so that they must be a whole JSON string there.
const SHORT: usize = 8;

/// Words to look for, all in one pass. Case makes no difference, because plugins write identities that are compared without it
/// (e-mail addresses) in lower case, and raw requests hold them as somebody typed them.
pub(super) struct Traces {
    words: AhoCorasick,
    /// In lower case, with letters beyond ASCII, whose case only Unicode knows.
    foreign: Vec<String>,
}

impl Traces {
    /// Of identities, thread keys and ids of messages.
    pub(super) fn of(known_by: &[String]) -> Result<Traces, DbError> {
        let whole = |word: &str| if word.chars().count() < SHORT { format!("\"{word}\"") } else { word.to_owned() };
        let words: Vec<String> = known_by.iter().filter(|word| !word.is_empty()).map(|word| whole(word)).collect();
        let foreign = words.iter().filter(|word| !word.is_ascii()).map(|word| word.to_lowercase()).collect();
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(&words);
        Ok(Traces { words: words.map_err(|error| DbError::Damaged(error.to_string()))?, foreign })
    }

    /// Whether any of them stands in a text.
    pub(super) fn stand_in(&self, text: &[u8]) -> bool {
        if self.words.is_match(text) {
            return true;
        }
        if self.foreign.is_empty() || text.is_ascii() {
            return false;
        }
        let text = String::from_utf8_lossy(text).to_lowercase();
        self.foreign.iter().any(|word| text.contains(word))
    }

    /// Whether any of them stands in a row of the journal: its id, then body, headers and query.
    pub(super) fn stand_in_row(&self, row: &Row<'_>) -> Result<bool, DbError> {
        for column in 1..4 {
            if self.stand_in(row.get_ref(column)?.as_bytes_or_null().ok().flatten().unwrap_or_default()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_and_a_short_one_only_as_a_whole_string() {
        let known = ["siti@customer.example", "S\u{fc}ti@Bücher.example", "4711"].map(str::to_owned);
        let traces = Traces::of(&known).expect("traces");
        let stand_in = |text: &str| traces.stand_in(text.as_bytes());
        assert!(stand_in("From: \"Siti\" <SITI@Customer.Example>\r\n"));
        assert!(stand_in("From: <SÜTI@BÜCHER.example>"));
        assert!(stand_in("{\"id\":\"4711\"}"));
        assert!(!stand_in("{\"at\":47110}") && !stand_in("From: budi@customer.example"));
        assert!(!Traces::of(&[]).expect("traces").stand_in(b"anything"), "nobody stands everywhere");
    }
}
