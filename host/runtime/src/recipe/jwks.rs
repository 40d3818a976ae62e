//! The keys that an issuer publishes (RFC 7517), and what is signed with one.
//!
//! A key says by its type which algorithm its signatures have; what a token says about it only has to agree. Keys of other
//! kinds, for encryption, or shorter than is safe are passed over: an issuer may publish them beside those that verify.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

use crate::manifest::webhook::JwtAlgorithm;

/// Keys in one set at most; the largest known issuers publish a few dozen.
const MOST_KEYS: usize = 100;

/// An issuer's keys.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySet(Vec<Arc<Key>>);

/// One public key.
#[derive(Clone, PartialEq)]
pub struct Key {
    id: String,
    material: Material,
}

#[derive(Clone, PartialEq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
}

/// Why an answer is no set of keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is something else.
    #[error("it is no JSON Web Key Set: {0}")]
    Unreadable(String),
    /// There are too many.
    #[error("it has {0} keys, more than {MOST_KEYS}")]
    TooMany(usize),
    /// None can be used.
    #[error("none of its keys verifies RS256 or ES256 and has a kid")]
    NoneFits,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads what an issuer published.
    ///
    /// # Errors
    /// It is no set of keys, or none of them can be used.
    pub fn read(json: &[u8]) -> Result<KeySet, KeySetError> {
        let published: Published =
            serde_json::from_slice(json).map_err(|error| KeySetError::Unreadable(error.to_string()))?;
        if published.keys.len() > MOST_KEYS {
            return Err(KeySetError::TooMany(published.keys.len()));
        }
        let keys: Vec<_> = published
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<PublishedKey>(key).ok())
            .filter_map(|key| key.usable())
            .map(Arc::new)
            .collect();
        if keys.is_empty() { Err(KeySetError::NoneFits) } else { Ok(KeySet(keys)) }
    }

    /// The key of this name.
    pub fn find(&self, kid: &str) -> Option<Arc<Key>> {
        self.0.iter().find(|key| key.id == kid).cloned()
    }
}

impl PublishedKey {
    fn usable(self) -> Option<Key> {
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => rsa(&self.n?, &self.e?)?,
            ("EC", Some("P-256")) => p256(&self.x?, &self.y?)?,
            _ => return None,
        };
        let key = Key { id: self.kid, material };
        // A key that is meant for another algorithm of its type is not for these signatures.
        let agrees = self.alg.is_none_or(|alg| alg.parse() == Ok(key.algorithm()));
        agrees.then_some(key)
    }
}

fn rsa(modulus: &str, exponent: &str) -> Option<Material> {
    let number = |written: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(written).ok()?;
        let first = bytes.iter().position(|byte| *byte != 0)?;
        Some(bytes[first..].to_vec())
    };
    let (modulus, exponent) = (number(modulus)?, number(exponent)?);
    // 2048 to 8192 bits.
    (256..=1024).contains(&modulus.len()).then_some(Material::Rsa { modulus, exponent })
}

fn p256(x: &str, y: &str) -> Option<Material> {
    let coordinate = |written: &str| URL_SAFE_NO_PAD.decode(written).ok().filter(|bytes| bytes.len() == 32);
    let (x, y) = (coordinate(x)?, coordinate(y)?);
    Some(Material::P256([[4].as_slice(), &x, &y].concat()))
}

impl Key {
    /// What its signatures are made with.
    pub fn algorithm(&self) -> JwtAlgorithm {
        match self.material {
            Material::Rsa { .. } => JwtAlgorithm::Rs256,
            Material::P256(_) => JwtAlgorithm::Es256,
        }
    }

    /// Whether this signature over a message was made with it.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Material::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {:?}", self.algorithm(), self.id)
    }
}
