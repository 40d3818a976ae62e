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
                        "Where the chat may be shown. It may stay empty for now: the try-out page of this server works without.",
                        "Tempat obrolan boleh ditampilkan. Boleh kosong dahulu: halaman coba di server ini tetap bisa.",
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
                    "x-advanced": true,
                    "x-order": 2,
                },
                "title": {
                    "type": "string",
                    "maxLength": 60,
                    "title": text("Title", "Judul"),
                    "description": text(
                        "What visitors read at the top. Empty: the channel's name.",
                        "Yang dibaca pengunjung di bagian atas. Kosong: nama kanal.",
                    ),
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 3,
                },
                "subtitle": {
                    "type": "string",
                    "maxLength": 100,
                    "title": text("Subtitle", "Subjudul"),
                    "x-placeholder": text("Ask us anything about coffee", "Tanya apa saja soal kopi"),
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 4,
                },
                "reply_time": {
                    "type": "string",
                    "maxLength": 100,
                    "title": text("Reply time", "Waktu balasan"),
                    "x-placeholder": text("Usually replies within 5 minutes", "Biasanya membalas dalam 5 menit"),
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 5,
                },
                "logo": {
                    "type": "string",
                    "pattern": "^(https://.{1,500})?$",
                    "title": text("Logo", "Logo"),
                    "description": text(
                        "The address of a square picture. Empty: the initials of the title.",
                        "Alamat gambar persegi. Kosong: inisial judul.",
                    ),
                    "x-placeholder": "https://shop.example/logo.png",
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 6,
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
                    "x-advanced": true,
                    "x-order": 7,
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
                    "x-advanced": true,
                    "x-order": 8,
                },
                "greet_after": {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": 3600,
                    "default": 0,
                    "title": text("Open the greeting after (seconds)", "Buka sapaan setelah (detik)"),
                    "description": text(
                        "The greeting opens beside the button by itself. 0: never. Not again for a visitor who closed it.",
                        "Sapaan terbuka sendiri di samping tombol. 0: tidak pernah. Tidak terulang bila sudah ditutup pengunjung.",
                    ),
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 9,
                },
                "ask_first": {
                    "type": "boolean",
                    "default": false,
                    "title": text("Ask for name and e-mail first", "Tanyakan nama dan email dahulu"),
                    "description": text(
                        "A form before the chat. What is filled in is what the visitor says; it is not verified.",
                        "Formulir sebelum obrolan. Isinya pernyataan pengunjung dan tidak diperiksa.",
                    ),
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 10,
                },
                "theme": {
                    "type": "string",
                    "enum": ["auto", "light", "dark"],
                    "default": "auto",
                    "title": text("Theme", "Tema"),
                    "x-labels": [text("As the page", "Mengikuti halaman"), text("Light", "Terang"), text("Dark", "Gelap")],
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 11,
                },
                "position": {
                    "type": "string",
                    "enum": ["right", "left"],
                    "default": "right",
                    "title": text("Position", "Posisi"),
                    "x-labels": [text("Right", "Kanan"), text("Left", "Kiri")],
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 12,
                },
                "language": {
                    "type": "string",
                    "enum": ["auto", "en", "id"],
                    "default": "auto",
                    "title": text("Language", "Bahasa"),
                    "x-labels": [text("The visitor's", "Bahasa pengunjung"), "English", "Bahasa Indonesia"],
                    "x-public": true,
                    "x-advanced": true,
                    "x-order": 13,
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
                    "x-advanced": true,
                    "x-order": 14,
                },
            },
        })
    }
}
