//! Plugin files on disk: generations by digest, and the folder that people drop files into.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

/// Why a file could not be put or read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct FolderError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl FolderError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError + '_ {
        move |source| FolderError { path: path.to_owned(), source }
    }
}

/// A dropped file beyond this is not even read.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// Where generations and dropped files are.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    generations: PathBuf,
    dropped: PathBuf,
}

impl Folders {
    /// Makes the folders of a data directory.
    pub(super) fn open(data_dir: &Path) -> Result<Folders, FolderError> {
        let folders = Folders { generations: data_dir.join("generations"), dropped: data_dir.join("plugins") };
        for folder in [&folders.generations, &folders.dropped] {
            std::fs::create_dir_all(folder).map_err(FolderError::at(folder))?;
        }
        Ok(folders)
    }

    pub(super) fn dropped(&self) -> &Path {
        &self.dropped
    }

    /// The content of a dropped file, by its digest; none where no file holds it.
    pub(super) async fn find_dropped(&self, digest: &str) -> Option<Vec<u8>> {
        let mut entries = tokio::fs::read_dir(&self.dropped).await.ok()?;
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            let is_plugin = name.to_str().is_some_and(|name| name.ends_with(".wasm") && !name.starts_with('.'));
            let Ok(facts) = entry.metadata().await else { continue };
            if !is_plugin || !facts.is_file() || facts.len() > MOST_BYTES {
                continue;
            }
            match tokio::fs::read(entry.path()).await {
                Ok(wasm) if digest_of(&wasm) == digest => return Some(wasm),
                _ => {}
            }
        }
        None
    }

    fn generation(&self, digest: &str) -> PathBuf {
        self.generations.join(format!("{digest}.wasm"))
    }

    /// Keeps a generation's file; on disk when this returns.
    pub(super) async fn keep(&self, digest: &str, wasm: &[u8]) -> Result<(), FolderError> {
        let path = self.generation(digest);
        if tokio::fs::try_exists(&path).await.unwrap_or(false) && self.read(digest).await.is_ok() {
            return Ok(());
        }
        write_whole(&path, wasm).await
    }

    /// A generation's file, as it was installed: a damaged one is an error.
    pub(super) async fn read(&self, digest: &str) -> Result<Vec<u8>, FolderError> {
        let path = self.generation(digest);
        let wasm = tokio::fs::read(&path).await.map_err(FolderError::at(&path))?;
        if digest_of(&wasm) != digest {
            let words = "the file is not what was installed; install the plugin again";
            return Err(FolderError { path, source: io::Error::new(io::ErrorKind::InvalidData, words) });
        }
        Ok(wasm)
    }

    /// Removes the file of a generation that nobody can go back to any more.
    pub(super) async fn forget(&self, digest: &str) {
        let path = self.generation(digest);
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(path = %path.display(), %error, "an old generation's file could not be removed");
        }
    }
}

/// SHA-256 of a file, hex.
pub(super) fn digest_of(wasm: &[u8]) -> String {
    hex::encode(Sha256::digest(wasm))
}

/// Puts a file into the plugins folder of a data directory, whole or not at all, for a running host to find. Answers with
/// its digest.
///
/// # Errors
/// The folder cannot be made or written.
pub async fn place_file(data_dir: &Path, name: &str, wasm: &[u8]) -> Result<String, FolderError> {
    let folder = data_dir.join("plugins");
    tokio::fs::create_dir_all(&folder).await.map_err(FolderError::at(&folder))?;
    write_whole(&folder.join(name), wasm).await?;
    Ok(digest_of(wasm))
}

/// Makes a host that watches the plugins folder of a data directory look now. Where this fails, it looks a little later.
pub async fn nudge(data_dir: &Path) {
    let path = data_dir.join("plugins").join(format!(".look.{}", hex::encode(crate::clock::random::<6>())));
    if tokio::fs::write(&path, b"").await.is_ok() {
        let _ = tokio::fs::remove_file(&path).await;
    }
}

/// Writes beside and renames into place, so that nobody ever reads half a file.
async fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", hex::encode(crate::clock::random::<6>())));
    let written = async {
        let mut file = tokio::fs::File::create(&beside).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        drop(file);
        tokio::fs::rename(&beside, path).await?;
        let folder = path.parent().unwrap_or(Path::new("."));
        tokio::fs::File::open(folder).await?.sync_all().await
    };
    let result = written.await;
    if result.is_err() {
        let _ = tokio::fs::remove_file(&beside).await;
    }
    result.map_err(FolderError::at(path))
}
