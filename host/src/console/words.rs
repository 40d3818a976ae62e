//! The console's own texts, in English and Indonesian. Texts of channels are their plugins'.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::web::language::Language;

mod audit;
mod new_password;
mod plugin_use;
mod system;
mod traffic;
mod workspaces;

/// All texts in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Words {
    /// `en` or `id`
    pub language: String,
    pub frame: Frame,
    pub sign_in: SignIn,
    pub set_up: SetUp,
    pub new_password: new_password::NewPassword,
    pub time: Time,
    pub inbox: Inbox,
    pub mail: MailWords,
    pub integrations: Integrations,
    pub form: Form,
    pub connect: Connect,
    pub channel: Channel,
    pub widget: Widget,
    pub contacts: Contacts,
    pub profile: Profile,
    pub people: People,
    pub replies: Replies,
    pub tokens: Tokens,
    pub endpoints: Endpoints,
    pub journal: Journal,
    pub plugins: Plugins,
    pub audit: audit::Audit,
    pub workspaces: workspaces::Workspaces,
    pub system: system::System,
    pub plugin_use: plugin_use::PluginUse,
    pub traffic: traffic::Traffic,
    pub templates: Templates,
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
    pub reconnecting: String,
    pub session_ended: String,
    pub copy: String,
    pub copied: String,
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

/// Times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Time {
    pub now: String,
    pub minutes: String,
    pub hours: String,
    pub days: String,
    pub today: String,
    pub yesterday: String,
    /// From Monday on.
    pub weekdays: [String; 7],
    pub months: [String; 12],
}

/// The preview of a widget, and how it gets onto pages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Widget {
    pub preview: String,
    pub device: String,
    pub desktop: String,
    pub phone: String,
    pub page_theme: String,
    pub light: String,
    pub dark: String,
    pub visitors_language: String,
    pub show: String,
    pub unsaved: String,
    pub verify: String,
    pub seen: String,
    pub not_seen: String,
}

/// The inbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Inbox {
    pub title: String,
    pub whose: String,
    pub mine: String,
    pub unassigned: String,
    pub all: String,
    pub none: String,
    pub none_open: String,
    pub older: String,
    pub earlier: String,
    pub unread: String,
    pub unnamed: String,
    pub disconnected: String,
    pub you: String,
    pub failed: String,
    pub back: String,
    pub messages: String,
    pub deleted: String,
    pub edited: String,
    pub is_typing: String,
    pub not_delivered: String,
    pub may_have_arrived: String,
    pub reply_to: String,
    pub write: String,
    pub send: String,
    pub enter_sends: String,
    pub enter_breaks: String,
    pub open_until: String,
    pub left: String,
    pub download: String,
    pub new_at_top: String,
    pub enter_change: String,
    pub files_shown: String,
    pub picture: String,
    pub search: String,
    pub filter: String,
    pub is_open: String,
    pub is_done: String,
    pub one_channel: String,
    pub none_found: String,
    pub unread_count: String,
    pub assign: String,
    pub you_mark: String,
    pub is_anothers: String,
    pub mark_done: String,
    pub open_again: String,
    pub contact: String,
    pub close: String,
    pub since: String,
    pub identities: String,
    pub others: String,
    pub rename: String,
    pub rename_note: String,
    pub name: String,
    pub save: String,
    pub quote: String,
    pub quoting: String,
    pub quote_not: String,
    pub an_earlier_message: String,
    pub by_program: String,
    pub by_provider: String,
    pub retry: String,
    pub mark_sent: String,
    pub send_again: String,
    pub attach: String,
    pub quick: String,
    pub quick_find: String,
    pub quick_none: String,
    pub quick_none_found: String,
    pub quick_settings: String,
    pub counter: String,
    pub no_template: String,
    pub choose_template: String,
    pub send_template: String,
    pub keys: String,
    /// Pairs of a key and what it does.
    pub key_list: Vec<[String; 2]>,
    /// By a content's type.
    kinds: BTreeMap<String, String>,
    /// By what became of a message.
    statuses: BTreeMap<String, String>,
    /// By the reason why nothing may be written.
    closed: BTreeMap<String, String>,
    /// By a file's state.
    files: BTreeMap<String, String>,
    /// By the code of a failure; others are told in the provider's words.
    failures: BTreeMap<String, String>,
    /// By the code of a line of the host's.
    host_lines: BTreeMap<String, String>,
    /// By the part of a template that a parameter is in.
    places: BTreeMap<String, String>,
}

