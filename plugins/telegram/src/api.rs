//! Where the Bot API is, the envelope of its answers, and what its refusals mean to a caller that only asks (sends have their own
//! reading in `errors`).

use crate::settings::BOT_TOKEN;
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::Value;
use sambung_sdk::secrets;
use sambung_sdk::types::Fault;
use serde::Deserialize;

const API: &str = "https://api.telegram.org";

/// A call of this method, to be given its parameters.
///
/// # Errors
/// No token is set.
pub fn call(method: &str) -> Result<Request, Fault> {
    Ok(Request::post(format!("{API}/bot{}/{method}", token()?)))
}

/// `GET` of a file by the path that `getFile` gave.
///
/// # Errors
/// No token is set.
pub fn file(path: &str) -> Result<Request, Fault> {
    Ok(Request::get(format!("{API}/file/bot{}/{path}", token()?)))
}

fn token() -> Result<String, Fault> {
    secrets::marker(BOT_TOKEN, "raw").map_err(|words| Fault::refused(BOT_TOKEN, words))
}

/// Every answer, of whatever status.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    ok: bool,
    result: Value,
    error_code: u16,
    description: String,
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    /// Seconds.
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// What Telegram says when it refuses.
#[derive(Debug)]
pub struct Refusal {
    /// `error_code`, or the status where the body is none of the API's.
    pub code: u16,
    /// `description`, or the status where it said nothing.
    pub words: String,
    /// When to try again.
    pub retry_after_ms: Option<u64>,
    /// The id of the group that the group became.
    pub moved_to: Option<i64>,
}

/// The result, or the refusal.
///
/// # Errors
/// What Telegram said.
pub fn read(response: &Response) -> Result<Value, Refusal> {
    let envelope: Envelope = response.json().unwrap_or_default();
    if envelope.ok && response.is_success() {
        return Ok(envelope.result);
    }
    let code = if envelope.error_code == 0 { response.status } else { envelope.error_code };
    let words = match envelope.description {
        words if words.is_empty() => format!("Telegram answered with status {code}"),
        words => words,
    };
    let seconds = envelope.parameters.retry_after.and_then(|seconds| seconds.checked_mul(1000));
    Err(Refusal {
        code,
        words,
        retry_after_ms: seconds.or_else(|| response.retry_after_ms()),
        moved_to: envelope.parameters.migrate_to_chat_id,
    })
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.code {
            401 => "unauthorized",
            403 => "forbidden",
            404 => "not-found",
            429 => "rate-limited",
            // Somebody else asks for this bot's updates at this moment.
            409 | 500.. => "unavailable",
            _ => "invalid",
        };
        Fault::new(kind, refusal.words).code(refusal.code.to_string()).retry_after_ms(refusal.retry_after_ms)
    }
}

/// Sends a request and takes anything but a result for a fault.
///
/// # Errors
/// Why there is no answer, or what Telegram said.
pub fn ask(request: &Request) -> Result<Value, Fault> {
    read(&request.send()?).map_err(Fault::from)
}

/// As [`ask`], with the result read into a type.
///
/// # Errors
/// As [`ask`]; an answer of another shape is the provider's trouble.
pub fn ask_for<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, Fault> {
    serde_json::from_value(ask(request)?).map_err(|error| Fault::unavailable(format!("the answer: {error}")))
}
