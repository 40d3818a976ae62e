//! The generations that run. Reading is lock-free; a swap is one atomic store, and a call that began on an old generation
//! ends on it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sambung_runtime::{Plugin, Runtime};
use tokio::sync::Mutex;

use super::folder::{FolderError, Folders};
use super::install::Source;
use crate::clock::Clock;
use crate::db::{Db, DbError};
use crate::model::audit::Entry;
use crate::wake::Wakes;

/// Whether a plugin's calls run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// All of them.
    Active,
    /// Held by the operator: webhooks are verified and journalled, and nothing else runs.
    Disabled,
}

impl PluginState {
    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            PluginState::Active => "active",
            PluginState::Disabled => "disabled",
        }
    }

    pub(super) fn parse(word: &str) -> PluginState {
        if word == "disabled" { PluginState::Disabled } else { PluginState::Active }
    }
}

/// One generation of a plugin, as it runs.
pub struct Generation {
    /// The plugin's id.
    pub id: String,
    /// Grows with every installation.
    pub number: i64,
    /// Whether its calls run.
    pub state: PluginState,
    /// How it came: `bundled`, `file`, `upload`.
    pub source: String,
    /// What runs.
    pub plugin: Plugin,
}

impl Generation {
    /// Whether the operator lets its calls run.
    pub fn is_active(&self) -> bool {
        self.state == PluginState::Active
    }

    /// Whether its file is part of this program, so that its scripts are as trusted as the host's own.
    pub fn is_bundled(&self) -> bool {
        self.source == Source::Bundled.as_str()
    }
}

/// The installed plugins. Cheap to clone.
#[derive(Clone)]
pub struct Registry(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) db: Db,
    pub(super) runtime: Runtime,
    pub(super) clock: Clock,
    pub(super) wakes: Wakes,
    pub(super) folders: Folders,
    running: ArcSwap<HashMap<String, Arc<Generation>>>,
    /// Generations that could not be loaded at the start, with the reason.
    failed: ArcSwap<HashMap<String, String>>,
    /// One activation at a time.
    pub(super) activation: Mutex<()>,
}

/// Carries an act out on a task of its own: a caller that goes away in the middle leaves neither what is on disk without what is
/// in memory nor the other way round.
pub(super) async fn apart<T, E>(act: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    tokio::spawn(act).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an act on plugins ended before it was done");
        Err(DbError::Closed.into())
    })
}

impl Registry {
    /// A registry over the plugin files of this data directory. Nothing runs before [`Registry::boot`] or an installation.
    ///
    /// # Errors
    /// The folders cannot be made.
    pub fn new(db: Db, runtime: Runtime, clock: Clock, wakes: Wakes, data_dir: &Path) -> Result<Registry, FolderError> {
        Ok(Registry(Arc::new(Inner {
            db,
            runtime,
            clock,
            wakes,
            folders: Folders::open(data_dir)?,
            running: ArcSwap::default(),
            failed: ArcSwap::default(),
            activation: Mutex::new(()),
        })))
    }

    /// The generation of a plugin that runs now. Whoever holds it keeps it alive.
    pub fn get(&self, id: &str) -> Option<Arc<Generation>> {
        self.0.running.load().get(id).cloned()
    }

    /// Every generation that runs now, by plugin.
    pub fn all(&self) -> Vec<Arc<Generation>> {
        let mut all: Vec<_> = self.0.running.load().values().cloned().collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    /// Why a plugin that is installed does not run.
    pub fn failure(&self, id: &str) -> Option<String> {
        self.0.failed.load().get(id).cloned()
    }

    /// Lets a plugin's calls run, or holds them. Whether there is such a plugin.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn set_state(&self, id: &str, state: PluginState, entry: Entry) -> Result<bool, DbError> {
        let (registry, id) = (self.clone(), id.to_owned());
        apart(async move { registry.state_is_set(&id, state, entry).await }).await
    }

    async fn state_is_set(&self, id: &str, state: PluginState, entry: Entry) -> Result<bool, DbError> {
        let _turn = self.0.activation.lock().await;
        if !self.0.db.set_plugin_state(id, state.as_str(), Some(entry), self.0.clock.now()).await? {
            return Ok(false);
        }
        if let Some(old) = self.get(id) {
            self.swap(Generation {
                id: old.id.clone(),
                number: old.number,
                state,
                source: old.source.clone(),
                plugin: old.plugin.clone(),
            });
        }
        self.0.wakes.plugin_exchanged();
        Ok(true)
    }

    /// Takes a plugin out of use: its webhooks answer 404. Its channels and generations stay, so that installing it again
    /// brings everything back; until an operator does so, no file of it is installed by itself. Whether there was such a plugin.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn remove(&self, id: &str, entry: Entry) -> Result<bool, DbError> {
        let (registry, id) = (self.clone(), id.to_owned());
        apart(async move { registry.is_removed(&id, entry).await }).await
    }

    async fn is_removed(&self, id: &str, entry: Entry) -> Result<bool, DbError> {
        let _turn = self.0.activation.lock().await;
        let at = self.0.clock.now();
        let removed = self.0.db.set_plugin_state(id, "removed", Some(entry), at).await?;
        self.0.running.rcu(|running| {
            let mut running = HashMap::clone(running);
            running.remove(id);
            running
        });
        self.forget_failure(id);
        if removed {
            self.0.db.tell_channels_of(id, at).await?;
        }
        self.tidy_native_code().await;
        Ok(removed)
    }

    pub(super) fn swap(&self, generation: Generation) -> Arc<Generation> {
        let generation = Arc::new(generation);
        self.forget_failure(&generation.id);
        self.0.running.rcu(|running| {
            let mut running = HashMap::clone(running);
            running.insert(generation.id.clone(), Arc::clone(&generation));
            running
        });
        generation
    }

    pub(super) fn note_failure(&self, id: &str, reason: &str) {
        self.0.failed.rcu(|failed| {
            let mut failed = HashMap::clone(failed);
            failed.insert(id.to_owned(), reason.to_owned());
            failed
        });
    }

    fn forget_failure(&self, id: &str) {
        self.0.failed.rcu(|failed| {
            let mut failed = HashMap::clone(failed);
            failed.remove(id);
            failed
        });
    }
}
