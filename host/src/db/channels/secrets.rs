//! Secrets of channels and registrations, sealed in envelopes that are bound to their row.
//!
//! A value is opened only where a call needs it; lists tell that a secret is set and nothing more.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::SecretValue;

use crate::db::engine::after;
use crate::db::{Db, DbError};
use crate::model::envelope::{CHANCE, Vault};

/// A secret with its value.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The value.
    pub value: SecretValue,
    /// The destination that it was given for, where it is bound to one.
    pub bound_to: Option<String>,
    /// When it stops working, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Grows with every change.
    pub version: i64,
}

/// That a secret is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretState {
    /// Its name in the manifest.
    pub name: String,
    /// The destination that it was given for, where it is bound to one.
    pub bound_to: Option<String>,
    /// When it stops working, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Grows with every change.
    pub version: i64,
    /// When it was set, in milliseconds since 1970.
    pub changed_at: i64,
}

/// What is to be kept under a name.
pub(in crate::db) struct NewSecret<'a> {
    /// A channel's or a registration's id.
    pub owner: &'a str,
    /// The owner's workspace; `None` for the operator's own registrations.
    pub workspace: Option<&'a str>,
    /// Its name in the manifest.
    pub name: &'a str,
    /// The value.
    pub value: &'a [u8],
    /// The destination that it was given for.
    pub bound_to: Option<&'a str>,
    /// When it stops working.
    pub expires_at: Option<i64>,
}

/// Sets a secret, replacing what was there.
pub(in crate::db) fn put(
    connection: &Connection,
    vault: &Vault,
    secret: &NewSecret<'_>,
    now: i64,
) -> Result<(), DbError> {
    let envelope = vault.seal(&row_name(secret.owner, secret.name), secret.value, crate::clock::random::<CHANCE>());
    connection
        .prepare_cached(
            "INSERT INTO secrets (owner, name, workspace_id, envelope, bound_to, expires_at, version, changed_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7) ON CONFLICT (owner, name) DO UPDATE SET workspace_id = ?3, envelope = ?4, \
             bound_to = ?5, expires_at = ?6, version = version + 1, changed_at = ?7",
        )?
        .execute(params![
            secret.owner,
            secret.name,
            secret.workspace,
            envelope,
            secret.bound_to,
            secret.expires_at,
            now
        ])?;
    after::secrets_changed();
    Ok(())
}

/// A secret as its row has it.
#[derive(Debug)]
struct Sealed {
    envelope: Vec<u8>,
    bound_to: Option<String>,
    expires_at: Option<i64>,
    version: i64,
}

impl Sealed {
    fn read(connection: &Connection, owner: &str, name: &str) -> Result<Option<Sealed>, DbError> {
        Ok(connection
            .prepare_cached(
                "SELECT envelope, bound_to, expires_at, version FROM secrets WHERE owner = ?1 AND name = ?2",
            )?
            .query_row(params![owner, name], |row| {
                Ok(Sealed {
                    envelope: row.get(0)?,
                    bound_to: row.get(1)?,
                    expires_at: row.get(2)?,
                    version: row.get(3)?,
                })
            })
            .optional()?)
    }

    fn open(&self, vault: &Vault, owner: &str, name: &str) -> Result<Secret, DbError> {
        let value = vault.open(&row_name(owner, name), &self.envelope)?;
        let (bound_to, expires_at, version) = (self.bound_to.clone(), self.expires_at, self.version);
        Ok(Secret { value: SecretValue::new(value.to_vec()), bound_to, expires_at, version })
    }
}

/// Reads a secret within an act.
pub(in crate::db) fn read(
    connection: &Connection,
    vault: &Vault,
    owner: &str,
    name: &str,
) -> Result<Option<Secret>, DbError> {
    Sealed::read(connection, owner, name)?.map(|sealed| sealed.open(vault, owner, name)).transpose()
}

/// Secrets kept at most; past it all are forgotten, and those in use are soon back.
const MOST: usize = 20_000;

/// Secrets in memory, sealed as they are in their rows, so that a call of a provider needs no question to the disk. An act that changes
/// one notes it in `engine/after.rs`, and the commit forgets all.
#[derive(Default)]
pub(in crate::db) struct SecretCache(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    /// How often all were forgotten.
    epoch: u64,
    /// By owner and name.
    rows: HashMap<(String, String), Arc<Sealed>>,
}

impl SecretCache {
    /// The secret, or the epoch to put it under: what was read before a change must not be put after it.
    fn get(&self, key: &(String, String)) -> Result<Arc<Sealed>, u64> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.rows.get(key).cloned().ok_or(kept.epoch)
    }

    fn put(&self, seen: u64, key: (String, String), row: &Arc<Sealed>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.epoch != seen {
            return;
        }
        if kept.rows.len() >= MOST {
            kept.rows.clear();
        }
        kept.rows.insert(key, Arc::clone(row));
    }

    /// Some secret changed.
    pub fn forget(&self) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        kept.epoch += 1;
        kept.rows.clear();
    }
}

