//! A shell's limit on open files is raised as far as the system allows, because each connection takes one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use sambung_tests::server::built;

/// The soft and the hard limit of a process.
fn limits(pid: u32) -> Vec<String> {
    let all = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = all.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

#[test]
fn a_low_limit_on_open_files_is_raised_to_what_the_system_allows() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The shell becomes the program, so that the limits are its own.
    let start = r#"ulimit -Sn 200; ulimit -Hn 2000; exec "$0" serve --data-dir "$1" --listen 127.0.0.1:0"#;
    let mut server = Command::new("sh")
        .args(["-c", start])
        .arg(built())
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let listens = lines.map_while(Result::ok).any(|line| line.contains(" listens on "));
    let found = limits(server.id());
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(listens, "the server ended while it started");
    assert_eq!(found, ["2000", "2000"]);
}
