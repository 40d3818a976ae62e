//! The forms: an app, and the ways in which an account is connected.

use crate::apps::VERIFY_TOKEN;
use crate::graph::APP_SECRET;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::text;

const SCHEMA: &str = "https://json-schema.org/draft/2020-12/schema";
/// Ids of Graph's.
const DIGITS: &str = "^[0-9]+$";

/// The form of a registration; `place` is where the verify token goes in the app dashboard.
pub fn app(language: &str, place: &str) -> Value {
    let copy = match language.split('-').next() {
        Some("id") => format!("Salin ke App Dashboard → {place}."),
        _ => format!("Copy it into App Dashboard → {place}."),
    };
    json!({
        "$schema": SCHEMA,
        "type": "object",
        "properties": {
            "app_id": {
                "type": "string",
                "pattern": DIGITS,
                "title": text(language, "App ID", "ID aplikasi"),
                "description": "App Dashboard → App settings → Basic.",
                "x-order": 1,
            },
            APP_SECRET: {
                "type": "string",
                "title": "App secret",
                "description": text(language, "On the same page. Meta signs webhooks with it.", "Di halaman yang sama. Meta menandatangani webhook dengannya."),
                "x-secret": APP_SECRET,
                "x-order": 2,
            },
            VERIFY_TOKEN: {
                "type": "string",
                "title": "Verify token",
                "description": copy,
                "readOnly": true,
                "x-secret": VERIFY_TOKEN,
                "x-order": 9,
            },
        },
        "required": ["app_id", APP_SECRET],
        "additionalProperties": false,
    })
}

/// One way to connect.
pub struct Way {
    /// The value of the setting `mode`.
    pub mode: &'static str,
    /// What a person chooses.
    pub title: &'static str,
    /// What is typed; none where somebody signs in.
    pub typed: Option<Typed>,
}

/// Whose token is typed by hand, and the token.
pub struct Typed {
    /// The setting of the page's or account's id.
    pub id: &'static str,
    /// Its label.
    pub title: &'static str,
    /// Where it is found.
    pub help: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// The secret. Its label is the way's.
    pub token: &'static str,
    /// Where it is found.
    pub token_help: &'static str,
}

/// The form of a channel: one of several ways, the first by default.
pub fn channel(language: &str, ways: &[Way]) -> Value {
    json!({
        "$schema": SCHEMA,
        "type": "object",
        "properties": {
            "mode": {
                "type": "string",
                "enum": ways.iter().map(|way| way.mode).collect::<Vec<_>>(),
                "x-labels": ways.iter().map(|way| way.title).collect::<Vec<_>>(),
                "default": ways.first().map(|way| way.mode),
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
        "oneOf": ways.iter().map(branch).collect::<Vec<_>>(),
    })
}

fn branch(way: &Way) -> Value {
    let mut branch = json!({ "title": way.title, "properties": { "mode": { "const": way.mode } }, "required": [] });
    let Some(typed) = &way.typed else { return branch };
    let required = if typed.required { vec![typed.id, typed.token] } else { vec![typed.token] };
    branch["required"] = json!(required);
    branch["properties"][typed.id] = json!({
        "type": "string",
        "pattern": DIGITS,
        "title": typed.title,
        "description": typed.help,
        "x-locked": true,
        "x-order": 2,
        "x-help-anchor": "token",
    });
    branch["properties"][typed.token] = json!({
        "type": "string",
        "title": way.title,
        "description": typed.token_help,
        "x-secret": typed.token,
        "x-order": 3,
        "x-help-anchor": "token",
    });
    branch
}
