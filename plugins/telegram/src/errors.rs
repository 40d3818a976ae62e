//! What Telegram's refusals of a message mean. A refusal has a status and a sentence; the sentences are those of the server's
//! source, and are told apart by the words that make them one.

use crate::api::Refusal;
use crate::inbound::moved;
use crate::place::Place;
use sambung_sdk::outbound::{SendError, SendFault};

/// Nobody is there any more, or not for this bot.
const GONE: [&str; 9] = [
    "chat not found",
    "user not found",
    "bot was blocked",
    "user is deactivated",
    "can't initiate conversation",
    "can't send messages to bots",
    "bot was kicked",
    "is not a member",
    "chat was deleted",
];
/// A topic or a business account that is not there any more, or rights in a group that the bot does not have.
const SHUT: [&str; 6] = [
    "message thread not found",
    "topic_deleted",
    "topic_closed",
    "business connection not found",
    "business_connection_invalid",
    "not enough rights",
];
const TOO_LARGE: [&str; 4] = ["is too long", "file is too big", "too large", "photo_invalid_dimensions"];

/// A message that was refused.
pub fn send_error(refusal: Refusal, place: &Place) -> SendError {
    let said = refusal.words.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (code, words) = (refusal.code, refusal.words);
    let error = match code {
        _ if let Some(new) = refusal.moved_to => SendError::new(SendFault::Moved, words).moved(moved(place.chat, new)),
        // A token that is none any more is no known address either.
        401 | 404 => SendError::new(SendFault::Unauthorized, words),
        413 => SendError::new(SendFault::TooLarge, words),
        // Most often one chat's limit, so that others are not held back.
        429 => SendError::new(SendFault::RateLimited, words).scope("thread").retry_after_ms(refusal.retry_after_ms),
        503 => SendError::new(SendFault::Unavailable, words).retry_after_ms(refusal.retry_after_ms),
        // It may have been sent, and nothing says which; Telegram knows no key against sending twice.
        500.. => SendError::new(SendFault::Unknown, words),
        _ if says(&SHUT) => SendError::new(SendFault::Unreachable, words).scope("thread"),
        _ if code == 403 || says(&GONE) => {
            SendError::new(SendFault::Unreachable, words).scope(if place.is_private() { "recipient" } else { "thread" })
        }
        _ if says(&TOO_LARGE) => SendError::new(SendFault::TooLarge, words),
        _ => SendError::new(SendFault::Invalid, words),
    };
    error.code(code.to_string())
}

/// What never leaves.
pub fn invalid(field: &str, words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words).field(field)
}
