//! The contract of `wit/` as plain Rust data, and the host's side of its functions.
//!
//! The types are generated from the same text that plugins are built against. They are re-exported as they are: records are
//! structs, variants are enums, everything is owned, cloneable and serialisable. Nothing of wasmtime is visible in them.

#[allow(missing_docs, unused_qualifications, clippy::all, reason = "generated; the documentation is in wit/")]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "everything",
        imports: {
            default: async | trappable,
        },
        exports: {
            default: async,
        },
        additional_derives: [Clone, PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use bindings::exports::sambung::channel::{
    apps, assets, connection, inbound, media, outbound, polling, profiles, reconcile, settings, signals, templates,
    windows,
};
pub use bindings::sambung::channel::{crypto, http, mailer, types};

impl types::Content {
    /// The manifest's word for it (`[limits] contents`).
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(_) => "media",
            Self::Location(_) => "location",
            Self::ContactCards(_) => "contact-cards",
            Self::Interactive(_) => "interactive",
            Self::Choice(_) => "choice",
            Self::Template(_) => "template",
            Self::Mail(_) => "mail",
            Self::Referral(_) => "referral",
            Self::System(_) => "system",
            Self::Unsupported(_) => "unsupported",
            Self::Other(_) => "other",
        }
    }
}
