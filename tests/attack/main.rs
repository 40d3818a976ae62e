//! Attacks on the running program, from outside and from a hostile plugin, while a neighbour is measured. One file for each.
//!
//! `cargo test --release -p sambung-tests --test attack` runs them in full against a release build; a debug build runs a short
//! form ([`scale`]). Each attack starts a [`arena::Arena`], does its harm in [`arena::Arena::under`], prints its figures, and asserts
//! what held. Attacks run one after another, because they measure time.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

mod arena;
mod figures;
mod neighbour;
mod outsider;
mod scale;

mod endless_compile;
mod endpoint_addresses;
mod forges_log;
mod hanging_provider;
mod held_sockets;
mod host_functions;
mod http2_floods;
mod mail_html;
mod many_events;
mod many_pieces;
mod sign_in_keys;
mod slow_backlog;
mod valid_flood;
mod visitors_fill_the_disk;
mod workspace_takes_all;
