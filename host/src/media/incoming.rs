//! A file that is being written: hashed and counted as it streams in, measured at its end, gone if it never ends.

use std::path::PathBuf;

use bytes::Bytes;
use sambung_runtime::background;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::measure::{self, HEAD};
use super::quota::{Owner, Reserved};
use super::store::{Media, MediaError, settle};
use crate::db::{MediaRow, visitor_source};
use crate::disk::Purpose;
use crate::keys::MediaId;

/// What somebody says about a file. Measurements are believed before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// Media type.
    pub mime: Option<String>,
    /// File name.
    pub name: Option<String>,
    /// `image`, `video`, `audio`, `voice`, `document`, `sticker`, `animation`.
    pub kind: Option<String>,
}

/// See the module.
pub struct Incoming {
    media: Media,
    reserved: Reserved,
    purpose: Purpose,
    file: File,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
    head: Vec<u8>,
    settled: bool,
}

impl Media {
    /// Begins a file of this owner. Its bytes count against the owner's bounds as they come.
    ///
    /// # Errors
    /// The disk has too little room, or refuses; the database does not answer.
    pub async fn begin(&self, owner: Owner) -> Result<Incoming, MediaError> {
        let purpose = if owner.visitor.is_some() { Purpose::VisitorFiles } else { Purpose::Files };
        self.room(purpose)?;
        let reserved = self.0.quota.begin(owner).await?;
        let path = self.fresh_path();
        let file = File::create(&path).await?;
        Ok(Incoming {
            media: self.clone(),
            reserved,
            purpose,
            file,
            path,
            hash: Sha256::new(),
            bytes: 0,
            head: Vec::new(),
            settled: false,
        })
    }

    /// Whether the disk has room for files of this kind.
    fn room(&self, purpose: Purpose) -> Result<(), MediaError> {
        if self.0.config.disk.allows(purpose, self.0.clock.now()) {
            return Ok(());
        }
        metrics::counter!("sambung_media_refused_total", "reason" => "disk").increment(1);
        Err(MediaError::DiskLow)
    }
}

impl Incoming {
    /// Appends.
    ///
    /// # Errors
    /// The file grows past what is kept of one file or for its owner, or the disk has too little room, or refuses.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), MediaError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.media.max_bytes() {
            return Err(MediaError::TooLarge(self.media.max_bytes()));
        }
        self.media.room(self.purpose)?;
        self.reserved.grow(bytes.len() as u64, self.media.0.clock.now())?;
        self.media.0.config.disk.writes(bytes.len() as u64);
        if self.head.len() < HEAD {
            let wanted = bytes.len().min(HEAD - self.head.len());
            self.head.extend_from_slice(&bytes[..wanted]);
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// Measures the file, puts it where its digest names it, and commits its row, with which this answers.
    ///
    /// # Errors
    /// The disk or the database refuses.
    pub async fn finish(mut self, claim: Claim) -> Result<MediaRow, MediaError> {
        self.file.sync_all().await?;
        let digest = hex::encode(std::mem::take(&mut self.hash).finalize());
        let (path, head, claimed) = (self.path.clone(), std::mem::take(&mut self.head), claim.mime.clone());
        let measured = background::spawn(move || measure::measure(&path, &head, claimed.as_deref()))
            .await
            .map_err(std::io::Error::other)?;
        let inner = &self.media.0;
        let at = inner.clock.now();
        let owner = self.reserved.owner();
        let row = MediaRow {
            id: MediaId::new(at),
            workspace: owner.workspace.clone(),
            account_id: owner.account,
            source: owner.visitor.as_deref().map(visitor_source),
            state: "stored".to_owned(),
            kind: claim.kind.unwrap_or_else(|| measure::kind(measured.mime.as_deref()).to_owned()),
            mime: measured.mime,
            name: claim.name.map(|name| clean_name(&name)).filter(|name| !name.is_empty()),
            bytes: Some(self.bytes as i64),
            width: measured.width,
            height: measured.height,
            duration_ms: measured.duration_ms,
            digest: Some(digest.clone()),
            created_at: at,
            ..MediaRow::default()
        };
        let keeping = inner.keeping.read().await;
        settle(&self.path, &self.media.path(&digest)).await?;
        self.settled = true;
        if let Err(error) = inner.db.insert_media(row.clone()).await {
            // Bytes without a row are found by nobody again, and this may well be a full disk.
            drop(keeping);
            if let Err(error) = self.media.forget(digest).await {
                tracing::warn!(%error, "the bytes of a file that could not be kept were left behind");
            }
            return Err(error.into());
        }
        self.reserved.finish();
        Ok(row)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.settled {
            // A name in a folder that the next start clears: nothing is lost if this fails.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The last segment of what was given, without control characters, at most 200 bytes.
fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut clean: String = last.chars().filter(|character| !character.is_control()).collect();
    while clean.len() > 200 {
        clean.pop();
    }
    clean.trim().to_owned()
}
