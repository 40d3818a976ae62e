//! What happens to people and businesses, over real HTTP, with the whole host and the providers' simulators.

mod backup;
mod batch;
mod duplicates;
mod hot_replace;
mod media;
mod new_number;
mod order;
mod retry;
pub(super) mod templates;
mod templates_sync;
mod unknown;
mod unrouted;
mod window;

const CUSTOMER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
pub const PHONE: &str = "16505551234";

/// A text as the API takes it.
fn text(words: &str) -> serde_json::Value {
    serde_json::json!({ "content": { "type": "text", "text": words } })
}

/// Where the messages of a conversation are.
fn messages(conversation: &serde_json::Value) -> String {
    format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap())
}
