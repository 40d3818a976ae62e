//! What Graph's codes mean (Messenger Platform and Instagram Platform, "Error codes"; Graph API, "Handling errors").

use crate::graph::Refusal;
use crate::usage;
use sambung_sdk::http::Response;
use sambung_sdk::json::Value;
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::{Fault, Open};

/// What a code says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The token is refused.
    Unauthorized,
    /// The app or person may not do this; only a person can change that.
    Forbidden,
    /// Too long since the person did anything.
    WindowClosed,
    /// Too fast, for the account.
    Rate,
    /// Too fast, for the whole app.
    AppRate,
    /// The provider's own trouble.
    Transient,
    /// This person cannot be reached.
    Unreachable,
    /// Against the platform's rules; sending on makes it worse.
    Policy,
    /// A file over the size.
    TooLarge,
    /// What was asked about is not there.
    NotFound,
    /// A request that the provider does not take.
    Invalid,
}

/// What a pair of codes means; the status where the provider gave none that is known.
pub fn meaning(code: i64, subcode: i64, status: u16) -> Meaning {
    match (code, subcode) {
        (190 | 102, _) => Meaning::Unauthorized,
        (10, 2_018_278 | 2_534_022 | 2_018_065) => Meaning::WindowClosed,
        (10, 2_018_108) | (551, _) | (200, 1_545_041) | (100, 2_018_001 | 2_534_014) => Meaning::Unreachable,
        (613, 1_893_016) | (368 | 2022, _) | (_, 2_018_300) => Meaning::Policy,
        (4, _) => Meaning::AppRate,
        (17 | 32 | 341 | 613 | 80_002 | 80_006, _) => Meaning::Rate,
        (2, 2_018_344) | (3 | 10 | 200..=299, _) => Meaning::Forbidden,
        (1 | 2 | 1200, _) => Meaning::Transient,
        // The file's address could not be fetched, or not in time.
        (100, 2_018_008 | 2_018_294) => Meaning::Transient,
        (100, 2_018_109) => Meaning::TooLarge,
        (100, 33) | (803, _) => Meaning::NotFound,
        (100, _) => Meaning::Invalid,
        _ => match status {
            401 => Meaning::Unauthorized,
            403 => Meaning::Forbidden,
            404 | 410 => Meaning::NotFound,
            413 => Meaning::TooLarge,
            429 => Meaning::Rate,
            500.. => Meaning::Transient,
            _ => Meaning::Invalid,
        },
    }
}

fn of(refusal: &Refusal, status: u16) -> Meaning {
    let meaning = meaning(refusal.code, refusal.subcode, status);
    if refusal.transient && meaning == Meaning::Invalid { Meaning::Transient } else { meaning }
}

/// A gateway before the API gave up: what became of the request behind it is not known.
fn is_gateways(refusal: &Refusal, status: u16) -> bool {
    refusal.code == 0 && matches!(status, 502 | 504)
}

/// A send that the provider refused under this window rule.
pub fn send_error(response: &Response, rule: Option<&str>) -> SendError {
    let refusal = Refusal::of(response);
    let code = refusal.code_text(response.status);
    let words = refusal.words.clone();
    let wait = usage::wait_ms(response);
    if is_gateways(&refusal, response.status) {
        return SendError::new(SendFault::Unknown, words).code(code);
    }
    let error = match of(&refusal, response.status) {
        Meaning::Unauthorized => SendError::new(SendFault::Unauthorized, words),
        Meaning::Forbidden => other("forbidden", words),
        Meaning::Policy => other("policy", words),
        Meaning::WindowClosed => SendError::new(SendFault::WindowClosed, words).rule(rule.map(str::to_owned)),
        Meaning::Rate => SendError::new(SendFault::RateLimited, words).retry_after_ms(wait),
        Meaning::AppRate => SendError::new(SendFault::RateLimited, words).scope("app").retry_after_ms(wait),
        Meaning::Transient => SendError::new(SendFault::Unavailable, words).retry_after_ms(wait),
        Meaning::Unreachable => SendError::new(SendFault::Unreachable, words),
        Meaning::TooLarge => SendError::new(SendFault::TooLarge, words),
        Meaning::NotFound | Meaning::Invalid => SendError::new(SendFault::Invalid, words),
    };
    error.code(code)
}

fn other(kind: &str, words: String) -> SendError {
    SendError::new(SendFault::Other(Open::new(kind, &Value::Null, words.clone())), words).scope("channel")
}

/// A question that the provider refused.
pub fn fault(response: &Response) -> Fault {
    let refusal = Refusal::of(response);
    let kind = match of(&refusal, response.status) {
        Meaning::Unauthorized => "unauthorized",
        Meaning::Forbidden | Meaning::Policy => "forbidden",
        Meaning::Rate | Meaning::AppRate => "rate-limited",
        Meaning::Transient => "unavailable",
        Meaning::NotFound => "not-found",
        Meaning::WindowClosed | Meaning::Unreachable | Meaning::TooLarge | Meaning::Invalid => "invalid",
    };
    let code = refusal.code_text(response.status);
    Fault::new(kind, refusal.words).code(code).retry_after_ms(usage::wait_ms(response))
}
