//! The one way from a file to a running generation: inspect, policy, compile, preflight, keep, commit, swap. Nothing of the
//! old goes before the new is proven.

use std::sync::Arc;

use sambung_runtime::manifest::{Manifest, settings};
use sambung_runtime::{Inspection, LoadError, Plugin, Runtime};

use super::folder::{FolderError, digest_of};
use super::registry::{Generation, PluginState, Registry, apart};
use crate::db::{DbError, Held, PluginRow};
use crate::model::audit::Entry;
use crate::model::semver_policy::{self, Decision, Need};

/// Retired generations of one plugin that are kept to go back to.
const KEPT: u32 = 5;
/// Channels that one question of the preflight reads.
const PAGE: u32 = 500;
/// Misfits that a refusal tells of.
const TOLD: usize = 10;

/// How a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the host's own binary.
    Bundled,
    /// Into the plugins folder.
    File,
    /// By the API.
    Upload,
}

impl Source {
    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Bundled => "bundled",
            Source::File => "file",
            Source::Upload => "upload",
        }
    }
}

/// What an installation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The plugin was not there before.
    New,
    /// It took the place of another generation.
    Replaced,
    /// This very file runs already.
    Unchanged,
}

/// An installation that stands.
pub struct Installed {
    /// What runs now.
    pub generation: Arc<Generation>,
    /// What changed.
    pub outcome: Outcome,
}

/// A channel whose settings the new version does not take.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SettingsMisfit {
    /// The channel.
    pub channel: String,
    /// JSON Pointer into its settings.
    pub pointer: String,
    /// What does not fit.
    pub detail: String,
}

/// What holds a file of a plugin that an operator took out of use, unless an operator put it there.
const REMOVED: &str = "removed";

