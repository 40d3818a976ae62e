//! What the provider's codes mean ("Response codes and errors", and the older API's "Error codes").

use crate::api::{Refusal, reset_after_ms};
use sambung_sdk::http::Response;
use sambung_sdk::json::Value;
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::{Fault, Open};

/// What a refusal says about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The token is refused.
    Unauthorized,
    /// The account or the app may not do this; only a person can change that.
    Forbidden,
    /// Too fast.
    Rate,
    /// The credits are used up.
    Quota,
    /// The provider's own trouble.
    Transient,
    /// This person takes no message from the account, or is not there.
    Unreachable,
    /// A text that is too long.
    TooLong,
    /// A file that is too large.
    TooLarge,
    /// What the provider does not take.
    Invalid,
}

/// Problems of the app and its permissions, not of a person.
const OF_THE_APP: [&str; 5] = [
    "client-forbidden",
    "client-not-enrolled",
    "oauth1-permissions",
    "unsupported-authentication",
    "not-authorized-for-resource",
];

/// What a refusal means.
pub fn meaning(refusal: &Refusal, status: u16) -> Meaning {
    match refusal.code {
        32 | 89 | 99 | 135 | 215 => Meaning::Unauthorized,
        // The same code for a locked account and for somebody who does not follow it; the words tell them apart.
        326 if refusal.names("do not follow") => Meaning::Unreachable,
        64 | 87 | 93 | 220 | 226 | 261 | 326 | 453 => Meaning::Forbidden,
        50 | 63 | 108 | 150 | 349 | 389 => Meaning::Unreachable,
        88 | 185 | 420 => Meaning::Rate,
        130 | 131 | 151 => Meaning::Transient,
        354 => Meaning::TooLong,
        _ => of_status(refusal, status),
    }
}

fn of_status(refusal: &Refusal, status: u16) -> Meaning {
    match status {
        401 => Meaning::Unauthorized,
        402 => Meaning::Quota,
        403 if OF_THE_APP.contains(&refusal.problem.as_str()) => Meaning::Forbidden,
        // "You do not have permission to DM one or more participants."
        403 if refusal.names("to DM") || refusal.names("send messages to") => Meaning::Unreachable,
        403 => Meaning::Forbidden,
        404 | 410 => Meaning::Unreachable,
        413 => Meaning::TooLarge,
        420 | 429 => Meaning::Rate,
        500.. => Meaning::Transient,
        // Refused with 200.
        200..300 => match refusal.problem.as_str() {
            "resource-not-found" | "disallowed-resource" | "resource-unavailable" => Meaning::Unreachable,
            "internal-error" => Meaning::Transient,
            problem if OF_THE_APP.contains(&problem) => Meaning::Forbidden,
            _ => Meaning::Invalid,
        },
        _ => Meaning::Invalid,
    }
}

/// A send that the provider refused.
pub fn send_error(response: &Response) -> SendError {
    let refusal = Refusal::of(response);
    let words = refusal.words.clone();
    let error = match meaning(&refusal, response.status) {
        Meaning::Unauthorized => SendError::new(SendFault::Unauthorized, words),
        Meaning::Forbidden => {
            let open = Open::new("forbidden", &Value::Null, words.clone());
            SendError::new(SendFault::Other(open), words).scope("channel")
        }
        Meaning::Rate => SendError::new(SendFault::RateLimited, words).retry_after_ms(reset_after_ms(response)),
        Meaning::Quota => SendError::new(SendFault::Quota, words),
        Meaning::Transient => SendError::new(SendFault::Unavailable, words),
        Meaning::Unreachable => SendError::new(SendFault::Unreachable, words).scope("message"),
        Meaning::TooLong => SendError::new(SendFault::Invalid, words).field("/text"),
        Meaning::TooLarge => SendError::new(SendFault::TooLarge, words),
        Meaning::Invalid => SendError::new(SendFault::Invalid, words),
    };
    error.code(code(&refusal, response.status))
}

/// A question that the provider refused.
pub fn fault(response: &Response) -> Fault {
    let refusal = Refusal::of(response);
    let kind = match meaning(&refusal, response.status) {
        Meaning::Unauthorized => "unauthorized",
        Meaning::Forbidden | Meaning::Quota => "forbidden",
        Meaning::Rate => "rate-limited",
        Meaning::Transient => "unavailable",
        Meaning::Unreachable => "not-found",
        Meaning::TooLong | Meaning::TooLarge | Meaning::Invalid => "invalid",
    };
    let retry = reset_after_ms(response).filter(|_| kind == "rate-limited");
    Fault::new(kind, refusal.words.clone()).code(code(&refusal, response.status)).retry_after_ms(retry)
}

fn code(refusal: &Refusal, status: u16) -> String {
    match (refusal.code, refusal.problem.as_str()) {
        (0, "" | "about:blank" | "blank") => status.to_string(),
        (0, problem) => problem.to_owned(),
        (code, _) => code.to_string(),
    }
}
