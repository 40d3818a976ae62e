//! The body of a request: bytes, and blobs streamed as they are.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Failure, Ground, refuse};
use crate::contract::http::{Piece, Section};
use crate::meter::{Held, Over};
use crate::services::BlobRead;

/// A body whose length is known before its first byte leaves.
pub(super) struct Body {
    pub(super) bytes: u64,
    parts: Vec<Part>,
    /// What of it is in memory.
    held: Held,
}

enum Part {
    Bytes(Vec<u8>),
    Blob(BoxStream<'static, io::Result<Bytes>>),
}

/// Looks every blob up, so that a missing one is known before anything leaves. Each is opened when its turn comes.
pub(super) async fn open(ground: &Ground, pieces: Vec<Piece>) -> Result<Body, Failure> {
    let most = ground.limits.body_pieces as usize;
    if pieces.len() > most {
        return Err(refuse("limit", format!("the body has {} pieces; {most} are allowed", pieces.len())));
    }
    let mut body = Body { bytes: 0, parts: Vec::new(), held: ground.budget.hold(0)? };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => {
                body.held.grow(bytes.len() as u64)?;
                body.bytes += bytes.len() as u64;
                match body.parts.last_mut() {
                    Some(Part::Bytes(last)) => last.extend_from_slice(&bytes),
                    _ => body.parts.push(Part::Bytes(bytes)),
                }
            }
            Piece::Blob(id) => {
                let blob = blob(ground, &id).await?;
                body.bytes = body.bytes.saturating_add(blob.bytes);
                body.parts.push(Part::Blob(blob.stream));
            }
            Piece::Section(Section { blob: id, offset, length, .. }) => {
                let blob = blob(ground, &id).await?;
                body.bytes = body.bytes.saturating_add(blob.bytes.saturating_sub(offset).min(length));
                body.parts.push(Part::Blob(section(blob.stream, offset, length)));
            }
            Piece::Other(open) => return Err(refuse("invalid", format!("unknown kind of body `{}`", open.kind))),
        }
    }
    Ok(body)
}

async fn blob(ground: &Ground, id: &str) -> Result<BlobRead, Failure> {
    let blob = ground.services.blobs.open(&ground.caller, id).await;
    blob.map_err(|error| refuse("invalid", format!("the blob `{id}`: {error}")))
}

/// The bytes of a stream from `offset` on, `length` at most.
fn section(
    stream: BoxStream<'static, io::Result<Bytes>>,
    offset: u64,
    length: u64,
) -> BoxStream<'static, io::Result<Bytes>> {
    let cut = stream.scan((offset, length), |(before, left), chunk| {
        let cut = chunk.map(|chunk| {
            let size = chunk.len() as u64;
            let from = size.min(*before);
            let taken = (size - from).min(*left);
            (*before, *left) = (*before - from, *left - taken);
            // Both are at most the chunk's length.
            chunk.slice(from as usize..(from + taken) as usize)
        });
        let ended = *left == 0 && matches!(&cut, Ok(bytes) if bytes.is_empty());
        std::future::ready((!ended).then_some(cut))
    });
    cut.try_filter(|bytes| std::future::ready(!bytes.is_empty())).boxed()
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
    pub(super) fn set(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        self.held.grow((bytes.len() as u64).saturating_sub(self.bytes))?;
        self.bytes = bytes.len() as u64;
        self.parts = vec![Part::Bytes(bytes)];
        Ok(())
    }

    pub(super) fn stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        let held = self.held;
        let parts = self.parts.into_iter().map(|part| match part {
            Part::Bytes(bytes) => stream::once(async move { Ok(Bytes::from(bytes)) }).boxed(),
            Part::Blob(stream) => stream,
        });
        let kept = move |chunk| {
            let _ = &held;
            chunk
        };
        stream::iter(parts).flatten().map(kept).boxed()
    }
}
