//! E-mail: what is forwarded to the channel's address comes in, and answers go out by SMTP.
//!
//! A pure translation: the host speaks SMTP, parses MIME and holds the password; this decides what a mail is (a message, a
//! report about one, an automatic answer, a provider's question), which conversation it belongs to, and how an answer is
//! addressed. Sources: RFC 5322, 3464, 3834, 5965, 8098.
#![forbid(unsafe_code)]

mod automatic;
mod confirmation;
mod connection;
mod ids;
mod inbound;
mod outbound;
mod quotes;
mod report;
mod settings;
mod threads;

/// The channel.
pub struct Email;

/// The scheme of a person's identity: an address in lower case, unique in the world.
pub const SCHEME: &str = "email";
/// The name of the address that the host generated.
pub const FORWARDING_ADDRESS: &str = "forwarding_address";

impl sambung_sdk::windows::Windows for Email {
    /// A business may always write.
    fn window_rules() -> Vec<sambung_sdk::windows::WindowRule> {
        Vec::new()
    }
}

sambung_sdk::export_channel! {
    Email,
    manifest: "plugin.toml",
    texts: { en: "texts.en.toml", id: "texts.id.toml" },
    icon: "icon.svg",
}