impl Inbox {
    /// What a content of this type is called.
    pub fn kind(&self, kind: &str) -> &str {
        known(&self.kinds, kind)
    }

    /// What became of a message.
    pub fn status(&self, status: &str) -> &str {
        known(&self.statuses, status)
    }

    /// Why nothing may be written.
    pub fn closed(&self, reason: &str) -> &str {
        known(&self.closed, reason)
    }

    /// Why a message was not delivered: in the reader's language where the code is the host's own, else as it was told.
    pub fn failure<'w>(&'w self, code: &str, detail: &'w str) -> &'w str {
        self.failures.get(code).map_or(detail, String::as_str)
    }

    /// A line of the host's.
    pub fn host_line(&self, code: Option<&str>) -> Option<&str> {
        self.host_lines.get(code?).map(String::as_str)
    }

    /// What a parameter of a template is called, by the part that it is in.
    pub fn parameter_place(&self, place: &str) -> &str {
        known(&self.places, place)
    }

    /// Why a file is not there.
    pub fn no_file(&self, state: &str) -> &str {
        known(&self.files, state)
    }
}

/// The words for a key, or those for every other one.
fn known<'w>(words: &'w BTreeMap<String, String>, key: &str) -> &'w str {
    words.get(key).or_else(|| words.get("other")).map_or("", String::as_str)
}

/// A mail in a conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MailWords {
    pub to: String,
    pub cc: String,
    pub quoted: String,
    pub as_sent: String,
    pub pictures: String,
    pub show_pictures: String,
    pub show_quoted: String,
    pub verified: String,
    pub forged: String,
    pub unverified: String,
    /// By the verdict of a check.
    verdicts: BTreeMap<String, String>,
}

impl MailWords {
    /// What a check of the sender's domain found.
    pub fn verdict(&self, verdict: &str) -> &str {
        known(&self.verdicts, verdict)
    }
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
    pub who: String,
    pub refused: String,
    pub again: String,
    pub done: String,
    pub done_text: String,
    pub done_button: String,
}

/// One channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Channel {
    pub overview: String,
    pub conversations: String,
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
    pub try_out: String,
    pub try_out_note: String,
    pub embed: String,
    pub embed_note: String,
    pub danger: String,
    pub danger_note: String,
    pub is_done: String,
    pub account_name: String,
    pub account_fixed: String,
}

/// The contacts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Contacts {
    pub title: String,
    pub search: String,
    pub none: String,
    pub none_found: String,
    pub name: String,
    pub identities: String,
    pub since: String,
    pub older: String,
    pub export: String,
    pub conversations: String,
    pub no_conversation: String,
    pub erase: String,
    pub erase_note: String,
    pub sure: String,
    pub erase_button: String,
}

/// The reader's own name and password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Profile {
    pub title: String,
    pub about: String,
    pub role: String,
    pub name: String,
    pub save: String,
    pub saved: String,
    pub password: String,
    pub current: String,
    pub new: String,
    pub password_hint: String,
    pub change: String,
}

/// The people of the workspace, and names of roles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct People {
    pub title: String,
    pub settings: String,
    pub add: String,
    pub name: String,
    pub name_hint: String,
    pub role: String,
    pub link_hint: String,
    pub link: String,
    pub link_note: String,
    pub link_made: String,
    pub link_made_note: String,
    pub since: String,
    pub state: String,
    pub may_sign_in: String,
    pub no_password: String,
    pub is_disabled: String,
    pub you: String,
    pub above: String,
    pub save: String,
    pub saved: String,
    pub new_password: String,
    pub new_password_note: String,
    pub set_password: String,
    pub access: String,
    pub disable: String,
    pub disable_note: String,
    pub enable: String,
    pub enable_note: String,
    pub remove: String,
    pub remove_note: String,
    pub sure: String,
    pub more: String,
    pub email_taken: String,
    pub person_disabled: String,
    pub bad_email: String,
    pub last_operator: String,
    pub bad_role: String,
    /// By the role's name.
    roles: BTreeMap<String, String>,
}

