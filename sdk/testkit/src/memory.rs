//! The runtime's services, in memory: what the host keeps in its database.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use sambung_runtime::contract::mailer::{Accepted, MailError};
use sambung_runtime::contract::types::{Mail, MediaRef};
use sambung_runtime::{
    Audience, BlobMeta, BlobRead, BlobWrite, Blobs, Caller, Kv, Leaving, MailRoute, Mailer, NoOutcomes, SecretValue,
    Secrets, ServiceError, Services,
};

/// A file that the kit holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blob {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub mime: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) secrets: BTreeMap<String, SecretValue>,
    pub(crate) kv: BTreeMap<String, Vec<u8>>,
    pub(crate) blobs: BTreeMap<String, Blob>,
    pub(crate) published: Vec<(String, u64)>,
    pub(crate) mails: Vec<Mail>,
}

/// Shared by the kit and the runtime.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Held>>);

impl Memory {
    /// A test that panicked while it held the lock has failed already; the others go on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn services(&self) -> Services {
        Services {
            secrets: Arc::new(self.clone()),
            kv: Arc::new(self.clone()),
            blobs: Arc::new(self.clone()),
            mailer: Arc::new(self.clone()),
            outcomes: Arc::new(NoOutcomes),
        }
    }

    pub(crate) fn add(&self, blob: Blob) -> String {
        let mut held = self.lock();
        let id = format!("blob_{}", held.blobs.len() + 1);
        held.blobs.insert(id.clone(), blob);
        id
    }

    fn known(&self, blob: &str) -> Result<(), ServiceError> {
        if self.lock().blobs.contains_key(blob) { Ok(()) } else { Err(ServiceError::NotFound) }
    }
}

impl Secrets for Memory {
    fn get<'a>(
        &'a self,
        _caller: &'a Caller,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
        async move { Ok(self.lock().secrets.get(name).cloned()) }.boxed()
    }
}

impl Kv for Memory {
    fn get<'a>(&'a self, _caller: &'a Caller, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
        async move { Ok(self.lock().kv.get(key).cloned()) }.boxed()
    }
}

impl Blobs for Memory {
    fn open<'a>(&'a self, _caller: &'a Caller, blob: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
        async move {
            let blob = self.lock().blobs.get(blob).cloned().ok_or(ServiceError::NotFound)?;
            let bytes = blob.bytes.len() as u64;
            let content = Bytes::from(blob.bytes);
            let stream = futures_util::stream::once(async move { Ok(content) }).boxed();
            Ok(BlobRead { bytes, mime: blob.mime, name: blob.name, stream })
        }
        .boxed()
    }

    fn create<'a>(&'a self, _caller: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
        let writing = Writing { memory: self.clone(), bytes: Vec::new() };
        async move { Ok(Box::new(writing) as Box<dyn BlobWrite>) }.boxed()
    }

    fn publish<'a>(
        &'a self,
        _caller: &'a Caller,
        blob: &'a str,
        for_ms: u64,
        _audience: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>> {
        async move {
            self.known(blob)?;
            self.lock().published.push((blob.to_owned(), for_ms));
            Ok(format!("https://files.example/{blob}"))
        }
        .boxed()
    }

    fn preview<'a>(
        &'a self,
        _caller: &'a Caller,
        blob: &'a str,
        max_edge: u32,
        _max_bytes: u64,
    ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>> {
        async move {
            let original = self.lock().blobs.get(blob).cloned().ok_or(ServiceError::NotFound)?;
            let is_image = original.mime.as_deref().is_some_and(|mime| mime.starts_with("image/"));
            if !is_image {
                return Ok(None);
            }
            let bytes = original.bytes.len() as u64;
            let id = self.add(Blob { mime: Some("image/jpeg".to_owned()), ..original });
            Ok(Some(jpeg(id, bytes, max_edge)))
        }
        .boxed()
    }
}

/// Takes every mail.
impl Mailer for Memory {
    fn send<'a>(
        &'a self,
        _caller: &'a Caller,
        mail: Mail,
        _route: MailRoute,
        leaving: &'a dyn Leaving,
    ) -> BoxFuture<'a, Result<Accepted, MailError>> {
        async move {
            leaving.handing_over();
            self.lock().mails.push(mail);
            Ok(Accepted { words: "2.0.0 taken".to_owned(), extra: Vec::new() })
        }
        .boxed()
    }

    fn verify<'a>(&'a self, _caller: &'a Caller, _route: MailRoute) -> BoxFuture<'a, Result<(), MailError>> {
        async { Ok(()) }.boxed()
    }
}

/// No image is decoded here: a preview has the original's bytes and the bounds that were asked for.
fn jpeg(blob: String, bytes: u64, edge: u32) -> MediaRef {
    MediaRef {
        kind: "image".to_owned(),
        blob: Some(blob),
        ref_: None,
        url: None,
        mime: Some("image/jpeg".to_owned()),
        name: None,
        bytes: Some(bytes),
        width: Some(edge),
        height: Some(edge),
        duration_ms: None,
        extra: Vec::new(),
    }
}

struct Writing {
    memory: Memory,
    bytes: Vec<u8>,
}

impl BlobWrite for Writing {
    fn write<'a>(&'a mut self, bytes: Bytes) -> BoxFuture<'a, Result<(), ServiceError>> {
        self.bytes.extend_from_slice(&bytes);
        async { Ok(()) }.boxed()
    }

    fn finish(self: Box<Self>, meta: BlobMeta) -> BoxFuture<'static, Result<String, ServiceError>> {
        let id = self.memory.add(Blob { bytes: self.bytes, mime: meta.mime, name: meta.name });
        async move { Ok(id) }.boxed()
    }
}
