//! Mail as bytes: parsed, its sender looked into, and written and handed to a server.
//!
//! It knows neither channels nor how a mail came in or what becomes of it.

mod address;
mod deliver;
mod parse;
mod tame;
mod verdicts;
mod write;

pub use address::{FORWARDING_ADDRESS, Recipient};
pub use deliver::{Deliverer, DelivererError, Relay};
pub use parse::{FileOfMail, file_of, parse};
pub use verdicts::{Seen, Verdicts, VerdictsError};