impl People {
    /// What a role is called.
    pub fn role_name<'w>(&'w self, role: &'w str) -> &'w str {
        self.roles.get(role).map_or(role, String::as_str)
    }
}

/// The workspace's saved replies.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Replies {
    pub title: String,
    pub intro: String,
    pub none: String,
    pub add: String,
    pub text: String,
    pub variables: String,
    pub unknown_variable: String,
    pub too_many: String,
    pub remove: String,
}

/// The workspace's tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Tokens {
    pub title: String,
    pub intro: String,
    pub add: String,
    pub name_hint: String,
    pub expires: String,
    pub never: String,
    pub days: String,
    pub made: String,
    pub made_note: String,
    pub last_used: String,
    pub unused: String,
    pub none: String,
    pub end: String,
    pub end_note: String,
}

/// The workspace's endpoints.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Endpoints {
    pub title: String,
    pub intro: String,
    pub none: String,
    pub add: String,
    pub more: String,
    pub url: String,
    pub url_hint: String,
    pub bad_url: String,
    pub too_many: String,
    pub events: String,
    pub events_hint: String,
    pub all_events: String,
    pub state: String,
    pub enabled: String,
    pub disabled: String,
    pub failing: String,
    pub failing_since: String,
    pub made: String,
    pub made_note: String,
    pub secret: String,
    pub rotate: String,
    pub rotate_note: String,
    pub previous_until: String,
    pub disable_note: String,
    pub enable_note: String,
    pub remove_note: String,
    pub deliveries: String,
    pub no_delivery: String,
    pub event_column: String,
    pub answer: String,
    pub when: String,
    pub next: String,
    pub tries: String,
    pub replay: String,
    pub replay_failed: String,
    pub older: String,
    /// By the event's type.
    event_names: BTreeMap<String, String>,
    /// By the delivery's state.
    states: BTreeMap<String, String>,
    /// By what was done.
    done: BTreeMap<String, String>,
}

impl Endpoints {
    /// What an event of this type is called.
    pub fn event_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.event_names.get(kind).map_or(kind, String::as_str)
    }

    /// What a delivery's state is called.
    pub fn delivery_state<'w>(&'w self, state: &'w str) -> &'w str {
        self.states.get(state).map_or(state, String::as_str)
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }
}

/// Requests of providers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Journal {
    pub title: String,
    pub intro: String,
    pub none_parked: String,
    pub none: String,
    pub when: String,
    pub from: String,
    pub state: String,
    pub reason: String,
    pub channel: String,
    pub all_states: String,
    pub all_channels: String,
    pub filter: String,
    pub older: String,
    pub replay: String,
    pub replayed: String,
    pub item: String,
    pub more_items: String,
    pub replays: String,
    pub received: String,
    pub body_gone: String,
    pub cut: String,
    pub no_reason: String,
    pub about: String,
    pub verified: String,
    pub stored: String,
    pub size: String,
    pub headers: String,
    /// By the request's state.
    states: BTreeMap<String, String>,
    /// By what became of an item.
    outcomes: BTreeMap<String, String>,
}

impl Journal {
    /// What a state is called.
    pub fn state_name<'w>(&'w self, state: &'w str) -> &'w str {
        self.states.get(state).map_or(state, String::as_str)
    }

    /// What became of an item.
    pub fn outcome<'w>(&'w self, outcome: &'w str) -> &'w str {
        self.outcomes.get(outcome).map_or(outcome, String::as_str)
    }
}

