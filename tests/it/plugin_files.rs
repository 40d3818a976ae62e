//! Files in the plugins folder of a real server, over restarts: what was refused stays refused, what was taken out of use stays
//! out of use, until an operator says otherwise.

use std::path::Path;

use sambung_tests::api::{Api, until};
use sambung_tests::server::{Server, target_folder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CONFIG: &str = "[server]\npublic_url = 'https://sambung.example'\n[plugins]\nbundled = false\n";

fn connects() -> Vec<u8> {
    sambung_guests::component(&target_folder(), "connects")
}

/// Another build: `from` is replaced by `to` of the same length.
fn with(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = (0..wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} does not stand in the component");
    for at in places {
        wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    wasm
}

fn version(to: &str) -> Vec<u8> {
    with(connects(), "version = \"1.0.0\"", &format!("version = \"{to}\""))
}

fn digest(wasm: &[u8]) -> String {
    hex::encode(Sha256::digest(wasm))
}

fn drop_in(server: &Server, name: &str, wasm: &[u8]) {
    let folder = server.data().join("plugins");
    std::fs::write(folder.join(".part"), wasm).unwrap();
    std::fs::rename(folder.join(".part"), folder.join(name)).unwrap();
}

async fn upload(api: &Api, wasm: &[u8]) -> (u16, Value) {
    let request = api.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm.to_vec());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

async fn refused(api: &Api) -> Vec<Value> {
    let list = api.get("/v1/plugins").await;
    let items = list["items"].as_array().unwrap().iter().filter(|item| item["state"] == "refused");
    items.cloned().collect()
}

async fn refused_by_name(api: &Api, name: &str) -> Value {
    until(&format!("{name} is refused"), async || refused(api).await.into_iter().find(|item| item["file"] == name))
        .await
}

/// Waits until the folder was looked through since now: a file that is no plugin is refused after every one before it.
async fn looked_through(server: &Server, api: &Api) {
    let name = format!("z{}.wasm", hex::encode(&Sha256::digest(format!("{:?}", std::time::Instant::now()))[..4]));
    drop_in(server, &name, b"no plugin");
    refused_by_name(api, &name).await;
    std::fs::remove_file(server.data().join("plugins").join(&name)).unwrap();
    until("the marker is forgotten", async || {
        (!refused(api).await.iter().any(|item| item["file"] == name.as_str())).then_some(())
    })
    .await;
}

async fn restart(server: &mut Server) {
    server.stop().await;
    server.spawn();
    server.ready().await;
}

async fn running(api: &Api) -> Option<String> {
    let (status, plugin) = api.ask("GET", "/v1/plugins/connects", &Value::Null).await.unwrap();
    (status == 200).then(|| plugin["version"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_stays_refused_over_removals_and_restarts_until_its_digest_is_approved() {
    let mut server = Server::start(CONFIG).await;
    let api = server.api();
    assert_eq!(upload(&api, &connects()).await.0, 201);
    let suspicious = version("2.0.0");
    drop_in(&server, "connects.wasm", &suspicious);
    let item = refused_by_name(&api, "connects.wasm").await;
    assert_eq!(item["digest"], digest(&suspicious));
    let reason = item["reason"].as_str().unwrap();
    assert!(reason.contains("approval") && reason.contains(&digest(&suspicious)), "it says how to approve: {reason}");

    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await.as_deref(), Some("1.0.0"));
    refused_by_name(&api, "connects.wasm").await;

    // The running version goes, because the file looked suspicious.
    api.expect(204, "DELETE", "/v1/plugins/connects", Value::Null).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await, None);
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await, None, "neither the removal nor the restart approves it");
    refused_by_name(&api, "connects.wasm").await;

    // By another name it is the same file.
    std::fs::remove_file(server.data().join("plugins/connects.wasm")).unwrap();
    drop_in(&server, "other.wasm", &suspicious);
    refused_by_name(&api, "other.wasm").await;
    let (status, problem) = upload(&api, &suspicious).await;
    assert_eq!((status, &problem["code"]), (409, &json!("approval-needed")), "{problem}");
    assert_eq!(problem["digest"], digest(&suspicious));
    // An operator installs the earlier one again: the file still waits.
    assert_eq!(upload(&api, &connects()).await.0, 201);
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await.as_deref(), Some("1.0.0"));

    api.expect(422, "POST", "/v1/plugins/approvals", json!({ "digest": "x" })).await;
    let elsewhere = digest(&version("3.0.0"));
    api.expect(202, "POST", "/v1/plugins/approvals", json!({ "digest": elsewhere })).await;
    assert_eq!(running(&api).await.as_deref(), Some("1.0.0"), "another digest was approved");
    let plugin = api.expect(200, "POST", "/v1/plugins/approvals", json!({ "digest": digest(&suspicious) })).await;
    assert_eq!(plugin["version"], "2.0.0");
    assert_eq!(refused(&api).await, Vec::<Value>::new(), "the refusal holds no more and is not listed");
    assert_eq!(upload(&api, &version("3.0.0")).await.0, 201, "it was approved before it came");
    let audit = api.get("/v1/audit").await;
    let approvals = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "plugin.approve");
    let subjects: Vec<_> = approvals.map(|line| line["subject"].clone()).collect();
    assert_eq!(subjects, [json!(digest(&suspicious)), json!(elsewhere)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_removed_plugin_starts_by_itself_until_an_operator_installs_it_again() {
    let mut server = Server::start(CONFIG).await;
    let api = server.api();
    drop_in(&server, "connects.wasm", &connects());
    until("the first runs", async || running(&api).await).await;
    assert_eq!(upload(&api, &version("1.0.1")).await.0, 201);
    api.expect(204, "DELETE", "/v1/plugins/connects", Value::Null).await;
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await, None, "neither the dropped file nor an older generation");
    assert_eq!(refused(&api).await, Vec::<Value>::new(), "what ran before was never refused");

    // Written anew, and another version: still nobody installed it.
    drop_in(&server, "connects.wasm", &connects());
    drop_in(&server, "newer.wasm", &version("1.0.2"));
    for name in ["connects.wasm", "newer.wasm"] {
        let reason = refused_by_name(&api, name).await["reason"].clone();
        assert!(reason.as_str().unwrap().contains("out of use"), "{reason}");
    }
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await, None);

    assert_eq!(upload(&api, &version("1.0.2")).await.0, 201, "an operator does");
    let listed = refused(&api).await;
    assert!(listed.iter().all(|item| item["file"] != "newer.wasm"), "its refusal holds no more: {listed:?}");
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await.as_deref(), Some("1.0.2"), "the other file still waits for an operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundled_plugin_that_was_removed_stays_away_over_a_restart() {
    let mut server = Server::start("").await;
    let api = server.api();
    api.expect(204, "DELETE", "/v1/plugins/line", Value::Null).await;
    restart(&mut server).await;
    api.expect(404, "GET", "/v1/plugins/line", Value::Null).await;
}

fn words(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn install(server: &Server, file: &Path, more: &[&str]) -> std::process::Output {
    let mut arguments = vec!["plugin", "install", file.to_str().unwrap()];
    arguments.extend(more);
    server.run(&arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_removes_installs_and_approves_beside_a_running_server_and_channels_follow() {
    let server = Server::start(CONFIG).await;
    let api = server.api();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first.wasm"), folder.path().join("second.wasm"));
    std::fs::write(&first, connects()).unwrap();
    std::fs::write(&second, version("2.0.0")).unwrap();
    let done = install(&server, &first, &[]).await;
    assert!(done.status.success(), "{}", words(&done));
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let channel = api.expect(201, "POST", "/v1/channels", body).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    assert_eq!((&channel["state"], &channel["findings"]), (&json!("connected"), &json!([])));
    let address = channel["webhook_url"].as_str().unwrap().strip_prefix("https://sambung.example").unwrap().to_owned();

    let done = server.run(&["plugin", "remove", "connects"]).await;
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(running(&api).await, None);
    assert_eq!(api.request("POST", &address).send().await.unwrap().status().as_u16(), 404);
    let shown = api.get(&path).await;
    assert_eq!(shown["state"], "needs_attention", "{shown}");
    assert_eq!(shown["findings"][0]["code"], "plugin-removed");
    assert!(shown["findings"][0]["words"].as_str().unwrap().contains("taken out of use"), "{shown}");
    let done = server.run(&["plugin", "remove", "connects"]).await;
    assert!(!done.status.success() && words(&done).contains("there is no plugin"), "{}", words(&done));

    let done = install(&server, &second, &[]).await;
    assert!(!done.status.success() && words(&done).contains("approval"), "{}", words(&done));
    let done = install(&server, &first, &[]).await;
    assert!(done.status.success(), "the operator installs it again: {}", words(&done));
    let shown = api.get(&path).await;
    assert_eq!((&shown["state"], &shown["findings"]), (&json!("connected"), &json!([])), "{shown}");
    let done = install(&server, &second, &["--approve"]).await;
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(running(&api).await.as_deref(), Some("2.0.0"));
    let audit = api.get("/v1/audit").await;
    let lines = audit["items"].as_array().unwrap();
    let by_cli = |action: &str| lines.iter().filter(|line| line["action"] == action && line["actor"] == "cli").count();
    assert_eq!((by_cli("plugin.remove"), by_cli("plugin.approve")), (1, 1), "{audit}");
}

/// What a file would be allowed by now is not what it was refused for.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_stays_refused_though_a_version_that_may_as_much_was_approved_since() {
    let mut server = Server::start(CONFIG).await;
    let api = server.api();
    assert_eq!(upload(&api, &connects()).await.0, 201);
    drop_in(&server, "connects.wasm", &version("2.0.0"));
    refused_by_name(&api, "connects.wasm").await;
    api.expect(202, "POST", "/v1/plugins/approvals", json!({ "digest": digest(&version("2.0.1")) })).await;
    assert_eq!(upload(&api, &version("2.0.1")).await.0, 201);
    restart(&mut server).await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await.as_deref(), Some("2.0.1"));
    refused_by_name(&api, "connects.wasm").await;
}

/// The version that ran last is what a new one is compared with.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_approves_no_version_that_may_more() {
    let server = Server::start(CONFIG).await;
    let api = server.api();
    assert_eq!(upload(&api, &connects()).await.0, 201);
    api.expect(204, "DELETE", "/v1/plugins/connects", Value::Null).await;
    let (status, problem) = upload(&api, &version("2.0.0")).await;
    assert_eq!((status, &problem["code"]), (409, &json!("approval-needed")), "{problem}");
    assert_eq!(running(&api).await, None);
    assert_eq!(upload(&api, &version("1.0.1")).await.0, 201, "one of the same line needs none");
}

/// An approval that no file followed ends with the plugin.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_before_its_plugin_was_removed_does_not_bring_it_back() {
    let server = Server::start(CONFIG).await;
    let api = server.api();
    assert_eq!(upload(&api, &connects()).await.0, 201);
    drop_in(&server, "connects.wasm", &version("2.0.0"));
    refused_by_name(&api, "connects.wasm").await;
    std::fs::remove_file(server.data().join("plugins/connects.wasm")).unwrap();
    api.expect(202, "POST", "/v1/plugins/approvals", json!({ "digest": digest(&version("2.0.0")) })).await;
    api.expect(204, "DELETE", "/v1/plugins/connects", Value::Null).await;
    drop_in(&server, "connects.wasm", &version("2.0.0"));
    refused_by_name(&api, "connects.wasm").await;
    looked_through(&server, &api).await;
    assert_eq!(running(&api).await, None);
}
