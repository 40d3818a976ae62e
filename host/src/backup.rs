//! Backups: one tar file with a copy of the database, the generations of plugins and the files of messages.
//!
//! Secrets are in it as they are in the database, sealed; the key that opens them is not. The last entry but one lists the others in
//! their order with the SHA-256 of each; the last vouches for that list with the server's master key. So a file that was cut, or that
//! anybody changed who does not have the key, is known before anything of it is used.

mod swap;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data_dir::{DataDir, DataDirError};
use crate::db::DbError;
use crate::db::backup::{self, Restored};
use crate::model::envelope::{EnvelopeError, Seal, Vault};
use crate::model::time::from_rfc3339;

const MANIFEST: &str = "backup.json";
const SEAL: &str = "backup.seal.json";
/// What the key is derived for that vouches for the list.
const PURPOSE: &str = "sambung backup list";
/// The longest list that is read, in bytes: millions of files.
const MOST_LIST: u64 = 1 << 30;
/// The longest seal.
const MOST_SEAL: u64 = 4096;
const DATABASE: &str = "sambung.db";
/// Folders that go along. Native code is left out: it is compiled again.
const FOLDERS: [&str; 3] = ["generations", "plugins", "media"];
/// The form of the file that this program writes and reads.
const FORM: u32 = 1;

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system refused something.
    #[error("{what} {path}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// There is no database to back up.
    #[error("there is no database in {0}")]
    Nothing(PathBuf),
    /// The file is in the way.
    #[error("{0} is there already; name a new file")]
    Exists(PathBuf),
    /// Not a backup, or not whole.
    #[error("{path} is no whole backup: {why}. Nothing was changed")]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing vouches for what the file holds.
    #[error(
        "{path} is not signed: it holds no {SEAL}, and only a backup that `sambung backup` signed with the server's master key is \
         restored. Nothing was changed"
    )]
    Unsigned {
        /// The file.
        path: PathBuf,
    },
    /// It is not what the server wrote.
    #[error("{path} was changed after it was made: {why}. Use another copy of it. Nothing was changed")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is not as it was signed.
        why: String,
    },
    /// There is no key to sign with.
    #[error(
        "there is no master key at {0}, so that the backup could not be signed or restored; put the server's key file there"
    )]
    NoKey(PathBuf),
    /// There is no key.
    #[error(
        "no master key: put the key file that this backup's server had at {0}, or name it with --key. Nothing was changed"
    )]
    KeyMissing(PathBuf),
    /// The key is another server's.
    #[error(
        "the master key is not the one of this backup: bring the key file that its server had. Nothing was changed"
    )]
    WrongKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    form: u32,
    version: String,
    made_at: String,
    /// In the order of the entries.
    entries: Vec<Listed>,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// Tells how far it is: bytes done, of so many.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |error| BackupError::Io { what, path, error }
}

/// Writes a backup of the data folder, whether or not a server runs in it. The file appears when it is whole.
pub fn create(data: &DataDir, file: &Path, made_at: String, progress: Progress<'_>) -> Result<u64, BackupError> {
    data.refuse_half_restored()?;
    if !data.database().exists() {
        return Err(BackupError::Nothing(data.path().to_owned()));
    }
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let vault = data.existing_vault()?.ok_or_else(|| BackupError::NoKey(data.key()))?;
    let work = Scratch::make(data.path().join(format!("backup-{}", std::process::id())))?;
    let copy = work.0.join(DATABASE);
    backup::snapshot(&data.database(), &copy)?;
    // The database first: a file that it names was written before its row, and one that comes later does no harm.
    let mut entries = vec![(DATABASE.to_owned(), copy)];
    for folder in FOLDERS {
        walk(&data.path().join(folder), folder, &mut entries)?;
    }
    let total = entries.iter().filter_map(|(_, path)| path.metadata().ok()).map(|meta| meta.len()).sum();
    let unfinished = file.with_extension("unfinished");
    let written = pack(&unfinished, &entries, (&vault, made_at), total, progress);
    let finished = written.and_then(|()| std::fs::rename(&unfinished, file).map_err(io("cannot write", file)));
    if let Err(error) = finished {
        let _ = std::fs::remove_file(&unfinished);
        return Err(error);
    }
    Ok(file.metadata().map_or(0, |meta| meta.len()))
}

