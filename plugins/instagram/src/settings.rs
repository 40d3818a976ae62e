//! The forms: a Meta app, and an account by signing in or by a token typed by hand, each with Facebook or with Instagram.

use crate::Instagram;
use sambung_meta::apps::{self, APP_SECRET};
use sambung_meta::graph::{Access, GRAPH, INSTAGRAM};
use sambung_meta::pages::{PAGE_TOKEN, USER_TOKEN};
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::{Settings, text};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// The linked page's token, typed by hand.
pub const ACCESS_TOKEN: &str = "access_token";
/// The account's own token, typed by hand.
pub const INSTAGRAM_ACCESS_TOKEN: &str = "instagram_access_token";
/// The account's own token, of a sign-in.
pub const INSTAGRAM_TOKEN: &str = "instagram_token";
/// May sign webhooks of accounts that signed in with Instagram.
const INSTAGRAM_APP_SECRET: &str = "instagram_app_secret";

/// A channel's settings.
#[derive(Deserialize)]
pub struct ChannelSettings {
    /// How the account is reached.
    pub mode: Mode,
    /// The account that a token typed by hand must be of.
    pub account_id: Option<String>,
    /// The app is approved for answers of people within seven days.
    #[serde(default)]
    pub human_agent: bool,
}

/// How the account is reached.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Somebody signed in with Facebook and chose the account of a page.
    SignIn,
    /// The account signed in with Instagram.
    InstagramSignIn,
    /// A token of the linked page.
    Token,
    /// A token of the account.
    InstagramToken,
}

impl Mode {
    /// Whether the account is reached by its page.
    pub fn by_page(self) -> bool {
        matches!(self, Mode::SignIn | Mode::Token)
    }

    /// The secret that authorizes calls for the account.
    pub fn token(self) -> &'static str {
        match self {
            Mode::SignIn => PAGE_TOKEN,
            Mode::InstagramSignIn => INSTAGRAM_TOKEN,
            Mode::Token => ACCESS_TOKEN,
            Mode::InstagramToken => INSTAGRAM_ACCESS_TOKEN,
        }
    }

    /// How calls for the account are authorized. Only the Graph API of pages takes the proof of the app's secret.
    pub fn access(self) -> Access {
        let (base, proof) = if self.by_page() { (GRAPH, Some(APP_SECRET)) } else { (INSTAGRAM, None) };
        Access { base, token: self.token(), proof }
    }
}

/// How calls for the person who signed in with Facebook are authorized.
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

impl Settings for Instagram {
    fn settings_schema(of: &str, language: &str) -> Value {
        match of {
            "channel" => channel(language),
            "app" => app(language),
            _ => Value::Null,
        }
    }
}

/// The Meta app's form, with the app inside it that accounts sign in to.
fn app(language: &str) -> Value {
    let mut form = apps::form(language, "Instagram → API setup → Webhooks");
    let place = text(
        language,
        "App Dashboard → Instagram → API setup with Instagram login. Needed for signing in with Instagram.",
        "App Dashboard → Instagram → API setup with Instagram login. Diperlukan untuk masuk dengan Instagram.",
    );
    form["properties"]["instagram_app_id"] = json!({
        "type": "string",
        "pattern": "^[0-9]+$",
        "title": text(language, "Instagram app ID", "ID aplikasi Instagram"),
        "description": place,
        "x-order": 3,
        "x-help-anchor": "instagram-app",
    });
    form["properties"][INSTAGRAM_APP_SECRET] = json!({
        "type": "string",
        "title": text(language, "Instagram app secret", "Instagram app secret"),
        "description": place,
        "x-secret": INSTAGRAM_APP_SECRET,
        "x-order": 4,
        "x-help-anchor": "instagram-app",
    });
    form
}

fn channel(language: &str) -> Value {
    let modes = [
        ("sign-in", text(language, "Sign in with Facebook", "Masuk dengan Facebook")),
        ("instagram-sign-in", text(language, "Sign in with Instagram", "Masuk dengan Instagram")),
        ("token", text(language, "Page access token", "Token akses halaman")),
        ("instagram-token", text(language, "Instagram access token", "Token akses Instagram")),
    ];
    let branches = modes.map(|(mode, title)| branch(language, mode, title));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "mode": {
                "type": "string",
                "enum": modes.map(|(mode, _)| mode),
                "x-labels": modes.map(|(_, title)| title),
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
        "oneOf": branches,
    })
}

fn branch(language: &str, mode: &str, title: &str) -> Value {
    let mut branch = json!({ "title": title, "properties": { "mode": { "const": mode } }, "required": [] });
    let (secret, help) = match mode {
        "token" => (
            ACCESS_TOKEN,
            text(language, "Of the page that the account is linked to.", "Milik halaman yang terhubung dengan akun."),
        ),
        "instagram-token" => {
            (INSTAGRAM_ACCESS_TOKEN, "App Dashboard → Instagram → API setup with Instagram login → Generate token.")
        }
        _ => return branch,
    };
    branch["required"] = json!([secret]);
    branch["properties"]["account_id"] = json!({
        "type": "string",
        "pattern": "^[0-9]+$",
        "title": text(language, "Instagram account ID", "ID akun Instagram"),
        "description": text(
            language,
            "Of the professional account; it begins with 178. Where it is given, a token of another account is refused.",
            "Milik akun profesional; diawali 178. Jika diisi, token milik akun lain ditolak.",
        ),
        "x-locked": true,
        "x-order": 2,
        "x-help-anchor": "token",
    });
    branch["properties"][secret] = json!({
        "type": "string",
        "title": title,
        "description": help,
        "x-secret": secret,
        "x-order": 3,
        "x-help-anchor": "token",
    });
    branch
}
