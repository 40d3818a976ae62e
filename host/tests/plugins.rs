//! From a file to a running generation, by every way in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::keys::EventId;
use sambung::plugins::{Generation, Registry, Source, place_file};
use sambung_runtime::Caller;
use sambung_runtime::contract::inbound::{Happening, ItemResult, Request};
use sambung_runtime::contract::types::Content;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::common::guests::{connects, version, with};
use crate::common::{Options, TestHost, read, until};

const A: &str = "answers of build A";
const B: &str = "answers of build B";

async fn host() -> TestHost {
    TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await
}

async fn upload(host: &TestHost, wasm: Vec<u8>) -> (StatusCode, Value) {
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    read(request.send().await.unwrap()).await
}

async fn items(host: &TestHost) -> Vec<Value> {
    host.get("/v1/plugins").await.1["items"].as_array().unwrap().clone()
}

/// What the plugin makes of a request: the text of its one message.
async fn answer(generation: &Generation) -> String {
    let request = Request {
        recipe: "events".to_owned(),
        method: "POST".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: b"m1".to_vec(),
        mail: None,
        received_at: 1,
        extra: Vec::new(),
    };
    let done = generation.plugin.handle_webhook(&Caller::default(), 1, request, None).await.unwrap();
    let ItemResult::Events(events) = &done.value.unwrap().items[0].outcome else { panic!("no events") };
    let Happening::Message(message) = &events[0].what else { panic!("no message") };
    let Content::Text(text) = &message.content[0] else { panic!("no text") };
    text.body.clone()
}

#[tokio::test]
async fn a_file_that_is_dropped_becomes_a_plugin_and_a_damaged_one_is_refused_with_a_reason() {
    let host = host().await;
    place_file(&host.data, "connects.wasm", &connects()).await.unwrap();
    until("the plugin runs", async || host.get("/v1/plugins/connects").await.0 == StatusCode::OK).await;

    let half = version(connects(), "1.0.1");
    place_file(&host.data, "half.wasm", &half[..half.len() / 2]).await.unwrap();
    place_file(&host.data, "foreign.wasm", b"MZ this is something else").await.unwrap();
    until("both are refused", async || {
        items(&host).await.iter().filter(|item| item["state"] == "refused").count() == 2
    })
    .await;
    for item in items(&host).await.iter().filter(|item| item["state"] == "refused") {
        let reason = item["reason"].as_str().unwrap();
        match item["file"].as_str().unwrap() {
            "half.wasm" => assert!(reason.contains("damaged or incomplete"), "{reason}"),
            "foreign.wasm" => assert!(reason.contains("not a WebAssembly file"), "{reason}"),
            other => panic!("{other} was not dropped"),
        }
    }
    let (_, running) = host.get("/v1/plugins/connects").await;
    assert_eq!(running["version"], "1.0.0", "what ran goes on");
    assert_eq!(running["fields"]["token"]["help"], "Any word.");
    assert_eq!(running["reasons"]["refused"], "The word is not the right one.");

    // The rest of the file arrives, the other goes: the one is installed, nobody hears of the other any more.
    place_file(&host.data, "half.wasm", &half).await.unwrap();
    std::fs::remove_file(host.data.join("plugins/foreign.wasm")).unwrap();
    until("the whole file is installed", async || {
        host.get("/v1/plugins/connects").await.1["version"] == "1.0.1"
            && items(&host).await.iter().all(|item| item["state"] != "refused")
    })
    .await;
}

#[tokio::test]
async fn an_upload_installs_and_the_same_file_again_changes_nothing() {
    let host = host().await;
    let (status, plugin) = upload(&host, connects()).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    assert_eq!(
        (&plugin["id"], &plugin["state"], &plugin["version"]),
        (&json!("connects"), &json!("active"), &json!("1.0.0"))
    );
    assert_eq!(plugin["permissions"]["egress"][0]["to_setting"], "base_url");
    let (status, _) = upload(&host, connects()).await;
    assert_eq!(status, StatusCode::OK);
    let (status, problem) = upload(&host, b"\0asm\x01\0\0\0".to_vec()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["reason"].as_str().unwrap().contains("core WebAssembly module"), "{problem}");
    let (_, audit) = host.get("/v1/audit").await;
    let installs = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "plugin.install");
    let details: Vec<_> = installs.map(|line| (line["subject"].clone(), line["detail"]["digest"].clone())).collect();
    assert_eq!(details, [(json!("connects"), plugin["digest"].clone())], "once, and not for what changed nothing");
}