/// The plugins of the host.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Plugins {
    pub title: String,
    pub installed: String,
    pub waiting: String,
    pub refused: String,
    pub none: String,
    pub upload: String,
    pub file: String,
    pub upload_note: String,
    pub install: String,
    pub not_installed: String,
    pub needs_approval: String,
    pub approve: String,
    pub approve_note: String,
    pub running: String,
    pub disabled: String,
    pub broken: String,
    pub disabled_note: String,
    pub by: String,
    pub may: String,
    pub talk_to: String,
    pub nothing_else: String,
    pub any_method: String,
    pub media_anywhere: String,
    pub of_setting: String,
    pub secrets: String,
    pub no_secret: String,
    pub never_leaves: String,
    pub leaves_for: String,
    pub ways_in: String,
    pub webhook: String,
    pub by_mail: String,
    pub by_poll: String,
    pub by_visitor: String,
    pub no_way_in: String,
    pub send_mail: String,
    pub limits: String,
    pub memory: String,
    pub cpu: String,
    pub deadline: String,
    pub channels: String,
    pub no_channel: String,
    pub versions: String,
    pub version: String,
    pub state: String,
    pub source: String,
    pub since: String,
    pub retired: String,
    pub origin: String,
    pub publisher: String,
    pub license: String,
    pub homepage: String,
    pub remove: String,
    pub remove_note: String,
    pub one_channel: String,
    pub many_channels: String,
    /// By the way that a file came.
    sources: BTreeMap<String, String>,
    /// By what was done.
    done: BTreeMap<String, String>,
}

impl Plugins {
    /// How a file came.
    pub fn source_name<'w>(&'w self, source: &'w str) -> &'w str {
        self.sources.get(source).map_or(source, String::as_str)
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }

    /// How many channels there are.
    pub fn channel_count(&self, count: i64) -> String {
        if count == 1 { self.one_channel.clone() } else { self.many_channels.replace("{n}", &count.to_string()) }
    }
}

/// Message templates.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Templates {
    pub refused: String,
    pub title: String,
    pub add: String,
    pub synced: String,
    pub never_synced: String,
    pub sync: String,
    pub sync_failed: String,
    pub none: String,
    pub more: String,
    pub note: String,
    pub name: String,
    pub name_hint: String,
    pub language: String,
    pub language_hint: String,
    pub category: String,
    pub status: String,
    pub quality: String,
    pub in_use: String,
    pub use_of: String,
    pub on: String,
    pub off: String,
    pub remove: String,
    pub remove_note: String,
    pub steps_label: String,
    pub steps: [String; 3],
    pub next: String,
    pub back: String,
    pub send: String,
    pub header: String,
    pub no_header: String,
    pub header_text: String,
    pub header_file: String,
    pub header_file_kept: String,
    pub body: String,
    pub body_hint: String,
    pub samples: String,
    pub footer: String,
    pub buttons: String,
    pub button_kind: String,
    pub no_button: String,
    pub button_label: String,
    pub button_value: String,
    pub review_note: String,
    pub preview: String,
    pub preview_note: String,
    /// By the provider's word.
    categories: BTreeMap<String, String>,
    /// By the provider's word.
    statuses: BTreeMap<String, String>,
    /// By the kind of the header.
    headers: BTreeMap<String, String>,
    /// By the kind of the button.
    button_kinds: BTreeMap<String, String>,
    /// By what was done.
    done: BTreeMap<String, String>,
}

impl Templates {
    /// What a category is called; the provider's word where there is no other.
    pub fn category_name<'w>(&'w self, category: &'w str) -> &'w str {
        self.categories.get(&category.to_ascii_lowercase()).map_or(category, String::as_str)
    }

    /// What a status is called; the provider's word where there is no other.
    pub fn status_name<'w>(&'w self, status: &'w str) -> &'w str {
        self.statuses.get(&status.to_ascii_lowercase()).map_or(status, String::as_str)
    }

    /// What a kind of header is called.
    pub fn header_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.headers.get(kind).map_or(kind, String::as_str)
    }

    /// What a kind of button is called.
    pub fn button_name<'w>(&'w self, kind: &'w str) -> &'w str {
        self.button_kinds.get(kind).map_or(kind, String::as_str)
    }

    /// What is said after an act.
    pub fn done(&self, act: &str) -> Option<&str> {
        self.done.get(act).map(String::as_str)
    }
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
    pub pause: String,
}

/// What is said of faults.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Faults {
    pub provider: String,
    pub summary: String,
    pub required: String,
    pub too_long: String,
    pub weak_password: String,
    pub wrong_password: String,
    pub later: String,
    pub wait: String,
    pub form_running: String,
    pub sent_before: String,
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
        let told = |act: &&&String| actions.contains_key(**act) || act.ends_with("ed");
        let untold: Vec<_> = acts.iter().filter(|act| !told(act)).collect();
        assert!(untold.is_empty(), "give words to {untold:?}");
    }
}
