//! The host, whole: a real database in a temporary folder, real HTTP on a loopback port, real components. One binary, a module
//! for each part.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::unwrap_used)]

mod auth;
mod backup;
mod changes;
mod channels;
mod common;
mod feed;
mod house;
mod inbound;
mod media;
mod operations;
mod outbound;
mod plugins;
mod repeats;
mod widget;
