//! Channels: one connected account each, its settings, state, routes and findings, and the account that stays when it goes.

pub(in crate::db) mod apps;
mod cache;
mod claims;
mod findings;
pub(in crate::db) mod kv;
mod life;
mod pending;
mod renewals;
pub(in crate::db) mod secrets;
mod shown;
mod sign_ins;
pub(in crate::db) mod visitors;

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use sambung_runtime::Caller;
use sambung_runtime::contract::types;
use serde_json::Value;

use crate::db::{Db, DbError};
use crate::model::channel::{ChannelState, Finding};
use crate::model::shown::channel::ChannelFinding;

pub(in crate::db) use cache::ChannelCache;
pub use claims::{Holder, Registration};
pub(in crate::db) use findings::{note, set_needs_attention};
pub(in crate::db) use life::apply_effects;
pub use life::{Connected, MailAddress, NewChannel, NewSecret, SettingsChange};
pub use renewals::Ending as CredentialEnding;
pub use shown::ShownChannel;
pub(in crate::db) use shown::{Completion, tell};
pub use sign_ins::{Departure, NewSignIn, Return, SignInRow};

/// A channel as it stands in the database. No secret is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRow {
    /// `ch_…`
    pub id: String,
    /// Whose it is.
    pub workspace: String,
    /// Which plugin it uses.
    pub plugin: String,
    /// What people call it.
    pub name: String,
    /// How far the connection has come.
    pub state: ChannelState,
    /// Held by an admin.
    pub paused: bool,
    /// What somebody has to do before connecting can go on: `{kind, …}` as the API shows it. Of a channel that has its account,
    /// it is the step of a change that waits beside what stands.
    pub step: Option<Value>,
    /// The provider's name for the account, once connected.
    pub account: Option<String>,
    /// The account's row, to which conversations point.
    pub account_id: Option<i64>,
    /// What the provider calls the account, for people.
    pub account_name: Option<String>,
    /// The registration with the provider that it uses.
    pub app: Option<String>,
    /// Plain settings, an object.
    pub settings: Value,
    /// What the host made and is not secret.
    pub generated: Vec<(String, String)>,
    /// What the last `register` or `check` said this channel supports.
    pub features: Value,
    /// Grows with every change of a credential.
    pub credential_version: i64,
    /// A finding of a failed or refused call stands.
    pub troubled: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub changed_at: i64,
}

impl ChannelRow {
    /// On whose behalf the plugin is called for this channel.
    pub fn caller(&self) -> Caller {
        Caller {
            workspace: self.workspace.clone(),
            plugin: self.plugin.clone(),
            channel: Some(self.id.clone()),
            app: self.app.clone(),
            settings: self.settings.clone(),
            generated: self.generated.clone(),
        }
    }

    /// The channel as the plugin sees it. `webhook_url` is the address for the provider to call, where the host has a public
    /// one.
    pub fn to_contract(&self, webhook_url: Option<String>) -> types::Channel {
        types::Channel {
            id: self.id.clone(),
            account: self.account.clone(),
            app: self.app.clone(),
            webhook_url,
            settings: self.settings.to_string(),
            generated: self.generated.clone(),
            features: self.features.to_string(),
            extra: Vec::new(),
        }
    }
}

const COLUMNS: &str = "c.id, c.workspace_id, c.plugin_id, c.name, c.state, c.paused, c.step, c.account, c.account_id, a.name, c.app_id, \
     c.settings, c.generated, c.features, c.credential_version, \
     EXISTS (SELECT 1 FROM findings f WHERE f.channel_id = c.id AND (f.source LIKE 'call:%' OR f.source LIKE 'refused:%')), c.created_at, c.changed_at";
const FROM: &str = "channels c LEFT JOIN accounts a ON a.id = c.account_id";

