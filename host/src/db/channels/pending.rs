//! A change of a channel that its provider has not accepted yet. It stands beside the step, sealed, and what was proved before goes on
//! in its place until `register` has accepted it, or somebody abandons it.

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::SecretValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::channels::{COLUMNS, ChannelRow, FROM, NewSecret, SettingsChange, by_id, channel, sign_ins, tell};
use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;
use crate::model::envelope::{CHANCE, Vault};

#[derive(Serialize, Deserialize)]
struct Stored {
    settings: Option<Value>,
    secrets: Vec<StoredSecret>,
    cleared: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredSecret {
    name: String,
    /// Hex.
    value: String,
    expires_at: Option<i64>,
}

fn row_name(channel: &str) -> String {
    format!("pending_change/{channel}")
}

/// Keeps a change, in the place of an earlier one.
pub(super) fn keep(db: &Connection, vault: &Vault, channel: &str, change: &SettingsChange) -> Result<(), DbError> {
    let secrets = change.secrets.iter().map(|secret| StoredSecret {
        name: secret.name.clone(),
        value: hex::encode(secret.value.expose()),
        expires_at: secret.expires_at,
    });
    let stored =
        Stored { settings: change.settings.clone(), secrets: secrets.collect(), cleared: change.cleared.clone() };
    let text = serde_json::to_vec(&stored).map(zeroize::Zeroizing::new);
    let text = text.map_err(|error| DbError::Damaged(error.to_string()))?;
    let envelope = vault.seal(&row_name(channel), &text, crate::clock::random::<CHANCE>());
    db.prepare_cached(
        "INSERT INTO pending_changes (channel_id, envelope) VALUES (?1, ?2) \
         ON CONFLICT (channel_id) DO UPDATE SET envelope = ?2, account = NULL",
    )?
    .execute(params![channel, envelope])?;
    Ok(())
}

/// Forgets a change; whether there was one.
pub(super) fn forget(db: &Connection, channel: &str) -> Result<bool, DbError> {
    Ok(db.prepare_cached("DELETE FROM pending_changes WHERE channel_id = ?1")?.execute([channel])? > 0)
}

pub(super) fn read(db: &Connection, vault: &Vault, channel: &str) -> Result<Option<SettingsChange>, DbError> {
    let envelope: Option<Vec<u8>> = db
        .prepare_cached("SELECT envelope FROM pending_changes WHERE channel_id = ?1")?
        .query_row([channel], |row| row.get(0))
        .optional()?;
    let Some(envelope) = envelope else { return Ok(None) };
    let damaged = || DbError::Damaged(format!("the change that waits for {channel}"));
    let stored: Stored = serde_json::from_slice(&vault.open(&row_name(channel), &envelope)?).map_err(|_| damaged())?;
    let mut secrets = Vec::with_capacity(stored.secrets.len());
    for secret in stored.secrets {
        let value = SecretValue::new(hex::decode(&secret.value).map_err(|_| damaged())?);
        secrets.push(NewSecret { name: secret.name, value, expires_at: secret.expires_at });
    }
    Ok(Some(SettingsChange { settings: stored.settings, secrets, cleared: stored.cleared, name: None }))
}

impl Db {
    /// The change of a connected channel that waits for its provider, for a person or for a check.
    pub async fn pending_change(&self, channel: &str) -> Result<Option<SettingsChange>, DbError> {
        let (channel, vault) = (channel.to_owned(), self.vault());
        self.read(move |db| read(db, &vault, &channel)).await
    }

    /// Takes a change that waits back: what stands goes on. Whether there was one.
    pub async fn abandon_change(&self, id: &str, entry: Entry) -> Result<bool, DbError> {
        let owned = id.to_owned();
        self.write(Priority::Routine, move |db| {
            let connected = by_id(db, &owned)?.is_some_and(|row| row.account.is_some());
            if !connected || !forget(db, &owned)? {
                return Ok(false);
            }
            sign_ins::forget(db, &owned)?;
            db.prepare_cached("UPDATE channels SET step = NULL, changed_at = ?2 WHERE id = ?1")?
                .execute(params![owned, entry.at])?;
            audit::append(db, &entry)?;
            tell(db, &owned, entry.at)?;
            Ok(true)
        })
        .await
    }

    /// Channels that are not connected yet, or not as somebody wants them, new ones and changed ones, in all workspaces, after the id `after`.
    pub async fn unfinished_channels(&self, after: &str, limit: u32) -> Result<Vec<ChannelRow>, DbError> {
        let after = after.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE c.id > ?1 \
                 AND (c.state = 'connecting' OR EXISTS (SELECT 1 FROM pending_changes p WHERE p.channel_id = c.id)) ORDER BY c.id LIMIT ?2"
            ))?;
            Ok(query.query_map(params![after, limit], channel)?.collect::<Result<_, _>>()?)
        })
        .await
    }
}
