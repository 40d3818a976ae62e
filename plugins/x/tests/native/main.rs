//! The plugin's logic, natively: stand-ins of the SDK take the host's place.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod activity;
mod apps;
mod connecting;
mod deliveries;
mod fetching;
mod polling;
mod reconciling;
mod sending;
mod support;
mod table;
