//! The store: bytes under `media/` by digest, written beside and renamed into place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sambung_runtime::Audience;
use sambung_runtime::shares::Shares;
use tokio::fs::File;
use tokio::sync::RwLock;

use super::quota::{Quota, QuotaError, Quotas};
use crate::base_url::BaseUrl;
use crate::clock::{Clock, random};
use crate::db::{Db, DbError, MediaRow};
use crate::disk::Disk;
use crate::keys::MediaId;

/// Images that are decoded at a time: each may take hundreds of megabytes for a moment.
const DECODING: usize = 2;
/// Previews that may wait for their turn.
const DECODING_WAIT: usize = 256;
/// Files without a use whose bytes are removed in one go.
const UNWANTED_AT_ONCE: u32 = 100_000;

/// Why a file could not be kept or given.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Larger than the host keeps.
    #[error("the file is larger than the {0} bytes that are kept")]
    TooLarge(u64),
    /// No such file in this workspace, or its bytes are not here.
    #[error("there is no such file")]
    NotFound,
    /// Published for longer than the operator lets it be.
    #[error(
        "a file is published for at most {most} days (`media.publish_days`); this asked for {asked_ms} milliseconds"
    )]
    TooLong {
        /// In milliseconds.
        asked_ms: u64,
        /// In days.
        most: u32,
    },
    /// A bound of kept bytes would be passed.
    #[error("{0}")]
    Quota(#[from] QuotaError),
    /// The disk has too little room left for files of this kind.
    #[error("the disk has too little room left for files; they are taken again once there is more")]
    DiskLow,
    /// Too many previews are being made.
    #[error("too many pictures are being decoded; try again")]
    Busy,
    /// The host has no address that a provider reaches.
    #[error("publishing a file needs `server.public_url`, the https address that providers reach this host by")]
    NoPublicUrl,
    /// The disk.
    #[error("the file could not be read or written: {0}")]
    Disk(#[from] io::Error),
    /// The database.
    #[error("{0}")]
    Db(#[from] DbError),
}

/// How the store is set up.
#[derive(Clone)]
pub struct MediaConfig {
    /// The data directory; files are below its `media/`.
    pub data_dir: PathBuf,
    /// Where published files are fetched.
    pub base_url: BaseUrl,
    /// Largest file that is kept, in bytes.
    pub max_bytes: u64,
    /// Days that a file may be published for.
    pub publish_days: u32,
    /// How much is kept for whom.
    pub quotas: Quotas,
    /// The room that is left.
    pub disk: Disk,
}

const DAY_MS: u64 = 24 * 3_600_000;

/// The files. Cheap to clone.
#[derive(Clone)]
pub struct Media(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) config: MediaConfig,
    folder: PathBuf,
    pub(super) quota: Quota,
    /// Held shared while bytes get their row, and whole while bytes without a row go.
    pub(super) keeping: RwLock<()>,
    pub(super) decoding: Shares,
}

impl Media {
    /// Opens the store of a data directory, and clears away what a crash left half-written.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(db: Db, clock: Clock, config: MediaConfig) -> io::Result<Media> {
        let folder = config.data_dir.join("media");
        let incoming = folder.join("incoming");
        if incoming.exists() {
            std::fs::remove_dir_all(&incoming)?;
        }
        std::fs::create_dir_all(&incoming)?;
        Ok(Media(Arc::new(Inner {
            quota: Quota::new(db.clone(), config.quotas),
            db,
            clock,
            config,
            folder,
            keeping: RwLock::new(()),
            decoding: Shares::queued("previews", DECODING, DECODING_WAIT),
        })))
    }

    /// Largest file that is kept, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.0.config.max_bytes
    }

    /// Opens a stored file of a workspace with its row.
    ///
    /// # Errors
    /// There is no such file, or its bytes are not here.
    pub async fn read(&self, workspace: &str, id: &str) -> Result<(MediaRow, File), MediaError> {
        let row = self.0.db.media_of(workspace, MediaId::of(id)).await?.ok_or(MediaError::NotFound)?;
        let file = self.open_bytes(&row).await?;
        Ok((row, file))
    }

    /// Where the bytes of a stored file of a workspace are, with its row.
    ///
    /// # Errors
    /// There is no such file, or its bytes are not here.
    pub(super) async fn locate(&self, workspace: &str, id: &str) -> Result<(MediaRow, PathBuf), MediaError> {
        let row = self.0.db.media_of(workspace, MediaId::of(id)).await?.ok_or(MediaError::NotFound)?;
        let digest = row.digest.as_deref().filter(|_| row.state == "stored").ok_or(MediaError::NotFound)?;
        let path = self.path(digest);
        if !tokio::fs::try_exists(&path).await? {
            return Err(MediaError::NotFound);
        }
        Ok((row, path))
    }

    /// Opens the bytes of a row.
    ///
    /// # Errors
    /// They are not here.
    pub async fn open_bytes(&self, row: &MediaRow) -> Result<File, MediaError> {
        let digest = row.digest.as_deref().filter(|_| row.state == "stored").ok_or(MediaError::NotFound)?;
        match File::open(self.path(digest)).await {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(MediaError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Publishes a stored file of a workspace for at least so long; answers with its address.
    ///
    /// # Errors
    /// There is no such file, the host has no address that the audience reaches, or it is longer than files are published.
    pub async fn publish(
        &self,
        workspace: &str,
        id: &str,
        for_ms: u64,
        audience: Audience,
    ) -> Result<String, MediaError> {
        let most = self.0.config.publish_days;
        if for_ms > u64::from(most) * DAY_MS {
            return Err(MediaError::TooLong { asked_ms: for_ms, most });
        }
        let base = match audience {
            Audience::Provider => self.0.config.base_url.public().ok_or(MediaError::NoPublicUrl)?,
            Audience::Visitor => self.0.config.base_url.for_browsers(),
        };
        let row = self.0.db.media_of(workspace, MediaId::of(id)).await?.ok_or(MediaError::NotFound)?;
        if row.state != "stored" {
            return Err(MediaError::NotFound);
        }
        let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>());
        let expires_at = self.0.clock.now().saturating_add(i64::try_from(for_ms).unwrap_or(i64::MAX));
        self.0.db.publish_media(workspace, row.id, &token, expires_at).await?;
        Ok(format!("{base}/files/{token}/{}", public_name(&row)))
    }

    /// Forgets files older than `before` (milliseconds since 1970), those in no message older than `unused` (the second for web
    /// visitors' files) and publications that ended, at most `limit` of each.
    /// Answers how many files' bytes went.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn sweep(&self, before: i64, unused: (i64, i64), limit: u32) -> Result<usize, DbError> {
        let _alone = self.0.keeping.write().await;
        let digests = self.0.db.expire_media(before, unused, self.0.clock.now(), limit).await?;
        self.remove_bytes(&digests).await;
        Ok(digests.len())
    }

    /// Removes the bytes of this digest unless a file has them, after a row could not be kept for them.
    ///
    /// # Errors
    /// The database refuses.
    pub(super) async fn forget(&self, digest: String) -> Result<(), DbError> {
        let _alone = self.0.keeping.write().await;
        let free = self.0.db.unneeded_digests(vec![digest]).await?;
        self.remove_bytes(&free).await;
        Ok(())
    }

    /// Removes the bytes of files of which nothing is wanted any more, as after erasing a person, without waiting for the next sweep.
    ///
    /// # Errors
    /// The database refuses; the next sweep removes them.
    pub async fn remove_unwanted(&self) -> Result<(), DbError> {
        self.sweep(i64::MIN, (i64::MIN, i64::MIN), UNWANTED_AT_ONCE).await.map(|_| ())
    }

    async fn remove_bytes(&self, digests: &[String]) {
        for digest in digests {
            if let Err(error) = tokio::fs::remove_file(self.path(digest)).await
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(digest, %error, "the bytes of a file that nobody has could not be removed");
            }
        }
    }

    /// Where the bytes of a digest are.
    pub(super) fn path(&self, digest: &str) -> PathBuf {
        let (front, _) = digest.split_at(2.min(digest.len()));
        self.0.folder.join(front).join(digest)
    }

    /// A new file in the folder of what is not whole yet.
    pub(super) fn fresh_path(&self) -> PathBuf {
        self.0.folder.join("incoming").join(hex::encode(random::<16>()))
    }
}

