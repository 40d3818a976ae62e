//! The form: the token that @BotFather gives.

use crate::Telegram;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};

/// Authorizes every call, in the path of its address.
pub const BOT_TOKEN: &str = "bot_token";
/// Verifies what Telegram posts.
pub const WEBHOOK_SECRET: &str = "webhook_secret";

impl Settings for Telegram {
    fn settings_schema(of: &str, language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                BOT_TOKEN: {
                    "type": "string",
                    "title": text(language, "Bot token", "Token bot"),
                    "description": text(
                        language,
                        "@BotFather gives it when a bot is made, and again with /token.",
                        "@BotFather memberikannya saat bot dibuat, dan lagi dengan /token.",
                    ),
                    // What stands in an address must not change the address.
                    "pattern": "^[0-9]{1,20}:[A-Za-z0-9_-]{20,120}$",
                    "x-placeholder": "123456789:AAE…",
                    "x-secret": BOT_TOKEN,
                    "x-order": 1,
                    "x-help-anchor": "token",
                },
            },
            "required": [BOT_TOKEN],
            "additionalProperties": false,
        })
    }
}
