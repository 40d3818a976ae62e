//! A real Postfix with a configuration, a queue and mailboxes of its own: nothing of the machine's own one is read or changed.
//!
//! Needs the program (`apt-get install postfix`) and root, since its parts run as users of their own. Where it cannot run, the
//! test says so and is skipped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::free_address;
use crate::api::until;
use crate::fixtures::skip;

/// Postfix's parts, with what it calls them: none in a chroot, and few at a time.
const PARTS: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// `nobody` of Debian: whose the mailboxes are.
const NOBODY: u32 = 65_534;

/// How it is to be set up.
#[derive(Default)]
pub struct Setup<'s> {
    /// Mailboxes that it delivers to.
    pub mailboxes: &'s [&'s str],
    /// A domain whose mail it hands on, and the server that takes it.
    pub next: Option<(&'s str, SocketAddr)>,
    /// Further lines of `main.cf`.
    pub more: &'s str,
}

/// See the module; it is ended when it is dropped.
pub struct Postfix {
    folder: TempDir,
    address: SocketAddr,
    /// Which starts Postfix and ends with it.
    starter: Child,
}

impl Postfix {
    /// Starts one; none where there is no Postfix, and then that is said. Mail to `@shop.example` is for nobody but those whom
    /// [`Postfix::forward`] names.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(test: &str, setup: &Setup<'_>) -> Option<Self> {
        let Some(program) = program() else {
            skip(
                "postfix",
                test,
                "postfix is missing; get it with: apt-get install -y --no-install-recommends postfix",
            );
            return None;
        };
        if !rustix::process::geteuid().is_root() {
            skip("postfix", test, "postfix needs root, since its parts run as users of their own");
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        let address = free_address();
        write(folder.path(), address, setup);
        let starter = Command::new(program)
            .arg("-c")
            .arg(folder.path().join("conf"))
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Postfix can be started");
        let mut postfix = Self { folder, address, starter };
        postfix.listens().await;
        Some(postfix)
    }

    async fn listens(&mut self) {
        let address = self.address;
        loop {
            let ended = self.starter.try_wait().expect("the process can be asked");
            assert!(ended.is_none(), "Postfix ended while it started:\n{}", self.log());
            // It listens before it is ready to be told to end, which it knows once its number is written down.
            if self.master().is_some() && TcpStream::connect(address).await.is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Where it takes mail.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Mail to this address goes to that one from now on.
    ///
    /// # Panics
    /// When its table cannot be written.
    pub fn forward(&self, from: &str, to: &str) {
        let line = format!("{from} {to}\n");
        // Its parts serve one connection each, so the next one reads it.
        std::fs::write(self.folder.path().join("aliases"), line).expect("the test's folder can be written");
    }

    /// The mails in a mailbox, the oldest first, once there are so many.
    ///
    /// # Panics
    /// When there never are.
    pub async fn mailbox(&self, address: &str, count: usize) -> Vec<Vec<u8>> {
        until(&format!("{count} mails are in the mailbox of {address}: {}", self.log()), async || {
            let mails = self.delivered(address);
            (mails.len() == count).then_some(mails)
        })
        .await
    }

    /// The mails in a mailbox, the oldest first.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn delivered(&self, address: &str) -> Vec<Vec<u8>> {
        let new = self.folder.path().join("mail").join(address).join("new");
        let Ok(entries) = std::fs::read_dir(new) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
        files.sort_by_key(|file| file.metadata().and_then(|about| about.modified()).expect("a file has a time"));
        files.iter().map(|file| std::fs::read(file).expect("a mail can be read")).collect()
    }

    /// What waits in its queue, as `postqueue -j` tells it.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub async fn queue(&self) -> Vec<Value> {
        let mut ask = Command::new("postqueue");
        let told = ask.arg("-c").arg(self.folder.path().join("conf")).arg("-j").output().await.expect("postqueue runs");
        assert!(told.status.success(), "postqueue: {}", String::from_utf8_lossy(&told.stderr));
        let lines = String::from_utf8_lossy(&told.stdout).into_owned();
        lines.lines().map(|line| serde_json::from_str(line).expect("postqueue writes JSON")).collect()
    }

    /// Waits until nothing is left in its queue.
    ///
    /// # Panics
    /// When something stays.
    pub async fn is_idle(&self) {
        until(&format!("Postfix has nothing left to do: {}", self.log()), async || {
            self.queue().await.is_empty().then_some(())
        })
        .await;
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The number of its first process.
    fn master(&self) -> Option<rustix::process::Pid> {
        let file = std::fs::read_to_string(self.folder.path().join("queue/pid/master.pid")).ok()?;
        rustix::process::Pid::from_raw(file.trim().parse().ok()?)
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if let Some(master) = self.master() {
            // It ends what it started. That it ended already is as well.
            let _ = rustix::process::kill_process(master, rustix::process::Signal::TERM);
        }
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("postfix")).find(|program| program.is_file())
}

fn write(folder: &Path, address: SocketAddr, setup: &Setup<'_>) {
    let open = std::fs::Permissions::from_mode(0o755);
    // Its parts are users of their own, and come through here.
    std::fs::set_permissions(folder, open).expect("the test's folder can be opened");
    let at = |name: &str| folder.join(name);
    for name in ["conf", "queue", "data", "mail"] {
        std::fs::create_dir(at(name)).expect("the test's folder can be written");
    }
    chown(at("mail"), Some(NOBODY), Some(NOBODY)).expect("root gives away a folder");
    chown(at("data"), Some(postfix_user()), None).expect("root gives away a folder");
    std::fs::write(at("aliases"), "").expect("the test's folder can be written");
    let mut boxes = String::new();
    for address in setup.mailboxes {
        let _ = write!(boxes, " {{ {address} = {address}/ }}");
    }
    let mut domains: Vec<&str> = setup.mailboxes.iter().filter_map(|one| one.split('@').nth(1)).collect();
    domains.dedup();
    let transport = match setup.next {
        Some((domain, server)) => {
            format!("inline:{{ {{ {domain} = smtp:[{}]:{} }} }}", server.ip(), server.port())
        }
        None => String::new(),
    };
    let root = folder.display();
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {root}/log
maillog_file_prefixes = {root}
myhostname = relay.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtp_host_lookup = native
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_alias_domains = shop.example
virtual_alias_maps = texthash:{root}/aliases
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = inline:{{{boxes} }}
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
transport_maps = {transport}
max_use = 1
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
{}
",
        setup.more,
        domains = domains.join(" "),
    );
    std::fs::write(at("conf/main.cf"), main).expect("the test's folder can be written");
    let parts = format!("{address} inet n - n - - smtpd\n{PARTS}");
    std::fs::write(at("conf/master.cf"), parts).expect("the test's folder can be written");
}

/// The number of the user that the package made.
fn postfix_user() -> u32 {
    let users = std::fs::read_to_string("/etc/passwd").expect("the users can be read");
    let user = users.lines().find_map(|line| line.strip_prefix("postfix:")?.split(':').nth(1)?.parse().ok());
    user.expect("the package made a user `postfix`")
}
