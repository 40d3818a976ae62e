//! Secrets at rest: XChaCha20-Poly1305 envelopes bound to their row.
//!
//! An envelope is `1 | key id (8) | nonce (24) | wrapped record key (48) | nonce (24) | ciphertext and tag`: the value is sealed
//! with a key of its own, which is sealed with a master key. Both seals are bound to a name of the row, so an envelope that is
//! moved to another row does not open. Randomness is an argument; where keys come from is not known here.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const WRAPPED: usize = 32 + 16;
const HEAD: usize = 1 + KEY_ID + NONCE + WRAPPED + NONCE;

/// Random bytes that one envelope takes: the record's key and two nonces.
pub const CHANCE: usize = 32 + NONCE + NONCE;

/// Why an envelope does not open. No variant says anything about the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// It was sealed with a master key that is not at hand.
    #[error("sealed with a master key that this host does not have")]
    UnknownKey,
    /// It was changed, cut, or belongs to another row.
    #[error("changed, cut short, or moved from another row")]
    Damaged,
}

/// Which master key vouches for a message, and its HMAC-SHA-256. Both are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The master key's id.
    pub key: String,
    /// Over the whole message, with a key that is derived from the master key for one purpose.
    pub hmac: String,
}

/// Why a text does not hold master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hexadecimal digits, one key a line, the current one first")]
pub struct KeyTextError;

struct Master {
    id: [u8; KEY_ID],
    key: Zeroizing<[u8; 32]>,
}

/// The master keys: the current one seals, all of them open. Cheap to clone; never shows itself.
#[derive(Clone)]
pub struct Vault(Arc<Vec<Master>>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(***)")
    }
}

impl Vault {
    /// A vault of this one key.
    pub fn new(key: [u8; 32]) -> Vault {
        Vault(Arc::new(vec![Master::new(key)]))
    }

    /// Reads the text of a key file: hexadecimal, one key a line, the current one first; `#` begins a comment.
    pub fn from_text(text: &str) -> Result<Vault, KeyTextError> {
        let mut masters = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut key = [0u8; 32];
            hex::decode_to_slice(line, &mut key).map_err(|_| KeyTextError)?;
            masters.push(Master::new(key));
        }
        if masters.is_empty() {
            return Err(KeyTextError);
        }
        Ok(Vault(Arc::new(masters)))
    }

    /// Seals `value` for the row that `row` names.
    pub fn seal(&self, row: &str, value: &[u8], chance: [u8; CHANCE]) -> Vec<u8> {
        let chance = Zeroizing::new(chance);
        let (record_key, nonces) = chance.split_at(32);
        let (outer, inner) = nonces.split_at(NONCE);
        let master = &self.0[0];
        let wrapped = cipher(&master.key[..])
            .encrypt(&nonce(outer), Payload { msg: record_key, aad: row.as_bytes() })
            .expect("32 bytes are within what the cipher takes");
        let sealed = cipher(record_key)
            .encrypt(&nonce(inner), Payload { msg: value, aad: row.as_bytes() })
            .expect("a secret is far below the 256 GB that the cipher takes");
        let mut envelope = Vec::with_capacity(HEAD + sealed.len());
        envelope.push(VERSION);
        envelope.extend_from_slice(&master.id);
        envelope.extend_from_slice(outer);
        envelope.extend_from_slice(&wrapped);
        envelope.extend_from_slice(inner);
        envelope.extend_from_slice(&sealed);
        envelope
    }

    /// Opens what [`Vault::seal`] gave for the same row.
    pub fn open(&self, row: &str, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        if envelope.len() < HEAD || envelope[0] != VERSION {
            return Err(EnvelopeError::Damaged);
        }
        let (id, rest) = envelope[1..].split_at(KEY_ID);
        let (outer, rest) = rest.split_at(NONCE);
        let (wrapped, rest) = rest.split_at(WRAPPED);
        let (inner, sealed) = rest.split_at(NONCE);
        let master = self.0.iter().find(|master| master.id == id).ok_or(EnvelopeError::UnknownKey)?;
        let record_key = cipher(&master.key[..])
            .decrypt(&nonce(outer), Payload { msg: wrapped, aad: row.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| EnvelopeError::Damaged)?;
        cipher(&record_key)
            .decrypt(&nonce(inner), Payload { msg: sealed, aad: row.as_bytes() })
            .map(Zeroizing::new)
            .map_err(|_| EnvelopeError::Damaged)
    }
}

