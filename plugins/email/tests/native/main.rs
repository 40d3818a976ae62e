//! The plugin's logic, natively: stand-ins of the SDK take the host's place.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod connecting;
mod quoting;
mod reports;
mod sending;
mod support;
mod threading;
