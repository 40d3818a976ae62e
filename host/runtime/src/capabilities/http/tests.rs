//! Real servers on loopback, reached by the operator's override, as the sandbox reaches them.

mod answers;
mod secrets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes as AxumBytes};
use axum::extract::Request as Incoming;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Outgoing};
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::{Value, json};

use super::download::{Download, DownloadError, download};
use super::*;
use crate::call::CallFault;
use crate::capabilities::vault::{Encoding, Markers};
use crate::contract::http::{Auth, Basic, Capture, Oauth1, Piece, Section};
use crate::contract::types::MediaRef;
use crate::egress::{Names, Policy};
use crate::limits::Limits;
use crate::services::{Audience, BlobRead, BlobWrite, Blobs, Kv, NoMail, NoOutcomes, Secrets};

const MANIFEST: &str = r#"
id = "example"
version = "1.0.0"
publisher = "Example"
[[egress]]
host = "api.example.com"
path-prefix = "/v1"
[[egress]]
host = "other.example.com"
methods = ["GET"]
[[egress]]
host = "127.0.0.1"
scheme = "http"
port = 8
[[egress]]
from-setting = "base_url"
[[egress]]
media-from-anywhere = true
[[secret]]
name = "token"
destinations = ["https://api.example.com", "setting:base_url"]
places = ["auth", "path", "header:x-key", "query:key", "body:/auth/token", "body:/list/*/token", "body:/field"]
[[secret]]
name = "password"
destinations = ["https://api.example.com"]
places = ["auth"]
[[secret]]
name = "unset"
destinations = ["https://api.example.com"]
places = ["auth"]
[[secret]]
name = "session"
origin = "obtained"
"#;

const TOKEN: &str = "t0k\"en/1+2";

#[derive(Default)]
struct Memory {
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
}

struct Writing(Arc<Memory>, Vec<u8>);

impl BlobWrite for Writing {
    fn write<'a>(&'a mut self, bytes: Bytes) -> BoxFuture<'a, Result<(), ServiceError>> {
        self.1.extend_from_slice(&bytes);
        Box::pin(async { Ok(()) })
    }
    fn finish(self: Box<Self>, _meta: BlobMeta) -> BoxFuture<'static, Result<String, ServiceError>> {
        let mut blobs = self.0.blobs.lock().unwrap();
        let id = format!("blob_{}", blobs.len());
        blobs.insert(id.clone(), self.1);
        Box::pin(async move { Ok(id) })
    }
}

struct Store(Arc<Memory>);

impl Secrets for Store {
    fn get<'a>(&'a self, _: &'a Caller, name: &'a str) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
        let value = match name {
            "token" => Some(TOKEN),
            "password" => Some("pass word"),
            _ => None,
        };
        Box::pin(async move { Ok(value.map(|value| SecretValue::from(value.to_owned()))) })
    }
}

impl Kv for Store {
    fn get<'a>(&'a self, _: &'a Caller, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
        Box::pin(async { Ok(None) })
    }
}

impl Blobs for Store {
    fn open<'a>(&'a self, _: &'a Caller, blob: &'a str) -> BoxFuture<'a, Result<BlobRead, ServiceError>> {
        let found = self.0.blobs.lock().unwrap().get(blob).cloned();
        Box::pin(async move {
            let bytes = found.ok_or(ServiceError::NotFound)?;
            let size = bytes.len() as u64;
            let chunks: Vec<_> = bytes.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            Ok(BlobRead { bytes: size, mime: None, name: None, stream: Box::pin(stream::iter(chunks)) })
        })
    }
    fn create<'a>(&'a self, _: &'a Caller) -> BoxFuture<'a, Result<Box<dyn BlobWrite>, ServiceError>> {
        let writing: Box<dyn BlobWrite> = Box::new(Writing(self.0.clone(), Vec::new()));
        Box::pin(async move { Ok(writing) })
    }
    fn publish<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: u64,
        _: Audience,
    ) -> BoxFuture<'a, Result<String, ServiceError>> {
        Box::pin(async { Err(ServiceError::NotFound) })
    }
    fn preview<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
        _: u32,
        _: u64,
    ) -> BoxFuture<'a, Result<Option<MediaRef>, ServiceError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Every name leads to one address.
