//! Addresses and their queries: each fault is a problem that names the parameter.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::Value;

use crate::common::TestHost;

/// What a query is answered: the status, and the code of each fault by its parameter.
async fn faults(host: &TestHost, path: &str) -> (StatusCode, BTreeMap<String, String>) {
    let answer = host.client.get(host.url(path)).bearer_auth(&host.token).send().await.unwrap();
    let status = answer.status();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    if !status.is_success() {
        assert_eq!(kind, "application/problem+json", "{path}");
    }
    let body: Value = answer.json().await.unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten();
    (status, errors.map(|error| (text(&error["pointer"]), text(&error["code"]))).collect())
}

#[tokio::test]
async fn every_fault_of_a_query_is_named_and_nothing_is_ignored() {
    let host = TestHost::start().await;
    let (status, named) = faults(&host, "/v1/conversations?limit=abc&chanel=x&assigned_to=none&assigned_to=none").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let wanted = [("#/assigned_to", "twice"), ("#/chanel", "unknown"), ("#/limit", "type")];
    assert_eq!(named, wanted.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).into());
    for (path, parameter, code) in [
        ("/v1/me?verbose=1", "#/verbose", "unknown"),
        ("/v1/audit?limit=-1", "#/limit", "type"),
        ("/v1/audit?limit=", "#/limit", "type"),
        ("/v1/journal?limit=1&state=parked&state=settled", "#/state", "twice"),
        ("/v1/channels?plugin=line&of=app", "#/of", "unknown"),
    ] {
        let (status, named) = faults(&host, path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert_eq!(named, [(parameter.to_owned(), code.to_owned())].into(), "{path}");
    }
    for path in ["/v1/conversations?limit=5&assigned_to=none", "/v1/journal?state=parked&limit=1", "/v1/me?"] {
        assert_eq!(faults(&host, path).await, (StatusCode::OK, BTreeMap::new()), "{path}");
    }
}

#[tokio::test]
async fn a_word_where_an_address_has_a_number_names_nothing() {
    let host = TestHost::start().await;
    assert_eq!(faults(&host, "/v1/journal/abc").await.0, StatusCode::NOT_FOUND);
    assert_eq!(faults(&host, "/v1/contacts/%ff").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_query_is_checked_before_anything_is_done() {
    let host = TestHost::start().await;
    let before = host.get("/v1/tokens").await.1["items"].as_array().unwrap().len();
    let body = serde_json::json!({"name": "x", "role": "agent"});
    let (status, _) = host.post("/v1/tokens?dry_run=true", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(host.get("/v1/tokens").await.1["items"].as_array().unwrap().len(), before);
}
