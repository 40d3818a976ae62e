//! A Meta app: registering the address that all accounts of a platform share (Graph API, "Webhooks", subscriptions).

use crate::graph::{APP_SECRET, GRAPH, ask};
use sambung_sdk::apps::{App, Prepared};
use sambung_sdk::http::Request;
use sambung_sdk::json::{Value, json};
use sambung_sdk::secrets;
use sambung_sdk::types::{Fault, Finding, Instruction};

/// What Meta says back when an address is registered.
pub const VERIFY_TOKEN: &str = "verify_token";

/// What an app is told of.
pub struct Webhooks {
    /// What webhooks and subscriptions call the platform: "page", "instagram".
    pub object: &'static str,
    /// What an app asks to be told.
    pub fields: &'static str,
}

/// The setting that names the app.
const APP_ID: &str = "app_id";

fn app_id(app: &App) -> Result<String, Fault> {
    let settings: Value = app.settings.parse().unwrap_or_default();
    let id = settings[APP_ID].as_str().map(str::to_owned);
    id.ok_or_else(|| Fault::new("invalid", "the registration names no app").field(APP_ID))
}

/// Registers the app's address.
///
/// # Errors
/// What Meta said, with the setting that is to blame.
pub fn prepare(webhooks: &Webhooks, app: &App) -> Result<Prepared, Vec<Fault>> {
    let id = app_id(app).map_err(|fault| vec![fault])?;
    let Some(address) = app.webhook_url.as_deref() else {
        let text =
            "Meta delivers messages to a public https address only, and this host has none: set server.public_url.";
        return Ok(Prepared::default().instruction(Instruction::new(text).reason("no-public-url")));
    };
    register(webhooks, &id, address).map_err(|fault| vec![of_secret(fault)])?;
    Ok(Prepared { name: Some(format!("Meta app {id}")), ..Prepared::default() })
}

fn register(webhooks: &Webhooks, app_id: &str, address: &str) -> Result<(), Fault> {
    let verify = secrets::marker(VERIFY_TOKEN, "json").map_err(|words| Fault::new("invalid", words))?;
    let body = json!({
        "object": webhooks.object,
        "callback_url": address,
        "verify_token": verify,
        "fields": webhooks.fields,
        "include_values": true,
    });
    ask(&of_app("POST", app_id)?.json(&body)).map(drop)
}

/// Whether the app delivers here, and everything.
///
/// # Errors
/// Why Meta could not be asked.
pub fn check(webhooks: &Webhooks, app: &App) -> Result<Vec<Finding>, Fault> {
    let id = app_id(app)?;
    let answer = ask(&of_app("GET", &id)?).map_err(of_secret)?.value();
    let Some(all) = answer["data"].as_array() else {
        return Err(Fault::unavailable("Meta does not say where it delivers this app's messages"));
    };
    let ours = all.iter().find(|one| one["object"] == webhooks.object);
    let here = ours.and_then(|one| one["callback_url"].as_str());
    if here != app.webhook_url.as_deref() || ours.is_some_and(|one| one["active"] == false) {
        let words = "Meta delivers this app's messages to another address. Save the registration again.";
        return Ok(vec![Finding::new("error", "webhook-elsewhere", words)]);
    }
    let told: Vec<&str> = ours.iter().filter_map(|one| one["fields"].as_array()).flatten().filter_map(name).collect();
    let missing: Vec<&str> = webhooks.fields.split(',').filter(|field| !told.contains(field)).collect();
    if told.is_empty() || missing.is_empty() {
        return Ok(Vec::new());
    }
    let words = format!("Meta does not tell this app of {}. Save the registration again.", missing.join(", "));
    Ok(vec![Finding::new("warning", "webhook-fields", words)])
}

/// Takes the app's address back.
///
/// # Errors
/// What Meta said.
pub fn release(webhooks: &Webhooks, app: &App) -> Result<(), Fault> {
    let id = app_id(app)?;
    ask(&of_app("DELETE", &id)?.query("object", webhooks.object)).map(drop)
}

/// Of a field with its version; old answers have the name alone.
fn name(field: &Value) -> Option<&str> {
    field["name"].as_str().or_else(|| field.as_str())
}

/// A request about the app's webhooks, authorized by the app's own token, `{app id}|{app secret}`.
fn of_app(method: &str, app_id: &str) -> Result<Request, Fault> {
    let secret = secrets::marker(APP_SECRET, "url").map_err(|words| Fault::refused(APP_SECRET, words))?;
    Ok(Request::new(method, format!("{GRAPH}/{app_id}/subscriptions?access_token={app_id}%7C{secret}")))
}

fn of_secret(fault: Fault) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" => fault.at_connecting().field(APP_SECRET),
        "invalid" | "not-found" => fault.field(APP_ID),
        _ => fault,
    }
}
