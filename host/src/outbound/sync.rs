//! Keeping templates as the provider has them: after connecting, every day, on demand, when a send missed one.

use std::time::Duration;

use sambung_runtime::contract::types::Fault;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Outbound, lock};
use crate::db::{DbError, NewTemplate, StaleTemplates};

/// Pages after which a provider that names ever more is not believed.
const MOST_PAGES: usize = 200;
/// Templates of one account.
const MOST_TEMPLATES: usize = 10_000;
const DAY: i64 = 24 * 3_600_000;
const AFTER_FAILURE: i64 = 10 * 60_000;

/// Why templates could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The channel has no templates.
    #[error("this channel has no templates")]
    None,
    /// They are being read at this moment.
    #[error("the templates are being read already")]
    Running,
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
        while !stop.is_cancelled() {
            match self.0.db.stale_templates(self.0.clock.now(), 20).await {
                Ok(stale) => {
                    for channel in stale {
                        self.refresh(channel).await;
                    }
                }
                Err(error) => tracing::error!(%error, "templates wait for the database"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(3)) => {}
            }
        }
    }

    async fn refresh(&self, stale: StaleTemplates) {
        let (workspace, account) = (stale.workspace.clone(), stale.account_id);
        let again = self.0.clock.now() + AFTER_FAILURE;
        let noted = match self.sync_templates(stale).await {
            Ok(_) | Err(SyncError::Running) => return,
            Err(SyncError::None) => {
                let now = self.0.clock.now();
                self.0.db.replace_templates(&workspace, account, Vec::new(), now, now + DAY).await
            }
            Err(error) => {
                tracing::warn!(%error, "templates could not be read");
                self.0.db.templates_failed(&workspace, account, error.to_string(), again).await
            }
        };
        self.report(noted);
    }

    /// Reads every template of a channel from its provider; how many there are.
    ///
    /// # Errors
    /// The provider's refusal, the plugin's failure, or that there is nothing to read. What is known stays as it was.
    pub async fn sync_templates(&self, stale: StaleTemplates) -> Result<usize, SyncError> {
        let generation = self.0.plugins.get(&stale.plugin).filter(|generation| generation.is_active());
        let generation = generation.filter(|generation| generation.plugin.interfaces().templates);
        let Some(generation) = generation else { return Err(SyncError::None) };
        let Some(channel) = self.0.db.channel(&stale.channel_id).await? else { return Err(SyncError::None) };
        if !lock(&self.0.syncing).insert(stale.account_id) {
            return Err(SyncError::Running);
        }
        let _done = Done(self, stale.account_id);
        let mut named = Vec::new();
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let called =
                generation.plugin.list_templates(&channel.caller(), channel.to_contract(None), cursor.take()).await;
            let page = match called {
                Ok(done) => done.value.map_err(SyncError::Refused)?,
                Err(error) => {
                    let now = self.0.clock.now();
                    self.report(self.0.db.note_call_failure(&stale.channel_id, &error, now).await);
                    self.0.wakes.feed_grew();
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
        self.0.db.replace_templates(&stale.workspace, stale.account_id, named, now, now + DAY).await?;
        self.0.wakes.feed_grew();
        Ok(count)
    }
}

/// Takes the account out of those that are being read, whatever happens.
struct Done<'a>(&'a Outbound, i64);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        lock(&self.0.0.syncing).remove(&self.1);
    }
}

fn read(json: &str) -> Option<NewTemplate> {
    let body: Value = serde_json::from_str(json).ok()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(NewTemplate {
        name: text("name")?,
        language: text("language")?,
        status: text("status").unwrap_or_else(|| "approved".to_owned()),
        body,
    })
}
