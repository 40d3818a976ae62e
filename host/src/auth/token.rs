//! Opaque tokens: 256 random bits that mean nothing by themselves. Only their hash is kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const PREFIX: &str = "sbg_";

/// A new value.
pub fn mint() -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(crate::clock::random::<32>()))
}

/// What is kept of it. The value has 256 bits of chance, so a plain hash cannot be turned round.
pub fn hash(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

/// Whether this may be a value of ours; anything else is not looked up.
pub fn looks_right(value: &str) -> bool {
    value.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == 43 && rest.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_alike() {
        let (one, two) = (mint(), mint());
        assert_ne!(one, two);
        assert!(looks_right(&one) && looks_right(&two));
        assert_ne!(hash(&one), hash(&two));
        assert!(!looks_right("sbg_short"));
    }
}
