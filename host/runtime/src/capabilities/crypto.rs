//! `crypto`: computations over secrets by name. The plugin gets the result and never the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::calls::Import;
use crate::contract::bindings::sambung::channel::crypto::Host;
use crate::contract::crypto::Piece;
use crate::state::State;

impl Host for State {
    async fn hmac(
        &mut self,
        algorithm: String,
        key: Vec<Piece>,
        data: Vec<Piece>,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        if let Err(refusal) = self.enter(Import::Crypto)? {
            return Ok(Err(refusal));
        }
        let is_secret = |piece: &Piece| matches!(piece, Piece::Secret(_));
        if data.iter().any(is_secret) && !key.iter().any(is_secret) {
            return Ok(Err(
                "a secret may stand in the data only when one stands in the key: else its value could be guessed"
                    .to_owned(),
            ));
        }
        let key = match self.join(key).await {
            Ok(key) => key,
            Err(words) => return Ok(Err(words)),
        };
        let data = match self.join(data).await {
            Ok(data) => data,
            Err(words) => return Ok(Err(words)),
        };
        Ok(self.compute(key.len() + data.len(), move || hmac(&algorithm, &key, &data)).await)
    }

    async fn digest(&mut self, algorithm: String, data: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, String>> {
        if let Err(refusal) = self.enter(Import::Crypto)? {
            return Ok(Err(refusal));
        }
        if algorithm != "sha256" {
            return Ok(Err(format!("unknown algorithm {algorithm:?}; there is \"sha256\"")));
        }
        Ok(Ok(self.compute(data.len(), move || Sha256::digest(&data).to_vec()).await))
    }

    async fn verify_ed25519(
        &mut self,
        public_key: Piece,
        data: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, String>> {
        if let Err(refusal) = self.enter(Import::Crypto)? {
            return Ok(Err(refusal));
        }
        let named = matches!(public_key, Piece::Secret(_));
        let key = match self.join(vec![public_key]).await {
            Ok(key) => key,
            Err(words) => return Ok(Err(words)),
        };
        Ok(self.compute(data.len(), move || verify(&key, named, &data, &signature)).await)
    }
}

impl State {
    /// The pieces one after the other, names replaced by values.
    async fn join(&mut self, pieces: Vec<Piece>) -> Result<Zeroizing<Vec<u8>>, String> {
        let most = self.limits.body_pieces as usize;
        if pieces.len() > most {
            return Err(format!("{} pieces at once; {most} are allowed", pieces.len()));
        }
        let mut whole = Zeroizing::new(Vec::new());
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) => whole.extend_from_slice(&bytes),
                Piece::Secret(name) => {
                    let value = self.secret(&name).await?.ok_or_else(|| format!("the secret {name:?} is not set"))?;
                    whole.extend_from_slice(value.expose());
                }
                Piece::Other(open) => return Err(format!("unknown kind of piece {:?}", open.kind)),
            }
        }
        Ok(whole)
    }
}

fn hmac(algorithm: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
    const ANY_LENGTH: &str = "HMAC takes a key of any length";
    match algorithm {
        "sha1" => {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).expect(ANY_LENGTH);
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        }
        "sha256" => {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect(ANY_LENGTH);
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        }
        other => Err(format!("unknown algorithm {other:?}; there are \"sha1\" and \"sha256\"")),
    }
}

/// `key` as bytes, or as the text of a secret that holds them in hex or base64.
fn verify(key: &[u8], is_text: bool, data: &[u8], signature: &[u8]) -> Result<bool, String> {
    let decoded = if is_text && key.len() != 32 {
        let text = key.trim_ascii();
        hex::decode(text)
            .or_else(|_| STANDARD.decode(text))
            .map_err(|_| "the public key is neither hex nor base64".to_owned())?
    } else {
        key.to_vec()
    };
    let key: [u8; 32] =
        decoded.as_slice().try_into().map_err(|_| format!("a public key has 32 bytes, this one {}", decoded.len()))?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| "this is no Ed25519 public key".to_owned())?;
    let Ok(signature) = Signature::from_slice(signature) else {
        return Ok(false);
    };
    Ok(key.verify_strict(data, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_gives_the_published_vectors() {
        // RFC 2202 and RFC 4231, test case 2.
        let sha1 = hmac("sha1", b"Jefe", b"what do ya want for nothing?").expect("known");
        assert_eq!(hex::encode(sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let sha256 = hmac("sha256", b"Jefe", b"what do ya want for nothing?").expect("known");
        assert_eq!(hex::encode(sha256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(hmac("md5", b"", b"").is_err());
    }

    #[test]
    fn ed25519_gives_the_published_vector_and_refuses_another() {
        // RFC 8032, 7.1, test 2.
        let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        let signature = hex::decode(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        )
        .expect("hex");
        let bytes = hex::decode(key).expect("hex");
        assert_eq!(verify(&bytes, false, &[0x72], &signature), Ok(true));
        assert_eq!(verify(key.as_bytes(), true, &[0x72], &signature), Ok(true));
        assert_eq!(verify(STANDARD.encode(&bytes).as_bytes(), true, &[0x72], &signature), Ok(true));
        assert_eq!(verify(&bytes, false, &[0x73], &signature), Ok(false));
        assert_eq!(verify(&bytes, false, &[0x72], &signature[1..]), Ok(false));
        assert!(verify(b"short", false, &[0x72], &signature).is_err());
    }
}