#[tokio::test]
async fn another_line_or_a_new_permission_waits_for_an_operator() {
    let host = host().await;
    upload(&host, connects()).await;
    let (status, problem) = upload(&host, version(connects(), "2.0.0")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("approval-needed")));
    assert_eq!(problem["needs"][0]["kind"], "major");
    let more = with(version(connects(), "1.0.1"), "methods = [\"POST\"]", "methods = [\"GET\"] ");
    let (status, problem) = upload(&host, more).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["needs"][0]["words"], "connects to the address in the setting `base_url` (GET)");
    assert_eq!(host.get("/v1/plugins/connects").await.1["version"], "1.0.0");

    let words = problem["detail"].as_str().unwrap();
    let digest = problem["digest"].as_str().unwrap();
    assert!(words.contains("POST /v1/plugins/approvals") && words.contains(digest), "it says how to approve: {words}");
    assert_eq!(host.call(Method::DELETE, "/v1/plugins/connects", None).await.0, StatusCode::NO_CONTENT);
    let next = version(connects(), "2.0.0");
    let (status, problem) = upload(&host, next.clone()).await;
    assert_eq!(status, StatusCode::CONFLICT, "removing the running version approves no other: {problem}");
    let admin = host.token_for("default", Role::Admin).await;
    let approval = json!({ "digest": problem["digest"] });
    let refused = host.call_as(&admin, Method::POST, "/v1/plugins/approvals", Some(approval.clone())).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
    assert_eq!(host.post("/v1/plugins/approvals", approval).await.0, StatusCode::ACCEPTED, "no dropped file holds it");
    assert_eq!(upload(&host, next).await.0, StatusCode::CREATED);
    assert_eq!(host.get("/v1/plugins/connects").await.1["version"], "2.0.0");
}

