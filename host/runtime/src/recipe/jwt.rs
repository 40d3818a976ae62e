//! Whether a token (RFC 7519) was signed by its issuer, for us, and holds now. A function of the request and the issuer's
//! keys: where they come from is `issuers`'s business.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::jwks::Key;
use super::request::Parsed;
use super::verify::Refusal;
use crate::manifest::webhook::{Audience, Claim, Expected, Jwt, JwtAlgorithm};

/// The longest token that is read; headers and queries take more.
const MOST_BYTES: usize = 16 << 10;

/// Which key a token says it was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// Where the issuer publishes its keys.
    pub jwks: Url,
    /// Its `kid`.
    pub kid: String,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// The issuer publishes it.
    Known(Arc<Key>),
    /// The issuer was asked and does not.
    Absent,
    /// The issuer could not be asked.
    Unreachable,
}

/// Looks up what is known about a key: the issuer's address and the `kid`.
pub(super) type Keys<'k> = &'k dyn Fn(&Url, &str) -> Lookup;

/// A token with its parts told apart, and nothing of it verified.
struct Token<'t> {
    algorithm: JwtAlgorithm,
    kid: String,
    signed: &'t str,
    claims: &'t str,
    signature: &'t str,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// The key that the request's token has to be verified with; none where no key would make it a good one.
pub(super) fn wanted(recipe: &Jwt, request: &Parsed<'_>) -> Option<KeyName> {
    let text = text(recipe, request).ok()?;
    let token = Token::read(recipe, &text).ok()?;
    Some(KeyName { jwks: recipe.jwks.clone(), kid: token.kid })
}

pub(super) fn verify(recipe: &Jwt, request: &Parsed<'_>, settings: &Value, keys: Keys<'_>) -> Result<(), Refusal> {
    let text = text(recipe, request)?;
    let token = Token::read(recipe, &text)?;
    let key = match keys(&recipe.jwks, &token.kid) {
        Lookup::Known(key) => key,
        Lookup::Absent => return Err(Refusal::Final("the token's key is not one of its issuer's")),
        Lookup::Unreachable => return Err(Refusal::NotNow("the issuer's keys could not be fetched")),
    };
    // The key decides which algorithm it is: what the token says may not make anything else of it.
    if key.algorithm() != token.algorithm {
        return Err(Refusal::Final("the token's algorithm is not its key's"));
    }
    let signature = URL_SAFE_NO_PAD.decode(token.signature).map_err(|_| "the token's signature is unreadable")?;
    if !key.signed(token.signed.as_bytes(), &signature) {
        return Err(Refusal::Final("the token's signature does not match"));
    }
    let claims: Map<String, Value> = json(token.claims).ok_or("the token's claims are unreadable")?;
    in_time(&claims, recipe.leeway_s, request.raw.received_at_ms)?;
    from_them(&claims, &recipe.issuers)?;
    for_us(&claims, &recipe.audiences, request, settings)?;
    match recipe.claims.iter().all(|claim| says(&claims, claim, request)) {
        true => Ok(()),
        false => Err(Refusal::Final("a claim of the token is not as it must be")),
    }
}

/// The token as it stands in the request.
fn text<'r>(recipe: &Jwt, request: &'r Parsed<'_>) -> Result<Cow<'r, str>, &'static str> {
    let written = request.value(&recipe.from).ok_or("the token is missing or repeated")?;
    let length = recipe.prefix.len();
    if !written.get(..length).is_some_and(|front| front.eq_ignore_ascii_case(&recipe.prefix)) {
        return Err("the token is not written as expected");
    }
    if written.len() > MOST_BYTES {
        return Err("the token is too long");
    }
    Ok(match written {
        Cow::Borrowed(written) => Cow::Borrowed(written[length..].trim()),
        Cow::Owned(written) => Cow::Owned(written[length..].trim().to_owned()),
    })
}

impl<'t> Token<'t> {
    fn read(recipe: &Jwt, text: &'t str) -> Result<Token<'t>, &'static str> {
        const MALFORMED: &str = "the token is malformed";
        let (signed, signature) = text.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(MALFORMED)?;
        let header: Header = json(header).ok_or(MALFORMED)?;
        if header.crit.is_some() {
            return Err("the token asks for what this host does not know (crit)");
        }
        let algorithm = header.alg.parse().ok().filter(|algorithm| recipe.algorithms.contains(algorithm));
        Ok(Token {
            algorithm: algorithm.ok_or("the token's algorithm is not accepted")?,
            kid: header.kid.ok_or("the token does not name its key (kid)")?,
            signed,
            claims,
            signature,
        })
    }
}

fn json<T: serde::de::DeserializeOwned>(encoded: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
}

fn in_time(claims: &Map<String, Value>, leeway_s: u64, now_ms: u64) -> Result<(), &'static str> {
    let (now, leeway) = (now_ms as f64 / 1000.0, leeway_s as f64);
    // A time that is there and unreadable is no time at which the token holds.
    let time = |name: &str| {
        let time = claims.get(name).map(|time| time.as_f64().ok_or("the token's times are unreadable"));
        time.transpose()
    };
    let expires = time("exp")?.ok_or("the token never expires")?;
    if now >= expires + leeway {
        return Err("the token has expired");
    }
    for name in ["nbf", "iat"] {
        if time(name)?.is_some_and(|time| now < time - leeway) {
            return Err("the token is not valid yet");
        }
    }
    Ok(())
}

fn from_them(claims: &Map<String, Value>, issuers: &[String]) -> Result<(), &'static str> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    let theirs = issuer.is_some_and(|issuer| issuers.iter().any(|known| known == issuer));
    if theirs { Ok(()) } else { Err("the token is from another issuer") }
}

fn for_us(
    claims: &Map<String, Value>,
    audiences: &[Audience],
    request: &Parsed<'_>,
    settings: &Value,
) -> Result<(), &'static str> {
    let us: Vec<_> = audiences.iter().filter_map(|audience| audience_text(audience, request, settings)).collect();
    if us.is_empty() {
        return Err("the audience of tokens is not set");
    }
    let ours = |audience: &Value| audience.as_str().is_some_and(|audience| us.iter().any(|us| us == audience));
    let matches = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(ours),
        Some(audience) => ours(audience),
        None => false,
    };
    if matches { Ok(()) } else { Err("the token is for somebody else") }
}

/// None where nothing is set: an empty audience would be anybody's.
fn audience_text<'a>(audience: &'a Audience, request: &'a Parsed<'_>, settings: &'a Value) -> Option<Cow<'a, str>> {
    let text = match audience {
        Audience::Literal(text) => Cow::Borrowed(text.as_str()),
        Audience::Setting(name) => as_text(settings.get(name)?)?,
        Audience::Url => Cow::Borrowed(request.raw.url?),
    };
    (!text.is_empty()).then_some(text)
}

fn says(claims: &Map<String, Value>, claim: &Claim, request: &Parsed<'_>) -> bool {
    let Some(said) = claims.get(&claim.name).and_then(as_text) else { return false };
    match &claim.expected {
        Expected::Is(text) => said == text.as_str(),
        Expected::SameAs(source) => request.value(source).is_some_and(|value| said == value),
    }
}

/// Strings as they are, numbers and booleans as JSON writes them.
fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) | Value::Bool(_) => Some(Cow::Owned(value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
pub(crate) mod signing;
#[cfg(test)]
mod tests;