struct Leads(IpAddr);

impl Names for Leads {
    fn look_up<'a>(&'a self, name: &'a str) -> crate::egress::Lookup<'a> {
        let answer =
            if name.starts_with("nowhere") { Err(std::io::Error::other("no such name")) } else { Ok(vec![self.0]) };
        Box::pin(async move { answer })
    }
}

/// What the server saw, as the answer.
async fn echo(request: Incoming) -> Outgoing {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let seen = json!({
        "method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers,
        "body": String::from_utf8_lossy(&body), "bytes": body.len(),
    });
    *SEEN.lock().unwrap() = Some(seen.clone());
    (
        [("content-type", "application/json"), ("x-seen", headers.get("authorization").map_or("", |v| v))],
        seen.to_string(),
    )
        .into_response()
}

static SEEN: Mutex<Option<Value>> = Mutex::new(None);
/// Tests that look at what the server saw take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn server() -> String {
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(AxumBytes::from_static(&[b'x'; 1000]))))
    };
    let router = Router::new()
        .route("/v1/huge", get(endless))
        .route("/v1/slow", any(std::future::pending::<()>))
        .route("/v1/stuck", get(|| async {
            Body::from_stream(stream::once(async { Ok::<_, std::io::Error>(AxumBytes::from_static(b"a")) }).chain(stream::pending()))
        }))
        .route("/v1/away", get(|| async { (StatusCode::FOUND, [("location", "http://169.254.169.254/latest")], "") }))
        .route("/v1/login", any(|| async {
            axum::Json(json!({"access_token": "s3ss10n-v4lue", "pages": [{"token": "page-one"}, {"token": "page-two"}], "id": 7, "note": "s3ss10n-v4lue"}))
        }))
        .route("/v1/many", any(|| async { axum::Json(json!({"tokens": (0..300).map(|n| format!("token-{n}")).collect::<Vec<_>>()})) }))
        .route("/v1/form", any(|| async { "oauth_token=abcdefgh&user=7" }))
        .route("/v1/text", any(|| async { "Your token is s3ss10n-v4lue." }))
        .route("/v1/html", any(|| async { axum::response::Html("<a href=\"/?x=y\">s3ss10n-v4lue</a>") }))
        .route("/v1/bare", any(|| async { "czNzczEwbi12NGx1ZQ==" }))
        .route("/v1/cut", any(|| async { "{\"access_token\": \"s3ss10n-v4lue" }))
        .route("/v1/broken", any(|| async { (StatusCode::BAD_GATEWAY, "s3ss10n-v4lue could not be stored") }))
        .route("/v1/packed", any(|| async { ([("content-encoding", "gzip")], "\x1f\u{b}") }))
        .route("/v1/later", get(|| async { (StatusCode::ACCEPTED, [("retry-after", "3")], "") }))
        .route("/v1/gone", get(|| async { StatusCode::GONE }))
        .route("/v1/file", get(|| async {
            ([("content-type", "image/png"), ("content-disposition", "attachment; filename=\"../a b.png\"")], vec![7u8; 5000])
        }))
        .fallback(echo);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn ground_with(limits: Limits, overridden: &[&str]) -> Ground {
    ground_and_memory(limits, overridden).await.0
}

async fn ground_and_memory(limits: Limits, overridden: &[&str]) -> (Ground, Arc<Memory>) {
    let server = server().await;
    let overrides = overridden.iter().map(|origin| (origin.to_string(), server.clone())).collect();
    let policy = Policy { overrides, denied_hosts: vec!["*.denied.example.com".to_owned()] };
    let memory = Arc::new(Memory::default());
    let store = Arc::new(Store(memory.clone()));
    let ground = Ground {
        manifest: Arc::new(crate::manifest::read(MANIFEST).unwrap()),
        caller: Arc::new(Caller {
            workspace: "ws".to_owned(),
            settings: json!({"base_url": "https://gateway.example.com/base"}),
            ..Caller::default()
        }),
        services: Arc::new(Services {
            secrets: store.clone(),
            kv: store.clone(),
            blobs: store,
            mailer: Arc::new(NoMail),
            outcomes: Arc::new(NoOutcomes),
        }),
        client: Client::with_names(policy, Arc::new(Leads("10.0.0.1".parse().unwrap()))).unwrap(),
        budget: Arc::new(Budget::new(&limits)),
        limits: Arc::new(limits),
        workers: Arc::new(Workers::new()),
        watch: Arc::default(),
    };
    (ground, memory)
}

