//! Channels as the API, the feed and the pages show them.

use std::cell::OnceCell;
use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde_json::json;

use crate::db::channels::{COLUMNS, ChannelRow, FROM, apps, by_id, channel, claims, parsed, secrets, visitors};
use crate::db::engine::after;
use crate::db::{AppRow, Db, DbError, feed};
use crate::model::channel::{ChannelState, Instruction};
use crate::model::shown::channel::{Channel, ChannelFinding, ChannelName, ChannelStep, WidgetSeen};
use crate::model::time::rfc3339;

/// What the database knows of how a channel is shown. Its addresses and its plugin's words stand in no row.
#[derive(Debug, Clone)]
pub struct ShownChannel {
    /// The channel, with secrets only as `"set": true`, without addresses, and in the plugin's English.
    pub channel: Channel,
    /// Its row.
    pub row: Arc<ChannelRow>,
    /// The registration that it uses.
    pub app: Option<AppRow>,
    /// The last page that loaded its widget.
    pub seen: Option<WidgetSeen>,
}

/// Adds to a channel what stands in no row. It runs within a transaction: it may not block.
pub type Complete = dyn Fn(ShownChannel) -> Channel + Send + Sync;

/// How the writer completes channels of which the feed tells, once it is said.
#[derive(Clone, Default)]
pub(in crate::db) struct Completion(Arc<OnceLock<Box<Complete>>>);

thread_local! {
    static COMPLETION: OnceCell<Completion> = const { OnceCell::new() };
}

impl Completion {
    /// Makes acts on this thread complete channels by this.
    pub fn serve_this_thread(self) {
        COMPLETION.with(|own| {
            let _ = own.set(self);
        });
    }
}

fn completed(shown: ShownChannel) -> Channel {
    COMPLETION.with(|own| match own.get().and_then(|completion| completion.0.get()) {
        Some(complete) => complete(shown),
        None => shown.channel,
    })
}