#[tokio::test]
async fn a_version_that_does_not_take_a_channels_settings_is_refused() {
    let host = host().await;
    upload(&host, connects()).await;
    let settings = json!({ "account": "a", "token": "t", "region": "id" });
    let body = json!({ "plugin": "connects", "name": "One", "settings": settings });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let renamed = with(version(connects(), "1.1.0"), "region", "zoning");
    let (status, problem) = upload(&host, renamed.clone()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("settings-misfit")), "{problem}");
    assert_eq!(problem["misfits"][0]["channel"], channel["id"]);
    assert_eq!(problem["misfits"][0]["pointer"], "/region");
    let id = channel["id"].as_str().unwrap();
    assert_eq!(host.call(Method::DELETE, &format!("/v1/channels/{id}"), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(upload(&host, renamed).await.0, StatusCode::CREATED, "nobody is in the way any more");
}

/// Calls as often as it is let; each answer is of one of the two builds.
async fn keep_asking(registry: Registry, calls: Arc<Semaphore>, answers: Arc<[AtomicUsize; 2]>) {
    while let Ok(call) = calls.acquire().await {
        call.forget();
        let generation = registry.get("connects").expect("one always runs");
        match answer(&generation).await.as_str() {
            A => answers[0].fetch_add(1, Ordering::Relaxed),
            B => answers[1].fetch_add(1, Ordering::Relaxed),
            other => panic!("neither build says {other}"),
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_a_hundred_times_under_load_every_answer_is_of_one_of_the_two_builds() {
    const CALLS: usize = 20;
    let host = host().await;
    let registry = host.state.plugins.clone();
    let builds = [connects(), with(version(connects(), "1.0.1"), A, B)];
    let first = registry.install(builds[0].clone(), Source::Upload).await.unwrap().generation;
    let (calls, answers) = (Arc::new(Semaphore::new(0)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let asking: Vec<_> =
        (0..4).map(|_| tokio::spawn(keep_asking(registry.clone(), Arc::clone(&calls), Arc::clone(&answers)))).collect();
    let mut old = Vec::new();
    for swap in 1..=100 {
        let before = Arc::downgrade(&registry.get("connects").unwrap());
        calls.add_permits(CALLS);
        let installed = registry.install(builds[swap % 2].clone(), Source::Upload).await.unwrap();
        assert_eq!(answer(&installed.generation).await, [A, B][swap % 2]);
        old.push(before);
    }
    let count = || answers.iter().map(|count| count.load(Ordering::Relaxed)).sum::<usize>();
    until("every call is answered", async || count() == 100 * CALLS).await;
    calls.close();
    for task in asking {
        task.await.unwrap();
    }
    assert!(answers.iter().all(|count| count.load(Ordering::Relaxed) > 0), "{answers:?}");
    assert_eq!(answer(&first).await, A, "who holds a generation ends on it");
    drop(first);
    until("no old generation is left in memory", async || old.iter().all(|old| old.upgrade().is_none())).await;
    let kept = std::fs::read_dir(host.data.join("generations")).unwrap().count();
    let bundled = sambung_bundle::BUNDLED.len();
    assert_eq!(kept, bundled + 2, "each build's file is kept once");
}

#[tokio::test]
async fn a_disabled_plugin_holds_its_channels_and_a_removed_one_comes_back_with_them() {
    let host = host().await;
    upload(&host, connects()).await;
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let (_, channel) = host.post("/v1/channels", body.clone()).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let (status, plugin) = host.post("/v1/plugins/connects/disable", json!({})).await;
    assert_eq!((status, &plugin["state"]), (StatusCode::OK, &json!("disabled")));
    assert_eq!(host.get(&path).await.1["state"], "paused");
    assert_eq!(host.post("/v1/channels", body).await.1["code"], "plugin-disabled");
    assert!(!host.state.plugins.get("connects").unwrap().is_active());
    host.post("/v1/plugins/connects/enable", json!({})).await;
    assert_eq!(host.get(&path).await.1["state"], "connected");

    assert_eq!(host.call(Method::DELETE, "/v1/plugins/connects", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(host.get("/v1/plugins/connects").await.0, StatusCode::NOT_FOUND);
    assert!(host.state.plugins.get("connects").is_none());
    let (_, shown) = host.get(&path).await;
    assert_eq!((&shown["state"], &shown["findings"][0]["code"]), (&json!("needs_attention"), &json!("plugin-removed")));
    let (_, list) = host.get("/v1/channels").await;
    assert_eq!(list["items"][0]["state"], "needs_attention", "in the list as well");
    assert_eq!(upload(&host, connects()).await.0, StatusCode::CREATED);
    let (_, shown) = host.get(&path).await;
    assert_eq!((&shown["state"], &shown["findings"]), (&json!("connected"), &json!([])));
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let feed = host.state.db.feed_after(&workspace, EventId::NONE, 1_000).await.unwrap();
    let told: Vec<Value> = feed
        .iter()
        .filter(|event| event.kind == "channel.updated")
        .map(|event| serde_json::from_str::<Value>(&event.data).unwrap()["state"].clone())
        .collect();
    assert_eq!(told[told.len() - 2..], [json!("needs_attention"), json!("connected")], "the feed tells of both");
}

#[tokio::test]
async fn what_ran_runs_again_after_a_restart_and_old_files_in_the_folder_change_nothing() {
    let host = host().await;
    place_file(&host.data, "connects.wasm", &connects()).await.unwrap();
    until("the plugin runs", async || host.get("/v1/plugins/connects").await.0 == StatusCode::OK).await;
    upload(&host, version(connects(), "1.0.1")).await;
    host.post("/v1/plugins/webchat/disable", json!({})).await;
    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default()).await;
    let (_, plugin) = host.get("/v1/plugins/connects").await;
    assert_eq!((&plugin["version"], &plugin["health"]["running"]), (&json!("1.0.1"), &json!(true)));
    assert_eq!(host.get("/v1/plugins/webchat").await.1["state"], "disabled");
    place_file(&host.data, "marker.wasm", b"not a plugin").await.unwrap();
    until("the folder was looked through", async || {
        items(&host).await.iter().any(|item| item["file"] == "marker.wasm")
    })
    .await;
    assert_eq!(host.get("/v1/plugins/connects").await.1["version"], "1.0.1", "the older file was there before");
}

#[tokio::test]
async fn a_damaged_generation_is_told_of_also_on_its_channels_and_the_others_run() {
    let host = host().await;
    let (_, plugin) = upload(&host, connects()).await;
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
    let channel = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let file = host.data.join("generations").join(format!("{}.wasm", plugin["digest"].as_str().unwrap()));
    let (data, _folder) = host.stop().await;
    std::fs::write(file, b"rotten").unwrap();
    let host = TestHost::start_in(data, Options::default()).await;
    let (_, plugin) = host.get("/v1/plugins/connects").await;
    assert_eq!(plugin["health"]["running"], false);
    assert!(plugin["health"]["reason"].as_str().unwrap().contains("install the plugin again"), "{plugin}");
    assert_eq!(host.get("/v1/plugins/webchat").await.1["health"]["running"], true);
    let (_, shown) = host.get(&channel).await;
    assert_eq!((&shown["state"], &shown["webhook_url"]), (&json!("needs_attention"), &Value::Null), "{shown}");
    assert_eq!(shown["findings"][0]["code"], "plugin-not-running", "{shown}");
    assert_eq!(shown["findings"][0]["level"], "error");
    assert!(shown["findings"][0]["words"].as_str().unwrap().contains("`connects` does not run"), "{shown}");
    let (_, all) = host.get("/v1/channels").await;
    assert_eq!(all["items"][0]["findings"][0]["code"], "plugin-not-running", "the list tells the same: {all}");
    assert_eq!(upload(&host, connects()).await.0, StatusCode::CREATED);
    assert_eq!(host.get("/v1/plugins/connects").await.1["health"]["running"], true);
    let (_, shown) = host.get(&channel).await;
    assert_eq!((&shown["state"], &shown["findings"]), (&json!("connected"), &json!([])), "{shown}");
}

#[tokio::test]
async fn plugins_speak_the_readers_language_and_only_operators_change_them() {
    let host = host().await;
    let request =
        host.request(Method::GET, "/v1/plugins/webchat/settings-schema").header("accept-language", "id-ID, en;q=0.5");
    let (_, schema) = read(request.send().await.unwrap()).await;
    assert_eq!(schema["properties"]["domain"]["title"], "Situs");
    let (_, schema) = host.get("/v1/plugins/webchat/settings-schema").await;
    assert_eq!(schema["properties"]["domain"]["title"], "Sites");
    assert_eq!(host.get("/v1/plugins/webchat/settings-schema?of=app").await.0, StatusCode::NOT_FOUND);
    let icon = host.request(Method::GET, "/v1/plugins/webchat/icon").send().await.unwrap();
    assert_eq!(icon.headers()["content-type"], "image/svg+xml");
    assert_eq!(icon.headers()["x-content-type-options"], "nosniff");

    let admin = host.token_for("default", Role::Admin).await;
    assert_eq!(host.call_as(&admin, Method::GET, "/v1/plugins", None).await.0, StatusCode::OK);
    for path in ["/v1/plugins", "/v1/plugins/webchat/disable"] {
        let (status, _) = host.call_as(&admin, Method::POST, path, Some(json!({}))).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let agent = host.token_for("default", Role::Agent).await;
    assert_eq!(host.call_as(&agent, Method::GET, "/v1/plugins", None).await.0, StatusCode::FORBIDDEN);
}
