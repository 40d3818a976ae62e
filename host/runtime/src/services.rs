//! What the sandbox needs from whoever embeds it: secrets, a small memory, blobs.
//!
//! The host implements these traits over its database, the testkit in memory. Nothing here knows how.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use zeroize::Zeroizing;

use crate::call::{CallError, Caller, Usage};
use crate::contract::mailer::{Accepted, MailError};
use crate::contract::types::{Mail, MediaRef};
use crate::meter::Over;

/// The value of a secret. Its memory is wiped when it is dropped, and it never shows itself in `Debug`.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes the bytes over.
    pub fn new(value: Vec<u8>) -> SecretValue {
        SecretValue(Zeroizing::new(value))
    }

    /// The bytes. Whoever asks sees to it that they go nowhere but into a request or a computation.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for SecretValue {
    fn from(value: String) -> SecretValue {
        SecretValue::new(value.into_bytes())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a service could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing, or it belongs to somebody else.
    #[error("not found")]
    NotFound,
    /// It cannot be done as things are configured; the words say what is missing.
    #[error("{0}")]
    Refused(String),
    /// It may work another time.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// Values of secrets by name.
pub trait Secrets: Send + Sync {
    /// The current value of the caller's secret of this name: its channel's or its registration's, as the manifest says.
    /// `None` where it is not set.
    fn get<'a>(&'a self, caller: &'a Caller, name: &'a str)
    -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>>;
}

/// A channel's small memory. Writes are not here: they are in [`crate::Effects`], committed with the call's result.
pub trait Kv: Send + Sync {
    /// The value under `key` in the caller's channel.
    fn get<'a>(&'a self, caller: &'a Caller, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>>;
}

/// A blob opened for reading.
pub struct BlobRead {
    /// Size in bytes.
    pub bytes: u64,
    /// Its media type, as measured.
    pub mime: Option<String>,
    /// The file name it came with.
    pub name: Option<String>,
    /// The content. It is opened when it is first polled: a request may name many blobs, and they are read one after the other.
    pub stream: BoxStream<'static, io::Result<Bytes>>,
}

/// What is known about a blob when its last byte has been written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlobMeta {
    /// The media type that the sender claimed.
    pub mime: Option<String>,
    /// The file name that the sender gave.
    pub name: Option<String>,
}

/// A blob being written. Dropped without [`BlobWrite::finish`], it leaves nothing behind.
pub trait BlobWrite: Send {
    /// Appends.
    fn write<'a>(&'a mut self, bytes: Bytes) -> BoxFuture<'a, Result<(), ServiceError>>;
    /// Keeps it and answers with the blob's id.
    fn finish(self: Box<Self>, meta: BlobMeta) -> BoxFuture<'static, Result<String, ServiceError>>;
}

/// Who fetches a published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The provider's servers, which reach nothing but a public address.
    Provider,
    /// The browser of a visitor, which reaches the host already.
    Visitor,
}

/// Bytes the host holds.
pub trait Blobs: Send + Sync {
    /// Opens a blob of the caller's workspace.
    fn open<'a>(&'a self, caller: &'a Caller, blob: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>>;
    /// Begins a blob in the caller's workspace.
    fn create<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>>;
    /// An unguessable address for this blob, which this audience reaches, good for at least `for_ms` milliseconds.
    fn publish<'a>(
        &'a self,
        caller: &'a Caller,
        blob: &'a str,
        for_ms: u64,
        audience: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>>;
    /// A JPEG within the bounds (pixels of the longer edge, bytes), or `None` where the blob is no image.
    fn preview<'a>(
        &'a self,
        caller: &'a Caller,
        blob: &'a str,
        max_edge: u32,
        max_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>>;
}

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// From the first byte.
    Tls,
    /// By STARTTLS, and not at all where the server does not offer it.
    StartTls,
}

/// Which way a mail leaves. The sandbox has checked that the caller may use it.
#[derive(Debug, Clone)]
pub enum MailRoute {
    /// The operator's relay.
    Relay,
    /// An account of the channel's own.
    Account {
        /// The server's name.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is secured.
        security: MailSecurity,
        /// Who signs in.
        user: String,
        /// With what.
        password: SecretValue,
    },
}

/// What a [`Mailer`] tells while a mail leaves.
pub trait Leaving: Send + Sync {
    /// So many bytes of files are about to leave with it: they count as the call's egress. Called before they are read.
    ///
    /// # Errors
    /// The call's egress is used up: the mail is not sent.
    fn charge(&self, bytes: u64) -> Result<(), Over>;
    /// The server may take it from now on: its outcome is not known until the server has answered.
    fn handing_over(&self);
}

/// Mail on its way out. Nothing is sent twice.
pub trait Mailer: Send + Sync {
    /// Sends one mail to all of its recipients, or to none, and tells the sandbox what leaves.
    fn send<'a>(
        &'a self,
        caller: &'a Caller,
        mail: Mail,
        route: MailRoute,
        leaving: &'a dyn Leaving,
    ) -> BoxFuture<'a, Result<Accepted, MailError>>;
    /// Connects, signs in and leaves.
    fn verify<'a>(&'a self, caller: &'a Caller, route: MailRoute) -> BoxFuture<'a, Result<(), MailError>>;
}

/// Of an embedder that sends no mail.
pub struct NoMail;

impl NoMail {
    fn refusal() -> MailError {
        MailError {
            kind: "not-configured".to_owned(),
            code: None,
            status: None,
            dispatched: false,
            words: "this host sends no mail".to_owned(),
            extra: Vec::new(),
        }
    }
}

impl Mailer for NoMail {
    fn send<'a>(
        &'a self,
        _: &'a Caller,
        _: Mail,
        _: MailRoute,
        _: &'a dyn Leaving,
    ) -> BoxFuture<'a, Result<Accepted, MailError>> {
        Box::pin(async { Err(NoMail::refusal()) })
    }

    fn verify<'a>(&'a self, _: &'a Caller, _: MailRoute) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async { Err(NoMail::refusal()) })
    }
}

/// Is told how every call of a plugin ended, before its caller is.
pub trait Outcomes: Send + Sync {
    /// `failure` is none where the plugin answered, be it with an error of its own.
    fn ended<'a>(
        &'a self,
        caller: &'a Caller,
        function: &'static str,
        usage: Usage,
        failure: Option<&'a CallError>,
    ) -> BoxFuture<'a, ()>;

    /// A plugin wrote a line to its log: `level` is `debug`, `info`, `warn` or `error`. It is told while the call runs, and must not wait.
    fn said(&self, caller: &Caller, level: &str, line: &str);
}

/// Of an embedder that keeps no account of calls.
pub struct NoOutcomes;

impl Outcomes for NoOutcomes {
    fn ended<'a>(&'a self, _: &'a Caller, _: &'static str, _: Usage, _: Option<&'a CallError>) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn said(&self, _: &Caller, _: &str, _: &str) {}
}

/// Everything that the sandbox needs from its embedder.
#[derive(Clone)]
pub struct Services {
    /// Values of secrets.
    pub secrets: Arc<dyn Secrets>,
    /// The channels' small memories.
    pub kv: Arc<dyn Kv>,
    /// Files.
    pub blobs: Arc<dyn Blobs>,
    /// Mail.
    pub mailer: Arc<dyn Mailer>,
    /// The account of calls.
    pub outcomes: Arc<dyn Outcomes>,
}