impl Vault {
    /// Vouches for a message that is kept outside the database. `purpose` separates the derived keys of different uses.
    pub fn vouch(&self, purpose: &str, message: &[u8]) -> Seal {
        let master = &self.0[0];
        let tag = master.mac(purpose, message).finalize().into_bytes();
        Seal { key: hex::encode(master.id), hmac: hex::encode(tag) }
    }

    /// Whether one of the master keys vouched for this message.
    ///
    /// # Errors
    /// The key is not at hand, or the message is another.
    pub fn prove(&self, purpose: &str, message: &[u8], seal: &Seal) -> Result<(), EnvelopeError> {
        let master =
            self.0.iter().find(|master| hex::encode(master.id) == seal.key).ok_or(EnvelopeError::UnknownKey)?;
        let tag = hex::decode(&seal.hmac).map_err(|_| EnvelopeError::Damaged)?;
        master.mac(purpose, message).verify_slice(&tag).map_err(|_| EnvelopeError::Damaged)
    }
}

impl Master {
    fn mac(&self, purpose: &str, message: &[u8]) -> Hmac<Sha256> {
        let mut derived = Zeroizing::new([0u8; 32]);
        Hkdf::<Sha256>::new(None, &self.key[..])
            .expand(purpose.as_bytes(), &mut derived[..])
            .expect("HKDF gives 32 bytes");
        let mut mac = Hmac::<Sha256>::new_from_slice(&derived[..]).expect("HMAC takes a key of any length");
        mac.update(message);
        mac
    }

    fn new(key: [u8; 32]) -> Master {
        let digest = Sha256::new().chain_update(b"sambung master key id\0").chain_update(key).finalize();
        let mut id = [0u8; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        Master { id, key: Zeroizing::new(key) }
    }
}

fn cipher(key: &[u8]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::try_from(key).expect("keys are 32 bytes"))
}

fn nonce(bytes: &[u8]) -> XNonce {
    XNonce::try_from(bytes).expect("nonces are 24 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chance(seed: u8) -> [u8; CHANCE] {
        std::array::from_fn(|index| seed.wrapping_add(index as u8))
    }

    #[test]
    fn a_secret_opens_for_its_own_row_only() {
        let vault = Vault::new([1; 32]);
        let envelope = vault.seal("secret/ch_1/token", b"hush", chance(3));
        assert_eq!(&vault.open("secret/ch_1/token", &envelope).expect("opens")[..], b"hush");
        assert_eq!(vault.open("secret/ch_2/token", &envelope), Err(EnvelopeError::Damaged));
        assert!(!envelope.windows(4).any(|bytes| bytes == b"hush"));
    }

    #[test]
    fn a_message_is_vouched_for_by_its_own_key_and_for_its_own_purpose() {
        let vault = Vault::new([1; 32]);
        let seal = vault.vouch("backup", b"a list");
        assert_eq!(vault.prove("backup", b"a list", &seal), Ok(()));
        assert_eq!(vault.prove("backup", b"a lisp", &seal), Err(EnvelopeError::Damaged));
        assert_eq!(vault.prove("other", b"a list", &seal), Err(EnvelopeError::Damaged));
        assert_eq!(Vault::new([2; 32]).prove("backup", b"a list", &seal), Err(EnvelopeError::UnknownKey));
        for hmac in ["", "zz", &seal.hmac[2..]] {
            let cut = Seal { hmac: hmac.to_owned(), ..seal.clone() };
            assert_eq!(vault.prove("backup", b"a list", &cut), Err(EnvelopeError::Damaged), "{hmac}");
        }
    }

    #[test]
    fn another_master_key_is_told_from_damage() {
        let envelope = Vault::new([1; 32]).seal("row", b"hush", chance(3));
        assert_eq!(Vault::new([2; 32]).open("row", &envelope), Err(EnvelopeError::UnknownKey));
    }

    #[test]
    fn no_byte_can_be_changed_or_cut() {
        let vault = Vault::new([1; 32]);
        let envelope = vault.seal("row", b"hush", chance(9));
        for index in 0..envelope.len() {
            let mut changed = envelope.clone();
            changed[index] ^= 1;
            assert!(vault.open("row", &changed).is_err(), "byte {index}");
            assert!(vault.open("row", &envelope[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn an_older_key_still_opens_after_a_new_one_was_put_before_it() {
        let old = "11".repeat(32);
        let envelope = Vault::from_text(&old).expect("a key").seal("row", b"hush", chance(5));
        let both = Vault::from_text(&format!("# new\n{}\n{old}\n", "22".repeat(32))).expect("two keys");
        assert_eq!(&both.open("row", &envelope).expect("opens")[..], b"hush");
        assert!(Vault::from_text("not a key").is_err());
        assert!(Vault::from_text("# nothing\n").is_err());
    }
}