async fn ground() -> Ground {
    ground_with(Limits::default(), &["https://api.example.com", "https://gateway.example.com"]).await
}

fn request(method: &str, url: &str) -> Request {
    Request {
        method: method.to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        auth: Auth::None,
        captures: Vec::new(),
        into_blob: false,
        timeout_ms: None,
        extra: Vec::new(),
    }
}

async fn made(ground: &Ground, vault: &mut Vault, request: Request) -> Result<Response, FetchError> {
    fetch(ground, vault, request).await.unwrap()
}

async fn kind_of(ground: &Ground, request: Request) -> (String, bool) {
    let error = made(ground, &mut Vault::default(), request).await.unwrap_err();
    assert!(!error.words.contains(TOKEN), "{}", error.words);
    (error.kind, error.dispatched)
}

fn told(kind: &str) -> (String, bool) {
    (kind.to_owned(), false)
}

fn marker(vault: &mut Vault, encoding: Encoding) -> String {
    vault.issue("token", encoding, SecretValue::from(TOKEN.to_owned())).unwrap()
}

fn seen() -> Value {
    SEEN.lock().unwrap().take().unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_override_with_the_host_that_was_asked_for() {
    let _turn = TURN.lock().await;
    let mut post = request("POST", "https://api.example.com/v1/x?a=b#fragment");
    post.body = vec![Piece::Bytes(b"hello ".to_vec()), Piece::Bytes(b"world".to_vec())];
    let ground = ground().await;
    let response = made(&ground, &mut Vault::default(), post).await.unwrap();
    assert_eq!(response.status, 200);
    let seen = seen();
    assert_eq!((seen["uri"].as_str(), seen["body"].as_str()), (Some("/v1/x?a=b"), Some("hello world")));
    assert_eq!(seen["headers"]["host"], "api.example.com");
    assert_eq!(seen["headers"]["content-length"], "11");
    assert!(ground.budget.dispatched());
    assert!(ground.budget.egress() > 11);
}

#[tokio::test]
async fn a_request_does_not_begin_past_the_deadline_of_its_call() {
    let _turn = TURN.lock().await;
    let mut ground = ground().await;
    ground.budget = Arc::new(Budget::lasting(&ground.limits, Duration::ZERO));
    tokio::time::sleep(Duration::from_millis(2)).await;
    let done = fetch(&ground, &mut Vault::default(), request("POST", "https://api.example.com/v1/x")).await;
    assert_eq!(done.map(drop), Err(Over(CallFault::Deadline)));
    assert!(SEEN.lock().unwrap().is_none() && !ground.budget.dispatched(), "nothing left");
}

#[tokio::test]
async fn what_the_manifest_does_not_allow_is_forbidden() {
    let ground = ground().await;
    for (method, url) in [
        ("GET", "https://evil.example/v1"),
        ("GET", "https://api.example.com/v2"),
        ("GET", "https://api.example.com/v1/../admin"),
        ("GET", "http://api.example.com/v1"),
        ("GET", "https://api.example.com:444/v1"),
        ("POST", "https://other.example.com/"),
        ("GET", "https://gateway.example.com/elsewhere"),
    ] {
        assert_eq!(kind_of(&ground, request(method, url)).await, told("forbidden"), "{url}");
    }
    for (method, url) in
        [("GET", "not an address"), ("GET", "ftp://api.example.com/"), ("GET", "https://u:p@api.example.com/v1")]
    {
        assert_eq!(kind_of(&ground, request(method, url)).await, told("invalid"), "{url}");
    }
    let mut host = request("GET", "https://api.example.com/v1");
    host.headers = vec![("Host".to_owned(), "evil.example".to_owned())];
    assert_eq!(kind_of(&ground, host).await, told("invalid"));
    assert!(!ground.budget.dispatched());
}

#[tokio::test]
async fn a_name_that_leads_inside_and_a_literal_inside_are_blocked() {
    let ground = ground().await;
    assert_eq!(kind_of(&ground, request("GET", "https://other.example.com/")).await, told("blocked"));
    for spelling in ["http://127.0.0.1:8/", "http://2130706433:8/", "http://0x7f.1:8/", "http://0177.0.0.1:8/"] {
        assert_eq!(kind_of(&ground, request("GET", spelling)).await, told("blocked"), "{spelling}");
    }
}

#[tokio::test]
async fn a_redirect_is_the_answer_and_is_not_followed() {
    let ground = ground().await;
    let response =
        made(&ground, &mut Vault::default(), request("GET", "https://api.example.com/v1/away")).await.unwrap();
    assert_eq!(response.status, 302);
    let next = response.headers.iter().find(|(name, _)| name == "location").unwrap().1.clone();
    assert_eq!(kind_of(&ground, request("GET", &next)).await, told("forbidden"));
}

#[tokio::test]
async fn a_setting_allows_exactly_its_origin_and_path() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut get = request("GET", "https://gateway.example.com/base/messages");
    get.auth = Auth::Bearer("token".to_owned());
    assert!(made(&ground, &mut Vault::default(), get).await.is_ok());
    assert_eq!(seen()["headers"]["authorization"], format!("Bearer {TOKEN}"));
    let mut other = request("GET", "https://gateway.example.com/base/messages");
    other.auth = Auth::Bearer("password".to_owned());
    assert_eq!(kind_of(&ground, other).await, told("secret"));
}

