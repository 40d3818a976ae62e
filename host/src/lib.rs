//! Sambung's host: loads messaging channels as sandboxed components and carries messages between providers and an inbox.
//!
//! The folders are the layers of `ARCHITECTURE.md`, and a module uses only modules of lower layers.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod api;
pub mod app;
pub mod auth;
pub mod backup;
pub mod base_url;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod data_dir;
pub mod db;
pub mod disk;
pub mod feed;
pub mod ids;
pub mod inbound;
pub mod ingress;
pub mod keys;
pub mod mail;
pub mod media;
pub mod model;
pub mod outbound;
pub mod plugins;
pub mod retention;
pub mod upkeep;
pub mod wake;
pub mod web;

/// What the program, its tests and its benchmarks allocate with: values are made on one thread and dropped on another all the
/// time, which the system's allocator pays for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
