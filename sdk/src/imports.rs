//! What a plugin may ask of the host besides `http`. In a component these are the host's; natively they are the stand-ins
//! of [`testing`](crate::testing).

/// Calls the host in a component, and its stand-in elsewhere.
macro_rules! host {
    ($interface:ident . $function:ident ( $($argument:expr),* )) => {{
        #[cfg(target_family = "wasm")]
        { crate::bindings::plugin::sambung::channel::$interface::$function($($argument),*) }
        #[cfg(not(target_family = "wasm"))]
        { crate::testing::$interface::$function($($argument),*) }
    }};
}

/// Secrets by name. A plugin never holds a value.
pub mod secrets {
    /// A random word that stands for the secret in this one call; the host replaces it once, at the places and destinations
    /// that the manifest binds the secret to. `encoding`: "raw", "json" (inside a string), "url", "base64".
    ///
    /// # Errors
    /// Why there is none: the manifest does not know the name, or no value is set.
    pub fn marker(name: &str, encoding: &str) -> Result<String, String> {
        host!(secrets.marker(name, encoding))
    }

    /// Whether a secret of this name is set.
    pub fn has(name: &str) -> bool {
        host!(secrets.has(name))
    }

    /// Seals what a capture took under a name that the manifest declares with `origin = "obtained"`, when this call returns
    /// without an error; for the rest of this call the name stands for it already. `expires_at` in milliseconds since 1970.
    ///
    /// # Errors
    /// Why it is not kept: no capture of this label took anything, or the manifest does not know the name.
    pub fn keep(captured: &str, name: &str, expires_at: Option<u64>) -> Result<(), String> {
        host!(secrets.keep(captured, name, expires_at))
    }
}

/// Computations over secrets by name.
pub mod crypto {
    pub use crate::bindings::plugin::sambung::channel::crypto::Piece;

    impl Piece {
        /// The value of a secret.
        pub fn named(secret: impl Into<String>) -> Self {
            Self::Secret(secret.into())
        }
    }

    impl From<&[u8]> for Piece {
        fn from(bytes: &[u8]) -> Self {
            Self::Bytes(bytes.to_vec())
        }
    }

    impl From<&str> for Piece {
        fn from(text: &str) -> Self {
            Self::Bytes(text.as_bytes().to_vec())
        }
    }

    /// HMAC with "sha1" or "sha256". A secret may stand in the data only when one stands in the key too.
    ///
    /// # Errors
    /// An unknown algorithm or name, or a secret in the data alone.
    pub fn hmac(algorithm: &str, key: &[Piece], data: &[Piece]) -> Result<Vec<u8>, String> {
        host!(crypto.hmac(algorithm, key, data))
    }

    /// A digest of bytes with "sha256".
    ///
    /// # Errors
    /// An unknown algorithm.
    pub fn digest(algorithm: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        host!(crypto.digest(algorithm, data))
    }

    /// Whether the signature (64 bytes) is the key's (32 bytes, or a secret holding them in hex or base64).
    ///
    /// # Errors
    /// A key or signature that is none, or an unknown name.
    pub fn verify_ed25519(public_key: &Piece, data: &[u8], signature: &[u8]) -> Result<bool, String> {
        host!(crypto.verify_ed25519(public_key, data, signature))
    }
}

/// A small memory of one channel's, committed with the call's result. Answers in `connect`, `check`, `send`, `reconcile`
/// and `poll`.
pub mod kv {
    /// What is kept under this key.
    ///
    /// # Errors
    /// This call may not use it, or the host's words.
    pub fn get(key: &str) -> Result<Option<Vec<u8>>, String> {
        host!(kv.get(key))
    }

    /// Keeps a value: at most 128 keys of 128 bytes, values of 16 KiB.
    ///
    /// # Errors
    /// This call may not use it, or a limit.
    pub fn set(key: &str, value: &[u8]) -> Result<(), String> {
        host!(kv.set(key, value))
    }

    /// Forgets a value.
    ///
    /// # Errors
    /// This call may not use it.
    pub fn delete(key: &str) -> Result<(), String> {
        host!(kv.delete(key))
    }
}

/// What the host does with files it holds.
pub mod media_host {
    use crate::types::MediaRef;

    /// A public https address without credentials for this file and no other, that works at least so long.
    ///
    /// # Errors
    /// No such blob, or the operator configured no public address.
    pub fn publish(blob: &str, for_ms: u64) -> Result<String, String> {
        host!(media_host.publish(blob, for_ms))
    }

    /// A JPEG within the bounds, made by the host from an image; `None` where it cannot.
    ///
    /// # Errors
    /// No such blob.
    pub fn preview(blob: &str, max_edge: u32, max_bytes: u64) -> Result<Option<MediaRef>, String> {
        host!(media_host.preview(blob, max_edge, max_bytes))
    }
}

/// The streams of a web page's visitors. Answers in `send`.
pub mod visitor {
    use crate::json;
    use serde::Serialize;

    /// Appends to the visitor's stream and answers with the entry's id.
    ///
    /// # Errors
    /// No such visitor, or this call may not use it.
    pub fn push<T: Serialize + ?Sized>(visitor: &str, entry: &T) -> Result<String, String> {
        let entry = json::write(entry);
        host!(visitor.push(visitor, &entry))
    }
}

/// Mail on its way out. The host writes the MIME, speaks SMTP, and holds the password.
pub mod mailer {
    pub use crate::bindings::plugin::sambung::channel::mailer::{Accepted, Account, MailError, Route};
    use crate::types::Mail;

    crate::types::empty!(Account { host, port, security, user, password, extra });
    crate::types::empty!(Accepted { words, extra });
    crate::types::empty!(MailError { kind, code, status, dispatched, words, extra });

    /// Sends one mail to all of its recipients, or to none. Answers in `send`.
    ///
    /// # Errors
    /// See the kinds of [`MailError`].
    pub fn send(mail: &Mail, route: &Route) -> Result<Accepted, MailError> {
        host!(mailer.send(mail, route))
    }

    /// Connects, signs in and leaves. Answers in `connect` and `check`.
    ///
    /// # Errors
    /// See the kinds of [`MailError`].
    pub fn verify(route: &Route) -> Result<(), MailError> {
        host!(mailer.verify(route))
    }
}

/// Words for the operator. Secrets of the call are scrubbed by the host; the amount is limited.
pub mod log {
    /// Writes a line. `level`: "debug", "info", "warn", "error".
    pub fn log(level: &str, message: &str, fields: &[(String, String)]) {
        host!(log.log(level, message, fields));
    }

    /// For the author.
    pub fn debug(message: impl AsRef<str>) {
        log("debug", message.as_ref(), &[]);
    }

    /// Something worth knowing.
    pub fn info(message: impl AsRef<str>) {
        log("info", message.as_ref(), &[]);
    }

    /// Something odd.
    pub fn warn(message: impl AsRef<str>) {
        log("warn", message.as_ref(), &[]);
    }

    /// Something that failed.
    pub fn error(message: impl AsRef<str>) {
        log("error", message.as_ref(), &[]);
    }
}
