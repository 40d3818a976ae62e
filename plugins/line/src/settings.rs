//! The form: the two values that LINE's console shows for a Messaging API channel.

use crate::Line;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};

/// Verifies what LINE posts. Fixed once connected: another secret is another LINE channel.
pub const CHANNEL_SECRET: &str = "channel_secret";
/// Authorizes every call.
pub const ACCESS_TOKEN: &str = "channel_access_token";

impl Settings for Line {
    fn settings_schema(of: &str, language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                CHANNEL_SECRET: {
                    "type": "string",
                    "title": text(language, "Channel secret", "Channel secret"),
                    "description": text(
                        language,
                        "LINE Developers Console → Basic settings → Channel secret. It cannot be changed once connected.",
                        "LINE Developers Console → Basic settings → Channel secret. Tidak dapat diubah setelah terhubung.",
                    ),
                    "x-secret": CHANNEL_SECRET,
                    "x-locked": true,
                    "x-order": 1,
                    "x-help-anchor": "channel-secret",
                },
                ACCESS_TOKEN: {
                    "type": "string",
                    "title": text(language, "Channel access token", "Channel access token"),
                    "description": text(
                        language,
                        "LINE Developers Console → Messaging API → Channel access token. Choose Issue to get one.",
                        "LINE Developers Console → Messaging API → Channel access token. Klik Issue untuk mendapatkannya.",
                    ),
                    "x-secret": ACCESS_TOKEN,
                    "x-order": 2,
                    "x-help-anchor": "channel-access-token",
                },
            },
            "required": [CHANNEL_SECRET, ACCESS_TOKEN],
            "additionalProperties": false,
        })
    }
}
