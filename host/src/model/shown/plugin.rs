//! Plugins as the API and the pages show them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::free::PluginData;

/// An installed plugin.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Plugin {
    /// The id in its manifest.
    #[schema(example = "acme-chat")]
    pub id: String,
    /// `active` or `disabled`
    pub state: String,
    /// How many channels use it: of the caller's workspace, for an operator of all.
    pub channels: i64,
    /// The files that it was installed from, the newest first.
    pub generations: Vec<Generation>,
    /// RFC 3339
    pub installed_at: String,
    /// RFC 3339
    pub changed_at: String,
    /// Whether it runs.
    pub health: Health,
    /// What its file says; absent while it is not loaded.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

/// Whether a plugin runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Health {
    /// Whether it is loaded.
    pub running: bool,
    /// Why it is not.
    pub reason: Option<String>,
}

/// A file that a plugin was installed from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Generation {
    /// Grows with every installation.
    pub number: i64,
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the file, hex.
    pub digest: String,
    /// `bundled`, `file` or `upload`
    pub source: String,
    /// `active` or `retired`
    pub state: String,
    /// RFC 3339
    pub installed_at: String,
    /// RFC 3339
    pub retired_at: Option<String>,
}

/// What a plugin's file says about itself. No field is required in the schema, because a plugin that is not loaded has none of them.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Facts {
    /// What the channel is called, in the reader's language.
    #[schema(required = false, example = "Acme Chat")]
    pub name: String,
    /// One or two sentences.
    #[schema(required = false)]
    pub description: String,
    /// How to connect, in order.
    #[schema(required = false, value_type = Vec<PluginStep>)]
    pub instructions: Value,
    /// Words beside the fields of its forms, by the setting's name.
    #[schema(required = false, value_type = BTreeMap<String, FieldWords>)]
    pub fields: Value,
    /// Words for the codes that it uses, by code.
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    pub reasons: Value,
    /// The words of the button that leads to the form; the host's own where there are none.
    #[schema(required = false)]
    pub add: Option<String>,
    /// The words of the button of the form.
    #[schema(required = false)]
    pub submit: Option<String>,
    /// What is said once a channel is connected.
    #[schema(required = false, value_type = Option<ConnectedWords>)]
    pub connected: Value,
    /// Decides upgrades.
    #[schema(required = false, example = "1.3.2")]
    pub version: String,
    /// Who answers for it.
    #[schema(required = false)]
    pub publisher: String,
    /// SPDX expression.
    #[schema(required = false)]
    pub license: Option<String>,
    /// Where a person finds more.
    #[schema(required = false)]
    pub homepage: Option<String>,
    /// SHA-256 of the file, hex.
    #[schema(required = false)]
    pub digest: String,
    /// Whether it has each optional interface, by its name.
    #[schema(required = false, value_type = BTreeMap<String, bool>)]
    pub features: Value,
    /// What the provider allows in one message, and how often: `[limits]` of its manifest.
    #[schema(required = false, value_type = PluginData)]
    pub limits: Value,
    /// Whether it needs a registration with the provider.
    #[schema(required = false)]
    pub has_apps: bool,
    /// Whether it has a picture.
    #[schema(required = false)]
    pub has_icon: bool,
    /// What it may do.
    #[schema(required = false)]
    pub permissions: Permissions,
}

/// What a plugin may do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Permissions {
    /// Where it may connect; nothing else is reachable.
    pub egress: Vec<Destination>,
    /// The secrets that it may name, and never reads.
    pub secrets: Vec<Secret>,
    /// Ways in beside webhooks.
    pub ingress: Ingress,
    /// The senders that the plugin may name in its mail; null where it may send none.
    pub mail: Option<Sending>,
    /// What providers may call.
    pub webhooks: Vec<Webhook>,
    /// What one call of it may use.
    pub runtime: Runtime,
}

/// What one call of a plugin may use.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Runtime {
    /// Bytes of memory.
    #[schema(example = 33_554_432)]
    pub memory_bytes: u64,
    /// Milliseconds of computing.
    pub cpu_ms: u64,
    /// Milliseconds until it ends, waiting included.
    pub deadline_ms: u64,
}

/// A place that a plugin may connect to.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Destination {
    /// Scheme, host, port and path; `*` is any public https address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://api.example.com/v2/")]
    pub to: Option<String>,
    /// The setting of the channel that has the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_setting: Option<String>,
    /// Methods; empty: any.
    pub methods: Vec<String>,
    /// Whether it is for downloads only, which carry no secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub media: bool,
}

