//! Addresses that X delivers to ("V2 Webhooks API"): one is registered once and used again. X calls it while it registers
//! it, and takes it only when the answer proves the consumer secret.

use crate::api::{Refusal, ask, to};
use crate::errors;
use sambung_sdk::http::{Request, Response, encode};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Fault;
use serde::Deserialize;

/// Why there is no webhook.
#[derive(Debug)]
pub enum NoWebhook {
    /// The app has as many as its access level allows.
    Limit(Fault),
    /// The app may not have any.
    NoAccess(Fault),
    /// X called the address and was not answered as it wants.
    Unreachable(Fault),
    /// Something that may be over later.
    Passing(Fault),
}

/// A registered address.
#[derive(Deserialize)]
pub struct Webhook {
    /// What the API calls it.
    pub id: String,
    /// The address.
    #[serde(default)]
    pub url: String,
    /// Whether X delivers to it.
    #[serde(default)]
    pub valid: bool,
}

/// A webhook that X delivers to.
pub struct Ensured {
    /// What the API calls it.
    pub id: String,
    /// It was registered just now.
    pub is_new: bool,
    /// What the API calls the app's other webhooks.
    pub others: Vec<String>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    data: Vec<Webhook>,
}

/// The webhook of this address.
///
/// # Errors
/// Why X does not say.
pub fn find(bearer: &str, address: &str) -> Result<Option<Webhook>, Fault> {
    Ok(all(bearer)?.into_iter().find(|webhook| webhook.url == address))
}

/// Every webhook of the app.
fn all(bearer: &str) -> Result<Vec<Webhook>, Fault> {
    let listed: Listed = ask(&to("GET", "/2/webhooks").bearer(bearer))?.json().map_err(Fault::unavailable)?;
    Ok(listed.data)
}

/// The webhook of this address, registered or validated again where that is needed.
///
/// # Errors
/// Why there is none.
pub fn ensure(bearer: &str, address: &str) -> Result<Ensured, NoWebhook> {
    let (mut own, others): (Vec<_>, Vec<_>) =
        all(bearer).map_err(of_fault)?.into_iter().partition(|webhook| webhook.url == address);
    let others = others.into_iter().map(|webhook| webhook.id).collect();
    match own.pop() {
        Some(webhook) if webhook.valid => Ok(Ensured { id: webhook.id, is_new: false, others }),
        Some(webhook) => {
            let validate = to("PUT", &format!("/2/webhooks/{}", encode(&webhook.id))).bearer(bearer);
            made(&validate).map(|_| Ensured { id: webhook.id, is_new: false, others })
        }
        None => {
            let register = to("POST", "/2/webhooks").bearer(bearer).json(&json!({ "url": address }));
            let answer: Value =
                made(&register)?.json().map_err(|words| NoWebhook::Passing(Fault::unavailable(words)))?;
            let id = answer["data"]["id"].as_str().or(answer["data"][0]["id"].as_str());
            id.map(|id| Ensured { id: id.to_owned(), is_new: true, others }).ok_or_else(|| {
                NoWebhook::Passing(Fault::unavailable("X registered the address and did not say under which id"))
            })
        }
    }
}

/// Takes an address back.
///
/// # Errors
/// What X said.
pub fn remove(bearer: &str, id: &str) -> Result<(), Fault> {
    ask(&to("DELETE", &format!("/2/webhooks/{}", encode(id))).bearer(bearer)).map(drop)
}

fn made(request: &Request) -> Result<Response, NoWebhook> {
    let response = request.send().map_err(|error| NoWebhook::Passing(error.into()))?;
    if response.is_success() {
        return Ok(response);
    }
    let refusal = Refusal::of(&response);
    let fault = errors::fault(&response);
    Err(if refusal.names("WebhookLimitExceeded") {
        NoWebhook::Limit(fault)
    } else if refusal.names("CrcValidationFailed") || refusal.names("UrlValidationFailed") {
        NoWebhook::Unreachable(fault)
    } else {
        of_fault(fault)
    })
}

fn of_fault(fault: Fault) -> NoWebhook {
    match fault.kind.as_str() {
        "unavailable" | "rate-limited" => NoWebhook::Passing(fault),
        _ => NoWebhook::NoAccess(fault),
    }
}
