//! Ids of the feed, the journal, the audit log and a visitor's stream tell a workspace nothing of how much happens in others: neither
//! their order nor their distance means anything.

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use serde_json::{Value, json};

use crate::common::{TestHost, until};

const SITE: &str = "https://shop.example";

/// Asserts that ids do not begin alike, as those of the same milliseconds would.
fn far_apart<'i>(ids: impl IntoIterator<Item = &'i String>) {
    let mut beginnings: Vec<_> =
        ids.into_iter().map(|id| id.split_once('_').expect("a prefix").1[..6].to_owned()).collect();
    let all = beginnings.len();
    beginnings.sort_unstable();
    beginnings.dedup();
    assert_eq!(beginnings.len(), all, "{beginnings:?}");
}

async fn connect(host: &TestHost, token: &str) -> String {
    let channel = json!({"plugin": "webchat", "name": "Toko", "settings": {"domain": [SITE]}});
    let (status, channel) = host.call_as(token, Method::POST, "/v1/channels", Some(channel)).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    channel["id"].as_str().unwrap().to_owned()
}

/// A visitor writes once; the message is there when this ends.
async fn visitor_writes(host: &TestHost, token: &str, channel: &str) {
    let before = journal(host, token).await.len();
    let path = host.url(&format!("/widget/{channel}/sessions"));
    let answer = host.client.post(path).header("origin", SITE).send().await.unwrap();
    let session: Value = answer.json().await.unwrap();
    let id = format!("00000000-0000-4000-8000-{before:012}");
    let body = json!({"id": id, "content": {"type": "text", "text": "Halo"}});
    let path = host.url(&format!("/widget/{channel}/messages"));
    let request = host.client.post(path).header("origin", SITE).bearer_auth(session["token"].as_str().unwrap());
    assert_eq!(request.json(&body).send().await.unwrap().status(), StatusCode::ACCEPTED);
    until("the request is settled", async || journal(host, token).await.len() > before).await;
}

async fn journal(host: &TestHost, token: &str) -> Vec<String> {
    let (status, page) = host.call_as(token, Method::GET, "/v1/journal?state=settled", None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of the first `count` events after one.
async fn events(host: &TestHost, token: &str, after: &str, count: usize) -> Vec<String> {
    let request = host.client.get(host.url("/v1/events")).bearer_auth(token).header("last-event-id", after);
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    loop {
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        let ids = whole.lines().filter_map(|line| Some(line.strip_prefix("id:")?.trim().to_owned()));
        let ids: Vec<String> = ids.collect();
        if ids.len() >= count {
            return ids[..count].to_vec();
        }
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_workspaces_ids_tell_nothing_of_a_busy_one() {
    let host = TestHost::start().await;
    let (quiet, busy) = (host.token_for("quiet", Role::Admin).await, host.token_for("busy", Role::Admin).await);
    let (theirs, channel) = (connect(&host, &quiet).await, connect(&host, &busy).await);
    visitor_writes(&host, &quiet, &theirs).await;
    let before = events(&host, &quiet, "0", 1).await.remove(0);
    for _ in 0..5 {
        visitor_writes(&host, &busy, &channel).await;
    }
    visitor_writes(&host, &quiet, &theirs).await;
    let seen = events(&host, &quiet, "0", 3).await;
    assert_eq!(seen[0], before, "an id stays what it was");
    assert_eq!(events(&host, &quiet, &seen[0], 2).await, seen[1..], "a stream resumes after any of them");
    let rows = journal(&host, &quiet).await;
    assert_eq!(rows.len(), 2);
    far_apart(seen.iter().chain(&rows));
    for row in rows {
        assert_eq!(host.call_as(&quiet, Method::GET, &format!("/v1/journal/{row}"), None).await.1["id"], json!(row));
        let other = host.call_as(&busy, Method::GET, &format!("/v1/journal/{row}"), None).await;
        assert_eq!(other.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_the_audit_log_have_numbers_that_tell_nothing_of_others() {
    let host = TestHost::start().await;
    let (quiet, busy) = (host.token_for("quiet", Role::Admin).await, host.token_for("busy", Role::Admin).await);
    for _ in 0..2 {
        connect(&host, &quiet).await;
        for _ in 0..3 {
            connect(&host, &busy).await;
        }
    }
    let page = async |query: &str| {
        let (status, page) = host.call_as(&quiet, Method::GET, &format!("/v1/audit{query}"), None).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page
    };
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&page("").await);
    assert!(all.len() >= 2, "{all:?}");
    far_apart(&all);
    let first = page("?limit=1").await;
    let next = page(&format!("?limit=100&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!([ids(&first), ids(&next)].concat(), all, "a page goes on after any of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_a_visitors_stream_have_numbers_that_tell_nothing_of_others() {
    let host = TestHost::start().await;
    let channel = connect(&host, &host.token).await;
    let path = host.url(&format!("/widget/{channel}/sessions"));
    let session: Value = host.client.post(path).header("origin", SITE).send().await.unwrap().json().await.unwrap();
    let token = session["token"].as_str().unwrap();
    let path = host.url(&format!("/widget/{channel}/messages"));
    for number in 1..=3 {
        let id = format!("00000000-0000-4000-8000-00000000000{number}");
        let body = json!({"id": id, "content": {"type": "text", "text": "Halo"}});
        let request = host.client.post(&path).header("origin", SITE).bearer_auth(token).json(&body);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    }
    let entries = async |after: &str, count: usize| -> Vec<String> {
        let path = host.url(&format!("/widget/{channel}/stream?token={token}"));
        let request = host.client.get(path).header("origin", SITE).header("last-event-id", after);
        let mut stream = request.send().await.unwrap().bytes_stream();
        let mut text = String::new();
        loop {
            let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
            let ids: Vec<String> =
                whole.lines().filter_map(|line| Some(line.strip_prefix("id:")?.trim().to_owned())).collect();
            if ids.len() >= count {
                return ids;
            }
            text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
    };
    let seen = entries("0", 3).await;
    far_apart(&seen);
    assert_eq!(entries(&seen[0], 2).await, seen[1..], "a stream resumes after any of them");
}
