//! `sambung serve`.

use std::io::IsTerminal;
use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LogFormat};

/// What `serve` takes beside what every command takes.
#[derive(Args)]
pub(super) struct Serve {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// What providers and browsers reach, https
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Serve {
    /// Puts the arguments over the configuration.
    pub(super) fn apply(&self, config: &mut Config) -> anyhow::Result<()> {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if let Some(url) = &self.public_url {
            config.server.public_url.clone_from(url);
            config.check()?;
        }
        Ok(())
    }
}

/// Serves until the process is told to stop.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    logs(&config)?;
    outlive_file_limits().context("the system takes no handler of signals")?;
    let listen = config.server.listen;
    let public_url = config.server.public_url().map(ToOwned::to_owned);
    for (from, to) in &config.egress.overrides {
        tracing::warn!("what is meant for {from} is sent to {to} instead (egress.overrides)");
    }
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let app = App::build(config, Clock::system()).await?;
    let base = public_url.unwrap_or_else(|| format!("http://{address}"));
    println!("Sambung {} listens on http://{address}", env!("CARGO_PKG_VERSION"));
    if let Some(token) = app.setup_link() {
        println!("Open this link to set the first operator's password (it works once):\n\n    {base}/setup/{token}\n");
    }
    println!("API reference: {base}/docs/");
    tokio::spawn(stop_on_signal(app.stop_handle()));
    app.serve(listener).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Ctrl-C or SIGTERM asks to stop in order; a second one stops at once.
async fn stop_on_signal(stop: tokio_util::sync::CancellationToken) {
    signal().await;
    tracing::info!("stopping: what is in flight ends first");
    stop.cancel();
    signal().await;
    std::process::exit(130);
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Where the system limits the size of files, a write past the limit sends a signal that ends the process, unless it is handled;
/// handled, the write fails like any other on a full disk.
#[cfg(unix)]
fn outlive_file_limits() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler stays for as long as the process.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

#[cfg(not(unix))]
fn outlive_file_limits() -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}

fn logs(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.logs.filter).context("logs.filter")?;
    let colours = std::io::stderr().is_terminal();
    // A log that cannot be written, on a disk that is full, is no reason to fail; the default complains on the same stream, and
    // panics when it cannot.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .log_internal_errors(false);
    match config.logs.format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
    Ok(())
}
