//! Signatures after Standard Webhooks v1 (<https://www.standardwebhooks.com>, specification 1.0.0): HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`, in base64, one for each secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";

/// An endpoint's secret.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A secret of these bytes; the specification asks for 24 to 64 random ones.
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// Reads what [`Secret::text`] wrote, also without its prefix. None for what is not base64.
    pub fn read(text: &str) -> Option<Secret> {
        STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok().map(Secret::new)
    }

    /// `whsec_` and the bytes in base64, as receivers want it.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The header `webhook-signature` for a body that leaves at `timestamp` (seconds since 1970): one signature for each secret,
/// the newest first.
pub fn sign<'s>(secrets: impl IntoIterator<Item = &'s Secret>, id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures = secrets.into_iter().map(|secret| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("a key of HMAC may have any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's own libraries are tested with.
    #[test]
    fn the_published_vector_is_signed_as_published() {
        let secret = Secret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = sign([&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// While a secret is rotated both sign, so that a receiver that knows either accepts.
    #[test]
    fn a_rotation_signs_with_both() {
        let old = Secret::new(vec![1; 32]);
        let new = Secret::new(vec![2; 32]);
        let both = sign([&new, &old], "evt_1", 5, b"{}");
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, sign([&new], "evt_1", 5, b"{}"));
        assert_eq!(second, sign([&old], "evt_1", 5, b"{}"));
        assert_eq!(Secret::read(&new.text()).unwrap().expose(), new.expose());
        assert_eq!(format!("{new:?}"), "***");
    }
}
