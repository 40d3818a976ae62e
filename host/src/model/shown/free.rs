//! Names for JSON whose form is not the API's. Every other value of the description has a type, which a test holds.

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Values of settings, by the names of the plugin's settings schema (`GET /v1/plugins/{id}/settings-schema`). A secret is given
/// as its text and shown as `{"set": true}`.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"channel_secret": {"set": true}, "greeting": "Halo!"}))]
pub struct PluginSettings(pub Map<String, Value>);

/// A form: a JSON Schema of the plugin's, with texts in the language of `Accept-Language`.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"type": "object", "properties": {"pin": {"type": "string", "title": "PIN"}}}))]
pub struct PluginForm(pub Map<String, Value>);

/// An answer to the step of a channel: `{"choice": "<id>"}` to `choose`, and to `ask` the values that were asked for.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"choice": "page-1"}))]
pub struct StepAnswer(pub Map<String, Value>);

/// An object in the plugin's own form, which only the plugin's documentation says.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"forwarded": true}))]
pub struct PluginData(pub Map<String, Value>);

/// What is known of an act beside its subject: other fields for each action.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"plugin": "webchat", "name": "Toko"}))]
pub struct AuditDetail(pub Map<String, Value>);

/// More that belongs to a problem: other fields for each code.
#[derive(ToSchema)]
#[schema(value_type = Object, example = json!({"channel": {"id": "ch_01k", "name": "Toko"}}))]
pub struct ProblemMore(pub Map<String, Value>);

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Bytes(pub Vec<u8>);
