//! The address that Telegram posts updates to. Updates that wait at Telegram are kept whatever is done here.
//!
//! The address that was registered last is remembered, so that an address found there later is known for the channel's own or
//! somebody else's.

use crate::api::{ask, ask_for, call};
use crate::settings::WEBHOOK_SECRET;
use sambung_sdk::json::json;
use sambung_sdk::types::Fault;
use sambung_sdk::{kv, secrets};
use serde::Deserialize;

/// What is received. The default of Telegram's leaves out reactions; a kind that is not here could not be shown.
pub const UPDATES: [&str; 11] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "message_reaction",
    "callback_query",
    "my_chat_member",
];

/// Where the registered address is remembered.
const OWN: &str = "webhook";

/// What Telegram says of the address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct WebhookInfo {
    /// Empty: none is registered.
    pub url: String,
    /// Updates that wait there.
    pub pending_update_count: u64,
    /// Seconds since 1970.
    pub last_error_date: Option<u64>,
    /// Why the last delivery failed.
    pub last_error_message: Option<String>,
    /// What is delivered; absent where all of the default is.
    pub allowed_updates: Option<Vec<String>>,
}

impl WebhookInfo {
    /// Asks for it.
    ///
    /// # Errors
    /// Why Telegram did not say.
    pub fn get() -> Result<Self, Fault> {
        ask_for(&call("getWebhookInfo")?)
    }

    /// Whether everything that this version reads is delivered.
    pub fn is_complete(&self) -> bool {
        self.allowed_updates
            .as_ref()
            .is_some_and(|allowed| UPDATES.iter().all(|kind| allowed.iter().any(|one| one == kind)))
    }

    /// Whether this channel registered the address itself.
    pub fn is_own(&self) -> bool {
        !self.url.is_empty() && kv::get(OWN).ok().flatten().is_some_and(|own| own == self.url.as_bytes())
    }
}

/// Has updates delivered to this address.
///
/// # Errors
/// Why Telegram does not take it, in its words.
pub fn set(url: &str) -> Result<(), Fault> {
    let secret = secrets::marker(WEBHOOK_SECRET, "json").map_err(|words| Fault::new("invalid", words))?;
    let body = json!({
        "url": url,
        "secret_token": secret,
        "allowed_updates": UPDATES,
        "drop_pending_updates": false,
    });
    // Before the call that switches: nothing fails after it. What a failed call wanted remembered is forgotten.
    kv::set(OWN, url.as_bytes()).map_err(|words| Fault::new("invalid", words))?;
    ask(&call("setWebhook")?.json(&body)).map(drop).map_err(|fault| match fault.kind.as_str() {
        "invalid" => Fault { code: Some("webhook-refused".to_owned()), ..fault },
        _ => fault,
    })
}

/// Has them kept until they are asked for.
///
/// # Errors
/// Why it could not be done.
pub fn remove() -> Result<(), Fault> {
    ask(&call("deleteWebhook")?.json(&json!({ "drop_pending_updates": false }))).map(drop)
}
