//! The schema of what a message holds. [`crate::model::content`] reads and writes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::contact::Identity;
use super::free::PluginData;

/// One content, or a list where a message has several.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Contents {
    /// One content.
    One(Box<Content>),
    /// Several, at most 64.
    Several(Vec<Content>),
}

/// What a message holds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Content {
    /// A text.
    Text(Text),
    /// A file: picture, video, sound, document or sticker.
    Media(MediaContent),
    /// A place.
    Location(Location),
    /// Address-book entries.
    ContactCards(ContactCards),
    /// Buttons, lists and the like, in the plugin's form.
    Interactive(Open),
    /// The customer pressed a button.
    Choice(Choice),
    /// A template that the provider approved.
    Template(TemplateContent),
    /// A mail.
    Mail(Box<Mail>),
    /// Where the customer came from: an advertisement, a link.
    Referral(Open),
    /// A line of the provider's or of the host's.
    System(SystemLine),
    /// Something that the provider does not hand over.
    Unsupported(Unknown),
    /// Something that the plugin does not know.
    Other(Unknown),
}

/// A text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Text {
    /// The text without markup.
    #[schema(example = "Halo, apakah toko buka?")]
    pub text: String,
    /// How parts of it are set, in the plugin's form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub format: Option<Value>,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// What is known of a file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct File {
    /// `image`, `video`, `audio`, `voice`, `document`, `sticker` or `animation`
    #[schema(example = "image")]
    pub kind: String,
    /// `md_…`: read it at `/v1/media/{id}`. Absent where the file cannot be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_id: Option<String>,
    /// `stored`, `pending`, `failed` or `deleted`
    #[serde(default)]
    pub state: Option<String>,
    /// Why it is not stored.
    #[serde(default)]
    pub reason: Option<String>,
    /// Its media type.
    #[serde(default)]
    pub mime: Option<String>,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its size.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// In pixels.
    #[serde(default)]
    pub width: Option<u32>,
    /// In pixels.
    #[serde(default)]
    pub height: Option<u32>,
    /// In milliseconds.
    #[serde(default)]
    pub duration_ms: Option<u64>,
    /// Of a file of a mail: its `Content-ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_id: Option<String>,
    /// Of a file of a mail: it stands within the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<bool>,
}

/// A file with its caption.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MediaContent {
    /// The file.
    #[serde(flatten)]
    pub file: File,
    /// The text under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// A place.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Location {
    /// In degrees, from -90 to 90.
    pub latitude: f64,
    /// In degrees, from -180 to 180.
    pub longitude: f64,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// Address-book entries.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContactCards {
    /// In the plugin's form.
    #[schema(value_type = Vec<PluginData>)]
    pub cards: Value,
}

/// An object in the plugin's form; what is no object stands under `data`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Open {
    /// The plugin's own fields.
    #[serde(flatten)]
    #[schema(value_type = PluginData)]
    pub fields: Map<String, Value>,
}

/// A button that the customer pressed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    /// The button's id.
    pub id: String,
    /// What stood on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The provider's message that had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProviderMessage>)]
    pub of: Option<Value>,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// A message as its provider knows it.
#[derive(ToSchema)]
pub struct ProviderMessage {
    /// The provider's id.
    pub id: String,
    /// What the plugin needs to refer to it.
    pub context: Option<String>,
}

/// The values of a template's parameters.
#[derive(ToSchema)]
pub struct TemplateValues {
    /// By the parameter's name.
    #[schema(example = json!({"1": "Dewi"}))]
    pub parameters: Option<BTreeMap<String, TemplateValue>>,
}

/// What fills a parameter in.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TemplateValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A file.
    File(Box<TemplateFile>),
    /// A place.
    Place(Box<Location>),
}

/// A file that fills a parameter in.
#[derive(Serialize, ToSchema)]
pub struct TemplateFile {
    /// `md_…`
    pub media_id: String,
    /// Its name for the reader.
    pub name: Option<String>,
}

/// A template with its values.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateContent {
    /// Its name at the provider.
    pub name: String,
    /// `en`, `id`, `pt_BR`, …
    pub language: String,
    /// The values of its parameters.
    #[serde(flatten)]
    #[schema(value_type = TemplateValues)]
    pub fields: Map<String, Value>,
}

/// Sender and recipients of an SMTP session.
#[derive(ToSchema)]
pub struct MailEnvelope {
    /// Who sent it; empty for a report.
    pub sender: Option<String>,
    /// Whom it was for.
    pub recipients: Vec<String>,
}

/// What one of SPF, DKIM and DMARC says of a mail.
#[derive(ToSchema)]
pub struct MailVerdict {
    /// `spf`, `dkim` or `dmarc`
    pub method: String,
    /// `pass`, `fail`, `none` …
    pub verdict: String,
    /// Of which domain.
    pub domain: Option<String>,
}

/// A part of a delivery report.
#[derive(ToSchema)]
pub struct MailReportPart {
    /// Its media type.
    pub mime: String,
    /// What stands in it.
    pub text: String,
}

/// A mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Mail {
    /// Of the SMTP session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MailEnvelope>)]
    pub envelope: Option<Value>,
    /// Header fields as they came: `[name, value]`.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Authors.
    #[serde(default)]
    pub from: Vec<Mailbox>,
    /// Receivers.
    #[serde(default)]
    pub to: Vec<Mailbox>,
    /// Receivers of a copy.
    #[serde(default)]
    pub cc: Vec<Mailbox>,
    /// Where an answer goes.
    #[serde(default)]
    pub reply_to: Vec<Mailbox>,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Without angle brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// Message ids that it answers.
    #[serde(default)]
    pub in_reply_to: Vec<String>,
    /// Message ids of its thread.
    #[serde(default)]
    pub references: Vec<String>,
    /// When its author says that it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The HTML, made harmless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Its files.
    #[serde(default)]
    pub files: Vec<File>,
    /// What SPF, DKIM and DMARC say.
    #[serde(default)]
    #[schema(value_type = Vec<MailVerdict>)]
    pub authentication: Vec<Value>,
    /// Of a delivery report: its parts.
    #[serde(default)]
    #[schema(value_type = Vec<MailReportPart>)]
    pub report: Vec<Value>,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// A mail address with the name beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Mailbox {
    /// `sari@example.com`
    pub address: String,
    /// As its owner writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A line of the provider's or of the host's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SystemLine {
    /// In English.
    pub text: String,
    /// Of a line of the host's: stable, for those who show their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Something of a form that is not known.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Unknown {
    /// The provider's word for it.
    pub kind: String,
    /// What can be said of it, for people.
    pub line: String,
    /// As the provider sent it.
    #[schema(value_type = PluginData)]
    pub data: Value,
    /// What else the plugin says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PluginData>)]
    pub extra: Option<Map<String, Value>>,
}

/// Whom a conversation is begun with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Recipient {
    /// A contact who is known.
    Contact {
        /// `ct_…`
        contact_id: String,
    },
    /// One identity.
    Identity(Identity),
    /// Identities of one person, at most 20.
    Identities(Vec<Identity>),
}
