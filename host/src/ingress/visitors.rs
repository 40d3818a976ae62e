//! Web visitors' tokens and limits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sambung_runtime::shares::{Place, Shares};
use sha2::{Digest, Sha256};

use crate::auth::rate::Limiter;
use crate::clock::random;
use crate::model::client_key::ClientKey;

/// Sessions that one address may open in a minute: an office behind one address, or a test.
const SESSIONS: u32 = 60;
/// Messages that one visitor may write in a minute.
const MESSAGES: u32 = 60;
/// Files that one visitor may send in a minute.
const FILES: u32 = 10;
/// Least time between two times that a visitor is said to type.
const TYPING: Duration = Duration::from_secs(2);
/// Streams of one visitor: a page in a few windows.
const STREAMS_OF_ONE: usize = 8;

/// How often a visitor may do what.
#[derive(Clone)]
pub(super) struct VisitorLimits {
    pub sessions: Limiter<ClientKey>,
    pub messages: Limiter<String>,
    pub files: Limiter<String>,
    pub typing: Limiter<String>,
    streams: Shares,
    of_one: Arc<Mutex<HashMap<String, usize>>>,
}

/// A stream that is open; its place is free again when dropped.
pub(super) struct OpenStream {
    visitor: String,
    of_one: Arc<Mutex<HashMap<String, usize>>>,
    _place: Place,
}

impl VisitorLimits {
    /// With so many streams, shared by all workspaces and their channels, and limits that remember at most so many keys each.
    pub fn new(streams: usize, keys: usize) -> Self {
        Self {
            sessions: Limiter::per_minute(SESSIONS, keys),
            messages: Limiter::per_minute(MESSAGES, keys),
            files: Limiter::per_minute(FILES, keys),
            typing: Limiter::once_in(TYPING, keys),
            streams: Shares::new("visitor_streams", streams),
            of_one: Arc::default(),
        }
    }

    /// Opens a stream, or there are too many.
    pub fn open_stream(&self, workspace: &str, channel: &str, visitor: &str) -> Option<OpenStream> {
        let place = self.streams.try_take(workspace, channel)?;
        let mut open = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(visitor.to_owned()).or_default();
        if *count >= STREAMS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(OpenStream { visitor: visitor.to_owned(), of_one: Arc::clone(&self.of_one), _place: place })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.of_one.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.visitor) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.visitor);
            }
        }
    }
}

/// Characters of a token.
pub(super) const TOKEN: usize = 43;

/// A new token of 256 bits.
pub(super) fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// What is kept of a token.
pub(super) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// The token of `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_has_a_few_streams_and_no_more() {
        let limits = VisitorLimits::new(100, 100);
        let mut open: Vec<OpenStream> =
            (0..STREAMS_OF_ONE).filter_map(|_| limits.open_stream("ws", "ch", "v")).collect();
        assert_eq!(open.len(), STREAMS_OF_ONE);
        assert!(limits.open_stream("ws", "ch", "v").is_none());
        assert!(limits.open_stream("ws", "ch", "w").is_some());
        open.pop();
        assert!(limits.open_stream("ws", "ch", "v").is_some());
    }
}
