//! Where LINE's API is, and what its refusals mean to a caller that only asks (sends have their own reading in `outbound`).

use crate::settings::ACCESS_TOKEN;
use sambung_sdk::http::{Request, Response, encode};
use sambung_sdk::types::Fault;
use serde::Deserialize;

const API: &str = "https://api.line.me";
const DATA: &str = "https://api-data.line.me";

/// `GET` of a path below the API.
pub fn get(path: &str) -> Request {
    Request::get(format!("{API}{path}")).bearer(ACCESS_TOKEN)
}

/// `POST` to a path below the API.
pub fn post(path: &str) -> Request {
    Request::post(format!("{API}{path}")).bearer(ACCESS_TOKEN)
}

/// `PUT` to a path below the API.
pub fn put(path: &str) -> Request {
    Request::put(format!("{API}{path}")).bearer(ACCESS_TOKEN)
}

/// `GET` of something about a message's bytes, which live on a host of their own.
pub fn content(message: &str, what: &str) -> Request {
    Request::get(format!("{DATA}/v2/bot/message/{}/{what}", encode(message))).bearer(ACCESS_TOKEN)
}

/// LINE's error body.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    /// One of the documented sentences.
    pub message: String,
    /// What is wrong with which property; left out when empty.
    pub details: Vec<ErrorDetail>,
    /// With 409: what the first request of this retry key sent.
    pub sent_messages: Vec<SentMessage>,
}

/// One property that LINE refuses.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    /// Why.
    pub message: String,
    /// `messages[0].text`.
    pub property: String,
}

/// A message that LINE took.
#[derive(Deserialize)]
pub struct SentMessage {
    /// Its id.
    pub id: String,
}

impl ErrorBody {
    /// Reads it; a body that is none (a proxy's page) gives empty words.
    pub fn of(response: &Response) -> Self {
        response.json().unwrap_or_default()
    }

    /// LINE's sentence with its details, or the status where it said nothing.
    pub fn words(&self, status: u16) -> String {
        if self.message.is_empty() {
            return format!("LINE answered with status {status}");
        }
        let mut words = self.message.clone();
        for detail in &self.details {
            words.push_str("; ");
            if !detail.property.is_empty() {
                words.push_str(&detail.property);
                words.push_str(": ");
            }
            words.push_str(&detail.message);
        }
        words
    }
}

/// What an answer that is no success means where nothing was sent.
pub fn fault(response: &Response) -> Fault {
    let words = ErrorBody::of(response).words(response.status);
    let kind = match response.status {
        401 => "unauthorized",
        403 => "forbidden",
        404 | 410 => "not-found",
        429 => "rate-limited",
        500.. => "unavailable",
        _ => "invalid",
    };
    Fault::new(kind, words).code(response.status.to_string()).retry_after_ms(response.retry_after_ms())
}

/// Sends a request and takes anything but 2xx for a fault.
///
/// # Errors
/// Why there is no answer, or what LINE said.
pub fn ask(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() { Ok(response) } else { Err(fault(&response)) }
}
