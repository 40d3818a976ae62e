//! Approved templates: listing them, and filling one in.
//!
//! A parameter's name is `1`, `2`, … or the template's own word for the body; `header` for the header's text or file;
//! `header.1` where the header's text has one; `button.0` for the first button's address suffix, payload or code.

use crate::WhatsApp;
use crate::api::{ask, graph};
use crate::settings::{self, ChannelSettings};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::templates::{Page, Templates};
use sambung_sdk::types::{Channel, Fault, MediaRef};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Templates of one page.
const PAGE: &str = "100";

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    data: Vec<Value>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

impl Templates for WhatsApp {
    fn list_templates(channel: Channel, cursor: Option<String>) -> Result<Page, Fault> {
        let ChannelSettings::Cloud(cloud) = settings::of(&channel)? else {
            // Gateways have no common call for it.
            return Ok(Page::default());
        };
        let mut asked = graph("GET", &format!("{}/message_templates", cloud.business_account_id))
            .query(
                "fields",
                "id,name,status,category,language,components,parameter_format,quality_score,rejected_reason",
            )
            .query("limit", PAGE);
        if let Some(cursor) = &cursor {
            asked = asked.query("after", cursor);
        }
        let listing: Listing = ask(&asked)?.json().map_err(Fault::unavailable)?;
        let more = listing.paging.filter(|paging| paging.next.is_some());
        Ok(Page {
            templates: listing.data.iter().map(|template| described(template).to_string()).collect(),
            next: more.and_then(|paging| paging.cursors).and_then(|cursors| cursors.after),
            ..Page::default()
        })
    }
}

/// A template after `wit/schemas/template.json`.
fn described(template: &Value) -> Value {
    let text = |name: &str| template[name].as_str();
    let components = template["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let part = |kind: &str| {
        components.iter().find(|one| one["type"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(kind)))
    };
    let words = |kind: &str| part(kind).and_then(|one| one["text"].as_str());
    let mut described = json!({
        "id": text("id"),
        "name": text("name"),
        "language": text("language"),
        "status": text("status").map(str::to_lowercase),
        "category": text("category").map(str::to_lowercase),
        "body": words("BODY").unwrap_or_default(),
        "parameters": parameters(components),
        "components": components,
    });
    for (name, kind) in [("header", "HEADER"), ("footer", "FOOTER")] {
        if let Some(words) = words(kind) {
            described[name] = json!(words);
        }
    }
    if let Some(reason) = text("rejected_reason").filter(|reason| *reason != "NONE") {
        described["reason"] = json!(reason);
    }
    if let Some(quality) = template["quality_score"]["score"].as_str() {
        described["quality"] = json!(quality.to_lowercase());
    }
    described
}

/// What must be filled in, in order.
fn parameters(components: &[Value]) -> Vec<Value> {
    let mut parameters = Vec::new();
    for component in components {
        let text = component["text"].as_str().unwrap_or_default();
        match component["type"].as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
            "HEADER" => match component["format"].as_str().unwrap_or("TEXT") {
                "TEXT" => parameters.extend(
                    blanks(text)
                        .into_iter()
                        .map(|name| json!({ "name": format!("header.{name}"), "in": "header", "kind": "text" })),
                ),
                format => {
                    parameters.push(json!({ "name": "header", "in": "header", "kind": format.to_lowercase() }));
                }
            },
            "BODY" => {
                parameters
                    .extend(blanks(text).into_iter().map(|name| json!({ "name": name, "in": "body", "kind": "text" })));
            }
            "BUTTONS" => parameters.extend(button_parameters(component)),
            _ => {}
        }
    }
    parameters
}

fn button_parameters(component: &Value) -> Vec<Value> {
    let buttons = component["buttons"].as_array().map(Vec::as_slice).unwrap_or_default();
    let open = |button: &Value| match button["type"].as_str() {
        Some("URL") => button["url"].as_str().is_some_and(|url| url.contains("{{")),
        Some("COPY_CODE" | "OTP") => true,
        _ => false,
    };
    let numbered = buttons.iter().enumerate().filter(|(_, button)| open(button));
    numbered.map(|(at, _)| json!({ "name": format!("button.{at}"), "in": "button", "kind": "text" })).collect()
}

