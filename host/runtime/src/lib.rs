//! The sandbox: loads one channel component and calls it with limits, capabilities and an account of what it used.
//!
//! It knows the contract (`wit/`) and wasmtime, and nothing of databases, servers or configuration files: what a plugin may
//! reach beyond its own arguments comes through the traits of [`Services`].
#![deny(missing_docs)]

pub mod background;
pub mod call;
pub mod contract;
pub mod egress;
pub mod limits;
pub mod manifest;
pub mod oauth2;
pub mod recipe;
pub mod services;
pub mod shares;

mod assets;
mod cache;
mod calls;
mod capabilities;
mod compiler;
mod engine;
mod exports;
mod inspect;
mod invoke;
mod issuers;
mod load;
mod meter;
pub mod permissions;
mod places;
mod plugin;
mod runtime;
mod shape;
mod state;
mod stopwatch;
mod wasi;
mod workers;

pub use call::{CallError, CallFault, Called, Caller, Done, Effects, KeptSecret, KvWrite, Usage, VisitorEntry};
pub use capabilities::address::WEBHOOK_URL;
pub use capabilities::http::download::{Download, DownloadError, Downloaded};
pub use capabilities::vault::Markers;
pub use compiler::{compile_for_parent, compile_with};
pub use engine::EngineError;
pub use inspect::{CONTRACT, Inspection, Interfaces};
pub use issuers::Verifier;
pub use limits::Limits;
pub use load::LoadError;
pub use meter::Over;
pub use plugin::Plugin;
pub use runtime::{Runtime, RuntimeConfig};
pub use services::{
    Audience, BlobMeta, BlobRead, BlobWrite, Blobs, Kv, Leaving, MailRoute, MailSecurity, Mailer, NoMail, NoOutcomes,
    Outcomes, SecretValue, Secrets, ServiceError, Services,
};
pub use shape::CodeLimits;
