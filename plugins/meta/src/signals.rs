//! Showing that somebody types, and that the business has read.

use crate::graph::{Access, ask};
use sambung_sdk::json::json;
use sambung_sdk::types::{Fault, Thread};

/// Tells the person. Typing is shown until the next message, for twenty seconds at most.
///
/// # Errors
/// What the provider said.
pub fn signal(access: &Access, thread: &Thread, kind: &str) -> Result<(), Fault> {
    let action = match kind {
        "typing" => "typing_on",
        "read" => "mark_seen",
        _ => return Ok(()),
    };
    if thread.key.starts_with("user_ref:") {
        return Ok(());
    }
    let body = json!({ "recipient": { "id": thread.key }, "sender_action": action });
    ask(&access.request("POST", "me/messages").json(&body)).map(drop)
}
