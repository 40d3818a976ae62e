//! The form: the address, the name, and how answers leave.

use crate::Email;
use sambung_sdk::json::{Value, json};
use sambung_sdk::mailer::{Account, Route};
use sambung_sdk::settings::{Settings, text};
use sambung_sdk::types::{Channel, Fault, Mailbox};
use serde::Deserialize;

/// The password of the channel's own account.
pub const PASSWORD: &str = "smtp_password";

/// A channel's settings.
#[derive(Deserialize)]
pub struct ChannelSettings {
    /// Where customers write to.
    pub address: String,
    display_name: Option<String>,
    #[serde(flatten)]
    sending: Sending,
}

/// How answers leave.
#[derive(Deserialize)]
#[serde(tag = "sending", rename_all = "kebab-case")]
enum Sending {
    Relay {},
    Account { smtp_host: String, smtp_port: u16, smtp_security: String, smtp_user: String },
}

impl ChannelSettings {
    /// Reads a channel's settings.
    ///
    /// # Errors
    /// A fault of kind "invalid", since the host validated them by the schema below.
    pub fn of(channel: &Channel) -> Result<Self, Fault> {
        channel.read_settings()
    }

    /// The address as accounts and comparisons have it.
    pub fn account(&self) -> String {
        self.address.trim().to_lowercase()
    }

    /// What stands in `From`.
    pub fn mailbox(&self) -> Mailbox {
        let name = self.display_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        Mailbox::new(self.address.trim()).name(name.map(str::to_owned))
    }

    /// What the address says after the `@`.
    pub fn domain(&self) -> &str {
        self.address.trim().rsplit_once('@').map_or("localhost", |(_, domain)| domain)
    }

    /// Which way mail leaves.
    pub fn route(&self) -> Route {
        match &self.sending {
            Sending::Relay {} => Route::Relay,
            Sending::Account { smtp_host, smtp_port, smtp_security, smtp_user } => Route::Account(Account {
                host: smtp_host.trim().to_owned(),
                port: *smtp_port,
                security: smtp_security.clone(),
                user: smtp_user.clone(),
                password: PASSWORD.to_owned(),
                ..Account::default()
            }),
        }
    }
}

impl Settings for Email {
    fn settings_schema(of: &str, language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        let say = |english, indonesian| text(language, english, indonesian);
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "address": {
                    "type": "string",
                    "format": "email",
                    "maxLength": 254,
                    "title": say("E-mail address", "Alamat email"),
                    "description": say("Customers write to it, and your answers come from it. It cannot be changed once connected.", "Pelanggan mengirim ke alamat ini, dan balasan Anda berasal darinya. Tidak dapat diubah setelah terhubung."),
                    "x-placeholder": "support@example.com",
                    "x-locked": true,
                    "x-order": 1,
                    "x-help-anchor": "address",
                },
                "display_name": {
                    "type": "string",
                    "maxLength": 100,
                    "title": say("Display name", "Nama tampilan"),
                    "description": say("The name that customers see beside the address.", "Nama yang dilihat pelanggan di samping alamat."),
                    "x-placeholder": say("Example Support", "Layanan Example"),
                    "x-order": 2,
                },
            },
            "required": ["address"],
            "oneOf": [
                {
                    "title": say("By this server's mail relay", "Lewat relay email server ini"),
                    "properties": {
                        "sending": { "type": "string", "const": "relay", "title": say("How answers leave", "Cara mengirim balasan"), "x-order": 3, "x-help-anchor": "sending" },
                    },
                    "required": ["sending"],
                },
                {
                    "title": say("By an SMTP account of yours", "Lewat akun SMTP Anda sendiri"),
                    "properties": {
                        "sending": { "type": "string", "const": "account", "title": say("How answers leave", "Cara mengirim balasan"), "x-order": 3, "x-help-anchor": "sending" },
                        "smtp_host": { "type": "string", "format": "hostname", "title": say("Outgoing mail server", "Server email keluar"), "description": say("Its name, without https://.", "Namanya saja, tanpa https://."), "x-placeholder": "smtp.example.com", "x-order": 4, "x-help-anchor": "smtp" },
                        "smtp_port": { "type": "integer", "minimum": 1, "maximum": 65535, "default": 587, "title": say("Port", "Port"), "x-order": 5, "x-help-anchor": "smtp" },
                        "smtp_security": {
                            "type": "string",
                            "enum": ["starttls", "tls"],
                            "x-labels": ["STARTTLS (587)", "TLS (465)"],
                            "default": "starttls",
                            "title": say("Encryption", "Enkripsi"),
                            "x-order": 6,
                            "x-help-anchor": "smtp",
                        },
                        "smtp_user": { "type": "string", "title": say("User", "Nama pengguna"), "x-order": 7, "x-help-anchor": "smtp" },
                        PASSWORD: { "type": "string", "title": say("Password", "Kata sandi"), "x-secret": PASSWORD, "x-order": 8, "x-help-anchor": "smtp" },
                    },
                    "required": ["sending", "smtp_host", "smtp_port", "smtp_security", "smtp_user", PASSWORD],
                },
            ],
        })
    }
}
