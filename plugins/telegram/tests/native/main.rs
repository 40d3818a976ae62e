//! The plugin's logic, natively: stand-ins of the SDK take the host's place.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod connecting;
mod events;
mod fetching;
mod polling;
mod sending;
mod spec;
mod support;
mod table;
