//! `crypto` computed natively, over the secrets of the thread's host.

use crate::crypto::Piece;
use crate::testing::with_state;
use base64::Engine;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub(crate) fn hmac(algorithm: &str, key: &[Piece], data: &[Piece]) -> Result<Vec<u8>, String> {
    if has_secret(data) && !has_secret(key) {
        return Err("a secret may stand in the data only when one stands in the key".to_owned());
    }
    let (key, data) = (join(key)?, join(data)?);
    match algorithm {
        "sha1" => mac::<Hmac<Sha1>>(&key, &data),
        "sha256" => mac::<Hmac<Sha256>>(&key, &data),
        unknown => Err(format!("no such algorithm: {unknown}")),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Result<Vec<u8>, String> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|error| error.to_string())?;
    mac.update(data);
    Ok(mac.finalize().into_bytes().to_vec())
}

pub(crate) fn digest(algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    match algorithm {
        "sha256" => Ok(Sha256::digest(data).to_vec()),
        unknown => Err(format!("no such algorithm: {unknown}")),
    }
}

pub(crate) fn verify_ed25519(public_key: &Piece, data: &[u8], signature: &[u8]) -> Result<bool, String> {
    let bytes = match public_key {
        Piece::Secret(_) => decode_key(&value(public_key)?)?,
        other => value(other)?,
    };
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| "a public key has 32 bytes".to_owned())?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let signature = Signature::from_slice(signature).map_err(|error| error.to_string())?;
    Ok(key.verify_strict(data, &signature).is_ok())
}

/// A key held as text: 64 hexadecimal digits, else base64.
fn decode_key(text: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?.trim();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return (0..32)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string());
    }
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| error.to_string())
}

fn has_secret(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| matches!(piece, Piece::Secret(_)))
}

fn join(pieces: &[Piece]) -> Result<Vec<u8>, String> {
    let mut joined = Vec::new();
    for piece in pieces {
        joined.extend(value(piece)?);
    }
    Ok(joined)
}

fn value(piece: &Piece) -> Result<Vec<u8>, String> {
    match piece {
        Piece::Bytes(bytes) => Ok(bytes.clone()),
        Piece::Secret(name) => {
            with_state(|state| state.secrets.get(name).cloned()).ok_or_else(|| format!("no secret is set under {name}"))
        }
        Piece::Other(open) => Err(format!("no such piece: {}", open.kind)),
    }
}
