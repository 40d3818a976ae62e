//! Runs a built channel in the real runtime: the same sandbox, limits, recipes and destinations as in a host, with services
//! in memory, a provider that answers from a script, and a clock that stands still.
//!
//! It knows no database and no server: what conversations and messages become is the host's business, and its tests'.
//!
//! ```no_run
//! use sambung_testkit::{Build, Kit, Webhook};
//! use serde_json::json;
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let mut kit = Kit::load(Build::package(env!("CARGO_MANIFEST_DIR")).run()?).await?;
//! kit.fill_in(&json!({"token": "t0ken"})).expect("the form is right");
//! kit.provider().expect("GET", "/me").answer(200, json!({"id": "u1", "name": "Shop"}));
//! kit.connect(None).await?;
//!
//! let answer = kit.webhook(&Webhook::post(r#"{"id":"m1","from":"u2","text":"hai"}"#).header("x-key", "k3y")).await?;
//! assert_eq!(answer.events().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! A test is `#[tokio::test]`, so the crate under test has `tokio` and `serde_json` among its dev-dependencies. `Build` runs
//! `cargo build` for the component into a folder of its own; the first time takes as long as a release does.
//!
//! A webhook is signed as the provider signs it, for which the SDK's stand-in computes:
//!
//! ```ignore
//! use sambung_sdk::{crypto, crypto::Piece};
//!
//! fn signed(body: &str) -> Webhook {
//!     let mac = crypto::hmac("sha256", &[Piece::from("s1gn")], &[Piece::from(body)]).expect("known");
//!     let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
//!     Webhook::post(body).header("x-signature", hex)
//! }
//! ```
//!
//! [`WebhookAnswer::refused`] says why one was not taken for the provider's. Contents and threads are those of [`contract`],
//! records with every field public; what the plugin itself sees are the SDK's types of the same names.

#![forbid(unsafe_code)]

mod component;
pub mod conformance;
mod kit;
mod memory;
mod provider;
mod webhook;

pub use component::Build;
pub use kit::Kit;
pub use memory::Blob;
pub use provider::{Expectation, Provider, Seen};
pub use sambung_runtime::{contract, manifest};
pub use webhook::{Webhook, WebhookAnswer};

use sambung_runtime::contract::connection::ConnectStep;
use sambung_runtime::contract::types::Fault;
use sambung_runtime::manifest::settings::SettingFault;
use sambung_runtime::{CallError, EngineError, LoadError};

/// Why the kit could not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    /// The plugin's crate does not become a component.
    #[error("the plugin does not build: {0}")]
    Build(String),
    /// The engine does not start here.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A host would refuse the file.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The call ended without a result: a crash or a limit.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no place for native code.
    #[error("a temporary folder for compiled components: {0}")]
    Folder(#[source] std::io::Error),
    /// The scripted provider has no address.
    #[error("the scripted provider does not start: {0}")]
    Provider(#[source] std::io::Error),
    /// The form is not filled in as the plugin's schema wants.
    #[error("the form: {0:?}")]
    Form(Vec<SettingFault>),
    /// The plugin's answer.
    #[error("the plugin answered: {0:?}")]
    Faults(Vec<Fault>),
    /// Somebody has to do something before the channel can be registered.
    #[error("connecting stands at a step: {0:?}")]
    Step(Box<ConnectStep>),
    /// The plugin cannot understand the request as a whole.
    #[error("parked: {0}")]
    Parked(String),
    /// `handle-webhook` is not a function of its arguments.
    #[error("two translations of one request differ")]
    Replay,
}
