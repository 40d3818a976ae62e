//! Peers in Node, as a good engineer writes them in an afternoon (`tests/peer/node`): Fastify over SQLite with group commit, and over
//! PostgreSQL. Where their runtime is not at hand, that is said and they are not measured.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::servers::Other;
use crate::providers::http_client;
use crate::server::target_folder;

const FILES: [&str; 4] = ["package.json", "webhooks.js", "sqlite.js", "postgres.js"];
/// Whom PostgreSQL runs as where the benchmark is root's, which it refuses to be.
const NOBODY: u32 = 65_534;

/// Fastify and better-sqlite3, webhooks that wait together in one commit.
///
/// # Panics
/// When it is installed and does not start.
pub async fn sqlite() -> Option<Other> {
    let program = installed().await?;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("peer.db");
    Some(start(&program, "sqlite.js", &file, vec![folder], None).await)
}

/// Fastify and PostgreSQL, a commit for each webhook.
///
/// # Panics
/// When both are installed and one does not start.
pub async fn postgres() -> Option<Other> {
    let Some(programs) = postgres_programs() else {
        println!("Node with PostgreSQL is not measured: there is no initdb; install the package postgresql");
        return None;
    };
    let program = installed().await?;
    let (folder, server) = start_postgres(&programs).await;
    let socket = folder.path().to_owned();
    Some(start(&program, "postgres.js", &socket, vec![folder], Some(server)).await)
}

/// How many rows the peer has of requests and of messages.
///
/// # Panics
/// When it does not say.
pub async fn counts(peer: &Other) -> (u64, u64) {
    let answer = http_client().get(format!("http://{}/counts", peer.address)).send().await.expect("the peer answers");
    let counts: Value = answer.json().await.expect("counts are JSON");
    (counts["raw"].as_u64().expect("a count"), counts["messages"].as_u64().expect("a count"))
}

async fn start(program: &Path, file: &str, argument: &Path, folders: Vec<TempDir>, server: Option<Child>) -> Other {
    let mut child = Command::new("node")
        .arg(program.join(file))
        .arg(argument)
        .env("NODE_ENV", "production")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let line =
        tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.expect("it starts within a minute");
    let address = line.expect("its output can be read").expect("it says where it listens");
    Other::new(child, address.parse().expect("an address")).beside(server, folders)
}

/// The folder with the programs and what they use, installed by npm where that is not done yet.
async fn installed() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/node");
    let folder = target_folder().join("peers/node");
    std::fs::create_dir_all(&folder).expect("a folder");
    let read = |path: PathBuf| std::fs::read(path).unwrap_or_default();
    let is_new = read(source.join(FILES[0])) != read(folder.join("installed.json"));
    for file in FILES {
        std::fs::copy(source.join(file), folder.join(file)).expect("a file of the peers");
    }
    if is_new {
        let install = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
        let done = Command::new("npm").args(install).current_dir(&folder).stdout(Stdio::null()).status().await;
        if !done.as_ref().is_ok_and(std::process::ExitStatus::success) {
            println!(
                "peers in Node are not measured: `npm install` in {} failed; it needs node and npm",
                folder.display()
            );
            return None;
        }
        std::fs::copy(source.join(FILES[0]), folder.join("installed.json")).expect("a file of the peers");
    }
    Some(folder)
}

/// The folder of the newest PostgreSQL's programs.
fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    folders.sort();
    folders.into_iter().rfind(|folder| folder.join("initdb").exists())
}

async fn start_postgres(programs: &Path) -> (TempDir, Child) {
    let folder = tempfile::tempdir().expect("a folder");
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root gives folders away");
    }
    let command = |program: &str| {
        let mut command = Command::new(programs.join(program));
        command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let made = command("initdb").args(["-D", "data", "-U", "peer", "--auth=trust"]).status().await;
    assert!(made.expect("initdb runs").success(), "initdb fails");
    let mut server = command("postgres");
    // It goes into its data's folder before it makes its socket.
    server.args(["-D", "data", "-c", "listen_addresses=", "-k"]).arg(folder.path());
    let server = server.spawn().expect("it starts");
    let socket = folder.path().join(".s.PGSQL.5432");
    for _ in 0..600 {
        if socket.exists() {
            return (folder, server);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("PostgreSQL does not listen at {}", socket.display());
}
