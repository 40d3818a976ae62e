//! The real program in a process of its own, which can be killed at any moment and started again over the same folder.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::api::{Api, until};
use crate::bench::itself_as;

/// Which file is started as the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The one that `cargo build` makes.
    Built,
    /// This very one, a benchmark's, which holds the same.
    Itself,
}

/// A server, running or not.
pub struct Server {
    program: Program,
    folder: Arc<TempDir>,
    process: Option<Process>,
    api: Api,
    /// The file mode mask that a shell gives to the program; none: the test's own.
    mask: Option<&'static str>,
    /// It does not ask whether another runs over its folder.
    without_lock: bool,
}

struct Process {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    /// Whether it said where.
    listens: bool,
}

impl Server {
    /// Starts a server over an empty folder with this configuration, which is joined to what every test wants, and waits
    /// until it is ready. Its caller is an operator.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(config: &str) -> Self {
        Self::start_as(Program::Built, config).await
    }

    /// As [`Server::start`].
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_as(program: Program, config: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder for the test"));
        std::fs::write(folder.path().join("config.toml"), config).expect("the test's folder can be written");
        let mut server = Self { program, folder, process: None, api: Api::at("", ""), mask: None, without_lock: false };
        server.spawn();
        server.ready().await;
        let made = server.run(&["token", "create", "--role", "operator", "--name", "test"]).await;
        let words = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "no token: {words}");
        server.api = server.api.with_token(String::from_utf8_lossy(&made.stdout).trim());
        server
    }

    /// Another server with the same configuration and the same callers over an empty folder, not running yet.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn elsewhere(&self) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder for the test"));
        let config = |folder: &TempDir| folder.path().join("config.toml");
        std::fs::copy(config(&self.folder), config(&folder)).expect("the test's folder can be written");
        let api = self.api.elsewhere();
        Self { program: self.program, folder, process: None, api, mask: self.mask, without_lock: false }
    }

    /// Another server over the same folder, which takes this one for dead; it does not run yet.
    pub fn heir(&self) -> Self {
        let (folder, api) = (Arc::clone(&self.folder), self.api.elsewhere());
        Self { program: self.program, folder, process: None, api, mask: self.mask, without_lock: true }
    }

    /// Stops the process where it is, until [`Server::resume`].
    ///
    /// # Panics
    /// When it does not run.
    pub fn suspend(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets the process go on.
    ///
    /// # Panics
    /// When it does not run.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).expect("a process has a number");
        rustix::process::kill_process(pid, signal).expect("the process takes a signal");
    }

    /// The operator's way to the API; it stays good when the server starts again.
    pub fn api(&self) -> Api {
        self.api.clone()
    }

    /// From now on the program is started by a shell with this `umask`.
    pub fn under_mask(&mut self, mask: &'static str) {
        self.mask = Some(mask);
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Begins to start the program; [`Server::ready`] waits for it.
    ///
    /// # Panics
    /// When it runs already or cannot be started.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let log = std::fs::File::options().create(true).append(true).open(self.log()).expect("a log can be written");
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        self.process = Some(Process { child, output, listens: false });
    }

    /// Waits until the server takes requests.
    ///
    /// # Panics
    /// When it ends instead, or never does.
    pub async fn ready(&mut self) {
        let process = self.process.as_mut().expect("the server was started");
        while !process.listens {
            let line = tokio::time::timeout(Duration::from_secs(120), process.output.next_line()).await;
            match line.expect("the server says where it listens").expect("its output can be read") {
                Some(line) => {
                    if let Some((_, base)) = line.split_once(" listens on ") {
                        self.api.moved_to(base.trim());
                        process.listens = true;
                    }
                }
                None => panic!("the server ended while it started:\n{}", self.last_words()),
            }
        }
        let api = &self.api;
        until("the server is ready", async || {
            let answer = api.request("GET", "/readyz").send().await.ok()?;
            (answer.status().as_u16() == 200).then_some(())
        })
        .await;
    }

    /// Kills the process with SIGKILL, whatever it is doing.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub async fn kill(&mut self) {
        let Process { mut child, .. } = self.process.take().expect("the server runs");
        let ended = child.try_wait().expect("the process can be asked");
        assert!(ended.is_none(), "the server had ended by itself ({ended:?}):\n{}", self.last_words());
        child.kill().await.expect("the process can be killed");
    }

    /// Has the process stop in order, and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or does not end well.
    pub async fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        let Process { mut child, .. } = self.process.take().expect("the server runs");
        let ended = child.wait().await.expect("the process can be waited for");
        assert!(ended.success(), "the server did not stop well ({ended}):\n{}", self.last_words());
    }

    /// From now on no file that the process writes grows beyond so many bytes; none: as large as there is room.
    ///
    /// # Panics
    /// When it does not run.
    pub fn limit_files(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Pid::from_raw(self.pid().cast_signed()), Resource::Fsize, limit).expect("the process can be limited");
    }

    /// The process.
    ///
    /// # Panics
    /// When there is none.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().and_then(|process| process.child.id()).expect("the server runs")
    }

    /// Runs another of the program's commands over the same folder.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().await.expect("the program starts")
    }

    /// Runs the program over the same folder with this on its standard input.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn run_with(&self, arguments: &[&str], input: &[u8]) -> Output {
        use tokio::io::AsyncWriteExt;
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("it was piped");
        // A program that ends early reads no more.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        child.wait_with_output().await.expect("the program ends")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match (self.program, self.mask) {
            (Program::Built, None) => Command::new(built()),
            (Program::Built, Some(mask)) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("umask {mask}; exec \"$0\" \"$@\"")]).arg(built());
                shell
            }
            (Program::Itself, _) => itself_as("program"),
        };
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data())
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .env("SAMBUNG_RUNTIME__CACHE_DIR", native_cache())
            .env("SAMBUNG_LOGS__FILTER", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if self.without_lock {
            command.env(sambung::data_dir::WITHOUT_LOCK, "1");
        }
        command
    }

    /// The file that it logs to.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The end of what it logged.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// The folder that the test's own program stands in: `<target>/<profile>/deps`.
fn beside() -> PathBuf {
    let test = std::env::current_exe().expect("a program knows where it is");
    test.parent().map(Path::to_owned).expect("a program stands in a folder")
}

/// The program, as `cargo test --workspace` builds it.
pub fn built() -> PathBuf {
    let program = beside().with_file_name(format!("sambung{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is missing; `cargo build -p sambung` makes it", program.display());
    program
}

/// Compiled plugins are shared by all tests: compiling one takes longer than any of them.
pub fn native_cache() -> PathBuf {
    target_folder().join("tmp/native")
}

/// Where Cargo builds to, and tests leave what is worth keeping: the folder above this program that Cargo marked as its own. A
/// test's program stands deeper in it than another. Where the program was moved away from it, a temporary folder, never the checkout.
pub fn target_folder() -> PathBuf {
    let beside = beside();
    let cargos = beside.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    cargos.map_or_else(|| std::env::temp_dir().join("sambung-target"), Path::to_owned)
}
