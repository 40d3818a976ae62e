//! An answer that stays open ends with the credential that asked for it.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use sambung::auth::Role;
use serde_json::{Value, json};

use crate::common::{TestHost, read};

/// What is asked for; the machine that runs the tests may be busy.
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 4_000 } else { 1_000 });
const PASSWORD: &str = "correct horse battery";

/// Reads a stream to its end; how long that took.
async fn ends(stream: Response) -> Duration {
    let began = Instant::now();
    let mut bytes = stream.bytes_stream();
    let reading = async { while bytes.next().await.is_some_and(|chunk| chunk.is_ok()) {} };
    tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the stream ends");
    began.elapsed()
}

async fn follow(host: &TestHost, token: &str) -> Response {
    let answer = host.client.get(host.url("/v1/events")).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer
}

/// A person with a session and a stream that is open by it.
struct Person {
    id: String,
    cookie: String,
    stream: Response,
}

impl Person {
    async fn signs_in(host: &TestHost, number: usize) -> Person {
        let email = format!("agent{number}@example.com");
        let new = json!({"email": email, "name": "Agent", "role": "admin", "password": PASSWORD});
        let (status, user) = host.post("/v1/users", new).await;
        assert_eq!(status, StatusCode::CREATED, "{user}");
        let form = json!({"email": email, "password": PASSWORD});
        let answer = host.client.post(host.url("/v1/session")).json(&form).send().await.unwrap();
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let stream = host.client.get(host.url("/v1/events")).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        Person { id: user["id"].as_str().unwrap().to_owned(), cookie, stream }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_stream_and_no_other() {
    let host = TestHost::start().await;
    let (status, token) = host.post("/v1/tokens", json!({"name": "x", "role": "agent"})).await;
    assert_eq!(status, StatusCode::CREATED, "{token}");
    let other = host.token_for("default", Role::Agent).await;
    let (stream, stays) = (follow(&host, token["value"].as_str().unwrap()).await, follow(&host, &other).await);
    let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(host.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    let took = ends(stream).await;
    assert!(took < SOON, "{took:?}");
    let mut stays = stays.bytes_stream();
    assert!(tokio::time::timeout(Duration::from_secs(2), stays.next()).await.is_err(), "nothing happened to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_session_ends_its_stream() {
    let host = TestHost::start().await;
    let change = async |id: &str, change: Value| {
        let (status, answer) = host.call(Method::PATCH, &format!("/v1/users/{id}"), Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    };
    for number in 0..5 {
        let Person { id, cookie, stream } = Person::signs_in(&host, number).await;
        let what = match number {
            0 => {
                change(&id, json!({"disabled": true})).await;
                "disabled"
            }
            1 => {
                change(&id, json!({"role": "agent"})).await;
                "another role"
            }
            2 => {
                change(&id, json!({"password": "another good password"})).await;
                "another password"
            }
            3 => {
                let gone = host.call(Method::DELETE, &format!("/v1/users/{id}"), None).await;
                assert_eq!(gone.0, StatusCode::NO_CONTENT);
                "removed"
            }
            _ => {
                let request = host.client.delete(host.url("/v1/session")).header(COOKIE, &cookie);
                assert_eq!(read(request.send().await.unwrap()).await.0, StatusCode::NO_CONTENT);
                "signed out"
            }
        };
        let took = ends(stream).await;
        assert!(took < SOON, "{what}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_runs_out_ends_its_stream() {
    let host = TestHost::start().await;
    let at = sambung::model::time::rfc3339(host.state.clock.now() + 3_000);
    let (status, token) = host.post("/v1/tokens", json!({"name": "x", "role": "agent", "expires_at": at})).await;
    assert_eq!(status, StatusCode::CREATED, "{token}");
    let took = ends(follow(&host, token["value"].as_str().unwrap()).await).await;
    assert!(took < Duration::from_secs(3) + SOON, "{took:?}");
}
