//! What a plugin may ask of its host while it is called, a file for each interface.
//!
//! Each function begins at the same gate: it is counted, and refused where the table in [`crate::calls`] does not have it.

pub(crate) mod address;
mod crypto;
mod fetch;
pub(crate) mod http;
mod kv;
pub(crate) mod log;
mod mailer;
mod media_host;
pub(crate) mod scrub;
mod secrets;
pub(crate) mod vault;
mod visitor;

/// The words of a refusal by the table of calls.
pub(crate) fn wrong_call(import: &str, function: &str) -> String {
    format!("wrong-call: `{import}` does not answer in `{function}`")
}

/// The vocabulary has no functions.
impl crate::contract::bindings::sambung::channel::types::Host for crate::state::State {}
