//! A file that is being written: hashed and counted as it streams in, measured at its end, gone if it never ends.

use std::path::PathBuf;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::measure::{self, HEAD};
use super::store::{Media, MediaError, settle};
use crate::db::MediaRow;

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
    workspace: String,
    file: File,
    path: PathBuf,
    hash: Sha256,
    bytes: u64,
    head: Vec<u8>,
    settled: bool,
}

impl Media {
    /// Begins a file of this workspace.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn begin(&self, workspace: &str) -> Result<Incoming, MediaError> {
        let path = self.fresh_path();
        let file = File::create(&path).await?;
        Ok(Incoming {
            media: self.clone(),
            workspace: workspace.to_owned(),
            file,
            path,
            hash: Sha256::new(),
            bytes: 0,
            head: Vec::new(),
            settled: false,
        })
    }
}

impl Incoming {
    /// Appends.
    ///
    /// # Errors
    /// The file grows past what is kept, or the disk refuses.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), MediaError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.media.max_bytes() {
            return Err(MediaError::TooLarge(self.media.max_bytes()));
        }
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
        let measured = tokio::task::spawn_blocking(move || measure::measure(&path, &head, claimed.as_deref()))
            .await
            .map_err(std::io::Error::other)?;
        let inner = &self.media.0;
        let at = inner.clock.now();
        let row = MediaRow {
            id: inner.clock.id("md"),
            workspace: self.workspace.clone(),
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
            if let Err(error) = self.media.forget(vec![digest]).await {
                tracing::warn!(%error, "the bytes of a file that could not be kept were left behind");
            }
            return Err(error.into());
        }
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
