//! The demo as a person starts it: what it leaves running answers, and nothing of it stays in the checkout.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sambung_tests::api::Api;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

/// The names in a folder and in the folders of the packages below it, without what Cargo builds.
fn listing(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if folder == root && (name == "target" || name == ".git") {
                continue;
            }
            found.insert(entry.path().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found
}

/// What stands after this word in the first line that begins with it.
async fn told(lines: &mut Lines<BufReader<ChildStdout>>, word: &str) -> String {
    loop {
        let line = tokio::time::timeout(Duration::from_secs(600), lines.next_line()).await.expect("the demo goes on");
        let line = line.unwrap().unwrap_or_else(|| panic!("the demo ended and never said {word}"));
        assert!(!line.contains("FAILED"), "{line}");
        if let Some(rest) = line.trim_start().strip_prefix(word) {
            return rest.trim().to_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_takes_a_reply_from_somebody_who_signed_in_and_the_checkout_is_as_before() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let before = listing(root);
    let mut demo = Command::new(env!("CARGO_BIN_EXE_sambung-demo"));
    demo.args(["--stay", "line"]).current_dir(root).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut demo = demo.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let address = told(&mut lines, "address").await;
    let base = address.split_whitespace().next().unwrap().to_owned();
    let email = told(&mut lines, "e-mail").await;
    let password = told(&mut lines, "password").await;
    let token = told(&mut lines, "or").await;
    let token = token.split("Bearer ").nth(1).unwrap().split('\'').next().unwrap();

    let anybody = Api::at(&base, "");
    let me = anybody.expect(201, "POST", "/v1/session", json!({ "email": email, "password": password })).await;
    assert_eq!(me["role"], "operator");
    let api = Api::at(&base, token);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let reply = api.reply(&conversation, "Masih di sini!").await;
    let sent = api.message_when(&reply, "sent").await;
    assert_ne!(sent["provider_message_ids"], Value::Null, "the provider's simulator took it: {sent}");

    kill_process(Pid::from_raw(demo.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
    assert!(demo.wait().await.unwrap().success());
    let after = listing(root);
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty(), "the demo left in the checkout: {new:?}");
}
