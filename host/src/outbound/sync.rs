//! Keeping templates as the provider has them: after connecting, every day, on demand, when the provider tells of a change and
//! when a send missed one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_runtime::contract::types::Fault;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Outbound;
use crate::db::{ChannelRow, DbError, NewTemplate, StaleTemplates};
use crate::plugins::Generation;

/// Pages after which a provider that names ever more is not believed.
const MOST_PAGES: usize = 200;
/// Templates of one account.
const MOST_TEMPLATES: usize = 10_000;
/// Accounts looked at in one round.
const ROUND: u32 = 100;
const DAY: i64 = 24 * 3_600_000;
const AFTER_FAILURE: i64 = 10 * 60_000;

/// Why templates could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The channel has no templates.
    #[error("this channel has no templates")]
    None,
    /// The channel's plugin does not run, or the channel is gone.
    #[error("the channel's plugin is not running")]
    Away,
    /// The provider refused, in its words.
    #[error("{}", .0.words)]
    Refused(Fault),
    /// The plugin gave no result.
    #[error("{0}")]
    Call(String),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Outbound {
    pub(super) async fn keep_templates(&self, stop: CancellationToken) {
        let mut calls = self.0.upkeep.calls("templates");
        let mut after = 0;
        while !stop.is_cancelled() {
            match self.0.db.stale_templates(self.0.clock.now(), after, ROUND).await {
                Ok(stale) => {
                    // In the order of accounts, from where the last round ended, so that none is in the way of others.
                    after = stale.last().filter(|_| stale.len() == ROUND as usize).map_or(0, |one| one.account_id);
                    for one in stale {
                        let (workspace, channel) = (one.workspace.clone(), one.channel_id.clone());
                        let outbound = self.clone();
                        calls.start(&workspace, &channel, async move { outbound.refresh(one).await });
                    }
                }
                Err(error) => tracing::error!(%error, "templates wait for the database"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = calls.pause(Duration::from_secs(3)) => {}
            }
        }
        calls.finish().await;
    }

    /// What goes wrong with one account is nothing that the others should wait for.
    async fn refresh(&self, stale: StaleTemplates) {
        let (workspace, account) = (stale.workspace.clone(), stale.account_id);
        let Some(_turn) = self.0.template_turns.try_take(account) else { return };
        match AssertUnwindSafe(self.synced(&stale)).catch_unwind().await {
            Ok(Ok(_)) => {}
            Ok(Err(SyncError::None)) => {
                let now = self.0.clock.now();
                self.report(self.0.db.replace_templates(&workspace, account, Vec::new(), (now, now, now + DAY)).await);
            }
            Ok(Err(error)) => tracing::warn!(%error, account, "templates could not be read"),
            Err(_) => {
                metrics::counter!("sambung_template_sync_panics_total").increment(1);
                tracing::error!(account, "reading templates made the host panic");
                self.failed(&workspace, account, "the host panicked; its words are in the log").await;
            }
        }
    }

    /// Reads every template of a channel from its provider, after whatever else is being done with them; how many there are.
    ///
    /// # Errors
    /// The provider's refusal, the plugin's failure, or that there is nothing to read. What is known stays as it was, and why is
    /// kept to be shown.
    pub async fn sync_templates(&self, stale: StaleTemplates) -> Result<usize, SyncError> {
        let _turn = self.0.template_turns.take(stale.account_id).await;
        self.synced(&stale).await
    }

    /// Reads them and keeps why they could not be read.
    async fn synced(&self, stale: &StaleTemplates) -> Result<usize, SyncError> {
        let read = self.read_again(stale).await;
        if let Err(error) = &read
            && !matches!(error, SyncError::None)
        {
            self.failed(&stale.workspace, stale.account_id, &error.to_string()).await;
        }
        read
    }

    async fn failed(&self, workspace: &str, account: i64, words: &str) {
        let again = self.0.clock.now() + AFTER_FAILURE;
        self.report(self.0.db.templates_failed(workspace, account, words.to_owned(), again).await);
    }

    async fn read_again(&self, stale: &StaleTemplates) -> Result<usize, SyncError> {
        let Some(channel) = self.0.db.channel(&stale.channel_id).await? else { return Err(SyncError::Away) };
        let generation = self.0.plugins.get(&stale.plugin).filter(|generation| generation.is_active());
        let Some(generation) = generation else { return Err(SyncError::Away) };
        self.read_in_turn(&channel, &generation, stale.account_id).await
    }

    /// As [`Outbound::sync_templates`], for whoever has the account's turn.
    pub(super) async fn read_in_turn(
        &self,
        channel: &ChannelRow,
        generation: &Arc<Generation>,
        account: i64,
    ) -> Result<usize, SyncError> {
        let lacks = channel.features.get("templates").and_then(Value::as_bool) == Some(false);
        if lacks || !generation.plugin.interfaces().templates {
            return Err(SyncError::None);
        }
        let began = self.0.clock.now();
        let mut named = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let called =
                generation.plugin.list_templates(&channel.caller(), channel.to_contract(None), cursor.take()).await;
            let page = match called {
                Ok(done) => done.value.map_err(SyncError::Refused)?,
                Err(error) => {
                    return Err(SyncError::Call(error.to_string()));
                }
            };
            named.extend(page.templates.iter().filter_map(|json| read(json)));
            cursor = page.next;
            if cursor.is_none() || named.len() >= MOST_TEMPLATES {
                break;
            }
        }
        let count = named.len();
        let now = self.0.clock.now();
        self.0.db.replace_templates(&channel.workspace, account, named, (began, now, now + DAY)).await?;
        Ok(count)
    }
}

/// A template as a plugin names it.
pub(super) fn read(json: &str) -> Option<NewTemplate> {
    let body: Value = serde_json::from_str(json).ok()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(NewTemplate {
        name: text("name")?,
        language: text("language")?,
        status: text("status").unwrap_or_else(|| "approved".to_owned()),
        body,
    })
}
