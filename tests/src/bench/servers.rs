//! The servers that are compared: the host, a bare handler that verifies the same signature and stores nothing, and a peer.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::itself_as;
use super::process::cpu_of_tree;
use crate::api::Api;
use crate::host::{connect_line, hook_path, leading};
use crate::providers::line::{Line, SECRET};
use crate::server::{Program, Server, target_folder};

/// The host with a connected LINE channel, and the provider.
pub struct Sambung {
    /// The program.
    pub server: Server,
    /// The path of the channel's webhooks.
    pub hook: String,
    /// The provider's simulator.
    pub line: Line,
}

impl Sambung {
    /// Starts it over an empty folder; `more` is joined to its configuration.
    ///
    /// # Panics
    /// When it does not start, or the channel does not connect.
    pub async fn start(more: &str) -> Self {
        let line = Line::start().await;
        let server = Server::start_as(Program::Itself, &leading(&line.overrides(), more)).await;
        let channel = connect_line(&server.api(), &line).await;
        let hook = hook_path(&channel);
        Self { server, hook, line }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// When it does not run.
    pub fn address(&self) -> SocketAddr {
        address(&self.server.api())
    }

    /// Lets webhooks be translated, or holds them: they are verified and stored all the same.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn translate(&self, on: bool) {
        let path = if on { "/v1/plugins/line/enable" } else { "/v1/plugins/line/disable" };
        self.server.api().expect(200, "POST", path, Value::Null).await;
    }

    /// Waits until no webhook waits for translation.
    ///
    /// # Panics
    /// When the server does not say.
    pub async fn drained(&self) {
        let api = self.server.api();
        while api.get("/v1/journal?state=pending&limit=1").await["items"] != json!([]) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Where a server of loopback listens.
///
/// # Panics
/// When it does not run.
pub fn address(api: &Api) -> SocketAddr {
    api.url("").trim_start_matches("http://").trim_end_matches('/').parse().expect("the server runs")
}

/// A server that is compared with, in a process of its own.
pub struct Other {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// A server that it uses, and folders of both.
    server: Option<Child>,
    _folders: Vec<TempDir>,
}

impl Other {
    pub(super) fn new(child: Child, address: SocketAddr) -> Other {
        Other { child, address, server: None, _folders: Vec::new() }
    }

    pub(super) fn beside(self, server: Option<Child>, folders: Vec<TempDir>) -> Other {
        Other { server, _folders: folders, ..self }
    }

    /// The CPU time that it has taken, with all processes that it began and the server that it uses.
    ///
    /// # Panics
    /// When it has ended.
    pub fn cpu(&self) -> Duration {
        let each = [Some(&self.child), self.server.as_ref()].into_iter().flatten();
        each.map(|child| cpu_of_tree(child.id().expect("it runs"))).sum()
    }
}

/// Starts what verifies and stores nothing.
///
/// # Panics
/// When it does not start.
pub async fn bare() -> Other {
    let mut child = itself_as("bare").stdout(Stdio::piped()).spawn().expect("the bare handler starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let address = lines.next_line().await.expect("its output can be read").expect("it says where it listens");
    Other::new(child, address.parse().expect("an address"))
}

/// What the bare handler's process does.
pub(super) async fn be_bare() {
    let handler = async |headers: HeaderMap, body: Bytes| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
        mac.update(&body);
        let given = headers.get("x-line-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        match STANDARD.decode(given) {
            Ok(given) if mac.verify_slice(&given).is_ok() => StatusCode::OK,
            _ => StatusCode::UNAUTHORIZED,
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("a bound listener has an address"));
    let router = Router::new().route("/{*path}", post(handler));
    axum::serve(listener, router).await.expect("it serves");
}

/// The version line that the host embeds, and that the peer has to be of.
const PEER: &str = "48.";

/// Starts `wasmtime serve` with a component that verifies and parses and stores nothing. None where it is not installed, which
/// is said.
///
/// # Panics
/// When it is there and does not start.
pub async fn peer() -> Option<Other> {
    if let Err(found) = has_peer().await {
        println!("wasmtime serve is not measured: {found}; cargo install --locked wasmtime-cli@48.0.8 puts it there");
        return None;
    }
    let component = sambung_guests::peer(&target_folder());
    let free = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = free.local_addr().expect("a bound listener has an address");
    drop(free);
    let child = Command::new("wasmtime")
        .args(["serve", "--addr", &address.to_string(), "-Scli", "-Opooling-allocator=y"])
        .args(["-Opooling-memory-keep-resident=4194304", "-Opooling-pagemap-scan=auto"])
        .arg(component)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("wasmtime starts");
    for _ in 0..600 {
        if TcpStream::connect(address).await.is_ok() {
            return Some(Other::new(child, address));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("wasmtime serve does not listen on {address}");
}

async fn has_peer() -> Result<(), String> {
    let asked = Command::new("wasmtime").arg("--version").output().await;
    let said = asked.map_err(|_| "there is no wasmtime on the PATH".to_owned())?.stdout;
    let said = String::from_utf8_lossy(&said);
    match said.split_whitespace().nth(1) {
        Some(version) if version.starts_with(PEER) => Ok(()),
        _ => Err(format!("the wasmtime on the PATH is another version ({})", said.trim())),
    }
}