fn pack(
    into: &Path,
    entries: &[(String, PathBuf)],
    (vault, made_at): (&Vault, String),
    total: u64,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let file = create_private(into).map_err(io("cannot write", into))?;
    let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 20, file));
    let mut listed = Vec::with_capacity(entries.len());
    let mut done = 0;
    for (name, path) in entries {
        let opened = match File::open(path) {
            Ok(opened) => opened,
            // Retention may have taken a file away meanwhile; the database says so as well, or will.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io("cannot read", path)(error)),
        };
        let bytes = opened.metadata().map_err(io("cannot read", path))?.len();
        let mut reader = Hashing::new(BufReader::new(opened).take(bytes), |more| {
            done += more;
            progress(done, total);
        });
        tar.append_data(&mut header(bytes), name, &mut reader).map_err(io("cannot write", into))?;
        listed.push(Listed { name: name.clone(), bytes, sha256: reader.finish() });
    }
    let manifest = Manifest { form: FORM, version: env!("CARGO_PKG_VERSION").into(), made_at, entries: listed };
    let text = serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON");
    tar.append_data(&mut header(text.len() as u64), MANIFEST, &text[..]).map_err(io("cannot write", into))?;
    let seal = serde_json::to_vec_pretty(&vault.vouch(PURPOSE, &text)).expect("texts are JSON");
    tar.append_data(&mut header(seal.len() as u64), SEAL, &seal[..]).map_err(io("cannot write", into))?;
    let mut buffer = tar.into_inner().map_err(io("cannot write", into))?;
    buffer.flush().map_err(io("cannot write", into))?;
    buffer.get_ref().sync_all().map_err(io("cannot write", into))
}

/// Puts a backup in the place of what the data folder holds, which is moved aside and not removed. Everything is proved
/// before: that no server runs, that the key vouches for the backup and it is whole, that its version is known, that the key opens it. What an earlier
/// restore left half done is undone first.
pub async fn restore(
    data: &DataDir,
    file: &Path,
    key: Option<&Path>,
    now: i64,
    progress: Progress<'_>,
) -> Result<Restored, BackupError> {
    data.make()?;
    let _lock = data.lock()?;
    swap::undo(data)?;
    let (vault, key_text) = key_for(data, key)?;
    // The lock keeps others out of it: what is in it was left by a restore that was killed.
    let work = Scratch::make(data.path().join("restore-work"))?;
    let manifest = signed_list(file, &vault)?;
    let made_at = unpack(file, &manifest, &work.0, progress)?;
    let database = work.0.join(DATABASE);
    backup::prove(&database, &vault).map_err(|error| match error {
        DbError::WrongKey => BackupError::WrongKey,
        DbError::Newer { .. } => error.into(),
        other => BackupError::NotWhole { path: file.to_owned(), why: other.to_string() },
    })?;
    let restored = backup::make_ready(&database, vault, made_at, now).await?;
    if let Some(text) = key_text {
        let path = work.0.join(data.key().file_name().unwrap_or_default());
        let written = create_private(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(io("cannot write", &path))?;
    }
    swap::put_in_place(data, &work.0, now)?;
    Ok(restored)
}

/// The key that was named, else the data folder's own; with its text where the folder's file is to be another.
fn key_for(data: &DataDir, key: Option<&Path>) -> Result<(Vault, Option<zeroize::Zeroizing<String>>), BackupError> {
    match key {
        Some(path) => {
            let text = std::fs::read_to_string(path).map(zeroize::Zeroizing::new).map_err(io("cannot read", path))?;
            let vault =
                Vault::from_text(&text).map_err(|error| DataDirError::KeyText { path: path.to_owned(), error })?;
            let there = std::fs::read_to_string(data.key()).map(zeroize::Zeroizing::new);
            let same = there.is_ok_and(|there| *there == *text);
            Ok((vault, (!same).then_some(text)))
        }
        None => match data.existing_vault()? {
            Some(vault) => Ok((vault, None)),
            None => Err(BackupError::KeyMissing(data.key())),
        },
    }
}

/// Reads the list at the file's end without unpacking anything, and proves that the key vouches for it and that the entries are
/// those that it names, in their order.
fn signed_list(file: &Path, vault: &Vault) -> Result<Manifest, BackupError> {
    let not_whole = |why: &str| BackupError::NotWhole { path: file.to_owned(), why: why.to_owned() };
    let changed = |why: &str| BackupError::Changed { path: file.to_owned(), why: why.to_owned() };
    let mut opened = File::open(file).map_err(io("cannot read", file))?;
    let size = opened.seek(std::io::SeekFrom::End(0)).map_err(io("cannot read", file))?;
    opened.rewind().map_err(io("cannot read", file))?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(64 << 10, opened));
    let (mut found, mut list, mut seal) = (Vec::new(), None, None);
    for entry in archive.entries_with_seek().map_err(|_| not_whole("it is not a tar file"))? {
        let mut entry = entry.map_err(|error| not_whole(&error.to_string()))?;
        let name = entry.path().map_err(|error| not_whole(&error.to_string()))?.to_string_lossy().into_owned();
        let bytes = entry.size();
        if entry.raw_file_position().saturating_add(bytes) > size {
            return Err(not_whole("its end is missing"));
        }
        let most = match name.as_str() {
            _ if seal.is_some() => return Err(changed("it holds more than what was signed")),
            MANIFEST if list.is_none() => MOST_LIST,
            SEAL if list.is_some() => MOST_SEAL,
            _ if list.is_some() => return Err(changed("its entries are in another order")),
            _ => {
                found.push((name, bytes));
                continue;
            }
        };
        if bytes > most {
            return Err(changed(&format!("{name} is too long")));
        }
        let mut text = Vec::new();
        entry.read_to_end(&mut text).map_err(|error| not_whole(&error.to_string()))?;
        if name == MANIFEST { list = Some(text) } else { seal = Some(text) }
    }
    let list = list.ok_or_else(|| not_whole("its end is missing"))?;
    let seal = seal.ok_or_else(|| BackupError::Unsigned { path: file.to_owned() })?;
    let seal: Seal = serde_json::from_slice(&seal).map_err(|_| changed("its signature cannot be read"))?;
    vault.prove(PURPOSE, &list, &seal).map_err(|error| match error {
        EnvelopeError::UnknownKey => BackupError::WrongKey,
        EnvelopeError::Damaged => changed("its list of files is not the one that was signed"),
    })?;
    let manifest: Manifest = serde_json::from_slice(&list).map_err(|error| not_whole(&error.to_string()))?;
    if manifest.form > FORM {
        return Err(not_whole(&format!("version {} wrote it in a newer form", manifest.version)));
    }
    let listed = manifest.entries.iter().map(|entry| (entry.name.as_str(), entry.bytes));
    if !listed.eq(found.iter().map(|(name, bytes)| (name.as_str(), *bytes))) {
        return Err(changed("its entries are not those of its list, or in another order"));
    }
    if !manifest.entries.iter().any(|entry| entry.name == DATABASE) {
        return Err(not_whole("it holds no database"));
    }
    Ok(manifest)
}

