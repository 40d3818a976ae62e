//! The forms: a Meta app, and a page by signing in or by a token typed by hand.

use crate::Messenger;
use sambung_meta::apps::{self, APP_SECRET};
use sambung_meta::graph::{Access, GRAPH};
use sambung_meta::pages::{PAGE_TOKEN, USER_TOKEN};
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// A page's token, typed by hand.
pub const ACCESS_TOKEN: &str = "access_token";

/// A channel's settings.
#[derive(Deserialize)]
pub struct ChannelSettings {
    /// How the page is reached.
    #[serde(flatten)]
    pub way: Way,
    /// The app is approved for answers of people within seven days.
    #[serde(default)]
    pub human_agent: bool,
}

/// How the page is reached.
#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Way {
    /// Somebody signed in and chose a page.
    SignIn,
    /// A token of one page.
    Token {
        /// Graph's id of the page.
        page_id: String,
    },
}

impl ChannelSettings {
    /// How calls for the page are authorized.
    pub fn page(&self) -> Access {
        let token = match self.way {
            Way::SignIn => PAGE_TOKEN,
            Way::Token { .. } => ACCESS_TOKEN,
        };
        Access { base: GRAPH, token, proof: Some(APP_SECRET) }
    }
}

/// How calls for the person who signed in are authorized.
pub fn user() -> Access {
    Access { base: GRAPH, token: USER_TOKEN, proof: Some(APP_SECRET) }
}

/// Reads a channel's settings.
///
/// # Errors
/// A fault of kind "invalid", since the host validated them by the schema below.
pub fn of(channel: &Channel) -> Result<ChannelSettings, Fault> {
    channel.read_settings()
}

impl Settings for Messenger {
    fn settings_schema(of: &str, language: &str) -> Value {
        match of {
            "channel" => channel(language),
            "app" => apps::form(language, "Messenger → Messenger API settings"),
            _ => Value::Null,
        }
    }
}

fn channel(language: &str) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "mode": {
                "type": "string",
                "enum": ["sign-in", "token"],
                "x-labels": [
                    text(language, "Sign in with Facebook", "Masuk dengan Facebook"),
                    text(language, "Page access token", "Token akses halaman"),
                ],
                "default": "sign-in",
                "title": text(language, "How do you connect?", "Bagaimana Anda menghubungkan?"),
                "x-order": 1,
            },
            "human_agent": {
                "type": "boolean",
                "default": false,
                "title": text(language, "The app is approved for Human Agent", "Aplikasi disetujui untuk Human Agent"),
                "description": text(
                    language,
                    "People may then answer for 7 days. Without Meta's approval such messages are refused.",
                    "Orang dapat membalas selama 7 hari. Tanpa persetujuan Meta pesan tersebut ditolak.",
                ),
                "x-order": 9,
                "x-advanced": true,
            },
        },
        "required": ["mode"],
        "oneOf": [sign_in(language), token(language)],
    })
}

fn sign_in(language: &str) -> Value {
    json!({
        "title": text(language, "Sign in with Facebook", "Masuk dengan Facebook"),
        "properties": { "mode": { "const": "sign-in" } },
        "required": [],
    })
}

fn token(language: &str) -> Value {
    json!({
        "title": text(language, "Page access token", "Token akses halaman"),
        "properties": {
            "mode": { "const": "token" },
            "page_id": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "title": text(language, "Page ID", "ID halaman"),
                "description": text(
                    language,
                    "App Dashboard → Messenger → Messenger API settings, under the page's name.",
                    "App Dashboard → Messenger → Messenger API settings, di bawah nama halaman.",
                ),
                "x-locked": true,
                "x-order": 2,
                "x-help-anchor": "token",
            },
            ACCESS_TOKEN: {
                "type": "string",
                "title": text(language, "Page access token", "Token akses halaman"),
                "description": text(
                    language,
                    "App Dashboard → Messenger → Messenger API settings → Generate access tokens.",
                    "App Dashboard → Messenger → Messenger API settings → Generate access tokens.",
                ),
                "x-secret": ACCESS_TOKEN,
                "x-order": 3,
                "x-help-anchor": "token",
            },
        },
        "required": ["page_id", ACCESS_TOKEN],
    })
}
