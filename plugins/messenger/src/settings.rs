//! The forms: a Meta app, and a page by signing in or by a token typed by hand.

use crate::Messenger;
use sambung_meta::forms::{self, Typed};
use sambung_meta::graph::Access;
use sambung_meta::pages::PAGE_TOKEN;
use sambung_sdk::json::Value;
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
        Access::graph(token)
    }
}

/// Reads a channel's settings.
///
/// # Errors
/// A fault of kind "invalid", since the host validated them by the schema below.
pub fn of(channel: &Channel) -> Result<ChannelSettings, Fault> {
    channel.read_settings()
}

/// How calls for a channel's page are authorized.
///
/// # Errors
/// See [`of`].
pub fn access(channel: &Channel) -> Result<Access, Fault> {
    of(channel).map(|settings| settings.page())
}

impl Settings for Messenger {
    fn settings_schema(of: &str, language: &str) -> Value {
        match of {
            "channel" => channel(language),
            "app" => forms::app(language, "Messenger → Messenger API settings"),
            _ => Value::Null,
        }
    }
}

fn channel(language: &str) -> Value {
    let sign_in = text(language, "Connect with Facebook", "Hubungkan dengan Facebook");
    let token = text(language, "Page access token", "Token akses halaman");
    let typed = Typed {
        id: "page_id",
        title: text(language, "Page ID", "ID halaman"),
        help: text(
            language,
            "App Dashboard → Messenger → Messenger API settings, under the page's name.",
            "App Dashboard → Messenger → Messenger API settings, di bawah nama halaman.",
        ),
        required: true,
        token: ACCESS_TOKEN,
        token_help: "App Dashboard → Messenger → Messenger API settings → Generate access tokens.",
    };
    let ways = [
        forms::Way { mode: "sign-in", title: sign_in, typed: None },
        forms::Way { mode: "token", title: token, typed: Some(typed) },
    ];
    forms::channel(language, &ways)
}
