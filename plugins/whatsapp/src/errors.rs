//! What the provider's codes mean (Cloud API, "Error codes"; On-Premises API, "Errors").

use crate::api::refusal;
use crate::windows::CUSTOMER_SERVICE;
use sambung_meta::usage::wait_ms;
use sambung_sdk::http::Response;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::{Fault, Open};

/// What a code says about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The token is refused.
    Unauthorized,
    /// The account may not do this; only a person can change that.
    Forbidden,
    /// More than 24 hours since the customer's last message.
    WindowClosed,
    /// Too fast, for the whole number.
    Rate,
    /// Too fast, for this recipient.
    PairRate,
    /// Held back for quality; sending on makes it worse.
    Spam,
    /// The provider's own trouble.
    Transient,
    /// This person cannot be reached.
    Unreachable,
    /// This person does not want it.
    OptedOut,
    /// A template that is not there, paused, or filled in wrongly.
    Template,
    /// A file that the provider does not take.
    Media,
    /// A content that the provider does not take.
    Invalid,
}

/// What a code means; with a status where the provider gave no code that is known.
pub fn meaning(code: i64, status: u16) -> Meaning {
    match code {
        190 | 1005 => Meaning::Unauthorized,
        0 if status == 401 => Meaning::Unauthorized,
        3 | 10 | 200..=299 | 368 | 402 | 130_497 | 131_005 | 131_031 | 131_037 | 131_042 | 131_045 | 133_010 => {
            Meaning::Forbidden
        }
        470 | 131_047 => Meaning::WindowClosed,
        4 | 429 | 1015 | 80_007 | 130_429 | 133_016 => Meaning::Rate,
        131_056 => Meaning::PairRate,
        471 | 131_048 => Meaning::Spam,
        1 | 2 | 408 | 500 | 1011 | 1014 | 1016 | 131_000 | 131_016 | 131_057 | 133_004 => Meaning::Transient,
        410 | 472 | 1013 | 1026 | 130_472 | 131_026 | 131_049 | 131_062 | 131_063 => Meaning::Unreachable,
        131_050 => Meaning::OptedOut,
        2000..=2012 | 132_000..=132_999 => Meaning::Template,
        131_052 | 131_053 => Meaning::Media,
        _ => match status {
            401 => Meaning::Unauthorized,
            403 => Meaning::Forbidden,
            429 => Meaning::Rate,
            500.. => Meaning::Transient,
            _ => Meaning::Invalid,
        },
    }
}

/// A send that the provider refused.
pub fn send_error(response: &Response) -> SendError {
    let refusal = refusal(response);
    let retry = wait_ms(response);
    let words = refusal.words;
    let error = match meaning(refusal.code, response.status) {
        Meaning::Unauthorized => SendError::new(SendFault::Unauthorized, words),
        Meaning::Forbidden => other("forbidden", words).scope("channel"),
        Meaning::WindowClosed => SendError::new(SendFault::WindowClosed, words).rule(Some(CUSTOMER_SERVICE.to_owned())),
        Meaning::Rate => SendError::new(SendFault::RateLimited, words).retry_after_ms(retry),
        Meaning::PairRate => SendError::new(SendFault::RateLimited, words).scope("recipient").retry_after_ms(retry),
        Meaning::Spam => SendError::new(SendFault::Quota, words),
        Meaning::Transient => SendError::new(SendFault::Unavailable, words).retry_after_ms(retry),
        Meaning::Unreachable => SendError::new(SendFault::Unreachable, words).scope("message"),
        Meaning::OptedOut => SendError::new(SendFault::OptedOut, words).scope("message"),
        Meaning::Template => SendError::new(SendFault::Template, words),
        Meaning::Media | Meaning::Invalid => SendError::new(SendFault::Invalid, words),
    };
    if refusal.code == 0 { error.code(response.status.to_string()) } else { error.code(refusal.code.to_string()) }
}

fn other(kind: &str, words: String) -> SendError {
    SendError::new(SendFault::Other(Open::new(kind, &Value::Null, words.clone())), words)
}

/// A question that the provider refused.
pub fn fault(response: &Response) -> Fault {
    let refusal = refusal(response);
    let kind = match meaning(refusal.code, response.status) {
        Meaning::Unauthorized => "unauthorized",
        Meaning::Forbidden => "forbidden",
        Meaning::Rate | Meaning::PairRate | Meaning::Spam => "rate-limited",
        Meaning::Transient => "unavailable",
        _ if response.status == 404 || response.status == 410 => "not-found",
        _ => "invalid",
    };
    let code = if refusal.code == 0 { i64::from(response.status) } else { refusal.code };
    Fault::new(kind, refusal.words).code(code.to_string()).retry_after_ms(wait_ms(response))
}

/// Why a message that was accepted did not arrive, after `schemas/failure.json`.
pub fn failure(code: i64, words: &str) -> Value {
    let fault = match meaning(code, 400) {
        Meaning::Unauthorized => "unauthorized",
        Meaning::Forbidden => "forbidden",
        Meaning::WindowClosed => "window-closed",
        Meaning::Rate | Meaning::PairRate => "rate-limited",
        Meaning::Spam => "quota",
        Meaning::Transient => "unavailable",
        Meaning::Unreachable => "unreachable",
        Meaning::OptedOut => "opted-out",
        Meaning::Template => "template",
        Meaning::Media | Meaning::Invalid => "invalid",
    };
    json!({ "fault": fault, "code": code.to_string(), "words": words })
}
