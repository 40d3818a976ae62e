//! Carries out the `[[webhook]]` recipes of a manifest: is this request the provider's, and what is it answered?
//!
//! Native, in constant time where a secret is compared, and fail closed: a missing secret, a missing or repeated header, an
//! unreadable signature is a refusal. A function of its arguments; it knows no database, no clock, no network and no plugin
//! code. Where a recipe needs an issuer's keys, [`keys_wanted`] says which, so that they can be fetched before [`receive`].

mod answer;
mod jwks;
mod jwt;
mod request;
mod verify;

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::manifest::{AddressKind, Source, Verify, Webhook};
use crate::services::SecretValue;

pub use answer::Answer;
pub use jwks::{Key, KeySet, KeySetError};
#[cfg(test)]
pub(crate) use jwt::signing;
pub use jwt::{KeyName, Lookup};
pub(crate) use verify::mac;

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Below the address, still encoded: "" or begins with a slash.
    pub path: &'a str,
    /// Without the question mark, still encoded.
    pub query: &'a str,
    /// In order, names in any case.
    pub headers: &'a [(String, String)],
    /// As received.
    pub body: &'a [u8],
    /// The whole address that the provider called, where the host knows its public one.
    pub url: Option<&'a str>,
    /// The host's clock, in milliseconds since 1970.
    pub received_at_ms: u64,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The provider sent it (or, for a handshake, it may be answered whoever did).
    Accept {
        /// The webhook's name.
        recipe: String,
        /// What goes out after the commit.
        answer: Answer,
        /// The headers that the manifest keeps, names in lower case. None with a secret or a token.
        kept_headers: Vec<(String, String)>,
        /// The path below the webhook's own, without a secret.
        path: String,
        /// The query, without a secret.
        query: String,
        /// The plugin answers; `answer` is for when it takes too long.
        plugin_answers: bool,
        /// Only answered: nothing is journalled.
        handshake: bool,
    },
    /// It matched a webhook and was not verified.
    Refuse {
        /// What the manifest answers refusals with.
        status: u16,
        /// For the log and the metric; never a part of the request.
        reason: &'static str,
    },
    /// It matched a webhook, and what it has to be verified with could not be had: the provider should send it again.
    Undecided {
        /// For the log and the metric; never a part of the request.
        reason: &'static str,
    },
    /// No webhook has this method and path.
    NoMatch,
}

/// Finds the webhook that a request belongs to, verifies it and prepares the answer.
///
/// `settings` are those of the channel or app whose address was called. `secrets(name)` gives every current value of that
/// name, the newest first (keys rotate). `keys(jwks, kid)` tells what is known of an issuer's key.
pub fn receive(
    webhooks: &[Webhook],
    address: AddressKind,
    settings: &Value,
    raw: &Raw<'_>,
    secrets: &dyn Fn(&str) -> Vec<SecretValue>,
    keys: &dyn Fn(&Url, &str) -> Lookup,
) -> Verdict {
    let Some((webhook, below)) = matching(webhooks, address, settings, raw) else { return Verdict::NoMatch };
    let request = request::Parsed::new(raw, below);
    match verify::any(&webhook.verify, &request, settings, secrets, keys) {
        Ok(verified) => accept(webhook, &request, verified, secrets),
        Err(verify::Refusal::Final(reason)) => Verdict::Refuse { status: webhook.refuse, reason },
        Err(verify::Refusal::NotNow(reason)) => Verdict::Undecided { reason },
    }
}

/// Whether some webhook of an address has this method and path, so that its body is worth reading.
pub fn takes(webhooks: &[Webhook], address: AddressKind, settings: &Value, method: &str, path: &str) -> bool {
    let raw = Raw { method, path, query: "", headers: &[], body: &[], url: None, received_at_ms: 0 };
    matching(webhooks, address, settings, &raw).is_some()
}

/// The issuers' keys that a request needs before [`receive`] can decide about it.
pub fn keys_wanted(webhooks: &[Webhook], address: AddressKind, settings: &Value, raw: &Raw<'_>) -> Vec<KeyName> {
    let Some((webhook, below)) = matching(webhooks, address, settings, raw) else { return Vec::new() };
    let request = request::Parsed::new(raw, below);
    let wanted = webhook.verify.iter().filter_map(|verify| match verify {
        Verify::Jwt(recipe) => jwt::wanted(recipe, &request),
        Verify::Hmac(_) | Verify::Ed25519(_) | Verify::Secret(_) => None,
    });
    wanted.collect()
}

/// The names of every secret that the recipes of an address use, so that they can be looked up before [`receive`].
pub fn secrets_of(webhooks: &[Webhook], address: AddressKind) -> BTreeSet<&str> {
    webhooks.iter().filter(|webhook| webhook.address == address).flat_map(Webhook::secrets).collect()
}

