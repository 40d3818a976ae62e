//! Stand-ins for the host, so that plugin logic is tested natively with `cargo test`.
//!
//! A [`Host`] belongs to the thread that made it. `http` is scripted: what is expected is answered, in order, and anything
//! else fails the test; what was expected and did not come fails it too. `crypto` computes. Everything a plugin does is
//! kept for the test to look at.
//!
//! ```
//! use sambung_sdk::{http::Request, json::json, testing::Host};
//!
//! let host = Host::new();
//! host.expect("GET", "https://api.example/me").answer(200, json!({"id": "u1"}));
//! let answer = Request::get("https://api.example/me").bearer("token").send().unwrap();
//! assert_eq!(answer.json::<serde_json::Value>().unwrap()["id"], "u1");
//! ```

use crate::connection::{Account, ConnectStep, Connected, Connection};
use crate::http::{FetchError, Request, Response};
use crate::mailer::{Accepted, MailError, Route};
use crate::types::{Channel, Fault, Mail, MediaRef};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

pub(crate) mod crypto;
pub(crate) mod services;

pub(crate) use services::{kv, log, mailer, media_host, secrets, visitor};

/// Connects as a host does where nobody has to take a step: whose the credential is, then the registration as that account.
///
/// # Errors
/// The faults of the call that failed.
///
/// # Panics
/// Somebody would have to take a step: that is the test's failure.
pub fn connect<C: Connection>(channel: Channel, answer: Option<String>) -> Result<Connected, Vec<Fault>> {
    match C::identify(channel.clone(), answer)? {
        ConnectStep::Found(Account { id, features, .. }) => {
            C::register(Channel { account: Some(id), features, ..channel })
        }
        step => panic!("connecting stands at a step: {step:?}"),
    }
}

/// A line that the plugin logged.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// "debug", "info", "warn", "error".
    pub level: String,
    /// The line.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

/// An entry that the plugin appended to a visitor's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// Whose stream.
    pub visitor: String,
    /// The entry.
    pub entry: Value,
}

/// A capture that the plugin sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The capture's label.
    pub label: String,
    /// The secret's name.
    pub name: String,
    /// Milliseconds since 1970.
    pub expires_at: Option<u64>,
}

struct Expected {
    method: String,
    url: String,
    answer: Result<Response, FetchError>,
}

#[derive(Default)]
pub(crate) struct State {
    expected: VecDeque<Expected>,
    requests: Vec<Request>,
    pub(crate) captured: BTreeMap<String, Vec<u8>>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    pub(crate) kv: BTreeMap<String, Vec<u8>>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) pushed: Vec<Pushed>,
    pub(crate) kept: Vec<Kept>,
    pub(crate) published: Vec<(String, u64)>,
    pub(crate) previews: BTreeMap<String, MediaRef>,
    pub(crate) mails: Vec<(Mail, Route)>,
    pub(crate) mail_answers: VecDeque<Result<Accepted, MailError>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

pub(crate) fn with_state<T>(run: impl FnOnce(&mut State) -> T) -> T {
    STATE.with(|state| run(&mut state.borrow_mut()))
}

/// The host of this thread. Making one forgets everything that an earlier one knew; dropping it checks that every expected
/// request was made.
pub struct Host {
    /// The state is the thread's, so a handle must not leave it.
    thread: PhantomData<*const ()>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host that knows nothing and expects no request.
    pub fn new() -> Self {
        with_state(|state| *state = State::default());
        Self { thread: PhantomData }
    }

    /// Sets a secret.
    pub fn secret(&self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> &Self {
        with_state(|state| state.secrets.insert(name.into(), value.into()));
        self
    }

    /// Sets what `kv` holds under a key.
    pub fn remember(&self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> &Self {
        with_state(|state| state.kv.insert(key.into(), value.into()));
        self
    }

    /// Says what `media_host::preview` makes of a blob.
    pub fn preview(&self, blob: impl Into<String>, preview: MediaRef) -> &Self {
        with_state(|state| state.previews.insert(blob.into(), preview));
        self
    }

    /// What the mail server says to the next mail or sign-in that nothing was said of yet; it takes everything else.
    pub fn mail_answer(&self, answer: Result<Accepted, MailError>) -> &Self {
        with_state(|state| state.mail_answers.push_back(answer));
        self
    }

    /// The mails that were handed over, each with its way.
    pub fn mails(&self) -> Vec<(Mail, Route)> {
        with_state(|state| state.mails.clone())
    }

    /// The next request, in order, is this one. It is answered by what the expectation says, 200 and an empty body if
    /// nothing.
    pub fn expect(&self, method: impl Into<String>, url: impl Into<String>) -> Expectation<'_> {
        let expected = Expected {
            method: method.into(),
            url: url.into(),
            answer: Ok(Response { status: 200, ..Response::default() }),
        };
        let index = with_state(|state| {
            state.expected.push_back(expected);
            state.requests.len() + state.expected.len() - 1
        });
        Expectation { index, _host: self }
    }

    /// The requests made so far, as the plugin gave them: secrets stand in them by name.
    pub fn requests(&self) -> Vec<Request> {
        with_state(|state| state.requests.clone())
    }

    /// The lines logged so far.
    pub fn logs(&self) -> Vec<LogLine> {
        with_state(|state| state.logs.clone())
    }

    /// What `kv` holds under a key.
    pub fn remembered(&self, key: &str) -> Option<Vec<u8>> {
        with_state(|state| state.kv.get(key).cloned())
    }

    /// The entries appended to visitors' streams so far.
    pub fn pushed(&self) -> Vec<Pushed> {
        with_state(|state| state.pushed.clone())
    }

    /// The captures sealed so far.
    pub fn kept(&self) -> Vec<Kept> {
        with_state(|state| state.kept.clone())
    }

    /// The blobs published so far, with for how many milliseconds.
    pub fn published(&self) -> Vec<(String, u64)> {
        with_state(|state| state.published.clone())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let left = with_state(|state| {
            let left: Vec<String> =
                state.expected.iter().map(|expected| format!("{} {}", expected.method, expected.url)).collect();
            *state = State::default();
            left
        });
        if !std::thread::panicking() {
            assert!(left.is_empty(), "expected, but never requested: {left:?}");
        }
    }
}

/// An expected request, to be told its answer.
pub struct Expectation<'a> {
    index: usize,
    _host: &'a Host,
}

