//! Whether a request is the provider's. Every way out that is not a match is a refusal.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{KeyInit, Mac};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::jwt::{self, Keys};
use super::request::Parsed;
use crate::manifest::Verify;
use crate::manifest::source::{Segment, Source};
use crate::manifest::webhook::{Algorithm, Ed25519, Encoding, Hmac, SecretIn, Timestamp};
use crate::services::SecretValue;

type Values<'v> = &'v dyn Fn(&str) -> Vec<SecretValue>;

/// Standard base64, padded or not: providers do both.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a request is not taken for the provider's.
pub(super) enum Refusal {
    /// It is not, whoever asks again.
    Final(&'static str),
    /// Nobody can say; another time somebody may.
    NotNow(&'static str),
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Refusal {
        Refusal::Final(reason)
    }
}

/// The recipe that accepts the request; none where the webhook has no recipes at all.
///
/// # Errors
/// Why the last recipe refused; that one could not decide, where one could not.
pub(super) fn any<'w>(
    recipes: &'w [Verify],
    request: &Parsed<'_>,
    settings: &Value,
    secrets: Values<'_>,
    keys: Keys<'_>,
) -> Result<Option<&'w Verify>, Refusal> {
    let mut refusal = None;
    for recipe in recipes {
        let verdict = match recipe {
            Verify::Hmac(recipe) => hmac(recipe, request, secrets).map_err(Refusal::Final),
            Verify::Ed25519(recipe) => ed25519(recipe, request, secrets).map_err(Refusal::Final),
            Verify::Secret(recipe) => secret(recipe, request, secrets).map_err(Refusal::Final),
            Verify::Jwt(recipe) => jwt::verify(recipe, request, settings, keys),
        };
        match verdict {
            Ok(()) => return Ok(Some(recipe)),
            Err(Refusal::Final(_)) if matches!(refusal, Some(Refusal::NotNow(_))) => {}
            Err(why) => refusal = Some(why),
        }
    }
    refusal.map_or(Ok(None), Err)
}

fn values(keys: &[String], secrets: Values<'_>) -> Result<Vec<SecretValue>, &'static str> {
    // An empty key would let anybody sign.
    let values: Vec<_> =
        keys.iter().flat_map(|name| secrets(name)).filter(|value| !value.expose().is_empty()).collect();
    if values.is_empty() { Err("the secret to verify with is not set") } else { Ok(values) }
}

fn hmac(recipe: &Hmac, request: &Parsed<'_>, secrets: Values<'_>) -> Result<(), &'static str> {
    let keys = values(&recipe.keys, secrets)?;
    let given = signature(request, &recipe.signature, &recipe.prefix, recipe.encoding)?;
    fresh(recipe.timestamp.as_ref(), request)?;
    let message = covered(request, &recipe.over)?;
    let matches = keys.iter().fold(subtle::Choice::from(0), |matched, key| {
        let computed = mac(recipe.algorithm, key.expose(), message.iter().map(AsRef::as_ref));
        matched | computed.as_slice().ct_eq(&given)
    });
    if bool::from(matches) { Ok(()) } else { Err("the signature does not match") }
}

/// An HMAC over pieces, one after the other.
pub(crate) fn mac<'d>(algorithm: Algorithm, key: &[u8], data: impl Iterator<Item = &'d [u8]>) -> Vec<u8> {
    fn run<'d, M: Mac + KeyInit>(key: &[u8], data: impl Iterator<Item = &'d [u8]>) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        data.for_each(|piece| mac.update(piece));
        mac.finalize().into_bytes().to_vec()
    }
    match algorithm {
        Algorithm::Sha1 => run::<hmac::Hmac<sha1::Sha1>>(key, data),
        Algorithm::Sha256 => run::<hmac::Hmac<sha2::Sha256>>(key, data),
    }
}

fn ed25519(recipe: &Ed25519, request: &Parsed<'_>, secrets: Values<'_>) -> Result<(), &'static str> {
    let keys = values(&recipe.keys, secrets)?;
    let given = signature(request, &recipe.signature, &recipe.prefix, recipe.encoding)?;
    let given = Signature::from_slice(&given).map_err(|_| "the signature is unreadable")?;
    fresh(recipe.timestamp.as_ref(), request)?;
    let message = covered(request, &recipe.over)?.concat();
    let matches =
        |key: &SecretValue| public_key(key.expose()).is_some_and(|key| key.verify_strict(&message, &given).is_ok());
    if keys.iter().any(matches) { Ok(()) } else { Err("the signature does not match") }
}

/// 32 bytes as they are, in hex or in base64.
pub(crate) fn public_key(written: &[u8]) -> Option<VerifyingKey> {
    let text = std::str::from_utf8(written).map(str::trim).unwrap_or_default();
    let bytes: [u8; 32] = <[u8; 32]>::try_from(written)
        .ok()
        .or_else(|| hex::decode(text).ok()?.try_into().ok())
        .or_else(|| BASE64.decode(text).ok()?.try_into().ok())?;
    VerifyingKey::from_bytes(&bytes).ok()
}

fn secret(recipe: &SecretIn, request: &Parsed<'_>, secrets: Values<'_>) -> Result<(), &'static str> {
    let keys = values(&recipe.keys, secrets)?;
    let given = request.value(&recipe.from).ok_or("the secret is missing or repeated")?;
    let given = given.strip_prefix(recipe.prefix.as_str()).ok_or("the secret is not written as expected")?;
    let matches =
        keys.iter().fold(subtle::Choice::from(0), |matched, key| matched | key.expose().ct_eq(given.as_bytes()));
    if bool::from(matches) { Ok(()) } else { Err("the secret does not match") }
}

fn signature(request: &Parsed<'_>, source: &Source, prefix: &str, encoding: Encoding) -> Result<Vec<u8>, &'static str> {
    let written = request.value(source).ok_or("the signature is missing or repeated")?;
    let written = written.strip_prefix(prefix).ok_or("the signature is not written as expected")?;
    let bytes = match encoding {
        Encoding::Hex => hex::decode(written).ok(),
        Encoding::Base64 => BASE64.decode(written).ok(),
    };
    bytes.ok_or("the signature is unreadable")
}

fn covered<'r>(request: &'r Parsed<'_>, over: &'r [Segment]) -> Result<Vec<std::borrow::Cow<'r, [u8]>>, &'static str> {
    over.iter()
        .map(|segment| request.segment(segment))
        .collect::<Option<_>>()
        .ok_or("a part that the signature covers is missing or repeated")
}

fn fresh(timestamp: Option<&Timestamp>, request: &Parsed<'_>) -> Result<(), &'static str> {
    let Some(timestamp) = timestamp else { return Ok(()) };
    let written = request.value(&timestamp.from).ok_or("the time of signing is missing or repeated")?;
    let number: u64 = written.parse().map_err(|_| "the time of signing is unreadable")?;
    let signed_at = if timestamp.milliseconds { number } else { number.saturating_mul(1000) };
    let apart = signed_at.abs_diff(request.raw.received_at_ms);
    if apart <= timestamp.max_age_s.saturating_mul(1000) { Ok(()) } else { Err("the signature is stale") }
}
