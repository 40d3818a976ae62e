//! What the stories share: published descriptions of providers' APIs, fixtures that live outside the project, and simulators
//! that behave as the providers' documentation says.
//!
//! Test code: it may name providers, which the host may not.
#![forbid(unsafe_code)]

pub mod api;
pub mod axe;
pub mod bench;
pub mod browser;
pub mod chance;
pub mod chromium;
pub mod described;
pub mod front;
pub mod host;
pub mod openapi;
pub mod pages;
pub mod providers;
pub mod server;

pub use sambung_fixtures as fixtures;
