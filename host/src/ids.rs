//! Identifiers: a prefix that says what they name, then 26 characters that sort by time.
//!
//! Knows no clock and no random source: both are arguments.

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `prefix_` and 26 characters of Crockford's base 32: 48 bits of time, 80 bits of chance, so that ids sort by time.
pub fn mint(prefix: &str, now_ms: i64, chance: [u8; 10]) -> String {
    let mut bits = [0u8; 16];
    bits[..6].copy_from_slice(&now_ms.to_be_bytes()[2..]);
    bits[6..].copy_from_slice(&chance);
    let mut value = u128::from_be_bytes(bits);
    let mut text = [0u8; 26];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    let mut id = String::with_capacity(prefix.len() + 27);
    id.push_str(prefix);
    id.push('_');
    id.extend(text.iter().map(|byte| char::from(*byte)));
    id
}

/// Whether `id` has this prefix and the form that [`mint`] gives.
pub fn is(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|b| ALPHABET.contains(&b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Later ids sort after earlier ones, whatever chance says.
    #[test]
    fn ids_sort_by_time() {
        let early = mint("msg", 1_000, [255; 10]);
        let late = mint("msg", 1_001, [0; 10]);
        assert!(early < late);
        assert!(is("msg", &early));
        assert!(!is("ch", &early));
        assert!(!is("msg", "msg_short"));
    }
}
