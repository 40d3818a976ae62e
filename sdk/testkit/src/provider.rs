//! A provider that answers from a script, over real HTTP on a loopback address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// The largest request body that a script takes, in bytes.
const BODY_LIMIT: usize = 256 << 20;

/// A request that reached the provider, with every secret written in.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Upper case.
    pub method: String,
    /// The host that the plugin asked for.
    pub host: String,
    /// Path and query, as sent.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What it was answered with.
    pub status: u16,
}

impl Seen {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Value::Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

struct Expected {
    method: String,
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    breaks_off: bool,
    answered: bool,
}

impl Expected {
    /// A script that names no query takes any.
    fn is(&self, seen: &Seen) -> bool {
        let path = if self.path.contains('?') { seen.path.as_str() } else { seen.path.split('?').next().unwrap_or("") };
        !self.answered && self.method == seen.method && self.path == path
    }
}

#[derive(Default)]
struct Script {
    expected: Vec<Expected>,
    seen: Vec<Seen>,
    unexpected: Vec<String>,
}

type Shared = Arc<Mutex<Script>>;

fn lock(script: &Shared) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scripted provider. Dropping it checks that everything expected came, and nothing else.
pub struct Provider {
    address: SocketAddr,
    script: Shared,
    server: tokio::task::JoinHandle<()>,
}

impl Provider {
    /// Listens on a loopback address of the system's choice.
    ///
    /// # Errors
    /// No address could be had.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let script = Shared::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        let server = tokio::spawn(async move {
            // It ends with the task; an error of accepting shows as requests without answers.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, script, server })
    }

    /// Where it listens: what an operator's override names.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One request of this method and path will come. It is answered with 200 and `{}` unless more is said. Requests may
    /// come in any order; of equal ones the first expected is answered first.
    pub fn expect(&self, method: impl Into<String>, path: impl Into<String>) -> Expectation<'_> {
        let mut script = lock(&self.script);
        script.expected.push(Expected {
            method: method.into(),
            path: path.into(),
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: b"{}".to_vec(),
            breaks_off: false,
            answered: false,
        });
        Expectation { provider: self, index: script.expected.len() - 1 }
    }

    /// The requests that came so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.script).seen.clone()
    }

    /// Checks that everything expected came and nothing else, and begins a new script.
    ///
    /// # Panics
    /// With what was missing or too much: that is the test's failure.
    pub fn verify(&self) {
        let complete = self.complete();
        self.forget();
        if let Err(words) = complete {
            panic!("{words}");
        }
    }

    /// Whether everything expected came and nothing else; else what was missing or too much.
    ///
    /// # Errors
    /// Those words.
    pub fn complete(&self) -> Result<(), String> {
        let script = lock(&self.script);
        let missing: Vec<String> = script
            .expected
            .iter()
            .filter(|expected| !expected.answered)
            .map(|expected| format!("{} {}", expected.method, expected.path))
            .collect();
        if !missing.is_empty() {
            return Err(format!("expected, but never requested: {missing:?}"));
        }
        match script.unexpected.is_empty() {
            true => Ok(()),
            false => Err(format!("requested, but not expected: {:?}", script.unexpected)),
        }
    }

    /// Begins a new script, whatever became of this one.
    pub fn forget(&self) {
        *lock(&self.script) = Script::default();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
        if !std::thread::panicking() {
            self.verify();
        }
    }
}

/// An expected request, to be told its answer.
pub struct Expectation<'a> {
    provider: &'a Provider,
    index: usize,
}

impl Expectation<'_> {
    fn change(&self, change: impl FnOnce(&mut Expected)) -> &Self {
        if let Some(expected) = lock(&self.provider.script).expected.get_mut(self.index) {
            change(expected);
        }
        self
    }

    /// Answers with a status and JSON.
    pub fn answer(&self, status: u16, body: Value) -> &Self {
        self.change(|expected| {
            expected.status = status;
            expected.body = body.to_string().into_bytes();
        })
    }

    /// Answers with a status and bytes of this media type.
    pub fn answer_bytes(&self, status: u16, mime: &str, body: impl Into<Vec<u8>>) -> &Self {
        self.change(|expected| {
            expected.status = status;
            expected.headers = vec![("content-type".to_owned(), mime.to_owned())];
            expected.body = body.into();
        })
    }

    /// Takes the request, and breaks the connection off before the answer is whole.
    pub fn breaks_off(&self) -> &Self {
        self.change(|expected| expected.breaks_off = true)
    }

    /// Adds a header to the answer.
    pub fn header(&self, name: impl Into<String>, value: impl Into<String>) -> &Self {
        self.change(|expected| expected.headers.push((name.into(), value.into())))
    }
}

async fn answer(State(script): State<Shared>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default().to_vec();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut seen = Seen {
        method: parts.method.to_string(),
        host: headers.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone()).unwrap_or_default(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers,
        body,
        status: 0,
    };
    let mut script = lock(&script);
    let response = match script.expected.iter_mut().find(|expected| expected.is(&seen)) {
        Some(expected) => {
            expected.answered = true;
            respond(expected)
        }
        None => {
            script.unexpected.push(format!("{} {}", seen.method, seen.path));
            let mut response = Response::new(Body::from("the script expects no such request"));
            *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
            response
        }
    };
    seen.status = response.status().as_u16();
    script.seen.push(seen);
    response
}

fn respond(expected: &Expected) -> Response<Body> {
    let body = match expected.breaks_off {
        false => Body::from(expected.body.clone()),
        true => Body::from_stream(futures_util::stream::iter([
            Ok(bytes::Bytes::from_static(b"{")),
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)),
        ])),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(expected.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &expected.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