/// A secret that a plugin may name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Secret {
    /// Unique in the plugin.
    pub name: String,
    /// `app` or `channel`
    pub scope: String,
    /// Who gives its value: `admin`, `generated` or `obtained`.
    pub origin: String,
    /// Where a request may carry it; empty: it never leaves.
    pub destinations: Vec<String>,
    /// In which parts of such a request: `auth`, `header:…`, `query:…`, `body:…`, `path` or `smtp`.
    pub places: Vec<String>,
}

/// Ways in that are no webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ingress {
    /// Mail to the channel's address.
    pub mail: bool,
    /// The host asks the provider.
    pub poll: bool,
    /// Visitors of a web page.
    pub visitor: bool,
}

/// The permission to send mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Sending {
    /// Whose addresses may stand in `From`: `setting:NAME` or `generated:NAME`.
    pub from: Vec<String>,
}

/// What a provider may call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Webhook {
    /// The recipe's name.
    pub name: String,
    /// Whether the plugin makes the answer.
    pub plugin_answers: bool,
}

/// A file of the plugins folder that was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedPlugin {
    /// Its name in the folder.
    pub file: String,
    /// `refused`
    pub state: String,
    /// What is wrong, where, and what to do.
    pub reason: String,
    /// SHA-256 of the content, hex.
    pub digest: String,
    /// RFC 3339
    pub at: String,
    /// What an operator has to approve; null where an approval changes nothing.
    pub approval: Option<Approval>,
}

/// What an operator has to approve.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Approval {
    /// The id of the plugin.
    pub plugin: String,
    /// The version that waits.
    pub version: String,
    /// Each thing to be approved.
    pub needs: Vec<Need>,
}

/// One thing to be approved.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Need {
    /// `major`, `egress`, `secret`, `answers`, `ingress`, `mail`, `removed` or `unknown`
    pub kind: String,
    /// For people.
    pub words: String,
}

/// One step of a plugin's instructions.
#[derive(ToSchema)]
pub struct PluginStep {
    /// What a field of the form points to.
    pub anchor: Option<String>,
    /// `channel` or `app`: which form it stands beside.
    #[schema(example = "channel")]
    pub of: String,
    /// What to do.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// What is shown here to be copied: `webhook_url`, `redirect_url`, `forwarding_address` or the name of a generated value.
    pub copy: Option<String>,
}

/// Words beside one field of a form.
#[derive(ToSchema)]
pub struct FieldWords {
    /// The label.
    pub title: Option<String>,
    /// Where to find the value and what it is for.
    pub help: Option<String>,
    /// An example, shown while the field is empty.
    pub placeholder: Option<String>,
}

/// What is said once a channel is connected.
#[derive(ToSchema)]
pub struct ConnectedWords {
    /// The title of the dialog.
    pub title: String,
    /// What happens now, or what is left to do.
    pub text: String,
}

/// An installed plugin, or for an operator a file that was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PluginItem {
    /// An installed plugin.
    Installed(Box<Plugin>),
    /// A file that was refused.
    Refused(RefusedPlugin),
}

/// All plugins of the host.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Plugins {
    /// Installed plugins by id, then refused files.
    pub items: Vec<PluginItem>,
    /// Always null, because the list has one page.
    pub next: Option<String>,
    /// For an operator: destinations that the configuration leads elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub egress_overrides: Option<Value>,
}

/// What a plugin used and said since the server started, at most a day ago. It concerns all workspaces.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginUse {
    /// Calls that ended.
    pub calls: u64,
    /// Those of them without a result.
    pub failed: u64,
    /// Microseconds of computing.
    pub cpu_us: u64,
    /// The most memory that a call had, in bytes.
    pub memory_bytes: u64,
    /// The 24 hours, the oldest first; the last is the current one.
    pub hours: Vec<PluginHour>,
    /// The last calls without a result, the newest first, at most 20.
    pub faults: Vec<PluginFault>,
    /// The last lines of its log, the newest first, at most 50.
    pub lines: Vec<PluginLine>,
}

/// What a plugin used in an hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginHour {
    /// When the hour began; RFC 3339.
    pub at: String,
    /// Calls that ended.
    pub calls: u64,
    /// Those of them without a result.
    pub failed: u64,
    /// Microseconds of computing.
    pub cpu_us: u64,
    /// The most memory that a call had, in bytes.
    pub memory_bytes: u64,
}

/// A call without a result.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginFault {
    /// RFC 3339
    pub at: String,
    /// The function that was called.
    #[schema(example = "outbound.send")]
    pub function: String,
    /// `trap`, `deadline`, `cpu`, `memory` …
    #[schema(example = "deadline")]
    pub code: String,
    /// The plugin's last words, or the engine's.
    pub words: String,
}

/// A line of a plugin's log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginLine {
    /// RFC 3339
    pub at: String,
    /// `debug`, `info`, `warn` or `error`
    pub level: String,
    /// What it says.
    pub text: String,
}
