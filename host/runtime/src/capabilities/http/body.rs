//! The body of a request: bytes, and blobs streamed as they are.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::{Failure, Ground, refuse};
use crate::contract::http::Piece;
use crate::services::BlobRead;

/// A body whose length is known before its first byte leaves.
pub(super) struct Body {
    pub(super) bytes: u64,
    parts: Vec<Part>,
}

enum Part {
    Bytes(Vec<u8>),
    Blob(BlobRead),
}

/// Opens every blob, so that a missing one is known before anything leaves.
pub(super) async fn open(ground: &Ground, pieces: Vec<Piece>) -> Result<Body, Failure> {
    let mut body = Body { bytes: 0, parts: Vec::new() };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => {
                body.bytes += bytes.len() as u64;
                match body.parts.last_mut() {
                    Some(Part::Bytes(last)) => last.extend_from_slice(&bytes),
                    _ => body.parts.push(Part::Bytes(bytes)),
                }
            }
            Piece::Blob(id) => {
                let blob = ground.services.blobs.open(&ground.caller, &id).await;
                let blob = blob.map_err(|error| refuse("invalid", format!("the blob `{id}`: {error}")))?;
                body.bytes += blob.bytes;
                body.parts.push(Part::Blob(blob));
            }
            Piece::Other(open) => return Err(refuse("invalid", format!("unknown kind of body `{}`", open.kind))),
        }
    }
    Ok(body)
}

impl Body {
    /// Every run of bytes.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Bytes(bytes) => Some(bytes.as_slice()),
            Part::Blob(_) => None,
        })
    }

    /// The whole body, where no blob is in it.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Replaces a body without blobs.
    pub(super) fn set(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes.len() as u64;
        self.parts = vec![Part::Bytes(bytes)];
    }

    pub(super) fn stream(self) -> BoxStream<'static, std::io::Result<Bytes>> {
        let parts = self.parts.into_iter().map(|part| match part {
            Part::Bytes(bytes) => stream::once(async move { Ok(Bytes::from(bytes)) }).boxed(),
            Part::Blob(blob) => blob.stream,
        });
        stream::iter(parts).flatten().boxed()
    }
}
