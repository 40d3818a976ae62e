//! `visitor`: entries for the streams of a web page's visitors, kept with the call's result.

use crate::call::VisitorEntry;
use crate::calls::Import;
use crate::contract::bindings::sambung::channel::visitor::Host;
use crate::state::State;

/// Bytes of one entry.
pub const ENTRY_BYTES: usize = 64 << 10;
/// Bytes of a visitor's name.
pub const VISITOR_BYTES: usize = 256;
/// Entries of one call.
pub const ENTRIES: usize = 128;

impl Host for State {
    async fn push(&mut self, visitor: String, entry: String) -> wasmtime::Result<Result<String, String>> {
        if let Err(refusal) = self.enter(Import::Visitor)? {
            return Ok(Err(refusal));
        }
        Ok(push(&mut self.effects.visitor, visitor, entry))
    }
}

fn push(entries: &mut Vec<VisitorEntry>, visitor: String, entry: String) -> Result<String, String> {
    if entry.len() > ENTRY_BYTES {
        return Err(format!("the entry has {} bytes, and {ENTRY_BYTES} are allowed", entry.len()));
    }
    if visitor.len() > VISITOR_BYTES {
        return Err(format!("a visitor's name has at most {VISITOR_BYTES} bytes"));
    }
    if entries.len() >= ENTRIES {
        return Err(format!("one call makes at most {ENTRIES} entries"));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&entry) {
        return Err(format!("the entry is not JSON: {error}"));
    }
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| format!("no randomness for the entry's id: {error}"))?;
    let id = hex::encode(id);
    entries.push(VisitorEntry { visitor, id: id.clone(), entry });
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_order_and_have_ids_of_their_own() {
        let mut entries = Vec::new();
        let first = push(&mut entries, "v".into(), "{}".into()).expect("taken");
        let second = push(&mut entries, "v".into(), "{}".into()).expect("taken");
        assert_ne!(first, second);
        assert_eq!(entries.iter().map(|entry| &entry.id).collect::<Vec<_>>(), [&first, &second]);
    }

    #[test]
    fn what_is_too_large_too_many_or_no_json_is_refused() {
        let mut entries = Vec::new();
        assert!(push(&mut entries, "v".into(), "{".into()).is_err());
        assert!(push(&mut entries, "v".into(), format!("\"{}\"", "a".repeat(ENTRY_BYTES))).is_err());
        assert!(push(&mut entries, "v".repeat(VISITOR_BYTES + 1), "{}".into()).is_err());
        assert!(entries.is_empty());
        for _ in 0..ENTRIES {
            push(&mut entries, "v".into(), "1".into()).expect("fits");
        }
        assert!(push(&mut entries, "v".into(), "1".into()).is_err());
    }
}