/// Why a file was not installed. The generation that ran before goes on.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The file itself is refused.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// An operator has to approve it.
    #[error(
        "version {version} of `{plugin}` needs an operator's approval: {}. To approve this very file, `POST \
         /v1/plugins/approvals` with `{{\"digest\": \"{digest}\"}}`, or `sambung plugin install FILE --approve`",
        words(needs)
    )]
    Approval {
        /// SHA-256 of the file, hex.
        digest: String,
        /// The plugin.
        plugin: String,
        /// The new version.
        version: String,
        /// What is to be approved.
        needs: Vec<Need>,
    },
    /// Channels would stop working.
    #[error("version {version} of `{plugin}` does not take the settings of {count} channel(s): {}", told(misfits))]
    Settings {
        /// The plugin.
        plugin: String,
        /// The new version.
        version: String,
        /// How many channels.
        count: usize,
        /// Some of what does not fit.
        misfits: Vec<SettingsMisfit>,
    },
    /// The file could not be kept.
    #[error("the file could not be kept: {0}")]
    Disk(#[from] FolderError),
    /// The database refused.
    #[error("{0}")]
    Db(#[from] DbError),
}

fn words(needs: &[Need]) -> String {
    needs.iter().map(|need| need.words.as_str()).collect::<Vec<_>>().join("; ")
}

fn told(misfits: &[SettingsMisfit]) -> String {
    let lines: Vec<String> =
        misfits.iter().map(|misfit| format!("{} {}: {}", misfit.channel, misfit.pointer, misfit.detail)).collect();
    lines.join("; ")
}

impl Registry {
    /// Installs a file, or says why not. Calls that are in flight end on the generation they began with.
    ///
    /// # Errors
    /// The file is refused, waits for approval, does not fit the channels there are, or cannot be kept.
    pub async fn install(&self, wasm: Vec<u8>, source: Source) -> Result<Installed, InstallError> {
        self.install_by(wasm, source, |_| None).await
    }

    /// As [`Registry::install`], with the line of the audit log for whoever does it, in the same act.
    ///
    /// # Errors
    /// As [`Registry::install`].
    pub async fn install_by(
        &self,
        wasm: Vec<u8>,
        source: Source,
        entry: impl FnOnce(&Inspection) -> Option<Entry>,
    ) -> Result<Installed, InstallError> {
        // A large file takes a while to read.
        let read = tokio::task::spawn_blocking(move || (Runtime::inspect(&wasm), wasm)).await;
        let (inspection, wasm) = read.map_err(|error| LoadError::Host(error.to_string()))?;
        let inspection = inspection?;
        let entry = entry(&inspection);
        let registry = self.clone();
        apart(async move { registry.install_inspected(wasm, inspection, source, entry).await }).await
    }

    async fn install_inspected(
        &self,
        wasm: Vec<u8>,
        inspection: Inspection,
        source: Source,
        entry: Option<Entry>,
    ) -> Result<Installed, InstallError> {
        let _turn = self.0.activation.lock().await;
        let digest = digest_of(&wasm);
        let id = inspection.manifest.id.clone();
        let running = self.get(&id);
        if let Some(running) = running.as_ref().filter(|running| running.plugin.digest() == digest) {
            self.0.db.file_runs(&digest).await?;
            return Ok(Installed { generation: Arc::clone(running), outcome: Outcome::Unchanged });
        }
        let before = self.0.db.plugin_row(&id).await?;
        self.admit(before.as_ref(), &digest, &inspection, source).await?;
        let plugin = self.0.runtime.load(wasm.clone()).await?;
        self.preflight(&plugin).await?;
        self.0.folders.keep(&digest, &wasm).await?;
        let generation = self.commit(plugin, source, entry).await?;
        if before.is_some_and(|row| row.state == "removed") {
            self.0.db.tell_channels_of(&id, self.0.clock.now()).await?;
        }
        let outcome = if running.is_some() { Outcome::Replaced } else { Outcome::New };
        self.prune(&id).await;
        Ok(Installed { generation, outcome })
    }

    /// Whether this content may run: what it may do beyond the version before, what was refused of it earlier, and what an
    /// operator said. A refusal is kept by the content, so that neither a restart nor the removal of another version undoes it.
    async fn admit(
        &self,
        before: Option<&PluginRow>,
        digest: &str,
        new: &Inspection,
        source: Source,
    ) -> Result<(), InstallError> {
        let (order, held) = self.0.db.word_on_file(digest).await?;
        if order.is_some_and(|order| order.approved) {
            return Ok(());
        }
        let by_an_operator = source == Source::Upload || order.is_some();
        let mut needs = match before {
            Some(row) => self.needs(row, digest, new).await?,
            None => Vec::new(),
        };
        if !by_an_operator && before.is_some_and(|row| row.state == "removed") {
            let words = "an operator took the plugin out of use, and none installed it again".to_owned();
            needs.insert(0, Need { kind: REMOVED.into(), words });
        }
        let earlier: Vec<Need> = held.and_then(|held| serde_json::from_str(&held.needs).ok()).unwrap_or_default();
        for need in earlier.into_iter().filter(|need| !(by_an_operator && need.kind == REMOVED)) {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        if needs.is_empty() {
            return Ok(());
        }
        let (plugin, version) = (new.manifest.id.clone(), new.manifest.version.to_string());
        let text = serde_json::json!(needs).to_string();
        let held = Held { digest: digest.to_owned(), plugin: plugin.clone(), version: version.clone(), needs: text };
        self.0.db.hold_file(held, self.0.clock.now()).await?;
        Err(InstallError::Approval { digest: digest.to_owned(), plugin, version, needs })
    }

    /// What the new version may do that the one before may not: the one that runs, or that ran last.
    async fn needs(&self, row: &PluginRow, digest: &str, new: &Inspection) -> Result<Vec<Need>, InstallError> {
        if let Some(running) = self.get(&row.id) {
            return Ok(needed(running.plugin.manifest(), &new.manifest));
        }
        let generations = self.0.db.generations_of(&row.id).await?;
        if let Some(last) = generations.iter().find(|generation| Some(generation.id) == row.generation) {
            if last.digest == digest {
                return Ok(Vec::new());
            }
            if let Ok(wasm) = self.0.folders.read(&last.digest).await
                && let Ok(last) = Runtime::inspect(&wasm)
            {
                return Ok(needed(&last.manifest, &new.manifest));
            }
        }
        let words = "the version before cannot be read, so that nothing tells what is new".to_owned();
        Ok(vec![Need { kind: "unknown".into(), words }])
    }

    /// Approves a content, and installs it where a file of the plugins folder holds it.
    ///
    /// # Errors
    /// As [`Registry::install`]; the approval stands.
    pub async fn approve(&self, digest: &str, entry: Entry) -> Result<Option<Installed>, InstallError> {
        self.0.db.order_file(digest, true, entry).await?;
        match self.0.folders.find_dropped(digest).await {
            Some(wasm) => self.install(wasm, Source::File).await.map(Some),
            None => Ok(None),
        }
    }

    async fn commit(
        &self,
        plugin: Plugin,
        source: Source,
        entry: Option<Entry>,
    ) -> Result<Arc<Generation>, InstallError> {
        let manifest = plugin.manifest();
        let (id, version) = (manifest.id.clone(), manifest.version.to_string());
        let at = self.0.clock.now();
        let (number, state) =
            self.0.db.activate_generation(&id, plugin.digest(), &version, source.as_str(), entry, at).await?;
        tracing::info!(plugin = id, version, generation = number, source = source.as_str(), "plugin installed");
        let generation = self.swap(Generation {
            id,
            number,
            state: PluginState::parse(&state),
            source: source.as_str().to_owned(),
            plugin,
        });
        self.0.wakes.plugin_exchanged();
        Ok(generation)
    }

    /// Whether every connected channel's settings fit the new form.
    async fn preflight(&self, plugin: &Plugin) -> Result<(), InstallError> {
        let Some(schema) = plugin.settings_schema("channel", "en") else { return Ok(()) };
        let manifest = plugin.manifest();
        let set = self.0.db.secret_names_of_channels(&manifest.id).await?;
        let (mut misfits, mut count, mut after) = (Vec::new(), 0, String::new());
        loop {
            let page = self.0.db.channels_of_plugin(&manifest.id, &after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id.clone();
            for row in page.iter().filter(|row| row.account.is_some()) {
                let names = set.get(&row.id);
                let is_set = |name: &str| names.is_some_and(|names| names.iter().any(|set| set == name));
                let faults = settings::validate_update(schema, &row.settings, &is_set);
                count += usize::from(!faults.is_empty());
                misfits.extend(faults.into_iter().map(|fault| SettingsMisfit {
                    channel: row.id.clone(),
                    pointer: fault.pointer,
                    detail: fault.detail,
                }));
                misfits.truncate(TOLD);
            }
        }
        if misfits.is_empty() {
            return Ok(());
        }
        Err(InstallError::Settings {
            plugin: manifest.id.clone(),
            version: manifest.version.to_string(),
            count,
            misfits,
        })
    }

    /// Old generations beyond those that are kept go, row and file. A failure costs disk, not service.
    async fn prune(&self, id: &str) {
        match self.0.db.drop_surplus_generations(id, KEPT).await {
            Ok(digests) => {
                for digest in digests {
                    self.0.folders.forget(&digest).await;
                }
            }
            Err(error) => tracing::warn!(plugin = id, %error, "old generations could not be removed"),
        }
        self.tidy_native_code().await;
    }
}

/// What an operator has to approve before `new` takes the place of `old`.
fn needed(old: &Manifest, new: &Manifest) -> Vec<Need> {
    match semver_policy::decide(old, new) {
        Decision::Apply => Vec::new(),
        Decision::Approve(needs) => needs,
    }
}
