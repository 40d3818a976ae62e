//! Whose an account is: one channel of the whole host has it, from before anything changes at its provider. A claim stands in the
//! channel's row, so that it goes with it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::Effects;
use sambung_runtime::contract::connection::Account;

use crate::db::channels::life::{needed, remember};
use crate::db::channels::{NewSecret, SettingsChange, pending};
use crate::db::engine::after;
use crate::db::{Db, DbError, Priority};

/// The channel that has an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// `ch_…`
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub workspace: String,
}

/// A channel whose `register` has not come to its end.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The account that it has claimed.
    pub account: String,
    /// What the account lacks or has, JSON.
    pub features: String,
    /// The settings that proved to be the account's.
    pub change: SettingsChange,
}

/// The channel other than `id` that has this account.
pub(super) fn holder(db: &Connection, plugin: &str, account: &str, id: &str) -> Result<Option<Holder>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT id, name, workspace_id FROM channels WHERE plugin_id = ?1 AND claim = ?2 AND id <> ?3",
    )?;
    let found = query.query_row(params![plugin, account, id], |row| {
        Ok(Holder { id: row.get(0)?, name: row.get(1)?, workspace: row.get(2)? })
    });
    Ok(found.optional()?)
}

impl Db {
    /// The channel other than `id` that has this account, in any workspace.
    pub async fn holder_of(&self, plugin: &str, account: &str, id: &str) -> Result<Option<Holder>, DbError> {
        let (plugin, account, id) = (plugin.to_owned(), account.to_owned(), id.to_owned());
        self.read(move |db| holder(db, &plugin, &account, &id)).await
    }

    /// Commits that a channel has this account, before its provider is asked to deliver here: with the settings that proved it
    /// and what `identify` wants kept, so that a crash loses neither. The channel that has it, where another one does.
    pub async fn claim_account(
        &self,
        id: &str,
        account: &Account,
        change: SettingsChange,
        effects: Arc<Effects>,
        at: i64,
    ) -> Result<Option<Holder>, DbError> {
        let (vault, owned, account) = (self.vault(), id.to_owned(), account.clone());
        let taken = self
            .write(Priority::Routine, move |db| {
                let row = needed(db, &owned)?;
                if let Some(holder) = holder(db, &row.plugin, &account.id, &owned)? {
                    return Ok(Some(holder));
                }
                after::channel_changed(&owned);
                db.prepare_cached("UPDATE channels SET claim = ?2 WHERE id = ?1")?
                    .execute(params![owned, account.id])?;
                let mut change = change.clone();
                change.replace_secrets(effects.secrets.iter().map(NewSecret::handed_out).collect());
                pending::keep(db, &vault, &owned, &change)?;
                db.prepare_cached("UPDATE pending_changes SET account = ?2, features = ?3 WHERE channel_id = ?1")?
                    .execute(params![owned, account.id, account.features])?;
                remember(db, &owned, &effects, at)?;
                Ok(None)
            })
            .await?;
        Ok(taken)
    }

    /// Commits that `register` failed: a channel that was never connected has no account, and a change that waits at a step goes
    /// on waiting there.
    pub async fn release_claim(&self, id: &str) -> Result<(), DbError> {
        let owned = id.to_owned();
        self.write(Priority::Routine, move |db| {
            after::channel_changed(&owned);
            db.prepare_cached("UPDATE channels SET claim = account WHERE id = ?1")?.execute([&owned])?;
            db.prepare_cached(
                "DELETE FROM pending_changes WHERE channel_id = ?1 \
                 AND EXISTS (SELECT 1 FROM channels WHERE id = ?1 AND (step IS NULL OR account IS NULL))",
            )?
            .execute([&owned])?;
            db.prepare_cached("UPDATE pending_changes SET account = NULL WHERE channel_id = ?1")?.execute([&owned])?;
            Ok(())
        })
        .await
    }

    /// The registration of this channel that has not come to its end.
    pub async fn registration_of(&self, id: &str) -> Result<Option<Registration>, DbError> {
        let (vault, id) = (self.vault(), id.to_owned());
        self.read(move |db| {
            let found: Option<(String, String)> = db
                .prepare_cached(
                    "SELECT account, features FROM pending_changes WHERE channel_id = ?1 AND account IS NOT NULL",
                )?
                .query_row([&id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((account, features)) = found else { return Ok(None) };
            let change = pending::read(db, &vault, &id)?.unwrap_or_default();
            Ok(Some(Registration { account, features, change }))
        })
        .await
    }
}
