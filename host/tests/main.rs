//! The host, whole: a real database in a temporary folder, real HTTP on a loopback port, real components. One binary, a module
//! for each part.
#![forbid(unsafe_code)]
#![allow(missing_docs, clippy::unwrap_used)]

mod auth;
mod backup;
mod changes;
mod channels;
mod common;
mod console;
mod console_endpoints;
mod console_journal;
mod console_plugins;
mod console_settings;
mod credentials;
mod described;
mod faults;
mod feed;
mod forged_backups;
mod forgotten_visitors;
mod hang_ups;
mod house;
mod inbound;
mod inbox;
mod listener;
mod media;
mod numbers;
mod operations;
mod operators;
mod outbound;
mod pages;
mod plans;
mod plays;
mod plugins;
mod polling;
mod queries;
mod quotas;
mod refusals;
mod repeats;
mod replies;
mod shares;
mod sign_in;
mod slow_bodies;
mod tokens;
mod typing;
mod uploads;
mod widget;
