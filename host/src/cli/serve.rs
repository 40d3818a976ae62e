//! `sambung serve`.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::web::listener::raise_open_files;

use super::logs;

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
    logs::begin(&config)?;
    let told = CancellationToken::new();
    stop_on_signal(told.clone()).context("the system takes no handler of signals")?;
    raise_open_files();
    outlive_file_limits().context("the system takes no handler of signals")?;
    if config.server.is_for_development() {
        tracing::warn!(
            public_url = config.server.public_url,
            "server.public_url is plain http: only this machine reaches it, so no provider can call; write an https address for service"
        );
    }
    let listen = config.server.listen;
    let public_url = config.server.public_url().map(ToOwned::to_owned);
    let data_dir = config.server.data_dir.clone();
    for (from, to) in &config.egress.overrides {
        tracing::warn!("what is meant for {from} is sent to {to} instead (egress.overrides)");
    }
    let listener = bind(listen).with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let app = tokio::select! {
        app = App::build(config, Clock::system()) => app?,
        // What was begun is undone or gone on with at the next start, as after a crash.
        () = told.cancelled() => return Ok(()),
    };
    let local = format!("http://{address}");
    let base = public_url.unwrap_or_else(|| local.clone());
    println!("Sambung {} listens on {local}", env!("CARGO_PKG_VERSION"));
    if let Some(token) = app.setup_link() {
        println!("Open this link to set the first operator's password (it works once):\n\n    {base}/setup/{token}\n");
        // The public address may not lead here yet, because its proxy or its name is still to be set up.
        if base != local {
            println!("Or, in a browser on this machine:\n\n    {local}/setup/{token}\n");
        }
    }
    println!("API reference: {base}/docs/");
    println!("A token for it: {}", super::command(&data_dir, "token create --role operator --name me"));
    let stop = app.stop_handle();
    tokio::spawn(async move {
        told.cancelled().await;
        stop.cancel();
    });
    app.serve(listener).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Connections that may wait to be accepted; the system allows fewer where its own bound is lower. Past it a client's connection
/// begins a second late.
const BACKLOG: u32 = 4096;

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the process before may still be ending. Elsewhere than on Unix this would let two servers share an address.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Ctrl-C or SIGTERM asks to stop in order; a second one stops at once, whatever the server's own threads do: the signals have
/// a thread of their own, which lives as long as the process.
fn stop_on_signal(told: CancellationToken) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::listen()?
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            tracing::info!("stopping: what is in flight ends first");
            told.cancel();
            signals.next().await;
        });
        end_at_once();
    })?;
    Ok(())
}

/// What a process does as it exits may wait for what it must not wait for.
fn end_at_once() {
    #[cfg(unix)]
    std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    });
    std::process::exit(130);
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
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