impl Expectation<'_> {
    fn change(&self, change: impl FnOnce(&mut Expected)) -> &Self {
        with_state(|state| {
            let made = state.requests.len();
            let waiting = self.index.checked_sub(made);
            let expected = waiting.and_then(|index| state.expected.get_mut(index));
            change(expected.expect("an answer is given before its request is made"));
        });
        self
    }

    /// Answers with a status and JSON; `Value::Null` is an empty body.
    pub fn answer(&self, status: u16, body: Value) -> &Self {
        let bytes = match body {
            Value::Null => Vec::new(),
            value => value.to_string().into_bytes(),
        };
        self.answer_bytes(status, bytes)
    }

    /// Answers with a status and bytes.
    pub fn answer_bytes(&self, status: u16, body: impl Into<Vec<u8>>) -> &Self {
        let response = Response { status, body: body.into(), ..Response::default() };
        self.change(|expected| expected.answer = Ok(response))
    }

    /// Adds a header to the answer.
    pub fn header(&self, name: impl Into<String>, value: impl Into<String>) -> &Self {
        self.change(|expected| {
            if let Ok(response) = &mut expected.answer {
                response.headers.push((name.into(), value.into()));
            }
        })
    }

    /// There is no answer: `kind` as in the contract ("timeout", "connect"), `dispatched` whether a byte may have left.
    pub fn fail(&self, kind: impl Into<String>, dispatched: bool) -> &Self {
        let kind = kind.into();
        let error = FetchError { words: format!("{kind} (scripted)"), kind, dispatched, ..FetchError::default() };
        self.change(|expected| expected.answer = Err(error))
    }
}

/// Answers a request from the script.
///
/// # Panics
/// When it is not the one expected next: that is the test's failure.
pub(crate) fn fetch(request: &Request) -> Result<Response, FetchError> {
    let expected = with_state(|state| {
        state.requests.push(request.clone());
        state.expected.pop_front()
    });
    let (method, url) = (&request.method, &request.url);
    let Some(expected) = expected else {
        panic!("no request was expected, but the plugin asked for {method} {url}");
    };
    assert!(
        expected.method == *method && expected.url == *url,
        "expected {} {}, but the plugin asked for {method} {url}",
        expected.method,
        expected.url,
    );
    let mut response = expected.answer?;
    capture(request, &mut response);
    if request.into_blob {
        response.blob = Some(format!("blob of {url}"));
        response.body = Vec::new();
    }
    Ok(response)
}

/// Does as the host does: a captured value is not in the answer that the plugin gets, its label is; where the pointer has a
/// `*`, `label:0`, `label:1` and so on.
fn capture(request: &Request, response: &mut Response) {
    if request.captures.is_empty() {
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else {
        return;
    };
    for wanted in &request.captures {
        let path: Vec<String> = wanted.pointer.split('/').skip(1).map(unescape).collect();
        let mut found = Vec::new();
        collect(&mut body, &path, &mut found);
        let several = path.iter().any(|step| step == "*");
        for (at, value) in found.into_iter().enumerate() {
            let label = if several { format!("{}:{at}", wanted.label) } else { wanted.label.clone() };
            let taken = match std::mem::replace(value, Value::String(label.clone())) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            with_state(|state| state.captured.insert(label, taken.into_bytes()));
        }
    }
    response.body = body.to_string().into_bytes();
}

fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn collect<'v>(value: &'v mut Value, path: &[String], found: &mut Vec<&'v mut Value>) {
    let Some((step, rest)) = path.split_first() else {
        if !value.is_null() {
            found.push(value);
        }
        return;
    };
    match (value, step.as_str()) {
        (Value::Array(elements), "*") => elements.iter_mut().for_each(|one| collect(one, rest, found)),
        (Value::Object(fields), "*") => fields.values_mut().for_each(|one| collect(one, rest, found)),
        (Value::Array(elements), index) => {
            let index = index.parse::<usize>().ok();
            if let Some(element) = index.and_then(|index| elements.get_mut(index)) {
                collect(element, rest, found);
            }
        }
        (Value::Object(fields), name) => {
            if let Some(field) = fields.get_mut(name) {
                collect(field, rest, found);
            }
        }
        _ => {}
    }
}
