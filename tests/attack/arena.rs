//! Where an attack takes place: the real program in a process of its own, a neighbour in a workspace of its own, and a runtime for
//! the attackers.
#![allow(dead_code)]

use std::future::Future;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use sambung_tests::api::Api;
use sambung_tests::bench::process::resident;
use sambung_tests::host::leading;
use sambung_tests::server::Server;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, MutexGuard};

use crate::figures::{Figures, print};
use crate::neighbour::Neighbour;
use crate::scale::{SHORT, quiet};

/// Attacks measure time, so only one runs at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A running server with a neighbour.
pub struct Arena {
    /// The program.
    pub server: Server,
    /// The workspace that must not notice.
    pub neighbour: Neighbour,
    attackers: Option<Runtime>,
    _group: Group,
    _alone: MutexGuard<'static, ()>,
}

/// What came of an attack.
pub struct Impact<T> {
    attack: &'static str,
    /// What the neighbour met before it.
    pub quiet: Figures,
    /// What the neighbour met while it lasted.
    pub under: Figures,
    /// What the attackers found.
    pub found: T,
}

impl Arena {
    /// Starts the server with this configuration, which begins with a section, and connects the neighbour.
    pub async fn start(more: &str) -> Self {
        Self::start_with(&[], more).await
    }

    /// As [`Arena::start`], where the host meets simulators of the attack's own (`[egress.overrides]`).
    pub async fn start_with(overrides: &[(String, String)], more: &str) -> Self {
        let alone = turn().await;
        let group = Group::behind_the_kernel();
        let provider = Neighbour::provider().await;
        let overrides: Vec<_> = provider.overrides().into_iter().chain(overrides.iter().cloned()).collect();
        let server = Server::start(&leading(&overrides, more)).await;
        let neighbour = Neighbour::connect(&server.api(), provider).await;
        let attackers = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(yield_to_the_server)
            .build()
            .unwrap();
        Self { server, neighbour, attackers: Some(attackers), _group: group, _alone: alone }
    }

    /// The operator's way to the API, in the default workspace.
    pub fn operator(&self) -> Api {
        self.server.api()
    }

    /// A caller with this role (`agent`, `supervisor`, `admin`) in a workspace, which is made where it is not there.
    pub async fn caller(&self, workspace: &str, role: &str) -> Api {
        caller(&self.server.api(), workspace, role).await
    }

    /// Measures the neighbour in quiet, and then while the attack lasts, and prints what it met. The attack runs on the attackers'
    /// runtime, so it can spawn there.
    pub async fn under<T, F>(&self, attack: &'static str, doing: impl FnOnce() -> F + Send + 'static) -> Impact<T>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let quiet = self.neighbour.during(tokio::time::sleep(quiet())).await.0;
        quiet.print(attack, "quiet");
        let attackers = self.attackers.as_ref().unwrap().handle().clone();
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        let (under, found) = self
            .neighbour
            .during(async {
                std::thread::spawn(move || {
                    yield_to_the_server();
                    let _ = ended.send(attackers.block_on(doing()));
                });
                has_ended.await
            })
            .await;
        under.print(attack, "under");
        let megabytes = resident(self.server.pid()) >> 20;
        print(attack, "resident", format_args!("{megabytes:>9} MB when it was over"));
        Impact { attack, quiet, under, found: found.expect("the attack comes to its end; see above") }
    }
}

/// Serves the attackers' own provider on a thread of their priority, until the process ends; its address.
pub fn accomplice(app: axum::Router) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        yield_to_the_server();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app).await })
    });
    address
}

/// Lowers this thread's priority, because the attackers' own work is not the server's: what a neighbour meets is what the server does.
fn yield_to_the_server() {
    let _ = rustix::process::setpriority_process(None, 19);
}

