//! The data folder: what lies where in it, the lock that keeps a second server out, the file of the master key.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::model::envelope::{KeyTextError, Vault};

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
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
    /// Another process uses it.
    #[error("{0} is in use by a running server; stop it first")]
    InUse(PathBuf),
    /// There is a database and no key for it.
    #[error(
        "{0} is missing, but there is a database that was sealed with it; put the key file back (a backup does not hold it)"
    )]
    KeyMissing(PathBuf),
    /// A restore was cut off.
    #[error(
        "a restore into {0} was cut off before its end, and the folder holds a part of each: run `sambung restore` again, which first puts back what was there"
    )]
    RestoreUnfinished(PathBuf),
    /// The key file does not hold keys.
    #[error("{path}: {error}")]
    KeyText {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        error: KeyTextError,
    },
}

/// The data folder.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// Held as long as the server runs; the system lets go of it with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// See [`DataDir::lock`].
pub const WITHOUT_LOCK: &str = "TEST_SAMBUNG_WITHOUT_LOCK";

impl DataDir {
    /// This folder, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> DataDir {
        DataDir(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.0.join("sambung.db")
    }

    /// The master key.
    pub fn key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// Where plugin files are dropped.
    pub fn plugins(&self) -> PathBuf {
        self.0.join("plugins")
    }

    /// Files of messages.
    pub fn media(&self) -> PathBuf {
        self.0.join("media")
    }

    /// Native code of plugins; may be removed at any time.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// What a restore writes down before it moves anything, and takes away when it is done.
    pub fn restore_note(&self) -> PathBuf {
        self.0.join("restore.unfinished")
    }

    /// Nothing is to be read from a folder that holds a part of what was there and a part of what was restored.
    pub fn refuse_half_restored(&self) -> Result<(), DataDirError> {
        if self.restore_note().exists() { Err(DataDirError::RestoreUnfinished(self.0.clone())) } else { Ok(()) }
    }

    /// Makes the folder and those in it, for this user only.
    pub fn make(&self) -> Result<(), DataDirError> {
        for path in [self.0.clone(), self.plugins(), self.media(), self.cache()] {
            private_folder(&path).map_err(|error| DataDirError::Io { what: "cannot make the folder", path, error })?;
        }
        self.make_private();
        Ok(())
    }

    /// Takes other users' rights to everything in the folder, whoever made it before: files are 0600 and folders 0700.
    fn make_private(&self) {
        #[cfg(unix)]
        for path in self.open_to_others() {
            use std::os::unix::fs::PermissionsExt;
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            if let Err(error) = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)) {
                tracing::warn!(path = %path.display(), %error, "other users keep their rights to a file of the data folder");
            }
        }
    }

    /// What in the folder, itself included, other users have any right to.
    pub fn open_to_others(&self) -> Vec<PathBuf> {
        let mut open = Vec::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mut left = vec![self.0.clone()];
            while let Some(path) = left.pop() {
                // A link's own rights mean nothing, and what it leads to is not in the folder.
                let Ok(known) = path.symlink_metadata() else { continue };
                if known.file_type().is_symlink() {
                    continue;
                }
                if known.is_dir() {
                    let inside = std::fs::read_dir(&path).into_iter().flatten();
                    left.extend(inside.filter_map(|entry| entry.ok().map(|entry| entry.path())));
                }
                if known.permissions().mode() & 0o077 != 0 {
                    open.push(path);
                }
            }
        }
        open
    }

    /// Keeps other servers, and restores, out of the folder. A test that takes a stopped server for dead starts another over its folder:
    /// in a debug build [`WITHOUT_LOCK`] in the environment leaves the lock out.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        let path = self.0.join("lock");
        let io = |error| DataDirError::Io { what: "cannot open", path: path.clone(), error };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        if cfg!(debug_assertions) && std::env::var_os(WITHOUT_LOCK).is_some() {
            return Ok(Lock { _file: file });
        }
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(std::fs::TryLockError::WouldBlock) => Err(DataDirError::InUse(self.0.clone())),
            Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
        }
    }

    /// The master keys; on a first start, where there is no database either, a new one.
    pub fn vault(&self) -> Result<Vault, DataDirError> {
        self.refuse_half_restored()?;
        match self.existing_vault()? {
            Some(vault) => Ok(vault),
            None if self.database().exists() => Err(DataDirError::KeyMissing(self.key())),
            None => self.new_vault(),
        }
    }

    /// The master keys, where there is a file of them.
    pub fn existing_vault(&self) -> Result<Option<Vault>, DataDirError> {
        let path = self.key();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Vault::from_text(&text).map(Some).map_err(|error| DataDirError::KeyText { path, error })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DataDirError::Io { what: "cannot read", path, error }),
        }
    }

    fn new_vault(&self) -> Result<Vault, DataDirError> {
        let path = self.key();
        let key = Zeroizing::new(crate::clock::random::<32>());
        let text = Zeroizing::new(format!(
            "# Opens every secret of this data folder. Keep a copy apart from backups: without it they cannot be restored.\n{}\n",
            hex::encode(&key[..])
        ));
        write_private(&path, text.as_bytes()).map_err(|error| DataDirError::Io {
            what: "cannot write",
            path,
            error,
        })?;
        Ok(Vault::new(*key))
    }
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Writes a new file that only this user can read, and sees it onto the disk.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::at(folder.path().join("data"));
        data.make().expect("made");
        let lock = data.lock().expect("free");
        assert!(matches!(data.lock(), Err(DataDirError::InUse(_))));
        drop(lock);
        data.lock().expect("free again");
    }

    #[test]
    fn a_new_key_is_private_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::at(folder.path());
        let envelope = data.vault().expect("made").seal("row", b"hush", [7; crate::model::envelope::CHANCE]);
        assert_eq!(&data.vault().expect("read").open("row", &envelope).expect("opens")[..], b"hush");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(data.key()).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_could_read_is_closed_to_them_with_all_that_is_in_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::at(folder.path().join("data"));
        let deep = data.path().join("generations/one");
        std::fs::create_dir_all(&deep).expect("made");
        for path in [data.database(), deep.join("plugin.wasm")] {
            std::fs::write(&path, b"x").expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("opened");
        }
        std::fs::set_permissions(&deep, std::fs::Permissions::from_mode(0o777)).expect("opened");
        assert!(data.open_to_others().len() >= 3);
        data.make().expect("made");
        assert_eq!(data.open_to_others(), Vec::<PathBuf>::new());
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&data.database()), mode(&deep)), (0o600, 0o700));
    }

    #[test]
    fn a_missing_key_beside_a_database_is_not_replaced_by_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::at(folder.path());
        std::fs::write(data.database(), b"").expect("written");
        assert!(matches!(data.vault(), Err(DataDirError::KeyMissing(_))));
        assert!(!data.key().exists());
    }
}
