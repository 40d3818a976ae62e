//! Where polling stands: which channels are asked for, and where the next poll of each begins.
//!
//! What a poll brought, the cursor behind it and what the plugin wants remembered are one act: there is no cursor without its
//! requests on disk, and none of them twice.

use rusqlite::{OptionalExtension, params};
use sambung_runtime::Effects;

use crate::db::engine::after;
use crate::db::inbound::journal;
use crate::db::{Db, DbError, NewRow, Priority, channels};

/// A channel that is to be polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolledChannel {
    /// `ch_…`
    pub id: String,
    /// Whose it is.
    pub workspace: String,
    /// Which plugin it uses.
    pub plugin: String,
    /// Grows with every change of a credential.
    pub credential_version: i64,
}

/// What a poll brought.
#[derive(Debug, Default)]
pub struct PollResult {
    /// Whose.
    pub channel: String,
    /// As if the provider had posted them, in order.
    pub rows: Vec<NewRow>,
    /// Where this poll began: what it brought counts only where the next one still begins there.
    pub from: Option<String>,
    /// Where the next poll begins; none: where this one did.
    pub cursor: Option<String>,
    /// What the call wants remembered.
    pub effects: Effects,
}

impl Db {
    /// Channels of these plugins that are connected and held by nobody. `unasked`: also those whose features say nothing about
    /// polling. While a restore is not released, none.
    pub async fn channels_to_poll(&self, plugins: Vec<String>, unasked: bool) -> Result<Vec<PolledChannel>, DbError> {
        self.read(move |db| {
            let mut found = Vec::new();
            if crate::db::system::held(db)?.is_some() {
                return Ok(found);
            }
            let mut query = db.prepare_cached(
                "SELECT id, workspace_id, plugin_id, credential_version FROM channels WHERE plugin_id = ?1 AND account IS NOT NULL \
                 AND state = 'connected' AND paused = 0 AND coalesce(json_extract(features, '$.polling'), ?2) = 1",
            )?;
            for plugin in plugins {
                let rows = query.query_map(params![plugin, unasked], |row| {
                    Ok(PolledChannel {
                        id: row.get(0)?,
                        workspace: row.get(1)?,
                        plugin: row.get(2)?,
                        credential_version: row.get(3)?,
                    })
                })?;
                found.extend(rows.collect::<Result<Vec<_>, _>>()?);
            }
            Ok(found)
        })
        .await
    }

    /// Where the next poll of a channel begins.
    pub async fn poll_cursor(&self, channel: &str) -> Result<Option<String>, DbError> {
        let channel = channel.to_owned();
        self.read(move |db| {
            let cursor = db
                .prepare_cached("SELECT cursor FROM channels WHERE id = ?1")?
                .query_row([channel], |row| row.get(0))
                .optional()?;
            Ok(cursor.flatten())
        })
        .await
    }

    /// Commits what a poll brought; false where the channel is gone, no longer connected, or was polled meanwhile, and nothing of it is kept.
    pub async fn commit_polled(&self, result: PollResult, at: i64) -> Result<bool, DbError> {
        let vault = self.vault();
        self.write(Priority::Routine, move |db| {
            let PollResult { channel, rows, from, cursor, effects } = result;
            let workspace: Option<String> = db
                .prepare_cached(
                    "SELECT workspace_id FROM channels WHERE id = ?1 AND state = 'connected' \
                     AND coalesce(cursor = ?2, cursor IS NULL AND ?2 IS NULL)",
                )?
                .query_row(params![channel, from], |row| row.get(0))
                .optional()?;
            let Some(workspace) = workspace else { return Ok(false) };
            rows.into_iter().try_for_each(|row| journal::append(db, row))?;
            if let Some(cursor) = &cursor {
                db.prepare_cached("UPDATE channels SET cursor = ?2 WHERE id = ?1")?
                    .execute(params![channel, cursor])?;
            }
            channels::apply_effects(db, &vault, &channel, &workspace, &effects, at)?;
            after::wake_journal();
            Ok(true)
        })
        .await
    }
}
