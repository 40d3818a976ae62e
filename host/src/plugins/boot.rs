//! The start: what ran before runs again from its native code, and what the binary brings is installed.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::folder::digest_of;
use super::install::{InstallError, Source};
use super::registry::{Generation, PluginState, Registry};
use crate::db::{DbError, GenerationRow};
use sambung_runtime::Runtime;

impl Registry {
    /// Loads the generations that ran when the host stopped, all at once. One that does not load is told of in the log and
    /// in the list of plugins; the others run.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn boot(&self) -> Result<(), DbError> {
        let states = self.0.db.installed_plugins().await?;
        let mut loading = JoinSet::new();
        for row in self.0.db.active_generations().await? {
            let state = states.iter().find(|plugin| plugin.id == row.plugin).map_or("active", |plugin| &plugin.state);
            let (registry, state) = (self.clone(), PluginState::parse(state));
            loading.spawn(async move {
                if let Err(reason) = registry.revive(&row, state).await {
                    tracing::error!(plugin = row.plugin, reason, "an installed plugin does not load");
                    registry.note_failure(&row.plugin, &reason);
                }
            });
        }
        while loading.join_next().await.is_some() {}
        Ok(())
    }

    async fn revive(&self, row: &GenerationRow, state: PluginState) -> Result<(), String> {
        let wasm = self.0.folders.read(&row.digest).await.map_err(|error| error.to_string())?;
        let plugin = self.0.runtime.load(wasm).await.map_err(|error| error.to_string())?;
        self.swap(Generation { id: row.plugin.clone(), number: row.id, state, source: row.source.clone(), plugin });
        Ok(())
    }

    /// Installs what the binary brings: what is not there yet, and what is newer than what runs. What an operator removed
    /// stays removed, and what somebody put there by hand goes only for a newer version.
    ///
    /// # Errors
    /// The database refuses. A bundled file that is refused or waits for approval is told of in the log, and what ran goes on.
    pub async fn install_bundled(&self, bundled: &[(&str, &[u8])]) -> Result<(), DbError> {
        for (name, wasm) in bundled {
            if !self.wants_bundled(wasm).await? {
                continue;
            }
            match self.install(wasm.to_vec(), Source::Bundled).await {
                Ok(_) => {}
                Err(InstallError::Db(error)) => return Err(error),
                Err(error) => tracing::warn!(plugin = name, %error, "the bundled plugin was not installed"),
            }
        }
        Ok(())
    }

    async fn wants_bundled(&self, wasm: &[u8]) -> Result<bool, DbError> {
        let Ok(inspection) = Runtime::inspect(wasm) else { return Ok(true) };
        let id = &inspection.manifest.id;
        let Some(row) = self.0.db.plugin_row(id).await? else { return Ok(true) };
        if row.state == "removed" {
            return Ok(false);
        }
        let Some(running) = self.get(id) else { return Ok(true) };
        let (new, old) = (&inspection.manifest.version, &running.plugin.manifest().version);
        let same_origin = running.source == Source::Bundled.as_str();
        Ok(digest_of(wasm) != running.plugin.digest() && (new > old || (same_origin && new == old)))
    }

    /// The generation of a plugin that may be called now: not one that the operator holds.
    pub fn active(&self, id: &str) -> Option<Arc<Generation>> {
        self.get(id).filter(|generation| generation.is_active())
    }
}
