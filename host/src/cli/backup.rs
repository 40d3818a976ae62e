//! `sambung backup`, `sambung restore` and `sambung release`.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::auth::Role;
use crate::backup;
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::model::audit::Entry;
use crate::model::time::rfc3339;

/// What `backup` takes.
#[derive(Args)]
pub(super) struct Create {
    /// The new file
    file: PathBuf,
}

/// What `restore` takes.
#[derive(Args)]
pub(super) struct Restore {
    /// The backup
    file: PathBuf,
    /// The master key of the server that made the backup, where the data folder does not hold it yet
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Create {
    pub(super) fn run(self, config: &Config) -> anyhow::Result<()> {
        let data = DataDir::at(&config.server.data_dir);
        let bar = bar("copying the database");
        let made_at = rfc3339(Clock::system().now());
        let bytes = backup::create(&data, &self.file, made_at, &|done, total| tell(&bar, done, total))?;
        bar.finish_and_clear();
        eprintln!("wrote {} ({bytes} bytes)", self.file.display());
        eprintln!("keep {} apart from it: without the key no backup can be restored", data.key().display());
        Ok(())
    }
}

impl Restore {
    pub(super) async fn run(self, config: Config) -> anyhow::Result<()> {
        let data = DataDir::at(&config.server.data_dir);
        let bar = bar("restoring");
        let now = Clock::system().now();
        let tell = |done, total| tell(&bar, done, total);
        let restored = backup::restore(&data, &self.file, self.key.as_deref(), now, &tell).await?;
        bar.finish_and_clear();
        eprintln!("restored into {}", data.path().display());
        if restored.unknown > 0 {
            eprintln!(
                "{} messages were to be sent when the backup was made, and may have been since: they show as unknown, and none is sent again by itself",
                restored.unknown
            );
        }
        let release = super::command(&config.server.data_dir, "release");
        eprintln!("outbound, polling and refresh are held; `{release}` lets them go on");
        Ok(())
    }
}

/// Ends the hold after a restore, also while the server runs.
pub(super) async fn release(config: Config) -> anyhow::Result<()> {
    let (db, _, clock) = super::people::open(&config).await?;
    let entry = Entry {
        workspace: None,
        at: clock.now(),
        actor: "cli".into(),
        role: Role::Operator.name().into(),
        action: "system.release".into(),
        subject: "system".into(),
        detail: json!({}),
    };
    let released = db.release(entry).await?;
    db.close().await;
    eprintln!("{}", if released { "released: outbound, polling and refresh go on" } else { "nothing was held" });
    Ok(())
}

fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bytes}/{total_bytes} {bar:30} {eta}");
    let bar = ProgressBar::new(0).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total.max(done));
    bar.set_position(done);
}
