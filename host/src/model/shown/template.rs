//! A message template: as it is shown, and what one is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::free::PluginData;

/// A template, with everything that the provider says of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// `<name>:<language>`, which says which template it is as long as there is one.
    #[schema(example = "order_sent:id")]
    pub id: String,
    /// The provider's own id.
    pub provider_id: Option<String>,
    /// Its name at the provider.
    #[schema(example = "order_sent")]
    pub name: String,
    /// As the provider writes it: `id`, `en_US`.
    #[schema(example = "id")]
    pub language: String,
    /// `approved`, or the provider's word.
    #[schema(example = "approved")]
    pub status: String,
    /// Why it was rejected, paused or is in danger, in the provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it may be used here: an admin's switch, of which the provider knows nothing.
    pub enabled: bool,
    /// When it was read last.
    #[schema(example = "2026-11-25T08:00:00.000Z")]
    pub synced_at: String,
    /// `utility`, `marketing`, or the provider's other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What the provider says of how it is received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    /// With its blanks: `{{1}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Halo {{1}}, pesanan dikirim.")]
    pub body: Option<String>,
    /// What stands above the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// `text`, `image`, `video`, `document` or `location`; absent where there is no header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_kind: Option<String>,
    /// What stands below the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// What the reader may press.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buttons: Option<Vec<TemplateButton>>,
    /// As the provider has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PluginData>>)]
    pub components: Option<Vec<Value>>,
    /// What a send gives, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<TemplateParameter>>,
}

/// A button of a template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateButton {
    /// `quick-reply`, `url`, `phone`, `copy-code`, or the provider's other word.
    #[schema(example = "url")]
    pub kind: String,
    /// What is written on it.
    #[serde(default)]
    pub label: Option<String>,
    /// Where it leads.
    #[serde(default)]
    pub url: Option<String>,
    /// The number that it calls.
    #[serde(default)]
    pub phone: Option<String>,
}

/// What a send gives for one blank, or for a header.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateParameter {
    /// The key in a send.
    #[schema(example = "1")]
    pub name: String,
    /// `header`, `body` or `button`
    #[serde(rename = "in")]
    #[schema(example = "body")]
    pub place: String,
    /// `text`, `image`, `video`, `document` or `location`
    #[schema(example = "text")]
    pub kind: String,
    /// What may stand there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Dewi")]
    pub example: Option<String>,
    /// Absent: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The most characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

/// A template to be approved. A text's blanks are `{{1}}`, `{{2}}` and so on without a gap, or `{{a_word}}`, one kind of them in the
/// whole template, and every blank has an example. How long a text may be is the provider's to say.
#[derive(ToSchema)]
pub struct NewTemplate {
    /// Its name at the provider.
    #[schema(example = "order_sent")]
    pub name: String,
    /// As the provider writes it: `id`, `en_US`.
    #[schema(example = "id")]
    pub language: String,
    /// `utility`, `marketing`, or the provider's other words.
    #[schema(example = "utility")]
    pub category: String,
    /// `positional` or `named`: which kind of blanks there are. Filled in where it is absent.
    pub parameter_format: Option<String>,
    /// What stands above the text.
    pub header: Option<NewHeader>,
    /// The text.
    pub body: NewBody,
    /// What stands below the text.
    #[schema(example = "Toko Kopi")]
    pub footer: Option<String>,
    /// What the reader may press.
    pub buttons: Option<Vec<NewButton>>,
}

/// What stands above the text of a template.
#[derive(ToSchema)]
pub struct NewHeader {
    /// `text`, `image`, `video`, `document` or `location`
    #[schema(example = "text")]
    pub kind: String,
    /// Of a text.
    pub text: Option<String>,
    /// What fills each blank of the text in, by the blank's name.
    pub examples: Option<BTreeMap<String, String>>,
    /// Of a file: one that shows the provider what will stand there.
    pub example: Option<ExampleFile>,
}

/// A file that shows what will stand in a header.
#[derive(ToSchema)]
pub struct ExampleFile {
    /// `md_…`
    pub media_id: String,
}

/// The text of a template.
#[derive(ToSchema)]
pub struct NewBody {
    /// With its blanks.
    #[schema(example = "Halo {{1}}, pesanan dikirim.")]
    pub text: String,
    /// What fills each blank in, by the blank's name.
    #[schema(example = json!({"1": "Dewi"}))]
    pub examples: Option<BTreeMap<String, String>>,
}

/// A button of a template.
#[derive(ToSchema)]
pub struct NewButton {
    /// `quick-reply`, `url`, `phone` or `copy-code`
    #[schema(example = "quick-reply")]
    pub kind: String,
    /// What is written on it; for `copy-code` the provider may have its own words.
    #[schema(example = "Terima kasih")]
    pub label: Option<String>,
    /// Of `url`: where it leads. It may end with one blank.
    pub url: Option<String>,
    /// Of `phone`: with the country code.
    pub phone: Option<String>,
    /// The whole address with its blank filled in, or the code.
    pub example: Option<String>,
}
