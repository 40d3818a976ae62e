//! Write a messaging channel for Sambung.

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

pub use imports::{crypto, kv, log, media_host, secrets, visitor};
pub use optional::{apps, assets, media, profiles, reconcile, signals, templates};

/// Everything that most plugins name.
pub mod prelude {
    pub use crate::apps::{App, Apps, Prepared};
    pub use crate::assets::{Asset, Assets};
    pub use crate::connection::{Account, ConnectStep, Connection, Health};
    pub use crate::inbound::{
        Delivery, Event, Happening, Inbound, Item, Message, Opening, Outcome, Request, Subscription,
    };
    pub use crate::json::{Value, json};
    pub use crate::media::{Media, Source};
    pub use crate::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
    pub use crate::profiles::Profiles;
    pub use crate::reconcile::{Lost, Reconcile, Verdict};
    pub use crate::settings::{self, Settings};
    pub use crate::signals::Signals;
    pub use crate::templates::{Page, Templates};
    pub use crate::types::{Channel, Content, Fault, Finding, Identity, Instruction, MediaRef, Person, Target, Thread};
    pub use crate::windows::{WindowRule, Windows};
    pub use crate::{crypto, export_channel, http, kv, log, media_host, secrets, visitor};
}
