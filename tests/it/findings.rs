//! What is wrong with a channel: each function's failure stands by itself, until that function succeeds.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use sambung_tests::api::until;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::email::{NameServer, deliver};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};

/// For compiling a component on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// Says `trap` to the functions in the set, and notes in `asked` which functions asked.
async fn provider(traps: Arc<Mutex<HashSet<String>>>, asked: Arc<Mutex<HashSet<String>>>) -> String {
    let answer = async move |Path(function): Path<String>| {
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(function.clone());
        let traps = traps.lock().unwrap_or_else(PoisonError::into_inner).contains(&function);
        if traps { "trap" } else { "fine" }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/{function}", get(answer))).await });
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_stands_until_its_own_function_succeeds() {
    let traps: Arc<Mutex<HashSet<String>>> = Arc::default();
    let set = |function: &str, fails: bool| {
        let mut traps = traps.lock().unwrap_or_else(PoisonError::into_inner);
        if fails {
            traps.insert(function.to_owned())
        } else {
            traps.remove(function)
        };
    };
    let asked: Arc<Mutex<HashSet<String>>> = Arc::default();
    let base = provider(Arc::clone(&traps), Arc::clone(&asked)).await;
    let names = NameServer::start(&[]).await.address();
    let mail = format!("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n");
    let host = Host::start(&leading(&[("https://api.provider.example".to_owned(), base)], &mail)).await;
    let api = host.api();
    let guest = sambung_guests::component(&target_folder(), "traps_on_demand");
    let upload =
        api.request("POST", "/v1/plugins").header("content-type", "application/wasm").timeout(PATIENCE).body(guest);
    assert!(upload.send().await.unwrap().status().is_success());
    let channel = json!({ "plugin": "traps-on-demand", "name": "Traps", "settings": {} });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();

    // The functions whose failures stand, in the order of their names.
    let standing = async || {
        let channel = api.get(&path).await;
        let words = |finding: &Value| finding["words"].as_str().unwrap().split(':').next().unwrap().to_owned();
        let mut found: Vec<String> = channel["findings"].as_array().unwrap().iter().map(words).collect();
        found.sort();
        found
    };
    let becomes = async |wanted: &[&str]| {
        until(&format!("{wanted:?} stand"), async || (standing().await == wanted).then_some(())).await;
    };
    let check = async || api.ask("POST", &format!("{path}/check"), &json!({})).await.unwrap();
    let sync = async || api.ask("POST", &format!("{path}/templates/sync"), &json!({})).await.unwrap();
    let choose = async || {
        deliver(host.mail(), "siti@customer.example", &address, "From: siti@customer.example\n\nHalo\n").await;
    };
    choose().await;
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();

    // The first signal succeeds, because it comes before the traps are set.
    until("the choice is acknowledged", async || {
        asked.lock().unwrap_or_else(PoisonError::into_inner).contains("signal").then_some(())
    })
    .await;

    for function in ["check", "send", "templates", "signal"] {
        set(function, true);
    }
    check().await;
    becomes(&["connection.check"]).await;
    let message = api.reply(&conversation, "one").await;
    becomes(&["connection.check", "outbound.send"]).await;
    sync().await;
    becomes(&["connection.check", "outbound.send", "templates.list-templates"]).await;
    choose().await;
    let all = ["connection.check", "outbound.send", "signals.signal", "templates.list-templates"];
    becomes(&all).await;

    // Each goes with its own function's success and with no other's.
    set("signal", false);
    choose().await;
    becomes(&["connection.check", "outbound.send", "templates.list-templates"]).await;
    set("templates", false);
    assert_eq!(sync().await.0, 200);
    becomes(&["connection.check", "outbound.send"]).await;
    set("check", false);
    check().await;
    becomes(&["outbound.send"]).await;
    set("send", false);
    api.message_when(&message, "sent").await;
    becomes(&[]).await;
}