#[tokio::test]
async fn a_request_over_the_limit_never_leaves() {
    let ground = ground_with(Limits { egress_bytes: 100, ..Limits::default() }, &["https://api.example.com"]).await;
    let mut post = request("POST", "https://api.example.com/v1/x");
    post.body = vec![Piece::Bytes(vec![b'x'; 100])];
    let over = fetch(&ground, &mut Vault::default(), post).await.unwrap_err();
    assert_eq!(over, Over(CallFault::EgressBytes));
    assert!(!ground.budget.dispatched());
}

#[tokio::test]
async fn a_slow_answer_times_out_and_says_that_the_request_left() {
    let ground = ground().await;
    for (path, left) in [("slow", true), ("stuck", true)] {
        let mut get = request("GET", &format!("https://api.example.com/v1/{path}"));
        get.timeout_ms = Some(100);
        assert_eq!(kind_of(&ground, get).await, ("timeout".to_owned(), left), "{path}");
    }
    assert!(!ground.budget.dispatched(), "a GET changes nothing at the provider");
    let mut post = request("POST", "https://api.example.com/v1/slow");
    post.body = vec![Piece::Bytes(b"x".to_vec())];
    post.timeout_ms = Some(100);
    assert_eq!(kind_of(&ground, post).await, ("timeout".to_owned(), true));
    assert!(ground.budget.dispatched());
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let mut ground = ground().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let overrides = [("https://api.example.com".to_owned(), format!("http://{closed}"))].into();
    ground.client = Client::new(Policy { overrides, ..Policy::default() }).unwrap();
    let mut post = request("POST", "https://api.example.com/v1/x");
    post.body = vec![Piece::Bytes(b"x".to_vec())];
    assert_eq!(kind_of(&ground, post).await, told("connect"));
    assert!(!ground.budget.dispatched());
}

#[tokio::test]
async fn a_download_writes_what_the_markers_of_its_resolve_stand_for() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut resolve = Vault::default();
    let word = marker(&mut resolve, Encoding::Raw);
    let mut get = request("GET", "https://api.example.com/v1/x");
    get.headers = vec![("x-key".to_owned(), word.clone())];
    let markers = Markers(std::mem::take(&mut resolve.markers));
    assert!(!format!("{markers:?}").contains(TOKEN));
    download(&ground, Download::Fetch(get.clone(), markers.clone()), 5000).await.unwrap();
    assert_eq!(seen()["headers"]["x-key"], TOKEN);
    let mut elsewhere = get;
    elsewhere.headers = vec![("x-other".to_owned(), word)];
    let refused = download(&ground, Download::Fetch(elsewhere, markers), 5000).await;
    assert!(matches!(refused, Err(DownloadError::Failed { kind, .. }) if kind == "secret"));
}
