//! Requests with an `Idempotency-Key` that come again: after a crash, and with other content.

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::db::{Earlier, KeptAnswer, Ticket};
use sambung::model::audit::Entry;
use serde_json::{Value, json};

use crate::channels::{PUBLIC, host};
use crate::common::{Options, TestHost, read, until};

async fn upload(host: &TestHost, key: &str, body: &[u8]) -> (StatusCode, bool, Value) {
    let request = host.request(Method::POST, "/v1/media?name=a.txt").header("content-type", "text/plain");
    let answer = request.header("idempotency-key", key).body(body.to_vec()).send().await.unwrap();
    let replayed = answer.headers().contains_key("idempotency-replayed");
    let (status, body) = read(answer).await;
    (status, replayed, body)
}

#[tokio::test]
async fn an_upload_with_other_content_of_the_same_length_is_another_request() {
    let host = TestHost::start().await;
    let (status, _, first) = upload(&host, "k", b"one").await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let (status, replayed, again) = upload(&host, "k", b"one").await;
    assert_eq!((status, replayed, &again), (StatusCode::CREATED, true, &first));
    let (status, _, problem) = upload(&host, "k", b"two").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency-key-reused")));
    let (status, _, _) = upload(&host, "empty", b"").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, replayed, _) = upload(&host, "empty", b"").await;
    assert_eq!((status, replayed), (StatusCode::UNPROCESSABLE_ENTITY, true));
}

/// What an act creates and the answer about it are on disk together: a server that dies right after it gives the same answer
/// when the request comes again.
#[tokio::test]
async fn the_answer_is_kept_in_the_act_that_creates() {
    let host = TestHost::start().await;
    let (db, now) = (host.state.db.clone(), host.state.clock.now());
    let workspace = db.workspace("default").await.unwrap().unwrap().id;
    let ticket = Ticket { workspace: workspace.clone(), actor: "a".into(), key: "k".into() };
    assert_eq!(db.begin_request(ticket.clone(), [1; 32], now, 0).await.unwrap(), Earlier::New);
    let entry = Entry {
        workspace: Some(workspace.clone()),
        at: now,
        actor: "a".into(),
        role: "admin".into(),
        action: "token.create".into(),
        subject: String::new(),
        detail: json!({}),
    };
    let kept = ticket.clone();
    let answer = move |minted: &sambung::auth::Minted| {
        let body = minted.value.clone().into_bytes();
        Some(KeptAnswer { ticket: kept, status: 201, headers: "[]".into(), body })
    };
    let minted = host.state.auth.create_token_for(&workspace, Role::Agent, "t", None, entry, answer).await.unwrap();
    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default()).await;
    let earlier = host.state.db.begin_request(ticket, [1; 32], now, 0).await.unwrap();
    let body = minted.value.into_bytes();
    assert_eq!(earlier, Earlier::Answered { status: 201, headers: "[]".into(), body });
}

/// Sends it with a key and an operator's token.
async fn send(host: &TestHost, token: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = host.client.post(host.url(path)).bearer_auth(token).header("idempotency-key", "k").json(body);
    read(request.send().await.unwrap()).await
}

/// Stops the server and takes out of its database what a crash would have kept from it; then starts it again.
async fn crashed_before(host: TestHost, lost: &str) -> (TestHost, Option<tempfile::TempDir>) {
    let (data, folder) = host.stop().await;
    rusqlite::Connection::open(data.join("sambung.db")).unwrap().execute_batch(lost).unwrap();
    (TestHost::start_in(data, Options::default().set("SERVER__PUBLIC_URL", PUBLIC)).await, folder)
}

const NO_ANSWER: &str = "UPDATE idempotency SET status = NULL, headers = NULL, body = NULL;";
const NOT_ASKED: &str = "UPDATE channels SET state = 'connecting', account = NULL, account_id = NULL;";

#[tokio::test]
async fn a_connection_that_a_crash_cut_off_goes_on_with_the_repeated_request() {
    let settings = json!({ "account": "acme", "token": "t" });
    let body = json!({ "plugin": "connects", "name": "One", "settings": settings });
    for lost in [NO_ANSWER.to_owned(), format!("{NO_ANSWER}{NOT_ASKED}")] {
        let host = host().await;
        let token = host.token.clone();
        let (status, made) = send(&host, &token, "/v1/channels", &body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let (host, _folder) = crashed_before(host, &lost).await;
        let told = send(&host, &token, "/v1/channels", &body).await;
        assert_eq!((told.0, &told.1["id"]), (StatusCode::CREATED, &made["id"]), "{}", told.1);
        assert_eq!(send(&host, &token, "/v1/channels", &body).await, told, "the same answer from then on");
        let path = format!("/v1/channels/{}", made["id"].as_str().unwrap());
        until("it is connected", async || host.get(&path).await.1["state"] == "connected").await;
        assert_eq!(host.get("/v1/channels").await.1["items"].as_array().unwrap().len(), 1, "made once");
    }
}

#[tokio::test]
async fn a_registration_that_a_crash_cut_off_goes_on_with_the_repeated_request() {
    let host = host().await;
    let token = host.token.clone();
    let body = json!({ "default": true, "settings": { "app_id": "1", "app_secret": "s" } });
    let (status, made) = send(&host, &token, "/v1/plugins/connects/apps", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let (host, _folder) = crashed_before(host, &format!("{NO_ANSWER}UPDATE apps SET name = 'unprepared';")).await;
    let (status, again) = send(&host, &token, "/v1/plugins/connects/apps", &body).await;
    assert_eq!((status, &again["id"]), (StatusCode::CREATED, &made["id"]), "{again}");
    assert_eq!(again["name"], "Prepared", "the plugin was asked again");
    assert_eq!(host.get("/v1/plugins/connects/apps").await.1["items"].as_array().unwrap().len(), 1, "made once");
}
