//! Changed settings of a connected channel whose `connect` needs an answer or time: what was proved stands until it is over.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::channels::{PUBLIC, check, connected, host, patch, path};
use crate::common::{Options, TestHost};

async fn answer(host: &TestHost, channel: &Value, answer: Value) -> (StatusCode, Value) {
    host.post(&format!("{}/answer", path(channel)), answer).await
}

async fn abandon(host: &TestHost, channel: &Value) -> StatusCode {
    host.call(Method::DELETE, &format!("{}/step", path(channel)), None).await.0
}

/// A connected channel, and the proof of its credential.
async fn acme(host: &TestHost) -> (Value, Value) {
    let channel = connected(host, json!({ "account": "acme", "token": "old" })).await;
    let proof = channel["features"]["proof"].clone();
    (channel, proof)
}

#[tokio::test]
async fn what_stands_goes_on_until_the_change_is_answered_for() {
    let host = host().await;
    let (channel, old) = acme(&host).await;
    let id = channel["id"].as_str().unwrap().to_owned();
    let version = host.state.db.channel(&id).await.unwrap().unwrap().credential_version;
    let (status, seen) = patch(&host, &channel, json!({ "token": "new", "connect": "ask" })).await;
    assert_eq!((status, &seen["state"], &seen["step"]["kind"]), (StatusCode::OK, &json!("connected"), &json!("ask")));
    assert_eq!(seen["settings"]["connect"], Value::Null, "the old settings stand");
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["features"]["proof"], &seen["step"]["kind"]), (&old, &json!("ask")), "so does the old secret");
    let row = host.state.db.channel(&id).await.unwrap().unwrap();
    assert_eq!(row.credential_version, version, "an attempt that is refused now has no newer credential");

    // The change waits on disk, where it is not readable.
    let (data, _folder) = host.stop().await;
    let file = std::fs::read(data.join("sambung.db")).unwrap();
    assert!(!file.windows(14).any(|bytes| bytes == b"\"value\":\"6e6577"), "the new secret is sealed");
    let host = TestHost::start_in(data, Options::default().set("SERVER__PUBLIC_URL", PUBLIC)).await;
    let (status, _) = answer(&host, &channel, json!({ "pin": "1" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, seen) = answer(&host, &channel, json!({ "pin": "123456" })).await;
    assert_eq!((status, &seen["state"], &seen["step"]), (StatusCode::OK, &json!("connected"), &Value::Null), "{seen}");
    assert_eq!(seen["settings"]["connect"], "ask");
    assert_eq!(seen["settings"]["pin"], json!({ "set": true }));
    assert_ne!(seen["features"]["proof"], old, "connect saw the new secret");
    assert_eq!(check(&host, &channel).await["features"]["proof"], seen["features"]["proof"], "and it stands");
    assert!(host.state.db.pending_change(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_abandoned_change_leaves_nothing_behind() {
    let host = host().await;
    let (channel, old) = acme(&host).await;
    assert_eq!(abandon(&host, &channel).await, StatusCode::CONFLICT, "nothing waits");
    patch(&host, &channel, json!({ "token": "new", "connect": "ask" })).await;
    let other = host.token_for("elsewhere", sambung::auth::Role::Admin).await;
    let step = format!("{}/step", path(&channel));
    assert_eq!(host.call_as(&other, Method::DELETE, &step, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(abandon(&host, &channel).await, StatusCode::NO_CONTENT);
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["features"]["proof"], &seen["step"], &seen["state"]), (&old, &Value::Null, &json!("connected")));
    assert_eq!(answer(&host, &channel, json!({ "pin": "123456" })).await.1["code"], "nothing-asked");
    let (_, audit) = host.get("/v1/audit").await;
    let line = &audit["items"].as_array().unwrap().iter().find(|line| line["action"] == "channel.abandon-change");
    assert_eq!(line.unwrap()["detail"]["step"], "ask");
    // A later change begins from what stands, and an earlier one that waited is forgotten with its secret.
    patch(&host, &channel, json!({ "token": "new", "connect": "ask" })).await;
    let (_, seen) = patch(&host, &channel, json!({ "health": "finding" })).await;
    assert_eq!((&seen["step"], &seen["settings"]["connect"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["features"]["proof"], old);
}

#[tokio::test]
async fn a_change_that_waits_for_the_provider_stands_once_a_check_finds_the_account() {
    let host = host().await;
    let (channel, old) = acme(&host).await;
    let (_, seen) = patch(&host, &channel, json!({ "token": "new", "connect": "wait", "health": "nobody" })).await;
    assert_eq!((&seen["state"], &seen["step"]["kind"]), (&json!("connected"), &json!("wait")));
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["step"]["kind"], &seen["features"]["proof"]), (&json!("wait"), &old), "not yet");
    patch(&host, &channel, json!({ "token": "new", "connect": "wait", "health": "another" })).await;
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["account"], &seen["features"]["proof"]), (&json!("acme"), &old), "another account is not taken");
    patch(&host, &channel, json!({ "token": "new", "connect": "wait" })).await;
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["state"], &seen["step"]), (&json!("connected"), &Value::Null), "{seen}");
    assert_eq!(seen["settings"]["connect"], "wait");
    assert_ne!(seen["features"]["proof"], old);
}

#[tokio::test]
async fn a_choice_of_another_account_is_refused_and_what_stands_goes_on() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "page-1", "token": "old" })).await;
    patch(&host, &channel, json!({ "token": "new", "connect": "choose" })).await;
    let (status, problem) = answer(&host, &channel, json!({ "choice": "page-2" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("account-differs")));
    let seen = check(&host, &channel).await;
    assert_eq!(seen["features"]["proof"], channel["features"]["proof"]);
    let (status, seen) = answer(&host, &channel, json!({ "choice": "page-1" })).await;
    assert_eq!((status, &seen["account"]), (StatusCode::OK, &json!("page-1")), "{seen}");
    assert_ne!(seen["features"]["proof"], channel["features"]["proof"]);
}