fn channel(row: &Row<'_>) -> rusqlite::Result<ChannelRow> {
    let state: String = row.get(4)?;
    let step: Option<String> = row.get(6)?;
    let settings: String = row.get(11)?;
    let generated: String = row.get(12)?;
    let features: String = row.get(13)?;
    Ok(ChannelRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        plugin: row.get(2)?,
        name: row.get(3)?,
        state: ChannelState::parse(&state).ok_or_else(|| damaged(4, format!("`{state}` is no state of a channel")))?,
        paused: row.get(5)?,
        step: step.map(|step| parsed(6, &step)).transpose()?,
        account: row.get(7)?,
        account_id: row.get(8)?,
        account_name: row.get(9)?,
        app: row.get(10)?,
        settings: parsed(11, &settings)?,
        generated: parsed(12, &generated)?,
        features: parsed(13, &features)?,
        credential_version: row.get(14)?,
        troubled: row.get(15)?,
        created_at: row.get(16)?,
        changed_at: row.get(17)?,
    })
}

fn damaged(column: usize, words: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, words.into())
}

fn parsed<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(column, error.to_string()))
}

/// The channel of this id, whoever's it is.
pub(in crate::db) fn by_id(db: &Connection, id: &str) -> Result<Option<ChannelRow>, DbError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM {FROM} WHERE c.id = ?1"))?;
    Ok(query.query_row([id], channel).optional()?)
}

impl Db {
    /// The channel of this id, whoever's it is: for the host's own work, which has its workspace from the row. Answered from
    /// memory where it can be.
    pub async fn channel(&self, id: &str) -> Result<Option<Arc<ChannelRow>>, DbError> {
        if let Some(row) = self.channel_cache().get(id) {
            return Ok(Some(row));
        }
        let seen = self.channel_cache().epoch();
        let wanted = id.to_owned();
        let row = self.read(move |db| by_id(db, &wanted)).await?.map(Arc::new);
        if let Some(row) = &row {
            self.channel_cache().put(seen, row);
        }
        Ok(row)
    }

    /// The channel of this id if it is this workspace's: for callers of the API.
    pub async fn channel_of(&self, workspace: &str, id: &str) -> Result<Option<Arc<ChannelRow>>, DbError> {
        Ok(self.channel(id).await?.filter(|row| row.workspace == workspace))
    }

    /// Every channel of a plugin that an installation has to keep working, in all workspaces: at most `limit`, after the id
    /// `after`.
    pub async fn channels_of_plugin(&self, plugin: &str, after: &str, limit: u32) -> Result<Vec<ChannelRow>, DbError> {
        let values = [plugin.to_owned(), after.to_owned(), limit.to_string()];
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE c.plugin_id = ?1 AND c.id > ?2 ORDER BY c.id LIMIT CAST(?3 AS INTEGER)"
            ))?;
            Ok(query.query_map(params_from_iter(values), channel)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Channels in this state, in all workspaces, after the id `after`: for the host's own rounds.
    pub async fn channels_in_state(
        &self,
        state: ChannelState,
        after: &str,
        limit: u32,
    ) -> Result<Vec<ChannelRow>, DbError> {
        let values = [state.as_str().to_owned(), after.to_owned(), limit.to_string()];
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE c.state = ?1 AND c.id > ?2 ORDER BY c.id LIMIT CAST(?3 AS INTEGER)"
            ))?;
            Ok(query.query_map(params_from_iter(values), channel)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The findings of a channel as data.
    pub async fn findings(&self, id: &str) -> Result<Vec<Finding>, DbError> {
        let id = id.to_owned();
        self.read(move |db| {
            let plain = |found: ChannelFinding| Finding::new(&found.level, found.code, found.words, found.fix);
            Ok(shown::findings(db, &id)?.into_iter().map(plain).collect())
        })
        .await
    }

    /// Which secrets are set, for every channel of a plugin.
    pub async fn secret_names_of_channels(&self, plugin: &str) -> Result<HashMap<String, Vec<String>>, DbError> {
        let plugin = plugin.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT s.owner, s.name FROM channels c JOIN secrets s ON s.owner = c.id WHERE c.plugin_id = ?1",
            )?;
            let mut names: HashMap<String, Vec<String>> = HashMap::new();
            for row in query.query_map([plugin], |row| Ok((row.get(0)?, row.get(1)?)))? {
                let (owner, name) = row?;
                names.entry(owner).or_default().push(name);
            }
            Ok(names)
        })
        .await
    }

    /// How many channels there are, in all workspaces.
    pub async fn count_channels(&self) -> Result<i64, DbError> {
        self.read(|db| Ok(db.prepare_cached("SELECT count(*) FROM channels")?.query_row([], |row| row.get(0))?)).await
    }
}
