//! Write a messaging channel for Sambung.
//!
//! A channel is a WebAssembly component, made of one Rust crate. A host loads the file, shows its form to an admin, verifies
//! and stores what its provider sends, and asks it two things: *what does this request mean?* and *deliver this content*.
//! Everything else is the host's: conversations, queues, retries, messaging windows, files, secrets, signatures.
//!
//! This page writes a channel for Pigeon Post, an imaginary provider of short texts. It is complete: the code below is a
//! program that is compiled, tested and run with this crate (`examples/pigeon`).
//!
//! # The crate
//!
//! ```toml
//! [package]
//! name = "pigeon"
//! version = "1.0.0"
//! edition = "2024"
//!
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! sambung-sdk = { git = "…" }
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! It is built with `cargo rustc --release --target wasm32-wasip2 --crate-type cdylib` (the library beside it is for tests, and
//! keeps Cargo from optimising the component as a whole), and installed by moving the `.wasm` file into the host's plugins
//! folder.
//!
//! # What stands in files
//!
//! `plugin.toml`, beside `Cargo.toml`, says what must be known before any code runs: where the plugin may connect, which
//! secrets it names and where they may stand, and how webhooks are verified. `wit/README.md` has every key.
//!
//! ```toml
#![doc = include_str!("../examples/pigeon/plugin.toml")]
//! ```
//!
//! `texts.en.toml` and `texts.id.toml` hold what people read about the channel, in English and Indonesian:
//!
//! ```toml
#![doc = include_str!("../examples/pigeon/texts.en.toml")]
//! ```
//!
//! # The code
//!
//! Five traits, one for each thing that a host asks: [`Settings`](settings::Settings), [`Connection`](connection::Connection),
//! [`Windows`](windows::Windows), [`Inbound`](inbound::Inbound), [`Outbound`](outbound::Outbound). A plugin never holds the
//! value of a secret: it *names* the secret, and the host writes the value while the request leaves. What a plugin cannot
//! do is what it does not implement: there are no stubs and no flags.
//!
//! ```
#![doc = include_str!("../examples/pigeon/pigeon.rs")]
//! ```
//!
//! In a crate of your own the paths of `export_channel!` are `"plugin.toml"`, `"texts.en.toml"` and so on, relative to your
//! `Cargo.toml`.
//!
//! # Rules worth knowing
//!
//! - **`handle_webhook` is a function of its arguments.** It may run ahead, in parallel and again; the clock stands at
//!   `received_at`, randomness is seeded, and there is no network. Make ids from what the provider sent.
//! - **Nothing is dropped in silence.** What you do not know becomes [`Content::unsupported`](types::Content::unsupported),
//!   or [`Item::ignored`](inbound::Item::ignored) with the reason.
//! - **Errors are in the provider's words**, with the setting or the part of the content they belong to.
//! - **A call is one instance**: statics do not live from one call to the next. What a channel must remember goes into
//!   [`kv`]; what a *conversation* needs goes into [`Thread::context`](types::Thread::context) and comes back with it.
//! - **`std` works**, except files, sockets and threads. Requests go through [`http`].
//!
//! # Optional interfaces
//!
//! Implement the trait and list it: `export_channel! { Pigeon, …, optional: [profiles, media] }`.
//!
//! | name | trait | for |
//! | --- | --- | --- |
//! | `templates` | [`Templates`](templates::Templates) | messages that the provider approved beforehand |
//! | `template_authoring` | [`TemplateAuthoring`](template_authoring::TemplateAuthoring) | making and removing them |
//! | `profiles` | [`Profiles`](profiles::Profiles) | names and pictures of people |
//! | `media` | [`Media`](media::Media) | where the bytes of an inbound file are |
//! | `signals` | [`Signals`](signals::Signals) | typing, read, acknowledging a choice |
//! | `reconcile` | [`Reconcile`](reconcile::Reconcile) | what became of a send whose answer was lost |
//! | `polling` | [`Polling`](polling::Polling) | asking the provider for what is new |
//! | `apps` | [`Apps`](apps::Apps) | registrations that several channels share |
//! | `assets` | [`Assets`](assets::Assets) | files for visitors' browsers |
//!
//! # Testing
//!
//! Natively, with `cargo test`: off wasm every import is a stand-in ([`testing`]), as the tests in the code above show. And
//! as a component, in the real runtime with a scripted provider: the crate `sambung-testkit`. How to try it in a running
//! server, with a simulator instead of the provider, stands in `sdk/README.md`.
//!
//! # Features
//!
//! `bump` (on by default) sets a global allocator made for components that live for one call.

#[cfg(all(feature = "bump", target_family = "wasm"))]
mod alloc;
#[doc(hidden)]
pub mod bindings;
pub mod connection;
#[doc(hidden)]
pub mod export;
pub mod http;
mod imports;
pub mod inbound;
pub mod json;
mod optional;
pub mod outbound;
pub mod settings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod types;
pub mod windows;

pub use imports::{crypto, kv, log, mailer, media_host, secrets, visitor};
pub use optional::{apps, assets, media, polling, profiles, reconcile, signals, template_authoring, templates};

/// Everything that most plugins name.
pub mod prelude {
    pub use crate::apps::{App, Apps, Prepared};
    pub use crate::assets::{Asset, Assets};
    pub use crate::connection::{Account, ConnectStep, Connected, Connection, Health, Waiting};
    pub use crate::inbound::{
        Delivery, Event, Happening, Inbound, Item, Message, Opening, Outcome, Request, Subscription,
    };
    pub use crate::json::{Value, json};
    pub use crate::media::{Media, Source};
    pub use crate::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
    pub use crate::polling::{Polled, Polling};
    pub use crate::profiles::Profiles;
    pub use crate::reconcile::{Lost, Reconcile, Verdict};
    pub use crate::settings::{self, Settings};
    pub use crate::signals::Signals;
    pub use crate::template_authoring::TemplateAuthoring;
    pub use crate::templates::{Page, Templates};
    pub use crate::types::{Channel, Content, Fault, Finding, Identity, Instruction, MediaRef, Person, Target, Thread};
    pub use crate::windows::{WindowRule, Windows};
    pub use crate::{crypto, export_channel, http, kv, log, mailer, media_host, secrets, visitor};
}
