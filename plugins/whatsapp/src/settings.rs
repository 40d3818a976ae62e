//! The forms: a Meta app, and a channel by the Cloud API or by a provider's gateway.

use crate::WhatsApp;
use sambung_meta::forms;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// Authorizes every call of the Cloud API.
pub const ACCESS_TOKEN: &str = "access_token";
/// Authorizes every call of a gateway.
pub const TOKEN: &str = "token";
/// How a gateway wants its token when it says nothing else.
pub const BEARER: &str = "Authorization: Bearer";
/// Headers of gateways that do not take the standard's.
const KEY_HEADERS: [&str; 3] = ["D360-API-KEY", "X-API-KEY", "API-KEY"];

/// A channel's settings.
#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum ChannelSettings {
    /// Meta's own API.
    Cloud(Cloud),
    /// A provider's address with its shape.
    Gateway(Gateway),
}

/// A number on the Cloud API.
#[derive(Deserialize)]
pub struct Cloud {
    /// Graph's id of the number; not the number.
    pub phone_number_id: String,
    /// Graph's id of the account that the number belongs to.
    pub business_account_id: String,
}

/// A number behind a gateway.
#[derive(Deserialize)]
pub struct Gateway {
    /// The address below which `messages` lies.
    pub base_url: String,
    #[serde(default = "bearer")]
    auth_header: String,
    /// Tells numbers apart that share an address.
    pub phone_number: Option<String>,
}

fn bearer() -> String {
    BEARER.to_owned()
}

impl Gateway {
    /// A header of the provider's own that carries the token; none: the standard's.
    pub fn key_header(&self) -> Option<&str> {
        Some(self.auth_header.as_str()).filter(|header| *header != BEARER)
    }
}

/// Reads a channel's settings.
///
/// # Errors
/// A fault of kind "invalid", since the host validated them by the schema below.
pub fn of(channel: &Channel) -> Result<ChannelSettings, Fault> {
    channel.read_settings()
}

impl Settings for WhatsApp {
    fn settings_schema(of: &str, language: &str) -> Value {
        match of {
            "channel" => channel(language),
            "app" => forms::app(language, "WhatsApp → Configuration"),
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
                "enum": ["cloud", "gateway"],
                "default": "cloud",
                "title": text(language, "How do you connect?", "Bagaimana Anda menghubungkan?"),
                "x-locked": true,
                "x-order": 1,
            },
        },
        "required": ["mode"],
        "oneOf": [cloud(language), gateway(language)],
    })
}

fn cloud(language: &str) -> Value {
    json!({
        "title": "Cloud API",
        "properties": {
            "mode": { "const": "cloud" },
            "phone_number_id": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "title": text(language, "Phone number ID", "Phone number ID"),
                "description": text(language, "App Dashboard → WhatsApp → API Setup. It is not the phone number.", "App Dashboard → WhatsApp → API Setup. Ini bukan nomor telepon."),
                "x-locked": true,
                "x-order": 2,
                "x-help-anchor": "phone-number-id",
            },
            "business_account_id": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "title": text(language, "WhatsApp Business Account ID", "WhatsApp Business Account ID"),
                "description": text(language, "On the same page.", "Di halaman yang sama."),
                "x-locked": true,
                "x-order": 3,
                "x-help-anchor": "phone-number-id",
            },
            ACCESS_TOKEN: {
                "type": "string",
                "title": text(language, "Access token", "Token akses"),
                "description": text(language, "Business settings → System users → Generate token.", "Business settings → System users → Generate token."),
                "x-secret": ACCESS_TOKEN,
                "x-order": 4,
                "x-help-anchor": "access-token",
            },
        },
        "required": ["phone_number_id", "business_account_id", ACCESS_TOKEN],
    })
}

fn gateway(language: &str) -> Value {
    let mut headers = vec![BEARER];
    headers.extend(KEY_HEADERS);
    json!({
        "title": text(language, "A provider's gateway", "Gateway penyedia"),
        "properties": {
            "mode": { "const": "gateway" },
            "base_url": {
                "type": "string",
                "format": "uri",
                "title": "URL",
                "description": text(language, "The address below which messages are sent. One that ends with /v1 is spoken to as the On-Premises API, any other as the Cloud API.", "Alamat tempat pesan dikirim. Yang berakhir dengan /v1 dipakai sebagai On-Premises API, selain itu sebagai Cloud API."),
                "x-placeholder": "https://waba-v2.360dialog.io",
                "x-order": 2,
                "x-help-anchor": "gateway",
            },
            TOKEN: {
                "type": "string",
                "title": "Token",
                "description": text(language, "The token or key that your provider gave you.", "Token atau kunci yang diberikan penyedia Anda."),
                "x-secret": TOKEN,
                "x-order": 3,
                "x-help-anchor": "gateway",
            },
            "auth_header": {
                "type": "string",
                "enum": headers,
                "default": BEARER,
                "title": text(language, "How the token is sent", "Cara token dikirim"),
                "x-order": 4,
                "x-advanced": true,
            },
            "phone_number": {
                "type": "string",
                "pattern": "^[0-9]{5,15}$",
                "title": text(language, "Phone number", "Nomor telepon"),
                "description": text(language, "Digits with the country code. Needed where several of your numbers share the URL.", "Angka dengan kode negara. Diperlukan jika beberapa nomor Anda memakai URL yang sama."),
                "x-locked": true,
                "x-order": 5,
                "x-advanced": true,
            },
        },
        "required": ["base_url", TOKEN],
    })
}