/// The words between `{{` and `}}`, each once, in order.
fn blanks(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in text.split("{{").skip(1) {
        if let Some((name, _)) = piece.split_once("}}") {
            let name = name.trim();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// A template with what fills it in, after `wit/schemas/template-use.json`.
#[derive(Deserialize)]
struct Use {
    name: String,
    language: String,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
}

/// The file of the header, which must be uploaded first.
pub fn header_file(template: &str) -> Option<MediaRef> {
    let used: Use = json::read(template).ok()?;
    let header = used.parameters.get("header")?;
    let blob = header["blob"].as_str().or(header["media_id"].as_str())?;
    let text = |name: &str| header[name].as_str().map(str::to_owned);
    let file = MediaRef::new(header["kind"].as_str().unwrap_or("image")).blob(blob);
    Some(file.mime(text("mime")).name(text("name")))
}

/// The `template` object of a request.
///
/// # Errors
/// A template use that cannot be read, or a parameter that is none of a template's.
pub fn object(template: &str, uploaded: Option<&str>) -> Result<Value, SendError> {
    let used: Use = json::read(template)
        .map_err(|words| SendError::new(SendFault::Template, format!("the template cannot be read: {words}")))?;
    let mut header = Vec::new();
    let mut body: Vec<(u32, Value)> = Vec::new();
    let mut buttons = Vec::new();
    for (name, value) in &used.parameters {
        if name == "header" {
            header.push(header_parameter(value, uploaded)?);
        } else if let Some(own) = name.strip_prefix("header.") {
            header.push(text_parameter(own, value)?);
        } else if let Some(index) = name.strip_prefix("button.") {
            buttons.push(button(name, index, value)?);
        } else {
            body.push((name.parse().unwrap_or(u32::MAX), text_parameter(name, value)?));
        }
    }
    // By number, since "10" sorts before "2" as text.
    body.sort_by_key(|(number, _)| *number);
    let body: Vec<Value> = body.into_iter().map(|(_, parameter)| parameter).collect();
    let mut components = Vec::new();
    for (kind, parameters) in [("header", header), ("body", body)] {
        if !parameters.is_empty() {
            components.push(json!({ "type": kind, "parameters": parameters }));
        }
    }
    components.extend(buttons);
    let mut object = json!({ "name": used.name, "language": { "code": used.language } });
    if !components.is_empty() {
        object["components"] = json!(components);
    }
    Ok(object)
}

fn words(name: &str, value: &Value) -> Result<String, SendError> {
    match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => {
            let error = SendError::new(SendFault::Template, format!("the parameter {name} needs a text"));
            Err(error.field(format!("/parameters/{name}")))
        }
    }
}

fn text_parameter(name: &str, value: &Value) -> Result<Value, SendError> {
    let mut parameter = json!({ "type": "text", "text": words(name, value)? });
    if name.parse::<u32>().is_err() {
        parameter["parameter_name"] = json!(name);
    }
    Ok(parameter)
}

fn header_parameter(value: &Value, uploaded: Option<&str>) -> Result<Value, SendError> {
    if let Some(id) = uploaded {
        let kind = value["kind"].as_str().unwrap_or("image");
        let mut parameter = json!({ "type": kind });
        parameter[kind] = json!({ "id": id });
        return Ok(parameter);
    }
    if value["latitude"].is_number() {
        return Ok(json!({ "type": "location", "location": value }));
    }
    Ok(json!({ "type": "text", "text": words("header", value)? }))
}

/// A text fills an address in; `{"payload": …}` is what a quick reply carries, `{"code": …}` a coupon.
fn button(name: &str, index: &str, value: &Value) -> Result<Value, SendError> {
    let (kind, parameter) = match (value["payload"].as_str(), value["code"].as_str()) {
        (Some(payload), _) => ("quick_reply", json!({ "type": "payload", "payload": payload })),
        (None, Some(code)) => ("copy_code", json!({ "type": "coupon_code", "coupon_code": code })),
        (None, None) => ("url", json!({ "type": "text", "text": words(name, value)? })),
    };
    Ok(json!({ "type": "button", "sub_type": kind, "index": index, "parameters": [parameter] }))
}
