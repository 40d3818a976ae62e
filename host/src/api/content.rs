//! The hash of an upload's content, made while it streams by.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// Watches one body. Clones watch the same.
#[derive(Clone, Default)]
pub(super) struct Content(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    hash: Sha256,
    /// The end came, and nothing failed before it.
    whole: bool,
    failed: bool,
}

impl Content {
    /// The same body, watched.
    pub(super) fn watch(&self, body: Body) -> Body {
        let (each, end) = (self.clone(), self.clone());
        let chunks = body.into_data_stream().inspect(move |chunk| {
            each.see(|seen| match chunk {
                Ok(bytes) => seen.hash.update(bytes),
                Err(_) => seen.failed = true,
            });
        });
        let end = stream::poll_fn(move |_| {
            end.see(|seen| seen.whole = !seen.failed);
            Poll::Ready(None)
        });
        Body::from_stream(chunks.chain(end))
    }

    /// The hash of everything, where everything was read.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        let mut hash = None;
        self.see(|seen| hash = seen.whole.then(|| seen.hash.clone().finalize().into()));
        hash
    }

    /// Reads a watched body to its end, keeping nothing of it.
    pub(super) async fn of_whole(&self, body: Body, most: u64) -> Result<[u8; 32], Problem> {
        let mut stream = body.into_data_stream();
        let mut bytes = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::bad_request("the upload ended before it was whole"))?;
            bytes += chunk.len() as u64;
            if bytes > most {
                return Err(Problem::too_large("the upload is larger than it may be"));
            }
        }
        self.hash().ok_or_else(|| Problem::bad_request("the upload ended before it was whole"))
    }

    fn see(&self, look: impl FnOnce(&mut Seen)) {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
