//! Who asks: an app by its bearer token, the account by a signature or by the token of its signing in.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;

use super::routes::refuse;
use super::{ACCESS_TOKEN, ACCESS_TOKEN_SECRET, BEARER, CONSUMER_KEY, CONSUMER_SECRET, Shared, lock};
use crate::providers::decoded;

/// Who may ask for something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    App,
    User,
    Either,
    Nobody,
}

/// How far a signature's time may be from the clock, in seconds.
const CLOCKS_S: u64 = 300;

/// Lets a request through that is authorized as it must be.
pub(super) fn check(shared: &Shared, parts: &Parts) -> Result<(), Box<Response>> {
    let given = header_of(&parts.headers, header::AUTHORIZATION.as_str());
    let user = match given.split_once(' ') {
        Some(("OAuth", fields)) => signed(shared, parts, fields),
        Some(("Bearer", token)) => lock(shared).tokens.as_ref().is_some_and(|(access, _)| access == token),
        _ => false,
    };
    let user = user && !lock(shared).withdrawn;
    let app = given == format!("Bearer {BEARER}");
    let may = match need(parts.method.as_str(), parts.uri.path()) {
        Need::App => app,
        Need::User => user,
        Need::Either => app || user,
        Need::Nobody => true,
    };
    if may {
        return Ok(());
    }
    let problem = if app || user {
        let kind = "https://api.x.com/2/problems/unsupported-authentication";
        refuse(StatusCode::FORBIDDEN, json!({ "title": "Unsupported Authentication", "type": kind, "status": 403 }))
    } else {
        let words = json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" });
        refuse(StatusCode::UNAUTHORIZED, words)
    };
    Err(Box::new(problem))
}

/// The description's `security` of each operation.
fn need(method: &str, path: &str) -> Need {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (method, parts.as_slice()) {
        (_, ["oauth2", ..] | ["2", "oauth2", ..] | ["i", ..] | ["profile_images", ..]) => Need::Nobody,
        ("GET", ["2", "webhooks"]) => Need::App,
        (_, ["2", "webhooks", ..]) => Need::Either,
        ("POST", ["2", "activity", "subscriptions"]) => Need::User,
        (_, ["2", "activity", ..]) => Need::App,
        ("POST", ["2", "account_activity", ..]) => Need::User,
        (_, ["2", "account_activity", ..]) => Need::App,
        _ => Need::User,
    }
}

pub(super) fn header_of(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Whether a signature is the account's, made lately, and seen for the first time.
fn signed(shared: &Shared, parts: &Parts, fields: &str) -> bool {
    let mut own: BTreeMap<String, String> = fields
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value.trim_matches('"'))))
        .collect();
    let Some(signature) = own.remove("oauth_signature") else { return false };
    let given = |name: &str| own.get(name).map(String::as_str).unwrap_or_default();
    let now = crate::api::now_ms() / 1000;
    let fresh = given("oauth_timestamp").parse::<u64>().is_ok_and(|time| time.abs_diff(now) < CLOCKS_S);
    let keys = given("oauth_consumer_key") == CONSUMER_KEY && given("oauth_token") == ACCESS_TOKEN;
    let method = given("oauth_signature_method") == "HMAC-SHA1";
    let new = || lock(shared).nonces.insert(given("oauth_nonce").to_owned());
    if !(fresh && keys && method && new()) {
        return false;
    }
    let query = parts.uri.query().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut all: Vec<(String, String)> = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    all.extend(own);
    let host = header_of(&parts.headers, "host");
    let address = format!("https://{host}{}", parts.uri.path());
    oauth1_signature(parts.method.as_str(), &address, all, CONSUMER_SECRET, ACCESS_TOKEN_SECRET) == signature
}

/// RFC 5849, section 3.4.2: over the method, the address without its query, and every parameter.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub fn oauth1_signature(
    method: &str,
    address: &str,
    parameters: Vec<(String, String)>,
    consumer_secret: &str,
    token_secret: &str,
) -> String {
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.sort();
    let joined: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let base = format!("{method}&{}&{}", encoded(address), encoded(&joined.join("&")));
    let key = format!("{}&{}", encoded(consumer_secret), encoded(token_secret));
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(base.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn encoded(text: &str) -> String {
    sambung_sdk::http::encode(text)
}
