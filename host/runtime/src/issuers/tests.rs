//! A real server of keys, reached as a plugin's provider is: by the operator's override.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde_json::json;

use super::*;
use crate::egress::Policy;
use crate::manifest::{self, AddressKind};
use crate::recipe::signing::{SigningKey, set};

/// As usual, but nobody waits for a minute.
const QUICK: Pace = Pace {
    pause: Duration::from_millis(20),
    pause_without: Duration::from_millis(20),
    deadline: Duration::from_secs(1),
    ..Pace::USUAL
};

#[derive(Clone)]
enum Answer {
    Keys(String),
    Status(u16),
    Redirect(String),
    /// Never.
    Silence,
}

/// A server that publishes keys.
#[derive(Clone)]
struct Published(Arc<(Mutex<Answer>, AtomicUsize)>);

impl Published {
    async fn serve(answer: Answer) -> (Published, String) {
        let published = Published(Arc::new((Mutex::new(answer), AtomicUsize::new(0))));
        let routes = Router::new().fallback(answered).with_state(published.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (published, origin)
    }

    fn answers(&self, answer: Answer) {
        *self.0.0.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

async fn answered(State(published): State<Published>) -> Response {
    published.0.1.fetch_add(1, Ordering::SeqCst);
    let answer = published.0.0.lock().unwrap().clone();
    match answer {
        Answer::Keys(keys) => {
            // Long enough that whoever asks at once is there before it ends.
            tokio::time::sleep(Duration::from_millis(50)).await;
            ([(CACHE_CONTROL, "public, max-age=3600")], keys).into_response()
        }
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Answer::Silence => std::future::pending().await,
    }
}

fn issuers(origin: &str, pace: Pace) -> Issuers {
    let overrides = BTreeMap::from([("https://keys.example".to_owned(), origin.to_owned())]);
    Issuers::with_pace(Client::new(Policy { overrides, ..Policy::default() }).unwrap(), pace)
}

fn webhooks() -> Arc<[Webhook]> {
    let toml = "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"p\"\n[[egress]]\nhost = \"keys.example\"\n[[webhook]]\nname = \"w\"\n\
                [[webhook.verify]]\nkind = \"jwt\"\njwks = \"https://keys.example/jwks\"\nissuers = [\"issuer\"]\n\
                audiences = [\"literal:us\"]\n";
    manifest::read(toml).unwrap().webhooks
}

fn token(key: &SigningKey, kid: &str) -> String {
    key.token(
        &json!({ "alg": "ES256", "kid": kid }),
        &json!({ "iss": "issuer", "aud": "us", "exp": 4_000_000_000_u32 }),
    )
}

async fn verdict(verifier: &Verifier, token: &str) -> Verdict {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let raw = Raw {
        method: "POST",
        path: "",
        query: "",
        headers: &[("authorization".to_owned(), format!("Bearer {token}"))],
        body: b"{}",
        url: None,
        received_at_ms: now.as_millis() as u64,
    };
    verifier.receive(AddressKind::Channel, &Value::Null, &raw, &|_| Vec::new()).await
}

async fn told(verifier: &Verifier, token: &str) -> &'static str {
    match verdict(verifier, token).await {
        Verdict::Accept { .. } => "accepted",
        Verdict::Refuse { reason, .. } | Verdict::Undecided { reason } => reason,
        Verdict::NoMatch => "no match",
    }
}

const LATER: &str = "the issuer's keys could not be fetched";
const UNKNOWN: &str = "the token's key is not one of its issuer's";

#[tokio::test]
async fn keys_are_fetched_once_for_everybody_and_by_every_generation() {
    let key = SigningKey::p256();
    let (server, origin) = Published::serve(Answer::Keys(set(&[key.published("1")]))).await;
    let issuers = issuers(&origin, Pace::USUAL);
    let verifier = issuers.verifier(&webhooks());
    assert_eq!(server.asked(), 0, "nobody has asked for a key");
    let token = token(&key, "1");
    let all = futures_util::future::join_all((0..20).map(|_| told(&verifier, &token))).await;
    assert_eq!(all, ["accepted"; 20]);
    assert_eq!(told(&issuers.verifier(&webhooks()), &token).await, "accepted");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it_and_an_old_one_that_is_gone_is_not_used() {
    let (old, new) = (SigningKey::p256(), SigningKey::p256());
    let (server, origin) = Published::serve(Answer::Keys(set(&[old.published("1")]))).await;
    let issuers = issuers(&origin, QUICK);
    let verifier = issuers.verifier(&webhooks());
    assert_eq!(told(&verifier, &token(&old, "1")).await, "accepted");
    server.answers(Answer::Keys(set(&[new.published("2")])));
    tokio::time::sleep(QUICK.pause).await;
    assert_eq!(told(&verifier, &token(&new, "2")).await, "accepted");
    assert_eq!(server.asked(), 2);
    tokio::time::sleep(QUICK.pause).await;
    assert_eq!(told(&verifier, &token(&old, "1")).await, UNKNOWN);
}

#[tokio::test]
async fn names_of_keys_that_do_not_exist_are_asked_for_once_a_minute_at_most() {
    let key = SigningKey::p256();
    let (server, origin) = Published::serve(Answer::Keys(set(&[key.published("1")]))).await;
    let verifier = issuers(&origin, Pace::USUAL).verifier(&webhooks());
    assert_eq!(told(&verifier, &token(&key, "none")).await, UNKNOWN);
    for number in 0..20 {
        assert_eq!(told(&verifier, &token(&key, &format!("none {number}"))).await, LATER, "it may be new");
    }
    assert_eq!(told(&verifier, &token(&key, "1")).await, "accepted");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn what_is_no_set_of_keys_decides_nothing_and_keys_that_are_there_are_used_on() {
    let key = SigningKey::p256();
    let keys = set(&[key.published("1")]);
    let (elsewhere, target) = Published::serve(Answer::Keys(keys.clone())).await;
    let large = format!("{}{keys}", " ".repeat(256 << 10));
    for bad in [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Keys("<html>not found</html>".to_owned()),
        Answer::Keys("{\"keys\":[]}".to_owned()),
        Answer::Keys(large),
        Answer::Redirect(format!("{target}/jwks")),
        Answer::Silence,
    ] {
        let (server, origin) = Published::serve(bad.clone()).await;
        let issuers = issuers(&origin, QUICK);
        let verifier = issuers.verifier(&webhooks());
        let good = token(&key, "1");
        assert_eq!(told(&verifier, &good).await, LATER);
        server.answers(Answer::Keys(keys.clone()));
        tokio::time::sleep(QUICK.pause).await;
        assert_eq!(told(&verifier, &good).await, "accepted");
        server.answers(bad);
        tokio::time::sleep(QUICK.pause).await;
        assert_eq!(told(&verifier, &token(&key, "2")).await, LATER);
        assert_eq!(told(&verifier, &good).await, "accepted");
        assert_eq!(server.asked(), 3);
    }
    assert_eq!(elsewhere.asked(), 0, "redirects are not followed");
}

#[tokio::test]
async fn a_server_that_is_down_or_inside_decides_nothing() {
    let key = SigningKey::p256();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let down = issuers(&nowhere, QUICK);
    assert_eq!(told(&down.verifier(&webhooks()), &token(&key, "1")).await, LATER);

    let (server, origin) = Published::serve(Answer::Keys(set(&[key.published("1")]))).await;
    let overrides = BTreeMap::from([("https://keys.example".to_owned(), origin)]);
    let policy = Policy { denied_hosts: vec!["keys.example".to_owned()], overrides };
    let denied = Issuers::with_pace(Client::new(policy).unwrap(), QUICK);
    assert_eq!(told(&denied.verifier(&webhooks()), &token(&key, "1")).await, LATER);
    assert_eq!(server.asked(), 0, "the operator denies it");
}

#[tokio::test]
async fn whoever_leaves_ends_no_fetch() {
    let key = SigningKey::p256();
    let (server, origin) = Published::serve(Answer::Keys(set(&[key.published("1")]))).await;
    let verifier = issuers(&origin, Pace::USUAL).verifier(&webhooks());
    let good = token(&key, "1");
    let left = tokio::time::timeout(Duration::from_millis(1), told(&verifier, &good)).await;
    assert!(left.is_err());
    assert_eq!(told(&verifier, &good).await, "accepted");
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn an_issuer_that_no_plugin_trusts_is_forgotten() {
    let issuers = issuers("http://127.0.0.1:1", QUICK);
    drop(issuers.verifier(&webhooks()));
    let none: Arc<[Webhook]> = Arc::from([]);
    drop(issuers.verifier(&none));
    assert!(issuers.known.lock().unwrap().is_empty());
}
