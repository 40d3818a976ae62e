//! There is always somebody who may all: the last operator is neither demoted, disabled nor removed, however many try at once.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::TestHost;

async fn operator(host: &TestHost, number: usize) -> String {
    let email = format!("operator{number}@example.com");
    let new = json!({"email": email, "name": "", "role": "operator", "password": "correct horse battery"});
    let (status, user) = host.post("/v1/users", new).await;
    assert_eq!(status, StatusCode::CREATED, "{user}");
    format!("/v1/users/{}", user["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_who_are_demoted_at_once_do_not_both_go() {
    let host = TestHost::start().await;
    let changes: [(Method, Option<Value>); 3] = [
        (Method::PATCH, Some(json!({"role": "admin"}))),
        (Method::PATCH, Some(json!({"disabled": true}))),
        (Method::DELETE, None),
    ];
    let mut left = operator(&host, 0).await;
    for round in 1..=12 {
        let (method, body) = changes[round % 3].clone();
        let other = operator(&host, round).await;
        let call = |path: String| {
            let (host, method, body) = (&host, method.clone(), body.clone());
            async move { host.call(method, &path, body).await }
        };
        let (first, second) = tokio::join!(call(left.clone()), call(other.clone()));
        let kept: Vec<_> = [(&first, &left), (&second, &other)]
            .into_iter()
            .filter(|((status, _), _)| *status == StatusCode::CONFLICT)
            .map(|((_, problem), path)| {
                assert_eq!(problem["code"], "last-operator");
                path.clone()
            })
            .collect();
        assert_eq!(kept.len(), 1, "round {round}: {first:?} {second:?}");
        left.clone_from(&kept[0]);
    }
}
