//! The plugin's logic, natively: stand-ins of the SDK take the host's place.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod apps;
mod authoring;
mod batches;
mod connecting;
mod fetching;
mod sending;
mod support;
mod table;
mod templates;
