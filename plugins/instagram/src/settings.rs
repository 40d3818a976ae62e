//! The forms: a Meta app, and an account by signing in or by a token typed by hand, each with Facebook or with Instagram.

use crate::Instagram;
use sambung_meta::forms::{self, Typed, Way};
use sambung_meta::graph::{Access, INSTAGRAM};
use sambung_meta::pages::PAGE_TOKEN;
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
        let token = self.token();
        if self.by_page() { Access::graph(token) } else { Access { base: INSTAGRAM, token, proof: None } }
    }
}

/// Reads a channel's settings.
///
/// # Errors
/// A fault of kind "invalid", since the host validated them by the schema below.
pub fn of(channel: &Channel) -> Result<ChannelSettings, Fault> {
    channel.read_settings()
}

/// How calls for a channel's account are authorized.
///
/// # Errors
/// See [`of`].
pub fn access(channel: &Channel) -> Result<Access, Fault> {
    of(channel).map(|settings| settings.mode.access())
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
    let mut form = forms::app(language, "Instagram → API setup → Webhooks");
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
    let by_hand = |token, token_help| Typed {
        id: "account_id",
        title: text(language, "Instagram account ID", "ID akun Instagram"),
        help: text(
            language,
            "Of the professional account; it begins with 178. Where it is given, a token of another account is refused.",
            "Milik akun profesional; diawali 178. Jika diisi, token milik akun lain ditolak.",
        ),
        required: false,
        token,
        token_help,
    };
    let of_page =
        text(language, "Of the page that the account is linked to.", "Milik halaman yang terhubung dengan akun.");
    let of_account = "App Dashboard → Instagram → API setup with Instagram login → Generate token.";
    let ways = [
        Way { mode: "sign-in", title: text(language, "Sign in with Facebook", "Masuk dengan Facebook"), typed: None },
        Way {
            mode: "instagram-sign-in",
            title: text(language, "Sign in with Instagram", "Masuk dengan Instagram"),
            typed: None,
        },
        Way {
            mode: "token",
            title: text(language, "Page access token", "Token akses halaman"),
            typed: Some(by_hand(ACCESS_TOKEN, of_page)),
        },
        Way {
            mode: "instagram-token",
            title: text(language, "Instagram access token", "Token akses Instagram"),
            typed: Some(by_hand(INSTAGRAM_ACCESS_TOKEN, of_account)),
        },
    ];
    forms::channel(language, &ways)
}
