//! The folder that files are dropped into: watched, and looked through now and then where watching does not work.
//!
//! A file is read once it looks the same twice in a row, so that one that is being written is left alone; a half-written one
//! is refused like any other damaged file, and looked at again when it changes.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::folder::{MOST_BYTES, digest_of};
use super::install::Source;
use super::registry::Registry;
use crate::db::DbError;
use crate::model::audit::Entry;

/// How long a file must not have changed.
const SETTLED: Duration = Duration::from_millis(150);
/// How often the folder is looked through in any case.
const POLL: Duration = Duration::from_secs(5);

/// What tells one content of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looks {
    bytes: u64,
    modified: SystemTime,
    file: u64,
}

/// What was seen of a file.
#[derive(Debug, Clone, Copy)]
struct Seen {
    looks: Looks,
    handled: bool,
}

impl Registry {
    /// Takes in what is dropped into the plugins folder until `stop`.
    pub async fn watch(&self, stop: CancellationToken) {
        let (tell, mut told) = mpsc::channel::<()>(1);
        let watcher = watcher(self.0.folders.dropped(), tell);
        if let Err(error) = &watcher {
            tracing::warn!(%error, "the plugins folder cannot be watched; it is looked through every few seconds");
        }
        let mut seen = HashMap::new();
        let mut first = true;
        loop {
            if let Err(error) = self.carry_out_removals().await {
                tracing::warn!(%error, "plugins that are to be taken out of use could not be looked up");
            }
            let settled = match self.look(&mut seen, first).await {
                Ok(settled) => settled,
                Err(error) => {
                    tracing::warn!(%error, "the plugins folder could not be looked through");
                    true
                }
            };
            first = false;
            let pause = if settled { POLL } else { SETTLED };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                Some(()) = told.recv(), if settled => {}
            }
        }
    }

    /// Takes out of use what an operator ordered beside this process.
    async fn carry_out_removals(&self) -> Result<(), DbError> {
        for (plugin, actor) in self.0.db.ordered_removals().await? {
            let entry = Entry {
                workspace: None,
                at: self.0.clock.now(),
                actor,
                role: "operator".into(),
                action: "plugin.remove".into(),
                subject: plugin.clone(),
                detail: serde_json::json!({}),
            };
            self.remove(&plugin, entry).await?;
        }
        Ok(())
    }

    /// Looks at every file once; whether all of them have settled. At the first look what was installed before is left
    /// alone, also what another generation has replaced since.
    async fn look(&self, seen: &mut HashMap<String, Seen>, first: bool) -> Result<bool, DbError> {
        let files = list(self.0.folders.dropped()).await;
        let gone: Vec<String> =
            seen.keys().filter(|name| !files.iter().any(|(file, _)| file == *name)).cloned().collect();
        for name in gone {
            seen.remove(&name);
            self.0.db.forget_refusal(&name).await?;
        }
        if first {
            for refused in self.0.db.refused_files().await? {
                if !files.iter().any(|(file, _)| *file == refused.file) {
                    self.0.db.forget_refusal(&refused.file).await?;
                }
            }
        }
        let mut settled = true;
        for (name, looks) in files {
            match seen.get(&name) {
                Some(known) if known.looks == looks && known.handled => {}
                Some(known) if known.looks == looks => {
                    self.take_in(&name, looks).await?;
                    seen.insert(name, Seen { looks, handled: true });
                }
                None if first && self.was_installed(&name).await? => {
                    seen.insert(name, Seen { looks, handled: true });
                }
                _ => {
                    seen.insert(name, Seen { looks, handled: false });
                    settled = false;
                }
            }
        }
        Ok(settled)
    }

    async fn was_installed(&self, name: &str) -> Result<bool, DbError> {
        let Ok(wasm) = tokio::fs::read(self.0.folders.dropped().join(name)).await else { return Ok(false) };
        let digest = digest_of(&wasm);
        if self.0.db.word_on_file(&digest).await?.0.is_some() {
            return Ok(false);
        }
        Ok(self.0.db.generation_of_digest(&digest).await?.is_some())
    }

    async fn take_in(&self, name: &str, looks: Looks) -> Result<(), DbError> {
        let verdict = match tokio::fs::read(self.0.folders.dropped().join(name)).await {
            _ if looks.bytes > MOST_BYTES => {
                Err((String::new(), "the file is larger than any plugin may be".to_owned()))
            }
            Err(error) => Err((String::new(), format!("the file cannot be read: {error}"))),
            Ok(wasm) => {
                let digest = digest_of(&wasm);
                self.install(wasm, Source::File).await.map_err(|error| (digest, error.to_string()))
            }
        };
        match verdict {
            Ok(_) => self.0.db.forget_refusal(name).await,
            Err((digest, reason)) => {
                tracing::warn!(file = name, reason, "a file in the plugins folder was refused");
                self.0.db.refuse_file(name, &digest, &reason, self.0.clock.now()).await
            }
        }
    }
}

fn watcher(folder: &Path, tell: mpsc::Sender<()>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // One waiting signal is enough: it says to look at everything.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = tell.try_send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// The plugin files of a folder, the ones that changed last at the end. Names with a dot in front are being written.
async fn list(folder: &Path) -> Vec<(String, Looks)> {
    let mut files = Vec::new();
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return files };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(facts) = entry.metadata().await else { continue };
        if facts.is_file() && name.ends_with(".wasm") && !name.starts_with('.') {
            files.push((name, looks(&facts)));
        }
    }
    files.sort_by_key(|(_, looks)| looks.modified);
    files
}

fn looks(facts: &std::fs::Metadata) -> Looks {
    #[cfg(unix)]
    let file = std::os::unix::fs::MetadataExt::ino(facts);
    #[cfg(not(unix))]
    let file = 0;
    Looks { bytes: facts.len(), modified: facts.modified().unwrap_or(SystemTime::UNIX_EPOCH), file }
}
