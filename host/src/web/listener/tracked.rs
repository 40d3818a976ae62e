//! A response's body that keeps its connection busy until the client has it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::places::Busy;

/// A response's body. Its request counts as open until it is dropped.
pub(super) struct Tracked {
    body: Body,
    busy: Busy,
    ended: bool,
}

impl Tracked {
    pub fn new(body: Body, mut busy: Busy) -> Tracked {
        busy.responds();
        Tracked { body, busy, ended: false }
    }
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.busy.progressed();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None) = polled {
            self.ended = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.ended || http_body::Body::is_end_stream(&self.body) {
            self.busy.complete();
        }
    }
}