/// The secret that stands at the end of the address for the provider to call, where a recipe compares one in the path: the
/// whole address is the webhook's, a slash and its value.
pub fn path_secret<'w>(webhooks: &'w [Webhook], address: AddressKind, settings: &Value) -> Option<&'w str> {
    let webhook = receiving(webhooks, settings).filter(|webhook| webhook.address == address)?;
    webhook.verify.iter().find_map(|verify| match verify {
        Verify::Secret(secret) if secret.from == Source::Path => secret.keys.first().map(String::as_str),
        _ => None,
    })
}

/// The recipe by which events reach a channel with these settings: its address is the one for the provider to call. One that depends
/// on a setting goes before one that does not; one that only answers handshakes receives nothing.
pub fn receiving<'w>(webhooks: &'w [Webhook], settings: &Value) -> Option<&'w Webhook> {
    let mut applying = webhooks
        .iter()
        .filter(|webhook| webhook.receives_events())
        .filter(|webhook| webhook.when.as_ref().is_none_or(|when| setting_is(settings, &when.setting, &when.is)));
    applying.clone().find(|webhook| webhook.when.is_some()).or_else(|| applying.next())
}

/// The first webhook of this address whose method, path and setting fit, and the path below it.
fn matching<'w, 'r>(
    webhooks: &'w [Webhook],
    address: AddressKind,
    settings: &Value,
    raw: &Raw<'r>,
) -> Option<(&'w Webhook, &'r str)> {
    webhooks.iter().find_map(|webhook| {
        let fits = webhook.address == address
            && webhook.methods.iter().any(|method| method == raw.method)
            && webhook.when.as_ref().is_none_or(|when| setting_is(settings, &when.setting, &when.is));
        if !fits {
            return None;
        }
        let below = raw.path.trim_end_matches('/').strip_prefix(webhook.path.as_str())?;
        let takes_more = webhook.verify.iter().any(has_secret_in_path);
        // A secret in the path is one more segment; without one the path must be the webhook's own.
        (below.is_empty() || (takes_more && below.starts_with('/'))).then_some((webhook, below))
    })
}

fn has_secret_in_path(verify: &Verify) -> bool {
    matches!(verify, Verify::Secret(secret) if secret.from == Source::Path)
}

fn setting_is(settings: &Value, name: &str, wanted: &str) -> bool {
    match settings.get(name) {
        Some(Value::String(text)) => text == wanted,
        Some(Value::Null) | None => false,
        Some(other) => {
            let text = other.to_string();
            text == wanted
        }
    }
}

fn accept(
    webhook: &Webhook,
    request: &request::Parsed<'_>,
    verified: Option<&Verify>,
    secrets: &dyn Fn(&str) -> Vec<SecretValue>,
) -> Verdict {
    let Ok((answer, handshake)) = answer::choose(&webhook.answers, request, secrets) else {
        return Verdict::Refuse { status: webhook.refuse, reason: "the answer could not be computed" };
    };
    // A webhook that nobody signs is answered when an answer's conditions hold, and else refused: never journalled.
    if verified.is_none() && !handshake {
        return Verdict::Refuse { status: webhook.refuse, reason: "no handshake" };
    }
    let compared = compared(&webhook.verify);
    let kept_headers = request
        .raw
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| webhook.keep_headers.contains(name))
        .filter(|(name, _)| !compared.contains(&&Source::Header(name.clone())))
        .collect();
    Verdict::Accept {
        recipe: webhook.name.clone(),
        answer,
        kept_headers,
        path: path_without_secret(request.below, &compared),
        query: query_without_secrets(request.raw.query, &compared),
        plugin_answers: webhook.plugin_answers && !handshake,
        handshake,
    }
}

/// Every place where some recipe of the webhook finds a secret or a token, whichever of them accepted the request.
fn compared(recipes: &[Verify]) -> Vec<&Source> {
    recipes
        .iter()
        .filter_map(|verify| match verify {
            Verify::Secret(secret) => Some(&secret.from),
            // Whoever reads it could send requests until it expires.
            Verify::Jwt(token) => Some(&token.from),
            Verify::Hmac(_) | Verify::Ed25519(_) => None,
        })
        .collect()
}

fn path_without_secret(below: &str, compared: &[&Source]) -> String {
    if !compared.contains(&&Source::Path) {
        return below.to_owned();
    }
    let rest = below.trim_start_matches('/');
    rest.find('/').map(|slash| rest[slash..].to_owned()).unwrap_or_default()
}

fn query_without_secrets(query: &str, compared: &[&Source]) -> String {
    let is_secret = |pair: &&str| {
        url::form_urlencoded::parse(pair.as_bytes())
            .next()
            .is_some_and(|(name, _)| compared.contains(&&Source::Query(name.into_owned())))
    };
    query.split('&').filter(|pair| !is_secret(pair)).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
