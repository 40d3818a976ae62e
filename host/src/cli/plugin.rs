//! `sambung plugin`: puts files where a server finds them, and tells what came of it. The server activates; nothing here does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Subcommand;
use sambung_runtime::Runtime;

use crate::auth::Role;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::db::Db;
use crate::model::audit::Entry;
use crate::model::semver_policy;
use crate::plugins::{nudge, place_file};

/// Who it is, for the audit log.
const ACTOR: &str = "cli";
/// How long `install` and `remove` wait for the server.
const PATIENCE: Duration = Duration::from_secs(60);

/// `sambung plugin …`
#[derive(Subcommand)]
pub(super) enum Plugin {
    /// Put a file into the plugins folder and wait for the running server's verdict
    Install {
        /// The component
        file: PathBuf,
        /// Approve this very file, with every permission that it asks for
        #[arg(long)]
        approve: bool,
    },
    /// Installed plugins, and files that were refused
    List,
    /// What a file says about itself, without running it
    Inspect {
        /// The component
        file: PathBuf,
    },
    /// Take a plugin out of use; its channels and generations stay
    Remove {
        /// The plugin's id
        id: String,
    },
}

impl Plugin {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        match self {
            Plugin::Install { file, approve } => install(config, file, approve).await,
            Plugin::List => list(config).await,
            Plugin::Inspect { file } => inspect(&file),
            Plugin::Remove { id } => remove(config, &id).await,
        }
    }
}

async fn install(config: Config, file: PathBuf, approve: bool) -> anyhow::Result<()> {
    let wasm = read(&file)?;
    let facts = Runtime::inspect(&wasm)?;
    let (db, _, clock) = super::people::open(&config).await?;
    let name = format!("{}.wasm", facts.manifest.id);
    // An older verdict on the same name would be taken for this one's.
    db.forget_refusal(&name).await?;
    let detail = serde_json::json!({ "plugin": facts.manifest.id, "version": facts.manifest.version.to_string() });
    let action = if approve { "plugin.approve" } else { "plugin.install" };
    db.order_file(&facts.digest, approve, entry(action, &facts.digest, detail, clock.now())).await?;
    let data = DataDir::at(&config.server.data_dir);
    let digest = place_file(data.path(), &name, &wasm).await?;
    let label = format!("{} {}", facts.manifest.id, facts.manifest.version);
    if !matches!(data.lock(), Err(DataDirError::InUse(_))) {
        db.close().await;
        eprintln!("{label} is in the plugins folder; the server takes it up when it starts");
        return Ok(());
    }
    let verdict = verdict(&db, &facts.manifest.id, &name, &digest).await;
    db.close().await;
    verdict?;
    eprintln!("{label} is active");
    for permission in semver_policy::permissions(&facts.manifest) {
        eprintln!("  {permission}");
    }
    Ok(())
}

async fn verdict(db: &Db, id: &str, name: &str, digest: &str) -> anyhow::Result<()> {
    let spinner = indicatif::ProgressBar::new_spinner().with_message("waiting for the server");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        spinner.tick();
        if let Some(refused) = db.refused_files().await?.into_iter().find(|refused| refused.file == name) {
            bail!("refused: {}", refused.reason);
        }
        let active = db.active_generations().await?;
        if active.iter().any(|generation| generation.plugin == id && generation.digest == digest) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("the server has not said anything within {} seconds; see its log", PATIENCE.as_secs())
}

async fn list(config: Config) -> anyhow::Result<()> {
    let (db, ..) = super::people::open(&config).await?;
    let active = db.active_generations().await?;
    for plugin in db.installed_plugins().await? {
        let generation = active.iter().find(|generation| generation.plugin == plugin.id);
        let version = generation.map_or("-", |generation| generation.version.as_str());
        println!("{}\t{version}\t{}", plugin.id, plugin.state);
    }
    for refused in db.refused_files().await? {
        println!("{}\t-\trefused: {}", refused.file, refused.reason);
    }
    db.close().await;
    Ok(())
}

fn inspect(file: &std::path::Path) -> anyhow::Result<()> {
    let facts = Runtime::inspect(&read(file)?)?;
    let text = serde_json::to_string_pretty(&serde_json::json!({
        "id": facts.manifest.id,
        "version": facts.manifest.version.to_string(),
        "digest": facts.digest,
        "bytes": facts.bytes,
        "manifest": facts.manifest,
        "permissions": semver_policy::permissions(&facts.manifest),
        "imports": facts.imports,
        "exports": facts.exports,
    }))?;
    println!("{text}");
    Ok(())
}

async fn remove(config: Config, id: &str) -> anyhow::Result<()> {
    let data = DataDir::at(&config.server.data_dir);
    let (db, _, clock) = super::people::open(&config).await?;
    let at = clock.now();
    let lock = data.lock();
    let removed = match &lock {
        // What runs has to be stopped by the process that runs it.
        Err(DataDirError::InUse(_)) => by_the_server(&db, &data, id, at).await,
        _ => {
            let removed =
                db.set_plugin_state(id, "removed", Some(entry("plugin.remove", id, serde_json::json!({}), at)), at);
            removed.await.map_err(Into::into)
        }
    };
    db.close().await;
    if !removed? {
        bail!("there is no plugin {id}");
    }
    eprintln!("{id} is out of use");
    Ok(())
}

/// Has the running server take a plugin out of use, and waits until it has.
async fn by_the_server(db: &Db, data: &DataDir, id: &str, at: i64) -> anyhow::Result<bool> {
    if !db.order_removal(id, ACTOR, at).await? {
        return Ok(false);
    }
    nudge(data.path()).await;
    let spinner = indicatif::ProgressBar::new_spinner().with_message("waiting for the server");
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        spinner.tick();
        if db.plugin_row(id).await?.is_none_or(|row| row.state == "removed") {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("the server has not done it within {} seconds; see its log", PATIENCE.as_secs())
}

fn entry(action: &str, subject: &str, detail: serde_json::Value, at: i64) -> Entry {
    Entry {
        workspace: None,
        at,
        actor: ACTOR.into(),
        role: Role::Operator.name().into(),
        action: action.into(),
        subject: subject.to_owned(),
        detail,
    }
}

fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
