//! A Meta app: registering its webhook address, which every number of its accounts shares.

use crate::WhatsApp;
use crate::api::{GRAPH, ask};
use crate::settings::{APP_SECRET, VERIFY_TOKEN};
use sambung_sdk::apps::{App, Apps, Prepared};
use sambung_sdk::http::Request;
use sambung_sdk::json::{Value, json};
use sambung_sdk::secrets;
use sambung_sdk::types::{Fault, Finding, Instruction};
use serde::Deserialize;

/// What Meta tells: messages with their statuses, and what changes about accounts, numbers and templates.
const FIELDS: &str = "messages,smb_message_echoes,message_template_status_update,message_template_quality_update,\
template_category_update,account_update,account_review_update,phone_number_quality_update,phone_number_name_update,\
user_preferences,security";

#[derive(Deserialize)]
struct Settings {
    app_id: String,
}

impl Apps for WhatsApp {
    fn prepare(app: App) -> Result<Prepared, Vec<Fault>> {
        let settings: Settings = app.read_settings().map_err(|fault| vec![fault])?;
        let Some(address) = app.webhook_url.as_deref() else {
            let text =
                "Meta delivers messages to a public https address only, and this host has none: set server.public_url.";
            return Ok(Prepared::default().instruction(Instruction::new(text)));
        };
        let subscribe = |verify: String| -> Result<(), Fault> {
            let body = json!({
                "object": "whatsapp_business_account",
                "callback_url": address,
                "verify_token": verify,
                "fields": FIELDS,
                "include_values": true,
            });
            ask(&of_app("POST", &settings.app_id)?.json(&body)).map(drop)
        };
        let verify = secrets::marker(VERIFY_TOKEN, "json").map_err(|words| vec![Fault::new("invalid", words)])?;
        subscribe(verify).map_err(|fault| vec![of_secret(fault)])?;
        Ok(Prepared { name: Some(format!("Meta app {}", settings.app_id)), ..Prepared::default() })
    }

    fn check(app: App) -> Result<Vec<Finding>, Fault> {
        let settings: Settings = app.read_settings()?;
        let answer: Subscriptions =
            ask(&of_app("GET", &settings.app_id)?).map_err(of_secret)?.json().map_err(Fault::unavailable)?;
        let ours = answer.data.iter().find(|one| one.object == "whatsapp_business_account");
        let here = ours.and_then(|one| one.callback_url.as_deref());
        if here == app.webhook_url.as_deref() && ours.is_some_and(|one| one.active != Some(false)) {
            return Ok(Vec::new());
        }
        let words = "Meta delivers this app's messages to another address. Save the registration again.";
        Ok(vec![Finding::new("error", "webhook-elsewhere", words)])
    }

    fn release(app: App) -> Result<(), Fault> {
        let settings: Settings = app.read_settings()?;
        let request = of_app("DELETE", &settings.app_id)?.query("object", "whatsapp_business_account");
        ask(&request).map(drop)
    }
}

#[derive(Deserialize)]
struct Subscriptions {
    #[serde(default)]
    data: Vec<Subscribed>,
}

#[derive(Deserialize)]
struct Subscribed {
    object: String,
    callback_url: Option<String>,
    active: Option<bool>,
    #[serde(default, rename = "fields")]
    _fields: Value,
}

/// A request about the app's webhooks, authorized by the app's own token, `{app id}|{app secret}`.
fn of_app(method: &str, app_id: &str) -> Result<Request, Fault> {
    let secret = secrets::marker(APP_SECRET, "url").map_err(|words| Fault::refused(APP_SECRET, words))?;
    Ok(Request::new(method, format!("{GRAPH}/{app_id}/subscriptions?access_token={app_id}%7C{secret}")))
}

fn of_secret(fault: Fault) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" => Fault { kind: "refused".to_owned(), ..fault }.field(APP_SECRET),
        "invalid" | "not-found" => fault.field("app_id"),
        _ => fault,
    }
}
