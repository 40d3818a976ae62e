//! The form of a web chat. Its name is the channel's own.

use crate::Webchat;
use sambung_sdk::prelude::*;
use sambung_sdk::settings::text;

/// The id of the web chat that this one goes on with.
pub const EARLIER: &str = "earlier";

impl Settings for Webchat {
    fn settings_schema(of: &str, language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        let text = |english, indonesian| text(language, english, indonesian);
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "domain": {
                    "type": "array",
                    "items": { "type": "string" },
                    "title": text("Sites", "Situs"),
                    "description": text(
                        "Where the chat may be shown. None: only on pages of this server itself.",
                        "Tempat obrolan boleh ditampilkan. Kosong: hanya di halaman server ini sendiri.",
                    ),
                    "x-origins": true,
                    "x-placeholder": text("https://shop.example", "https://toko.example"),
                    "x-help-anchor": "domain",
                    "x-order": 1,
                },
                "enabled": {
                    "type": "boolean",
                    "default": true,
                    "title": text("Show the chat", "Tampilkan obrolan"),
                    "description": text(
                        "Off: the widget stays hidden on every site.",
                        "Mati: widget tersembunyi di semua situs.",
                    ),
                    "x-public": true,
                    "x-order": 2,
                },
                "color": {
                    "type": "string",
                    "format": "color",
                    "default": "#1f6feb",
                    "title": text("Colour", "Warna"),
                    "description": text(
                        "Of the button and your visitors' messages.",
                        "Warna tombol dan pesan pengunjung.",
                    ),
                    "x-placeholder": "#1f6feb",
                    "x-public": true,
                    "x-order": 3,
                },
                "greeting": {
                    "type": "string",
                    "title": text("Greeting", "Sapaan"),
                    "description": text(
                        "What a visitor reads first.",
                        "Yang pertama kali dibaca pengunjung.",
                    ),
                    "x-multiline": true,
                    "x-public": true,
                    "x-order": 4,
                },
                (EARLIER): {
                    "type": "string",
                    "pattern": "^(ch_[0-9a-z]{1,40})?$",
                    "title": text("Earlier web chat", "Obrolan web sebelumnya"),
                    "description": text(
                        "The account of a web chat that was disconnected: its conversations go on here. Empty: a new one.",
                        "Akun obrolan web yang sudah diputuskan: percakapannya berlanjut di sini. Kosong: yang baru.",
                    ),
                    "x-placeholder": "ch_…",
                    "x-help-anchor": "earlier",
                    "x-public": true,
                    "x-locked": true,
                    "x-order": 5,
                },
            },
        })
    }
}
