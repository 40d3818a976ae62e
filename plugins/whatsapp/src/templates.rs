//! Templates as the account has them: listing them, and what must be filled in.

use crate::WhatsApp;
use crate::api::{ask, graph};
use crate::settings::{self, ChannelSettings};
use sambung_sdk::json::{Value, json};
use sambung_sdk::templates::{Page, Templates};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// Templates of one page.
const PAGE: &str = "100";
/// Characters of what fills a blank in ("Messages", object `parameters`).
const MOST_OF_HEADER: u64 = 60;
const MOST_OF_BODY: u64 = 1024;
const MOST_OF_ADDRESS: u64 = 2000;
/// Characters of a coupon ("Coupon code templates").
pub const MOST_OF_CODE: usize = 15;

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
pub fn described(template: &Value) -> Value {
    let text = |name: &str| template[name].as_str();
    let components = template["components"].as_array().map(Vec::as_slice).unwrap_or_default();
    let part = |kind: &str| components.iter().find(|one| is(one, "type", kind));
    let words = |kind: &str| part(kind).and_then(|one| one["text"].as_str());
    let mut described = json!({
        "id": text("id"),
        "name": text("name"),
        "language": text("language"),
        "status": text("status").map(str::to_lowercase),
        "category": text("category").map(str::to_lowercase),
        "body": words("BODY").unwrap_or_default(),
        "buttons": part("BUTTONS").map(|one| list(&one["buttons"]).iter().map(button).collect()).unwrap_or(json!([])),
        "parameters": parameters(components),
        "components": components,
    });
    for (name, kind) in [("header", "HEADER"), ("footer", "FOOTER")] {
        if let Some(words) = words(kind) {
            described[name] = json!(words);
        }
    }
    if let Some(header) = part("HEADER") {
        described["header_kind"] = json!(header["format"].as_str().unwrap_or("TEXT").to_lowercase());
    }
    if let Some(reason) = text("rejected_reason").filter(|reason| *reason != "NONE") {
        described["reason"] = json!(reason);
    }
    if let Some(quality) = template["quality_score"]["score"].as_str() {
        described["quality"] = json!(quality.to_lowercase());
    }
    described
}

fn is(one: &Value, name: &str, word: &str) -> bool {
    one[name].as_str().is_some_and(|said| said.eq_ignore_ascii_case(word))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A button as people see it.
fn button(button: &Value) -> Value {
    let kind = match button["type"].as_str().unwrap_or_default() {
        "PHONE_NUMBER" => "phone".to_owned(),
        other => other.to_lowercase().replace('_', "-"),
    };
    let mut shown = json!({ "kind": kind });
    for (name, own) in [("label", "text"), ("url", "url"), ("phone", "phone_number")] {
        if let Some(words) = button[own].as_str() {
            shown[name] = json!(words);
        }
    }
    shown
}

/// What must be filled in, in order.
fn parameters(components: &[Value]) -> Vec<Value> {
    let mut parameters = Vec::new();
    for component in components {
        let text = component["text"].as_str().unwrap_or_default();
        let example = |place: &str, at: usize, name: &str| example(component, place, at, name);
        match component["type"].as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
            "HEADER" => match component["format"].as_str().unwrap_or("TEXT") {
                "TEXT" => parameters.extend(blanks(text).into_iter().enumerate().map(|(at, name)| {
                    let key = format!("header.{name}");
                    parameter(&key, "header", "text", Some(MOST_OF_HEADER), example("header_text", at, name))
                })),
                format => parameters.push(parameter("header", "header", &format.to_lowercase(), None, None)),
            },
            "BODY" => parameters.extend(blanks(text).into_iter().enumerate().map(|(at, name)| {
                let key = if name == "header" { "body.header" } else { name };
                parameter(key, "body", "text", Some(MOST_OF_BODY), example("body_text", at, name))
            })),
            "BUTTONS" => parameters
                .extend(list(&component["buttons"]).iter().enumerate().filter_map(|(at, one)| of_button(at, one))),
            _ => {}
        }
    }
    parameters
}

fn parameter(name: &str, place: &str, kind: &str, max: Option<u64>, example: Option<&str>) -> Value {
    let mut parameter = json!({ "name": name, "in": place, "kind": kind });
    if let Some(max) = max {
        parameter["max"] = json!(max);
    }
    if let Some(example) = example {
        parameter["example"] = json!(example);
    }
    parameter
}

fn of_button(at: usize, button: &Value) -> Option<Value> {
    let name = format!("button.{at}");
    let example = button["example"].as_str().or(button["example"][0].as_str());
    match button["type"].as_str()? {
        "URL" if button["url"].as_str().is_some_and(|url| url.contains("{{")) => {
            Some(parameter(&name, "button", "text", Some(MOST_OF_ADDRESS), example))
        }
        "OTP" => Some(parameter(&name, "button", "text", Some(MOST_OF_CODE as u64), None)),
        "COPY_CODE" => Some(parameter(&format!("{name}.code"), "button", "text", Some(MOST_OF_CODE as u64), example)),
        "QUICK_REPLY" => {
            let mut payload = parameter(&format!("{name}.payload"), "button", "text", None, None);
            payload["required"] = json!(false);
            Some(payload)
        }
        _ => None,
    }
}

/// The example of a blank: by its place among the positional ones, or by its name.
fn example<'a>(component: &'a Value, place: &str, at: usize, name: &str) -> Option<&'a str> {
    let examples = &component["example"];
    let named = list(&examples[format!("{place}_named_params")]).iter().find(|one| one["param_name"] == name);
    // The body's stand in a list of lists, the header's in a list.
    let positional = examples[place][0][at].as_str().or(examples[place][at].as_str());
    named.and_then(|one| one["example"].as_str()).or(positional)
}

/// The words between `{{` and `}}`, each once, in order.
pub fn blanks(text: &str) -> Vec<&str> {
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
