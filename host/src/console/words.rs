//! The console's own texts, in English and Indonesian. Texts of channels are their plugins'.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::web::language::Language;

/// All texts in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Words {
    pub frame: Frame,
    pub sign_in: SignIn,
    pub set_up: SetUp,
    pub integrations: Integrations,
    pub form: Form,
    pub connect: Connect,
    pub channel: Channel,
    pub disconnect: Disconnect,
    pub faults: Faults,
}

/// What stands on every page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Frame {
    pub skip: String,
    pub main: String,
    pub menu_of: String,
    pub language: String,
    pub theme: String,
    pub theme_auto: String,
    pub theme_light: String,
    pub theme_dark: String,
    pub reference: String,
    pub sign_out: String,
}

/// The sign-in page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SignIn {
    pub title: String,
    pub email: String,
    pub password: String,
    pub button: String,
    pub wrong: String,
    pub no_operator: String,
}

/// The first operator's page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SetUp {
    pub title: String,
    pub intro: String,
    pub hint: String,
    pub button: String,
    pub gone_title: String,
    pub gone: String,
}

/// The list of channels and plugins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Integrations {
    pub title: String,
    pub needs_attention: String,
    pub connected: String,
    pub available: String,
    pub none_connected: String,
    pub none_available: String,
    pub more: String,
    pub state_connected: String,
    pub state_connecting: String,
    pub state_paused: String,
    pub state_needs_attention: String,
    pub add: String,
}

/// What stands beside fields of any form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Form {
    pub fixed: String,
    pub set: String,
    pub keep: String,
    pub step: String,
}

/// Connecting a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Connect {
    pub title: String,
    pub name: String,
    pub name_hint: String,
    pub button: String,
    pub cancel: String,
    pub sealed: String,
    pub guide: String,
}

/// One channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Channel {
    pub overview: String,
    pub settings: String,
    pub left_to_do: String,
    pub choose: String,
    pub choose_button: String,
    pub answer_button: String,
    pub sign_in: String,
    pub sign_in_button: String,
    pub sign_in_here: String,
    pub sign_in_failed: String,
    pub wait: String,
    pub health: String,
    pub healthy: String,
    pub check: String,
    pub register: String,
    pub pause: String,
    pub resume: String,
    pub about: String,
    pub account: String,
    pub plugin: String,
    pub since: String,
    pub webhook_url: String,
    pub save: String,
    pub saved: String,
    pub abandon: String,
    pub danger: String,
    pub danger_note: String,
}

/// Disconnecting a channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Disconnect {
    pub title: String,
    pub sentence: String,
    pub stays: String,
    pub cancel: String,
    pub button: String,
}

/// What is said of faults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Faults {
    pub summary: String,
    pub required: String,
    pub too_long: String,
    pub weak_password: String,
    pub later: String,
    pub wait: String,
    pub not_found_title: String,
    pub not_found: String,
    pub forbidden_title: String,
    pub failed_title: String,
    pub failed: String,
    pub back: String,
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(include_str!("texts.en.toml")));
static INDONESIAN: LazyLock<Words> = LazyLock::new(|| read(include_str!("texts.id.toml")));

fn read(text: &str) -> Words {
    toml::from_str(text).expect("the tests read both files of texts")
}

/// The texts in a language.
pub(super) fn words(language: Language) -> &'static Words {
    if language.0 == "id" { &INDONESIAN } else { &ENGLISH }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything() {
        for language in ["en", "id"] {
            assert!(!words(Language(language)).frame.skip.is_empty());
        }
        assert_ne!(ENGLISH.sign_in.button, INDONESIAN.sign_in.button);
    }
}