/// Moves finished bytes to where their digest names them.
pub(super) async fn settle(from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    tokio::fs::create_dir_all(folder).await?;
    tokio::fs::rename(from, to).await?;
    File::open(folder).await?.sync_all().await
}

/// A name that is safe in an address: the file's own where it has one, with an ending that fits its type.
fn public_name(row: &MediaRow) -> String {
    let given = row.name.as_deref().unwrap_or_default();
    let mut name: String = given
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || ".-_".contains(character) { character } else { '_' })
        .collect();
    name = name.trim_start_matches('.').chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
    if name.trim_matches('_').is_empty() {
        name = "file".to_owned();
    }
    let ending = row.mime.as_deref().and_then(super::measure::ending).unwrap_or("bin");
    if name.contains('.') { name } else { format!("{name}.{ending}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: Option<&str>, mime: &str) -> String {
        public_name(&MediaRow { name: name.map(str::to_owned), mime: Some(mime.to_owned()), ..MediaRow::default() })
    }

    #[test]
    fn published_names_are_safe_in_an_address() {
        assert_eq!(named(None, "image/jpeg"), "file.jpg");
        assert_eq!(named(Some("../../etc/passwd"), "text/plain"), "_.._etc_passwd");
        assert_eq!(named(Some("struk 12.pdf"), "application/pdf"), "struk_12.pdf");
        assert_eq!(named(Some("写真"), "image/png"), "file.png");
    }
}
