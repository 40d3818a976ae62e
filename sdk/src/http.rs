//! Requests to the provider. The host owns connections, names, addresses, credentials and limits.

pub use crate::bindings::plugin::sambung::channel::http::{
    Auth, Basic, Capture, FetchError, Oauth1, Piece, Request, Response, Section,
};

use crate::json;
use crate::types::{Fault, empty};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

empty!(Basic { user, password, extra });
empty!(Oauth1 { consumer_key, consumer_secret, token, token_secret, params, extra });
empty!(Section { blob, offset, length, extra });
empty!(Capture { pointer, label, extra });
empty!(Response { status, headers, body, blob, extra });
empty!(FetchError { kind, dispatched, words, extra });

/// Sends the request and waits until the answer is whole. Redirects are not followed, nothing is repeated.
///
/// # Errors
/// Why there is no answer; an answer of any status is not an error.
pub fn fetch(request: &Request) -> Result<Response, FetchError> {
    #[cfg(target_family = "wasm")]
    return crate::bindings::plugin::sambung::channel::http::fetch(request);
    #[cfg(not(target_family = "wasm"))]
    return crate::testing::fetch(request);
}

impl Request {
    /// A request of any method to an absolute address.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            auth: Auth::None,
            captures: Vec::new(),
            into_blob: false,
            timeout_ms: None,
            extra: Vec::new(),
        }
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// `PUT`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// `DELETE`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a parameter to the query, percent-encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        encode_into(&mut self.url, name);
        self.url.push('=');
        encode_into(&mut self.url, value);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `Authorization: Bearer` with the value of this secret, written by the host.
    pub fn bearer(mut self, secret: impl Into<String>) -> Self {
        self.auth = Auth::Bearer(secret.into());
        self
    }

    /// `Authorization: Basic` with the values of these secrets, written by the host.
    pub fn basic(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.auth = Auth::Basic(Basic { user: user.into(), password: password.into(), ..Basic::default() });
        self
    }

    /// `Authorization: OAuth` after RFC 5849 with the values of these secrets, written and signed by the host. Fields of a
    /// form body take part in the signature through `Oauth1::params`; a body of JSON or files does not.
    pub fn oauth1(
        mut self,
        (consumer_key, consumer_secret): (&str, &str),
        (token, token_secret): (&str, &str),
    ) -> Self {
        self.auth = Auth::Oauth1(Oauth1 {
            consumer_key: consumer_key.to_owned(),
            consumer_secret: consumer_secret.to_owned(),
            token: Some(token.to_owned()),
            token_secret: Some(token_secret.to_owned()),
            ..Oauth1::default()
        });
        self
    }

    /// A JSON body with its content type.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        let body = json::write(body);
        self.header("content-type", "application/json").body(body)
    }

    /// A body of form fields with its content type.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            if !body.is_empty() {
                body.push('&');
            }
            encode_into(&mut body, name);
            body.push('=');
            encode_into(&mut body, value);
        }
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Adds bytes to the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body.push(Piece::Bytes(bytes.into()));
        self
    }

    /// Adds the bytes of a blob to the body; the host streams them.
    pub fn blob(mut self, blob: impl Into<String>) -> Self {
        self.body.push(Piece::Blob(blob.into()));
        self
    }

    /// Adds `length` bytes of a blob from `offset` on to the body; what goes beyond its end is left away.
    pub fn section(mut self, blob: impl Into<String>, offset: u64, length: u64) -> Self {
        self.body.push(Piece::Section(Section { blob: blob.into(), offset, length, ..Section::default() }));
        self
    }

    /// Takes a secret out of the answer before the plugin sees it: where `pointer` leads (JSON Pointer, `*` is every
    /// element; or a form field) stands `label`, for [`secrets::keep`](crate::secrets::keep).
    pub fn capture(mut self, pointer: impl Into<String>, label: impl Into<String>) -> Self {
        self.captures.push(Capture { pointer: pointer.into(), label: label.into(), ..Capture::default() });
        self
    }

    /// The answer's body goes into a blob.
    pub fn into_blob(mut self) -> Self {
        self.into_blob = true;
        self
    }

    /// How long to wait, below the host's own ceiling.
    pub fn timeout_ms(mut self, milliseconds: u32) -> Self {
        self.timeout_ms = Some(milliseconds);
        self
    }

    /// Sends it: see [`fetch`].
    ///
    /// # Errors
    /// Those of [`fetch`].
    pub fn send(&self) -> Result<Response, FetchError> {
        fetch(self)
    }

    /// The bytes of the body that are no blob's, one after the other; for native tests.
    pub fn body_bytes(&self) -> Vec<u8> {
        self.body
            .iter()
            .filter_map(|piece| match piece {
                Piece::Bytes(bytes) => Some(bytes.as_slice()),
                Piece::Blob(_) | Piece::Section(_) | Piece::Other(_) => None,
            })
            .flatten()
            .copied()
            .collect()
    }
}

impl Response {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the body as JSON; the type may borrow from it.
    ///
    /// # Errors
    /// The parser's words.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the answer: {error}"))
    }

    /// The body as JSON of any shape; null where it is none. It costs a component less than a type of one's own.
    pub fn value(&self) -> json::Value {
        String::from_utf8_lossy(&self.body).parse().unwrap_or_default()
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// `Retry-After` in milliseconds, where it is given in seconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let seconds: u64 = self.header("retry-after")?.trim().parse().ok()?;
        seconds.checked_mul(1000)
    }
}

impl FetchError {
    /// Whether the host itself refused to make the request, so that trying again is no use.
    pub fn is_refusal(&self) -> bool {
        matches!(self.kind.as_str(), "forbidden" | "blocked" | "secret" | "invalid" | "wrong-call" | "limit")
    }
}

impl From<FetchError> for Fault {
    fn from(error: FetchError) -> Self {
        let kind = if error.is_refusal() { "forbidden" } else { "unavailable" };
        Self::new(kind, error.words).code(error.kind)
    }
}

/// Percent-encodes a text for one segment of a path or one value of a query (RFC 3986, everything but unreserved).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode_into(&mut encoded, text);
    encoded
}

fn encode_into(target: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            target.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(target, "%{byte:02X}");
        }
    }
}