/// The findings of a channel, the worst first.
pub(in crate::db) fn findings(db: &Connection, id: &str) -> Result<Vec<ChannelFinding>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT code, level, words, fix, source, count, at FROM findings WHERE channel_id = ?1 \
         ORDER BY CASE level WHEN 'error' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, code",
    )?;
    let rows = query.query_map([id], |row| {
        let (words, fix, source): (String, Option<String>, String) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(ChannelFinding {
            code: row.get(0)?,
            level: row.get(1)?,
            reason: None,
            detail: words.clone(),
            words,
            fix: fix.map(|fix| parsed::<Instruction>(3, &fix)).transpose()?,
            source: source.split(':').next().unwrap_or_default().to_owned(),
            count: row.get(5)?,
            at: rfc3339(row.get(6)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn shown(db: &Connection, row: ChannelRow) -> Result<ShownChannel, DbError> {
    let mut settings = row.settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        for secret in secrets::states(db, &row.id)? {
            settings.insert(secret.name, json!({ "set": true }));
        }
        for (name, value) in &row.generated {
            settings.insert(name.clone(), json!(value));
        }
    }
    let damaged = |error: serde_json::Error| DbError::Damaged(error.to_string());
    let mut step = row.step.clone().map(serde_json::from_value::<ChannelStep>).transpose().map_err(damaged)?;
    if let Some(ChannelStep::Choose { choices }) = &mut step {
        for choice in choices {
            let holder = claims::holder(db, &row.plugin, &choice.id, &row.id)?;
            choice.connected = holder.is_some();
            let own = holder.filter(|holder| holder.workspace == row.workspace);
            choice.channel = own.map(|holder| ChannelName { id: holder.id, name: holder.name });
        }
    }
    let mut channel = Channel {
        id: row.id.clone(),
        plugin: row.plugin.clone(),
        name: row.name.clone(),
        state: row.state.as_str().to_owned(),
        step,
        account: row.account.clone(),
        account_name: row.account_name.clone(),
        app: row.app.clone(),
        webhook_url: None,
        embed: None,
        settings,
        features: row.features.clone(),
        findings: findings(db, &row.id)?,
        created_at: rfc3339(row.created_at),
        changed_at: rfc3339(row.changed_at),
    };
    if let Some(removed_at) = removed_at(db, &row.plugin)? {
        channel.state = ChannelState::NeedsAttention.as_str().to_owned();
        channel.stands_still("plugin-removed", removed_words(&row.plugin), rfc3339(removed_at));
    }
    if is_held(db, &row)? {
        channel.state = "paused".to_owned();
    }
    let app = row.app.as_deref().map(|app| apps::by_id(db, app)).transpose()?.flatten();
    let seen = visitors::widget_load(db, &row.id)?.map(|(site, at)| WidgetSeen { site, at: rfc3339(at) });
    Ok(ShownChannel { channel, row: Arc::new(row), app, seen })
}

/// When a plugin was taken out of use, where it is.
fn removed_at(db: &Connection, plugin: &str) -> Result<Option<i64>, DbError> {
    Ok(db
        .prepare_cached("SELECT changed_at FROM plugins WHERE id = ?1 AND state = 'removed'")?
        .query_row([plugin], |found| found.get(0))
        .optional()?)
}

fn removed_words(plugin: &str) -> String {
    format!(
        "The plugin `{plugin}` was taken out of use: nothing is received or sent. The channel goes on when an operator installs \
         the plugin again."
    )
}

/// Whether the channel is held: by its admin, or by the operator, who disabled the plugin or has not released a restore.
fn is_held(db: &Connection, row: &ChannelRow) -> Result<bool, DbError> {
    if row.paused {
        return Ok(true);
    }
    let disabled: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM plugins WHERE id = ?1 AND state = 'disabled')")?
        .query_row([&row.plugin], |found| found.get(0))?;
    Ok(disabled || crate::db::system::held(db)?.is_some())
}

/// Appends `channel.updated` with the channel as it now stands, within the act that changed it. What changed may be what
/// journalled requests and messages wait for.
pub(in crate::db) fn tell(db: &Connection, id: &str, at: i64) -> Result<(), DbError> {
    after::channel_changed(id);
    after::wake_journal();
    after::wake_outbound();
    after::wake_polling();
    if let Some(row) = by_id(db, id)? {
        let workspace = row.workspace.clone();
        let data = completed(shown(db, row)?);
        feed::append(db, &workspace, "channel.updated", &data, at)?;
    }
    Ok(())
}

impl Db {
    /// Says how channels are completed of which the feed tells. A second call changes nothing.
    pub fn complete_channels_by(&self, complete: Box<Complete>) {
        let _ = self.completion().0.set(complete);
    }

    /// A workspace's channel as it is shown.
    pub async fn shown_channel(&self, workspace: &str, id: &str) -> Result<Option<ShownChannel>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| match by_id(db, &id)? {
            Some(row) if row.workspace == workspace => Ok(Some(shown(db, row)?)),
            _ => Ok(None),
        })
        .await
    }

    /// A page of a workspace's channels as they are shown, in the order of their making, after the id `after`.
    pub async fn shown_channels(
        &self,
        workspace: &str,
        plugin: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ShownChannel>, DbError> {
        let values = [
            workspace.to_owned(),
            after.unwrap_or_default().to_owned(),
            plugin.unwrap_or_default().to_owned(),
            limit.to_string(),
        ];
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM {FROM} WHERE c.workspace_id = ?1 AND c.id > ?2 AND (?3 = '' OR c.plugin_id = ?3) \
                 ORDER BY c.id LIMIT CAST(?4 AS INTEGER)"
            ))?;
            let rows: Vec<ChannelRow> = query.query_map(params_from_iter(values), channel)?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|row| shown(db, row)).collect()
        })
        .await
    }
}
