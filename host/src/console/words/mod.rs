//! The console's own texts, in English and Indonesian. Texts of channels are their plugins'.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::web::language::Language;

mod audit;
mod channel;
mod connect;
mod contacts;
mod disconnect;
mod endpoints;
mod faults;
mod form;
mod frame;
mod inbox;
mod integrations;
mod journal;
mod mail;
mod new_password;
mod people;
mod plugin_use;
mod plugins;
mod profile;
mod replies;
mod set_up;
mod sign_in;
mod system;
mod templates;
mod time;
mod tokens;
mod traffic;
mod widget;
mod workspaces;

pub(super) use integrations::Integrations;
pub(super) use mail::MailWords;

/// All texts in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Words {
    /// `en` or `id`
    pub language: String,
    pub frame: frame::Frame,
    pub sign_in: sign_in::SignIn,
    pub set_up: set_up::SetUp,
    pub new_password: new_password::NewPassword,
    pub time: time::Time,
    pub inbox: inbox::Inbox,
    pub mail: mail::MailWords,
    pub integrations: integrations::Integrations,
    pub form: form::Form,
    pub connect: connect::Connect,
    pub channel: channel::Channel,
    pub widget: widget::Widget,
    pub contacts: contacts::Contacts,
    pub profile: profile::Profile,
    pub people: people::People,
    pub replies: replies::Replies,
    pub tokens: tokens::Tokens,
    pub endpoints: endpoints::Endpoints,
    pub journal: journal::Journal,
    pub plugins: plugins::Plugins,
    pub audit: audit::Audit,
    pub workspaces: workspaces::Workspaces,
    pub system: system::System,
    pub plugin_use: plugin_use::PluginUse,
    pub traffic: traffic::Traffic,
    pub templates: templates::Templates,
    pub disconnect: disconnect::Disconnect,
    pub faults: faults::Faults,
}

/// The words for a key, or those for every other one.
fn known<'w>(words: &'w BTreeMap<String, String>, key: &str) -> &'w str {
    words.get(key).or_else(|| words.get("other")).map_or("", String::as_str)
}

static ENGLISH: LazyLock<Words> = LazyLock::new(|| read(include_str!("../texts.en.toml")));
static INDONESIAN: LazyLock<Words> = LazyLock::new(|| read(include_str!("../texts.id.toml")));

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
        for kind in ["text", "media", "nothing of that name"] {
            assert!(!ENGLISH.inbox.kind(kind).is_empty() && !INDONESIAN.inbox.kind(kind).is_empty());
        }
        let keys = |words: &Words| {
            let inbox = &words.inbox;
            let maps = [
                &inbox.kinds,
                &inbox.statuses,
                &inbox.closed,
                &inbox.files,
                &inbox.failures,
                &inbox.host_lines,
                &inbox.places,
                &words.templates.categories,
                &words.templates.statuses,
                &words.templates.headers,
                &words.templates.button_kinds,
                &words.templates.done,
                &words.endpoints.event_names,
                &words.endpoints.states,
                &words.endpoints.done,
                &words.journal.states,
                &words.journal.outcomes,
                &words.plugins.sources,
                &words.plugins.done,
                &words.audit.actions,
                &words.system.queue_names,
                &words.system.pool_names,
            ];
            maps.map(|map| map.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(keys(&ENGLISH), keys(&INDONESIAN));
        assert_ne!(ENGLISH.sign_in.button, INDONESIAN.sign_in.button);
    }

    /// The texts between quotation marks of every source in a folder.
    fn literals(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                literals(&path, found);
            } else {
                let source = std::fs::read_to_string(&path).expect("a source");
                found.extend(source.split('"').map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_act_of_the_audit_log_has_words() {
        let actions = &ENGLISH.audit.actions;
        let kinds: Vec<&str> =
            actions.keys().filter_map(|action| action.split_once('.')).map(|(kind, _)| kind).collect();
        let mut texts = Vec::new();
        for folder in ["web", "channels", "plugins", "auth", "cli"] {
            literals(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder), &mut texts);
        }
        let is_act = |text: &&String| {
            let parts = text.split_once('.');
            parts.is_some_and(|(kind, act)| {
                kinds.contains(&kind) && act.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            })
        };
        let acts: Vec<&String> = texts.iter().filter(is_act).collect();
        assert!(acts.len() > 40, "{acts:?}");
        // Neither an event of the feed, such as `message.created`, nor a file's name is an act.
        let told = |act: &&&String| actions.contains_key(**act) || act.ends_with("ed") || act.ends_with(".csv");
        let untold: Vec<_> = acts.iter().filter(|act| !told(act)).collect();
        assert!(untold.is_empty(), "give words to {untold:?}");
    }
}
