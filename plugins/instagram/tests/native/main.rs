//! The plugin's logic, natively: stand-ins of the SDK take the host's place.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod batches;
mod connecting;
mod people;
mod sending;
mod support;
mod table;
#[path = "../../../meta/testing/told.rs"]
mod told;
