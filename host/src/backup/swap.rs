//! Puts what was restored in the place of what is there, which is moved aside and not removed.
//!
//! A note in the data folder tells of it while it lasts. Where a crash leaves the note behind, no server starts from a half of
//! each, and the next restore puts everything back before it begins its own.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{BackupError, DATABASE, FOLDERS, io};
use crate::data_dir::DataDir;

/// What is being exchanged.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// The folder, within the data folder, that takes what was there.
    aside: String,
    /// Names that are exchanged.
    names: Vec<String>,
    /// Those of them that were there before.
    there: Vec<String>,
}

/// Exchanges everything that `restored` holds, and what belongs to it, in one go that the next restore can undo.
pub(super) fn put_in_place(data: &DataDir, restored: &Path, now: i64) -> Result<(), BackupError> {
    let note = Note::of(data, restored, now);
    note.write(data)?;
    for (from, to) in note.moves(data, restored) {
        rename(&from, &to)?;
    }
    data.make()?;
    note.remove(data)
}

/// Puts back what an interrupted restore moved; does nothing where none was.
pub(super) fn undo(data: &DataDir) -> Result<(), BackupError> {
    let Some(note) = Note::read(data)? else { return Ok(()) };
    let aside = data.path().join(&note.aside);
    for name in &note.names {
        let (there, moved) = (data.path().join(name), aside.join(name));
        if moved.exists() {
            remove(&there)?;
            rename(&moved, &there)?;
        } else if !note.there.contains(name) {
            remove(&there)?;
        }
    }
    // Everything is out of it again; a folder that is left over does no harm.
    let _ = std::fs::remove_dir(&aside);
    data.make()?;
    note.remove(data)
}

impl Note {
    fn of(data: &DataDir, restored: &Path, now: i64) -> Note {
        let mut names: Vec<String> = FOLDERS.iter().map(ToString::to_string).collect();
        names.extend(["", "-wal", "-shm"].map(|end| format!("{DATABASE}{end}")));
        if let Some(key) = data.key().file_name().map(|name| name.to_string_lossy().into_owned())
            && restored.join(&key).exists()
        {
            names.push(key);
        }
        let there = names.iter().filter(|name| data.path().join(name).exists()).cloned().collect();
        Note { aside: format!("before-restore-{now}"), names, there }
    }

    /// First what is there goes aside, then what was restored comes into its place.
    fn moves(&self, data: &DataDir, restored: &Path) -> Vec<(PathBuf, PathBuf)> {
        let aside = data.path().join(&self.aside);
        let out = self.there.iter().map(|name| (data.path().join(name), aside.join(name)));
        let new = self.names.iter().filter(|name| restored.join(name).exists());
        out.chain(new.map(|name| (restored.join(name), data.path().join(name)))).collect()
    }

    /// On disk, with the folder that takes what was there, before anything is moved.
    fn write(&self, data: &DataDir) -> Result<(), BackupError> {
        let path = data.restore_note();
        let aside = data.path().join(&self.aside);
        std::fs::create_dir_all(&aside).map_err(io("cannot make", &aside))?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| io("cannot write", &path)(error.into()))?;
        let beside = path.with_extension("new");
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&beside, &path)).map_err(io("cannot write", &path))?;
        sync(data.path())
    }

    fn read(data: &DataDir) -> Result<Option<Note>, BackupError> {
        let path = data.restore_note();
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| io("cannot read", &path)(error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("cannot read", &path)(error)),
        }
    }

    fn remove(&self, data: &DataDir) -> Result<(), BackupError> {
        let path = data.restore_note();
        sync(data.path())?;
        std::fs::remove_file(&path).map_err(io("cannot remove", &path))?;
        sync(data.path())
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), BackupError> {
    std::fs::rename(from, to).map_err(io("cannot move", from))
}

fn remove(path: &Path) -> Result<(), BackupError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("cannot remove", path)(error)),
        _ => Ok(()),
    }
}

/// Renames are on disk when their folder is.
fn sync(folder: &Path) -> Result<(), BackupError> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("cannot write", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDirError;

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().expect("below a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn read(path: PathBuf) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    /// A data folder with a server's files, without media, and what was restored beside it.
    fn folders() -> (tempfile::TempDir, DataDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataDir::at(folder.path());
        let restored = folder.path().join("restored");
        for (name, old) in
            [("sambung.db", "old"), ("sambung.db-wal", "old"), ("master.key", "old"), ("plugins/p", "old")]
        {
            write(folder.path().join(name), old);
        }
        for name in ["sambung.db", "master.key", "generations/g", "media/m"] {
            write(restored.join(name), "new");
        }
        (folder, data, restored)
    }

    fn is_old(data: &DataDir) {
        for name in ["sambung.db", "sambung.db-wal", "master.key", "plugins/p"] {
            assert_eq!(read(data.path().join(name)).as_deref(), Some("old"), "{name}");
        }
        for name in ["generations/g", "media/m"] {
            assert_eq!(read(data.path().join(name)), None, "{name}");
        }
        assert!(!data.restore_note().exists());
    }

    /// Wherever the exchange stops, no server starts, and undoing it brings back what was there; the same where undoing stops.
    #[test]
    fn a_crash_at_any_step_is_told_of_and_undone() {
        let steps = {
            let (_folder, data, restored) = folders();
            Note::of(&data, &restored, 1).moves(&data, &restored).len()
        };
        assert_eq!(steps, 4 + 4);
        for stop in 0..=steps {
            for undone in 0..3 {
                let (_folder, data, restored) = folders();
                let note = Note::of(&data, &restored, 1);
                note.write(&data).expect("written");
                for (from, to) in note.moves(&data, &restored).into_iter().take(stop) {
                    rename(&from, &to).expect("moved");
                }
                assert!(matches!(data.vault(), Err(DataDirError::RestoreUnfinished(_))), "after {stop} steps");
                // Undoing was itself cut off between taking the new away and putting the old back.
                for name in note.there.iter().take(undone) {
                    if data.path().join(&note.aside).join(name).exists() {
                        remove(&data.path().join(name)).expect("removed");
                    }
                }
                undo(&data).expect("undone");
                is_old(&data);
                undo(&data).expect("nothing is to be undone");
                is_old(&data);
            }
        }
    }

    #[test]
    fn what_was_there_is_kept_aside() {
        let (_folder, data, restored) = folders();
        put_in_place(&data, &restored, 7).expect("exchanged");
        for name in ["sambung.db", "master.key", "generations/g", "media/m"] {
            assert_eq!(read(data.path().join(name)).as_deref(), Some("new"), "{name}");
        }
        assert!(!data.path().join("sambung.db-wal").exists() && !data.restore_note().exists());
        for name in ["sambung.db", "sambung.db-wal", "master.key", "plugins/p"] {
            assert_eq!(read(data.path().join("before-restore-7").join(name)).as_deref(), Some("old"), "{name}");
        }
    }
}
