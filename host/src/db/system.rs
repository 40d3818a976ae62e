//! Facts of the whole host, by key: the proof of the master key, the hold after a restore.

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::{Db, DbError, Priority};
use crate::keys;
use crate::model::envelope::{CHANCE, EnvelopeError, Seal, Vault};

pub(in crate::db) const PROOF_KEY: &str = "master_key_proof";
const PROOF_ROW: &str = "system/master_key_proof";
const PROOF: &[u8] = b"this key opens this database";
const PERMUTATION_KEY: &str = "id_key";
const PERMUTATION_ROW: &str = "system/id_key";
const OPENED_KEY: &str = "opened";
const HELD_KEY: &str = "held_since";

/// Whether `vault` is what this database was sealed with; a new database takes it as its own.
pub(in crate::db) fn prove_key(connection: &Connection, vault: &Vault) -> Result<(), DbError> {
    match get(connection, PROOF_KEY)? {
        Some(text) => {
            let envelope = hex::decode(text).map_err(|_| DbError::Damaged("the proof of the master key".into()))?;
            match vault.open(PROOF_ROW, &envelope) {
                Ok(proof) if proof[..] == *PROOF => Ok(()),
                Ok(_) | Err(EnvelopeError::UnknownKey) => Err(DbError::WrongKey),
                Err(EnvelopeError::Damaged) => Err(DbError::Damaged("the proof of the master key".into())),
            }
        }
        None => {
            let envelope = vault.seal(PROOF_ROW, PROOF, crate::clock::random::<CHANCE>());
            set(connection, PROOF_KEY, &hex::encode(envelope))
        }
    }
}

/// Begins to make keys and to read and write their texts, by the permutation that this database was given at its first opening.
///
/// The number of this opening, which is greater than those of all before.
pub(in crate::db) fn serve_keys(connection: &Connection, vault: &Vault) -> Result<i64, DbError> {
    let damaged = || DbError::Damaged("the key of ids".into());
    let key: [u8; 32] = match get(connection, PERMUTATION_KEY)? {
        Some(text) => {
            let envelope = hex::decode(text).map_err(|_| damaged())?;
            vault.open(PERMUTATION_ROW, &envelope)?.as_slice().try_into().map_err(|_| damaged())?
        }
        None => {
            let key = keys::permute_by(crate::clock::random::<32>());
            let envelope = vault.seal(PERMUTATION_ROW, &key, crate::clock::random::<CHANCE>());
            set(connection, PERMUTATION_KEY, &hex::encode(envelope))?;
            key
        }
    };
    if keys::permute_by(key) != key {
        return Err(DbError::Another);
    }
    begin_keys(connection)
}

/// Makes keys from now on: under a number that the last opening did not have, and greater than each that stands in a table, so that no key
/// comes twice although the clock went back or another process still has the file open.
fn begin_keys(connection: &Connection) -> Result<i64, DbError> {
    let opened = get(connection, OPENED_KEY)?.and_then(|times| times.parse::<i64>().ok()).unwrap_or_default() + 1;
    set(connection, OPENED_KEY, &opened.to_string())?;
    let last = connection.query_row(
        "SELECT max(id) FROM (SELECT max(id) AS id FROM messages UNION ALL SELECT max(id) FROM conversations \
         UNION ALL SELECT max(id) FROM contacts UNION ALL SELECT max(id) FROM media UNION ALL SELECT max(id) FROM deliveries \
         UNION ALL SELECT max(id) FROM journal UNION ALL SELECT max(id) FROM feed UNION ALL SELECT max(id) FROM audit \
         UNION ALL SELECT max(id) FROM visitor_entries)",
        [],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    keys::serve(opened as u16, last.unwrap_or_default());
    Ok(opened)
}

/// The value of a key.
pub(in crate::db) fn get(connection: &Connection, key: &str) -> Result<Option<String>, DbError> {
    Ok(connection
        .prepare_cached("SELECT value FROM system WHERE key = ?1")?
        .query_row(params![key], |row| row.get(0))
        .optional()?)
}

/// Sets a key.
pub(in crate::db) fn set(connection: &Connection, key: &str, value: &str) -> Result<(), DbError> {
    connection
        .prepare_cached("INSERT INTO system (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute(params![key, value])?;
    Ok(())
}

/// Since when outbound, polling and refresh are held after a restore; for use within an act.
pub(in crate::db) fn held(connection: &Connection) -> Result<Option<i64>, DbError> {
    Ok(get(connection, HELD_KEY)?.and_then(|text| text.parse().ok()))
}

/// Begins the hold that follows a restore.
pub(in crate::db) fn hold(connection: &Connection, now: i64) -> Result<(), DbError> {
    set(connection, HELD_KEY, &now.to_string())
}

/// What the key is derived for that answers a challenge.
const REACHABLE: &str = "reachable";

/// Whether `answer` is of a server with these master keys, to this challenge.
pub fn answers_challenge(vault: &Vault, challenge: &str, answer: &[u8]) -> bool {
    serde_json::from_slice::<Seal>(answer).is_ok_and(|seal| vault.prove(REACHABLE, challenge.as_bytes(), &seal).is_ok())
}

impl Db {
    /// Answers a challenge in a way that only a server with this master key can.
    pub fn answer_challenge(&self, challenge: &str) -> Seal {
        self.vault().vouch(REACHABLE, challenge.as_bytes())
    }

    /// Since when outbound, polling and refresh are held after a restore, in milliseconds since 1970.
    pub async fn held_since(&self) -> Result<Option<i64>, DbError> {
        self.read(held).await
    }

    /// Ends the hold that follows a restore; whether there was one.
    pub async fn release(&self, entry: crate::model::audit::Entry) -> Result<bool, DbError> {
        self.write(Priority::Urgent, move |connection| {
            let ended = connection.execute("DELETE FROM system WHERE key = ?1", params![HELD_KEY])? > 0;
            if ended {
                crate::db::engine::after::wake_polling();
                crate::db::engine::after::wake_outbound();
                crate::db::people::audit::append(connection, &entry)?;
            }
            Ok(ended)
        })
        .await
    }

    /// Writes and takes back one row: whether acknowledgements are possible now.
    pub async fn prove_writable(&self) -> Result<(), DbError> {
        self.write(Priority::Urgent, |connection| set(connection, "last_probe", "1")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::keys::EventId;

    #[tokio::test]
    async fn each_opening_has_a_number_of_its_own_and_makes_keys_above_all_that_are_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        let first = open();
        let later = keys::last::<keys::Event>().row() + 1_000_000;
        first
            .write(Priority::Routine, move |db| {
                let event = "INSERT INTO feed (id, workspace_id, type, data, at) VALUES (?1, 'ws_1', 'x', '{}', 0)";
                Ok(db.execute(event, [later])?)
            })
            .await
            .expect("written");
        let second = open();
        assert!(second.opening() > first.opening());
        assert!(EventId::new(0).row() > later, "though the clock went back");
    }

    #[tokio::test]
    async fn a_database_with_other_ids_is_not_opened_beside_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, vault) = (folder.path().join("t.db"), Vault::new([1; 32]));
        Db::open(DbConfig::at(&path), vault.clone()).expect("opens").close().await;
        let file = Connection::open(&path).expect("opens");
        let other = vault.seal(PERMUTATION_ROW, &[9; 32], crate::clock::random::<CHANCE>());
        set(&file, PERMUTATION_KEY, &hex::encode(other)).expect("written");
        assert!(matches!(Db::open(DbConfig::at(&path), vault), Err(DbError::Another)));
    }
}