/// Unpacks what the signed list names, and proves the content of each entry on the way; answers with when the backup was made, in
/// milliseconds since 1970.
fn unpack(file: &Path, manifest: &Manifest, into: &Path, progress: Progress<'_>) -> Result<i64, BackupError> {
    let not_whole = |why: &str| BackupError::NotWhole { path: file.to_owned(), why: why.to_owned() };
    let opened = File::open(file).map_err(io("cannot read", file))?;
    let total = opened.metadata().map_err(io("cannot read", file))?.len();
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, opened));
    let mut done = 0;
    let mut unpacked = 0;
    let entries = archive.entries().map_err(|_| not_whole("it is not a tar file"))?;
    for (entry, listed) in entries.zip(&manifest.entries) {
        let mut entry = entry.map_err(|error| not_whole(&error.to_string()))?;
        let path = entry.path().map_err(|error| not_whole(&error.to_string()))?.into_owned();
        let is_listed = path.to_string_lossy() == listed.name && entry.size() == listed.bytes;
        if !is_listed || !belongs(&path) || !entry.header().entry_type().is_file() {
            return Err(not_whole(&format!("{} does not belong into a backup", path.display())));
        }
        let target = into.join(&path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(io("cannot make", folder))?;
        }
        let mut out = create_private(&target).map_err(io("cannot write", &target))?;
        let mut reader = Hashing::new(&mut entry, |more| {
            done += more;
            progress(done, total);
        });
        std::io::copy(&mut reader, &mut out).map_err(|error| not_whole(&error.to_string()))?;
        if reader.finish() != listed.sha256 {
            return Err(not_whole(&format!("the content of {} is not what was written", listed.name)));
        }
        out.sync_all().map_err(io("cannot write", &target))?;
        unpacked += 1;
    }
    if unpacked != manifest.entries.len() {
        return Err(not_whole("its end is missing"));
    }
    from_rfc3339(&manifest.made_at).ok_or_else(|| not_whole("it does not say when it was made"))
}

/// Plain relative paths to what a backup holds, so that no file can climb out of the folder.
fn belongs(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
        && (path == Path::new(DATABASE) || FOLDERS.iter().any(|folder| path.starts_with(folder)))
}

fn walk(folder: &Path, name: &str, entries: &mut Vec<(String, PathBuf)>) -> Result<(), BackupError> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("cannot read", folder)(error)),
    };
    for entry in listed {
        let entry = entry.map_err(io("cannot read", folder))?;
        let kind = entry.file_type().map_err(io("cannot read", folder))?;
        let below = format!("{name}/{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            walk(&entry.path(), &below, entries)?;
        } else if kind.is_file() {
            entries.push((below, entry.path()));
        }
    }
    Ok(())
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_entry_type(tar::EntryType::Regular);
    header
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// A folder that goes when it is done with.
struct Scratch(PathBuf);

impl Scratch {
    fn make(path: PathBuf) -> Result<Scratch, BackupError> {
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(io("cannot empty", &path))?;
        }
        std::fs::create_dir_all(&path).map_err(io("cannot make", &path))?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Counts and hashes what is read through it.
struct Hashing<R, F> {
    inner: R,
    hash: Sha256,
    tell: F,
}

impl<R: Read, F: FnMut(u64)> Hashing<R, F> {
    fn new(inner: R, tell: F) -> Self {
        Self { inner, hash: Sha256::new(), tell }
    }

    fn finish(self) -> String {
        hex::encode(self.hash.finalize())
    }
}

impl<R: Read, F: FnMut(u64)> Read for Hashing<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        (self.tell)(read as u64);
        Ok(read)
    }
}