/// The scheduler's group of this session's processes (Linux `sched_autogroup`), behind the kernel's own threads while this lives.
///
/// Linux weighs all processes of a session as one against a thread of the kernel. The attackers are in the server's session, so the
/// threads that finish its writes to the disk waited up to half a second for them, whatever the attackers' own priority.
struct Group {
    /// The group's priority before.
    nice: Option<String>,
}

impl Group {
    const FILE: &str = "/proc/self/autogroup";

    /// Nothing changes where the system knows no such groups.
    fn behind_the_kernel() -> Self {
        let known = std::fs::read_to_string(Self::FILE).unwrap_or_default();
        let nice = known.trim().rsplit_once("nice ").map(|(_, nice)| nice.to_owned());
        if nice.is_some() {
            let _ = std::fs::write(Self::FILE, "10");
        }
        Self { nice }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(nice) = &self.nice {
            let _ = std::fs::write(Self::FILE, nice);
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // An attack may have left connections open; a runtime must not be waited for on another's thread.
        if let Some(attackers) = self.attackers.take() {
            attackers.shutdown_background();
        }
    }
}

impl<T> Impact<T> {
    /// Prints a figure of the attack's own.
    pub fn print(&self, what: &str, figure: impl std::fmt::Display) {
        print(self.attack, what, figure);
    }

    /// Asserts what a neighbour may expect under every attack: every webhook is acknowledged and becomes a message, its p99 stays
    /// within twice its quiet value, and `/healthz` answers within 100 ms. The short form asserts 5 s for both, because it shares the
    /// machine with other tests.
    pub fn assert_held(&self) {
        let attack = self.attack;
        let Figures { acknowledged, visible, health } = &self.under;
        assert!(acknowledged.count() > 0 && health.count() > 0, "{attack}: the attack was over before it was measured");
        for (what, series) in [("webhooks", acknowledged), ("messages", visible), ("answers of /healthz", health)] {
            assert_eq!(series.failed, 0, "{attack}: {what} are missing");
        }
        let generous = Duration::from_secs(5);
        let most = if SHORT { generous } else { (2 * self.quiet.visible.p99()).max(NOISE) };
        assert!(visible.p99() <= most, "{attack}: a neighbour's p99 is {:?}, at most {most:?}", visible.p99());
        let most = if SHORT { generous } else { Duration::from_millis(100) };
        assert!(health.p99() <= most, "{attack}: the p99 of /healthz is {:?}, at most {most:?}", health.p99());
    }
}

/// Below this a p99 tells of the machine's scheduler and disk.
const NOISE: Duration = Duration::from_millis(20);

/// A caller with this role in a workspace, which is made where it is not there. Of `operator`'s making.
pub async fn caller(operator: &Api, workspace: &str, role: &str) -> Api {
    let new = serde_json::json!({ "name": workspace });
    let (status, answer) = operator.ask("POST", "/v1/workspaces", &new).await.unwrap();
    assert!(status == 201 || answer["type"].as_str().is_some_and(|kind| kind.ends_with("name-taken")), "{answer}");
    let token = serde_json::json!({ "name": "test", "role": role });
    let made = operator.request("POST", "/v1/tokens").header("sambung-workspace", workspace).json(&token);
    let made: serde_json::Value = made.send().await.unwrap().json().await.unwrap();
    operator.with_token(made["value"].as_str().unwrap_or_else(|| panic!("no token: {made}")))
}

/// A turn of its own for an attack, with the program built.
pub async fn turn() -> MutexGuard<'static, ()> {
    let alone = ALONE.lock().await;
    build();
    alone
}

/// Builds the program of a release run, because a test's build does not: `cargo test --workspace` builds it for a debug run.
fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    if SHORT {
        return;
    }
    BUILT.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let build = ["build", "--release", "--locked", "--package", "sambung"];
        let built = Command::new(cargo).current_dir(env!("CARGO_MANIFEST_DIR")).args(build).status().unwrap();
        assert!(built.success(), "the program does not build");
    });
}