/// Removes one secret; whether it was there.
pub(in crate::db) fn remove(connection: &Connection, owner: &str, name: &str) -> Result<bool, DbError> {
    after::secrets_changed();
    Ok(connection
        .prepare_cached("DELETE FROM secrets WHERE owner = ?1 AND name = ?2")?
        .execute(params![owner, name])?
        > 0)
}

/// Removes every secret of an owner that goes.
pub(in crate::db) fn remove_all(connection: &Connection, owner: &str) -> Result<usize, DbError> {
    after::secrets_changed();
    Ok(connection.prepare_cached("DELETE FROM secrets WHERE owner = ?1")?.execute(params![owner])?)
}

/// Which secrets of an owner are set, within an act.
pub(in crate::db) fn states(connection: &Connection, owner: &str) -> Result<Vec<SecretState>, DbError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, bound_to, expires_at, version, changed_at FROM secrets WHERE owner = ?1 ORDER BY name",
    )?;
    let rows = statement
        .query_map(params![owner], |row| {
            Ok(SecretState {
                name: row.get(0)?,
                bound_to: row.get(1)?,
                expires_at: row.get(2)?,
                version: row.get(3)?,
                changed_at: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(rows)
}

fn row_name(owner: &str, name: &str) -> String {
    format!("secret/{owner}/{name}")
}

impl Db {
    /// Which secrets of a channel or a registration are set.
    pub async fn secrets_of(&self, owner: &str) -> Result<Vec<SecretState>, DbError> {
        let owner = owner.to_owned();
        self.read(move |connection| states(connection, &owner)).await
    }

    /// The current value of a secret.
    pub async fn secret(&self, owner: &str, name: &str) -> Result<Option<Secret>, DbError> {
        let key = (owner.to_owned(), name.to_owned());
        let sealed = match self.secret_cache().get(&key) {
            Ok(sealed) => sealed,
            Err(seen) => {
                let (owner, name) = key.clone();
                let found = self.read(move |connection| Sealed::read(connection, &owner, &name)).await?;
                let Some(sealed) = found.map(Arc::new) else { return Ok(None) };
                self.secret_cache().put(seen, key, &sealed);
                sealed
            }
        };
        sealed.open(&self.0.vault, owner, name).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{DbConfig, Priority};

    fn open(folder: &std::path::Path, key: u8) -> Result<Db, DbError> {
        Db::open(DbConfig::at(folder.join("t.db")), Vault::new([key; 32]))
    }

    async fn keep(db: &Db, name: &'static str, value: &'static [u8]) {
        let vault = db.vault();
        db.write(Priority::Urgent, move |connection| {
            let secret = NewSecret {
                owner: "ch_1",
                workspace: Some("ws_1"),
                name,
                value,
                bound_to: Some("https://api.example"),
                expires_at: None,
            };
            put(connection, &vault, &secret, 5)
        })
        .await
        .expect("kept");
    }

    #[tokio::test]
    async fn a_secret_is_read_back_and_stands_nowhere_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path(), 1).expect("opens");
        keep(&db, "token", b"a-very-secret-token").await;
        keep(&db, "token", b"another-secret-token").await;
        let secret = db.secret("ch_1", "token").await.expect("read").expect("set");
        assert_eq!(secret.value.expose(), b"another-secret-token");
        assert_eq!(secret.version, 2);
        keep(&db, "token", b"the-third-secret-token").await;
        let secret = db.secret("ch_1", "token").await.expect("read").expect("set");
        assert_eq!((secret.value.expose(), secret.version), (&b"the-third-secret-token"[..], 3), "memory is current");
        assert_eq!(db.secrets_of("ch_1").await.expect("listed").len(), 1);
        assert!(db.secret("ch_2", "token").await.expect("read").is_none());
        db.close().await;
        for entry in std::fs::read_dir(folder.path()).expect("listed") {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("read");
            assert!(!bytes.windows(12).any(|window| window == b"secret-token"));
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_moved_to_another_row_does_not_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path(), 1).expect("opens");
        keep(&db, "token", b"hush").await;
        db.write(Priority::Urgent, |connection| {
            connection.execute("UPDATE secrets SET owner = 'ch_2'", [])?;
            Ok(())
        })
        .await
        .expect("moved");
        assert!(matches!(db.secret("ch_2", "token").await, Err(DbError::Sealed(_))));
    }

    #[tokio::test]
    async fn another_master_key_is_refused_at_the_door() {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path(), 1).expect("opens").close().await;
        assert!(matches!(open(folder.path(), 2), Err(DbError::WrongKey)));
        open(folder.path(), 1).expect("opens with its own").close().await;
    }

    #[test]
    fn so_many_secrets_are_in_memory_and_none_that_was_read_before_a_change() {
        let cache = SecretCache::default();
        let row = Arc::new(Sealed { envelope: Vec::new(), bound_to: None, expires_at: None, version: 1 });
        let key = |number: usize| (format!("ch_{number}"), "token".to_owned());
        (0..=MOST).for_each(|number| cache.put(0, key(number), &row));
        assert!(cache.0.read().expect("free").rows.len() <= MOST);
        let seen = cache.get(&key(0)).expect_err("it was forgotten");
        cache.forget();
        cache.put(seen, key(0), &row);
        assert!(cache.get(&key(0)).is_err(), "it was read before the change");
    }
}
