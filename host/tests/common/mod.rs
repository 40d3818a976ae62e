//! A running server for tests: the very [`App`] that `serve` starts, on a port of its own, over a folder of its own.

#![allow(dead_code)]

pub mod guests;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use sambung::app::{App, AppError};
use sambung::auth::Role;
use sambung::clock::Clock;
use sambung::config::Config;
use sambung::model::audit::Entry;
use sambung::web::state::State;
pub use sambung_tests::described;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running server.
pub struct TestHost {
    /// `http://127.0.0.1:…`
    pub base: String,
    /// An operator's token in the default workspace.
    pub token: String,
    /// The link's value for the first operator.
    pub setup_link: Option<String>,
    /// What handlers reach.
    pub state: State,
    /// The data folder.
    pub data: PathBuf,
    /// Asks over HTTP; follows no redirects.
    pub client: Client,
    stop: CancellationToken,
    served: Option<JoinHandle<Result<(), AppError>>>,
    folder: Option<TempDir>,
}

/// How a server is started.
pub struct Options {
    /// Set last; `SAMBUNG_…` names.
    pub variables: Vec<(String, String)>,
    /// The clock.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/native");
        // Compiled plugins are shared by all tests: compiling one takes longer than any of them.
        Self { variables: vec![("SAMBUNG_RUNTIME__CACHE_DIR".into(), cache.into())], clock: Clock::system() }
    }
}

impl Options {
    /// With this key of the configuration, by its variable's name without `SAMBUNG_`: `AUTH__SIGN_IN_PER_MINUTE`.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        self.variables.push((format!("SAMBUNG_{key}"), value.to_string()));
        self
    }

    /// With this clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl TestHost {
    /// A new server over an empty folder.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A new server over an empty folder, configured.
    pub async fn start_with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut host = Self::start_in(data, options).await;
        host.folder = Some(folder);
        host
    }

    /// A server over this folder, which may hold the data of an earlier one.
    pub async fn start_in(data: PathBuf, options: Options) -> Self {
        let mut config = Config::read(None, options.variables).unwrap();
        config.server.data_dir.clone_from(&data);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = App::build(config, options.clock).await.unwrap();
        let state = app.state().clone();
        let setup_link = app.setup_link().map(ToOwned::to_owned);
        let stop = app.stop_handle();
        let served = tokio::spawn(app.serve(listener));
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut host = Self {
            base,
            token: String::new(),
            setup_link,
            state,
            data,
            client,
            stop,
            served: Some(served),
            folder: None,
        };
        host.token = host.token_for("default", Role::Operator).await;
        until("the server is ready", async || {
            assert!(!host.served.as_ref().unwrap().is_finished(), "the server ended while it started; see above");
            host.client.get(host.url("/readyz")).send().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await;
        host
    }

    /// A token of this role in a workspace, which is made where it is not there.
    pub async fn token_for(&self, workspace: &str, role: Role) -> String {
        let state = &self.state;
        let workspace = state.db.workspace_or_new(state.clock.id("ws"), workspace, state.clock.now()).await.unwrap();
        let entry = Entry {
            workspace: Some(workspace.id.clone()),
            at: state.clock.now(),
            actor: "test".into(),
            role: "operator".into(),
            action: "token.create".into(),
            subject: String::new(),
            detail: json!({}),
        };
        state.auth.create_token(&workspace.id, role, "test", None, entry).await.unwrap().value
    }

    /// An address of this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the operator's token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    /// Asks as the operator, and reads JSON where there is any.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.call_as(&self.token, method, path, body).await
    }

    /// Asks with a token, and reads JSON where there is any.
    pub async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method.clone(), self.url(path)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (status, body) = read(request.send().await.unwrap()).await;
        described::check(&method, path, status, &body);
        (status, body)
    }

    /// `GET` as the operator.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    /// `POST` as the operator.
    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Stops the server as a signal would and keeps its folder, for another start.
    pub async fn stop(mut self) -> (PathBuf, Option<TempDir>) {
        self.stop.cancel();
        if let Some(served) = self.served.take() {
            served.await.unwrap().unwrap();
        }
        (self.data.clone(), self.folder.take())
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The status and the JSON of an answer; null where the body is none.
pub async fn read(answer: reqwest::Response) -> (StatusCode, Value) {
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or_else(|_| match bytes.is_empty() {
            true => Value::Null,
            false => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        }),
    )
}

/// Waits until `condition` holds, at most 30 seconds.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "it never came to pass that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
