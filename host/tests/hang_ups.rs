//! A client that hangs up in the middle of a request: the act stands whole, in the database and in memory.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use reqwest::{Method, StatusCode};
use sambung::channels::{Actor, Browser, Change};
use serde_json::{Value, json};

use crate::common::guests::connects;
use crate::common::{Options, TestHost, read, until};

async fn host() -> (TestHost, String, String) {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(connects());
    let (status, plugin) = read(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    let body = json!({ "plugin": "connects", "name": "Before", "settings": { "account": "a", "token": "t" } });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let (_, workspaces) = host.get("/v1/workspaces").await;
    let workspace = workspaces["items"][0]["id"].as_str().unwrap().to_owned();
    let id = channel["id"].as_str().unwrap().to_owned();
    (host, workspace, id)
}

fn operator() -> Actor {
    Actor { workspace: None, actor: "test".to_owned(), role: "operator".to_owned() }
}

/// What a handler does whose client hangs up once its act is on its way: nothing is asked of it after that.
fn begin_and_hang_up(act: impl Future) {
    let mut act = pin!(act);
    let Poll::Pending = act.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the act was done before anybody could hang up");
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_channel_is_the_changed_one_for_everybody_though_its_client_hung_up() {
    let (host, workspace, id) = host().await;
    let known = host.state.db.channel(&id).await.unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.paused), ("Before", false), "it is in memory now");
    let change =
        Change { name: Some("After".to_owned()), paused: Some(true), settings: None, browser: Browser::default() };
    let by = operator();
    begin_and_hang_up(host.state.channels.change(&workspace, &id, change, &by));
    let stored = async || host.state.channels.show(&workspace, &id, false).await.unwrap();
    until("the change is on disk", async || stored().await.name == "After").await;
    let row = host.state.db.channel(&id).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.paused), ("After", true));
}

/// The same through sockets that are closed at any moment after the request was written: memory and disk never disagree.
#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_client_hangs_up_memory_and_disk_agree() {
    use tokio::io::AsyncWriteExt;
    let (host, workspace, id) = host().await;
    let address = host.base.strip_prefix("http://").unwrap().to_owned();
    for round in 0..60_u64 {
        host.state.db.channel(&id).await.unwrap();
        let body = json!({ "name": format!("Name {round}") }).to_string();
        let request = format!(
            "PATCH /v1/channels/{id} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            host.token,
            body.len()
        );
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_micros(round * 60)).await;
        drop(socket);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let stored = host.state.channels.show(&workspace, &id, false).await.unwrap();
    let row = host.state.db.channel(&id).await.unwrap().unwrap();
    assert_eq!(stored.name, row.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_out_of_use_though_the_client_that_removed_it_hung_up() {
    let (host, ..) = host().await;
    let entry = sambung::model::audit::Entry {
        workspace: None,
        at: host.state.clock.now(),
        actor: "test".into(),
        role: "operator".into(),
        action: "plugin.remove".into(),
        subject: "connects".into(),
        detail: Value::Null,
    };
    begin_and_hang_up(host.state.plugins.remove("connects", entry));
    until("it is gone for the API", async || host.get("/v1/plugins/connects").await.0 == StatusCode::NOT_FOUND).await;
    until("it runs no more", async || host.state.plugins.get("connects").is_none()).await;
}

/// A person is erased whole: where the row is gone the file's bytes and the line of the audit log follow, however early the client
/// closes its socket.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_whole_though_the_client_hung_up() {
    const SITE: &str = "https://shop.example";
    let host = TestHost::start().await;
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": { "domain": [SITE] } });
    let (status, channel) = host.post("/v1/channels", channel).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let widget = format!("/widget/{}", channel["id"].as_str().unwrap());
    let asks = |path: &str| host.client.post(host.url(&format!("{widget}/{path}"))).header("origin", SITE);
    const PEOPLE: usize = 24;
    for person in 0..PEOPLE {
        let (_, session) = read(asks("sessions").send().await.unwrap()).await;
        let token = session["token"].as_str().unwrap();
        let upload = asks("media?name=a.txt").header("content-type", "text/plain").bearer_auth(token);
        let (status, file) = read(upload.body(format!("file of {person}")).send().await.unwrap()).await;
        assert_eq!(status, StatusCode::CREATED, "{file}");
        let content = json!({ "type": "media", "media_id": file["media_id"] });
        let message =
            json!({ "id": format!("00000000-0000-4000-8000-{person:012}"), "page": SITE, "content": content });
        let sent = asks("messages").bearer_auth(token).json(&message).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::ACCEPTED);
    }
    let people = async || host.get("/v1/contacts?limit=100").await.1["items"].as_array().unwrap().clone();
    until("everybody is known", async || people().await.len() == PEOPLE).await;
    let files = || {
        let folders = std::fs::read_dir(host.data.join("media")).unwrap().map(|entry| entry.unwrap());
        let digests = folders.filter(|entry| entry.file_name().len() == 2 && entry.path().is_dir());
        digests.map(|folder| std::fs::read_dir(folder.path()).unwrap().count()).sum::<usize>()
    };
    assert_eq!(files(), PEOPLE);
    for (round, person) in people().await.iter().enumerate() {
        use tokio::io::AsyncWriteExt;
        let address = host.base.strip_prefix("http://").unwrap();
        let (id, token) = (person["id"].as_str().unwrap(), &host.token);
        let request =
            format!("DELETE /v1/contacts/{id} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_micros(round as u64 * 150)).await;
        drop(socket);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let left = people().await.len();
    assert!(left < PEOPLE, "no request came in whole");
    until("the bytes of those who are erased are gone", async || files() == left).await;
    let (_, audit) = host.get("/v1/audit?limit=100").await;
    let lines = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "contact.erase").count();
    assert_eq!(lines, PEOPLE - left);
}
