//! Filling a template in.
//!
//! A parameter's name is `1`, `2`, … or the template's own word for the body (`body.header` where that word is `header`);
//! `header` for the header's file or place and `header.1` for a blank of its text; `button.0` for the end of the first
//! button's address or a one-time password, `button.0.payload` for what a quick reply carries, `button.0.code` for a coupon.

use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::MediaRef;
use serde::Deserialize;
use std::collections::BTreeMap;

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
            let own = name.strip_prefix("body.").unwrap_or(name);
            body.push((own.parse().unwrap_or(u32::MAX), text_parameter(own, value)?));
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
        if let (Some(name), "document") = (value["name"].as_str(), kind) {
            parameter[kind]["filename"] = json!(name);
        }
        return Ok(parameter);
    }
    if value["latitude"].is_number() {
        return Ok(json!({ "type": "location", "location": value }));
    }
    Ok(json!({ "type": "text", "text": words("header", value)? }))
}

fn button(name: &str, place: &str, value: &Value) -> Result<Value, SendError> {
    let (index, kind) = place.split_once('.').unwrap_or((place, "text"));
    let words = words(name, value)?;
    let (sub_type, parameter) = match kind {
        "payload" => ("quick_reply", json!({ "type": "payload", "payload": words })),
        "code" => ("copy_code", json!({ "type": "coupon_code", "coupon_code": words })),
        _ => ("url", json!({ "type": "text", "text": words })),
    };
    Ok(json!({ "type": "button", "sub_type": sub_type, "index": index, "parameters": [parameter] }))
}
