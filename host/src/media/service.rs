//! Files as a running plugin reaches them: those of its own workspace, streamed.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryFutureExt};
use sambung_runtime::contract::types::MediaRef;
use sambung_runtime::{Audience, BlobMeta, BlobRead, BlobWrite, Blobs, Caller, ServiceError};
use tokio_util::io::ReaderStream;

use super::incoming::{Claim, Incoming};
use super::quota::Owner;
use super::store::{Media, MediaError};
use crate::db::MediaRow;

/// The runtime's view of [`Media`].
pub struct BlobService(Media);

impl BlobService {
    /// Over this store.
    pub fn new(media: Media) -> BlobService {
        BlobService(media)
    }
}

impl From<MediaError> for ServiceError {
    fn from(error: MediaError) -> ServiceError {
        match error {
            MediaError::NotFound => ServiceError::NotFound,
            MediaError::NoPublicUrl | MediaError::TooLarge(_) | MediaError::TooLong { .. } => {
                ServiceError::Refused(error.to_string())
            }
            MediaError::Busy | MediaError::Quota(_) | MediaError::DiskLow | MediaError::Disk(_) | MediaError::Db(_) => {
                ServiceError::Unavailable(error.to_string())
            }
        }
    }
}

impl Blobs for BlobService {
    fn open<'a>(&'a self, caller: &'a Caller, blob: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
        async move {
            let (row, path) = self.0.locate(&caller.workspace, blob).await?;
            let content = async move { Ok(ReaderStream::with_capacity(tokio::fs::File::open(path).await?, 64 << 10)) };
            Ok(BlobRead {
                bytes: row.bytes.unwrap_or_default() as u64,
                mime: row.mime,
                name: row.name,
                stream: content.try_flatten_stream().boxed(),
            })
        }
        .boxed()
    }

    fn create<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
        async move {
            let channel = match &caller.channel {
                Some(channel) => self.0.0.db.channel(channel).await.map_err(MediaError::from)?,
                None => None,
            };
            let account = channel.and_then(|channel| channel.account_id);
            let owner = Owner { account, ..Owner::workspace(&caller.workspace) };
            let incoming = self.0.begin(owner).await?;
            Ok(Box::new(Writing(incoming)) as Box<dyn BlobWrite>)
        }
        .boxed()
    }

    fn publish<'a>(
        &'a self,
        caller: &'a Caller,
        blob: &'a str,
        for_ms: u64,
        audience: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>> {
        async move { Ok(self.0.publish(&caller.workspace, blob, for_ms, audience).await?) }.boxed()
    }

    fn preview<'a>(
        &'a self,
        caller: &'a Caller,
        blob: &'a str,
        max_edge: u32,
        max_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>> {
        async move {
            let made = self.0.preview(&caller.workspace, blob, max_edge, max_bytes).await?;
            Ok(made.as_ref().map(reference))
        }
        .boxed()
    }
}

struct Writing(Incoming);

impl BlobWrite for Writing {
    fn write<'a>(&'a mut self, bytes: Bytes) -> BoxFuture<'a, Result<(), ServiceError>> {
        async move { Ok(self.0.write(&bytes).await?) }.boxed()
    }

    fn finish(self: Box<Self>, meta: BlobMeta) -> BoxFuture<'static, Result<String, ServiceError>> {
        async move {
            let row = self.0.finish(Claim { mime: meta.mime, name: meta.name, kind: None }).await?;
            Ok(row.id.to_string())
        }
        .boxed()
    }
}

/// A stored file as plugins name it, with the host's measurements.
pub(super) fn reference(row: &MediaRow) -> MediaRef {
    MediaRef {
        kind: row.kind.clone(),
        blob: Some(row.id.to_string()),
        ref_: None,
        url: None,
        mime: row.mime.clone(),
        name: row.name.clone(),
        bytes: row.bytes.map(|bytes| bytes as u64),
        width: row.width.map(|width| width as u32),
        height: row.height.map(|height| height as u32),
        duration_ms: row.duration_ms.map(|millis| millis as u64),
        extra: Vec::new(),
    }
}
