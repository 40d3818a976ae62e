//! The forms: an app that is registered with X, and a channel by signing in or by an own app's four keys.

use crate::X;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// The API key of an own app, as the setting and the secret are called.
pub const CONSUMER_KEY: &str = "consumer_key";
/// Its secret, which also signs webhooks.
pub const CONSUMER_SECRET: &str = "consumer_secret";
/// The account's token for the own app.
pub const ACCESS_TOKEN: &str = "access_token";
/// Its secret.
pub const ACCESS_TOKEN_SECRET: &str = "access_token_secret";
/// What the own app's key and secret are exchanged for.
pub const OWN_BEARER: &str = "own_bearer_token";
/// The account's token after signing in.
pub const USER_TOKEN: &str = "user_token";
/// The registered app's key. Its setting is called as the own app's.
pub const APP_KEY: &str = "app_consumer_key";
/// The registered app's secret.
pub const APP_SECRET: &str = "app_consumer_secret";
/// What they are exchanged for.
pub const APP_BEARER: &str = "app_bearer_token";
/// With it the registered app lets people sign in.
pub const CLIENT_SECRET: &str = "client_secret";

/// How a channel is connected.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The account signed in, with the registered app.
    SignIn,
    /// By the four keys of a developer's own app.
    OwnApp,
}

#[derive(Deserialize)]
struct ChannelSettings {
    mode: Mode,
}

/// How this channel is connected.
///
/// # Errors
/// A fault of kind "invalid", since the host validated the settings by the schema below.
pub fn mode(channel: &Channel) -> Result<Mode, Fault> {
    channel.read_settings::<ChannelSettings>().map(|settings| settings.mode)
}

impl Settings for X {
    fn settings_schema(of: &str, language: &str) -> Value {
        match of {
            "channel" => channel(language),
            "app" => app(language),
            _ => Value::Null,
        }
    }
}

const KEYS: &str = "Developer Console → Apps → Keys and tokens → Consumer Keys.";

fn key(language: &str, secret: &str, order: u8, anchor: &str) -> Value {
    json!({
        "type": "string",
        "title": text(language, "API key (consumer key)", "API key (consumer key)"),
        "description": KEYS,
        "x-secret": secret,
        "x-order": order,
        "x-help-anchor": anchor,
    })
}

fn key_secret(language: &str, secret: &str, order: u8, anchor: &str) -> Value {
    json!({
        "type": "string",
        "title": text(language, "API key secret (consumer secret)", "API key secret (consumer secret)"),
        "description": text(language, "On the same page. X signs webhooks with it.", "Di halaman yang sama. X menandatangani webhook dengannya."),
        "x-secret": secret,
        "x-order": order,
        "x-help-anchor": anchor,
    })
}

fn app(language: &str) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            CONSUMER_KEY: key(language, APP_KEY, 1, "app-keys"),
            CONSUMER_SECRET: key_secret(language, APP_SECRET, 2, "app-keys"),
            "client_id": {
                "type": "string",
                "title": "Client ID",
                "description": text(
                    language,
                    "Keys and tokens → OAuth 2.0 Client ID and Client Secret, once user authentication is set up.",
                    "Keys and tokens → OAuth 2.0 Client ID and Client Secret, setelah user authentication diatur.",
                ),
                "x-order": 3,
                "x-help-anchor": "app-sign-in",
            },
            CLIENT_SECRET: {
                "type": "string",
                "title": "Client Secret",
                "description": text(language, "On the same page.", "Di halaman yang sama."),
                "x-secret": CLIENT_SECRET,
                "x-order": 4,
                "x-help-anchor": "app-sign-in",
            },
        },
        "required": [CONSUMER_KEY, CONSUMER_SECRET, "client_id", CLIENT_SECRET],
        "additionalProperties": false,
    })
}

fn channel(language: &str) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "mode": {
                "type": "string",
                "enum": ["sign-in", "own-app"],
                "default": "sign-in",
                "title": text(language, "How do you connect?", "Bagaimana Anda menghubungkan?"),
                "x-labels": [
                    text(language, "Login in Twitter", "Masuk dengan Twitter"),
                    text(language, "Integrate with developer Apps", "Integrasi dengan aplikasi developer"),
                ],
                "x-locked": true,
                "x-order": 1,
            },
        },
        "required": ["mode"],
        "oneOf": [
            {
                "title": text(language, "Login in Twitter", "Masuk dengan Twitter"),
                "properties": { "mode": { "const": "sign-in" } },
                "required": [],
            },
            own_app(language),
        ],
    })
}

fn own_app(language: &str) -> Value {
    json!({
        "title": text(language, "Integrate with developer Apps", "Integrasi dengan aplikasi developer"),
        "properties": {
            "mode": { "const": "own-app" },
            CONSUMER_KEY: key(language, CONSUMER_KEY, 2, "keys"),
            CONSUMER_SECRET: key_secret(language, CONSUMER_SECRET, 3, "keys"),
            ACCESS_TOKEN: {
                "type": "string",
                "pattern": "^\\s*[0-9]+-[A-Za-z0-9]+\\s*$",
                "title": text(language, "Access token", "Access token"),
                "description": text(
                    language,
                    "Of the account that answers. Generate it after the app's permission is “Read and write and Direct message”.",
                    "Milik akun yang menjawab. Buat setelah izin aplikasi adalah “Read and write and Direct message”.",
                ),
                "x-secret": ACCESS_TOKEN,
                "x-order": 4,
                "x-help-anchor": "permission",
            },
            ACCESS_TOKEN_SECRET: {
                "type": "string",
                "title": text(language, "Access token secret", "Access token secret"),
                "description": text(language, "Shown together with the access token.", "Ditampilkan bersama access token."),
                "x-secret": ACCESS_TOKEN_SECRET,
                "x-order": 5,
                "x-help-anchor": "permission",
            },
        },
        "required": [CONSUMER_KEY, CONSUMER_SECRET, ACCESS_TOKEN, ACCESS_TOKEN_SECRET],
    })
}
