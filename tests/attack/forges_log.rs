//! A plugin writes what looks like lines of the host's log.

use std::time::Duration;

use sambung_tests::server::{Server, target_folder};
use serde_json::json;

use crate::arena::turn;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_plugin_is_a_line_of_its_own_in_the_log() {
    let _turn = turn().await;
    for format in ["text", "json"] {
        let server = Server::start(&format!("[logs]\nformat = '{format}'\n")).await;
        let operator = server.api();
        let wasm = sambung_guests::component(&target_folder(), "forges_log");
        let put = operator.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
        assert!(put.timeout(Duration::from_secs(120)).send().await.unwrap().status().is_success());
        let new = json!({ "plugin": "forges-log", "name": "Attacker", "settings": {} });
        operator.ask("POST", "/v1/channels", &new).await.unwrap();
        let log = std::fs::read(server.log()).unwrap();
        let log = String::from_utf8(log).unwrap();
        let forged: Vec<&str> = log.lines().filter(|line| line.contains("forged by a plugin")).collect();
        // The message, the line of standard error, and the plugin's last words.
        assert!(forged.len() >= 3, "{format}: the plugin's words are not in the log:\n{log}");
        for line in log.lines() {
            assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{format}: {line}");
            assert!(
                !line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')),
                "{format}: {line:?}"
            );
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }
}
