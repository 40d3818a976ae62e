//! Verification of webhooks: requests that do not know a secret are never taken for the provider's.

use std::sync::{Arc, LazyLock};

use sambung_runtime::SecretValue;
use sambung_runtime::manifest::{self, AddressKind, Webhook};
use sambung_runtime::recipe::{self, Lookup, Raw, Verdict};
use serde_json::json;

use crate::{head_and_body, picked};

/// The manifests of the channels that come with the host.
pub(crate) const MANIFESTS: [&str; 8] = [
    include_str!("../../../plugins/email/plugin.toml"),
    include_str!("../../../plugins/instagram/plugin.toml"),
    include_str!("../../../plugins/line/plugin.toml"),
    include_str!("../../../plugins/messenger/plugin.toml"),
    include_str!("../../../plugins/telegram/plugin.toml"),
    include_str!("../../../plugins/webchat/plugin.toml"),
    include_str!("../../../plugins/whatsapp/plugin.toml"),
    include_str!("../../../plugins/x/plugin.toml"),
];
const MODES: [&str; 6] = ["cloud", "gateway", "own-app", "sign-in", "page", ""];

static WEBHOOKS: LazyLock<Vec<Arc<[Webhook]>>> =
    LazyLock::new(|| MANIFESTS.iter().map(|toml| manifest::read(toml).expect("a manifest").webhooks).collect());
/// No input can hold it, because it is drawn when the process starts.
static SECRET: LazyLock<Vec<u8>> = LazyLock::new(|| sambung::auth::token::mint().into_bytes());

/// The first byte names the manifest, the second the address and the mode. Lines: method, path, query, headers; an empty line; the
/// body.
pub fn run(data: &[u8]) {
    let Some((which, rest)) = picked(data) else { return };
    let Some((how, rest)) = picked(rest) else { return };
    let address = if how % 2 == 0 { AddressKind::Channel } else { AddressKind::App };
    request(&WEBHOOKS[which % WEBHOOKS.len()], address, MODES[how / 2 % MODES.len()], rest);
}

/// Holds a request against the recipes of a manifest.
pub(crate) fn request(webhooks: &[Webhook], address: AddressKind, mode: &str, data: &[u8]) {
    let (head, body) = head_and_body(data);
    let mut lines = head.lines();
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (method, path, query) = (next(), next(), next());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let raw = Raw {
        method: &method,
        path: &path,
        query: &query,
        headers: &headers,
        body,
        url: Some("https://sambung.example/hooks/p/ch_1"),
        received_at_ms: 1_780_000_000_000,
    };
    let settings = json!({ "mode": mode, "audience": "a" });
    recipe::keys_wanted(webhooks, address, &settings, &raw);
    let secrets = |_: &str| vec![SecretValue::new(SECRET.clone())];
    let verdict = recipe::receive(webhooks, address, &settings, &raw, &secrets, &|_, _| Lookup::Absent);
    if let Verdict::Accept { handshake, answer, .. } = &verdict {
        assert!(handshake, "a request was verified without the secret: {verdict:?}");
        let secret = String::from_utf8_lossy(&SECRET).into_owned();
        assert!(!format!("{answer:?}").contains(&secret), "an answer holds the secret");
    }
}
