//! Mail as bytes: parsed, its sender looked into, and written and handed to a server.
//!
//! It knows neither channels nor how a mail came in or what becomes of it.

mod address;
mod deliver;
mod harmless;
mod parse;
mod tame;
mod verdicts;
mod write;

pub use address::{FORWARDING_ADDRESS, Recipient};
pub use deliver::{Deliverer, DelivererError, Relay};
pub use harmless::harmless;
pub use parse::{FileOfMail, file_of, parse};
pub use verdicts::{Seen, Verdicts, VerdictsError};

/// Writes a mail without files, as it would be handed to a server.
///
/// # Errors
/// Words that say which part cannot be written.
pub fn written(mail: &sambung_runtime::contract::types::Mail) -> Result<Vec<u8>, String> {
    Ok(write::write(mail, Vec::new())?.formatted())
}
