//! One request over the wire, and what may have gone wrong, with the one fact that decides about trying again: whether a
//! byte of it may have left.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method};
use url::Url;

use super::Client;
use super::names::NameError;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFault {
    /// The operator's policy, or an address that is not public.
    Blocked,
    /// The name leads nowhere.
    Dns,
    /// No connection.
    Connect,
    /// The other side is not who it should be, or speaks no TLS that this host knows.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection broke before the answer was whole.
    Lost,
    /// The answer is larger than asked for.
    TooLarge,
    /// It is no request that can be made.
    Invalid,
}

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct DialError {
    /// What went wrong.
    pub fault: DialFault,
    /// A byte of the request may have left.
    pub dispatched: bool,
    /// For people. Never a part of the request but its host.
    pub words: String,
}

impl DialError {
    pub(crate) fn before(fault: DialFault, words: impl Into<String>) -> DialError {
        DialError { fault, dispatched: false, words: words.into() }
    }

    pub(crate) fn after(fault: DialFault, words: impl Into<String>) -> DialError {
        DialError { fault, dispatched: true, words: words.into() }
    }
}

/// A request as it goes out, secrets and all.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Its length is known beforehand: some providers take no chunked bodies.
    pub(crate) body_bytes: u64,
    pub(crate) body: BoxStream<'static, std::io::Result<Bytes>>,
    pub(crate) timeout: Duration,
    /// Called once, before the first byte may leave.
    pub(crate) leaving: Arc<dyn Fn() + Send + Sync>,
}

/// An answer whose body is still to be read.
pub(crate) struct Answering {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BoxStream<'static, Result<Bytes, DialError>>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status; 3xx are not followed.
    pub status: u16,
    /// As they came.
    pub headers: HeaderMap,
    /// Never larger than asked for.
    pub body: Bytes,
}

impl Client {
    /// Posts a body and reads at most `max_answer` bytes of the answer. For the host's own outgoing webhooks.
    ///
    /// # Errors
    /// There is no whole answer; [`DialError::dispatched`] says whether the receiver may have seen the request.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        max_answer: usize,
    ) -> Result<Answer, DialError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(DialError::before(DialFault::Invalid, "only http and https addresses can be called"));
        }
        let outgoing = Outgoing {
            method: Method::POST,
            url: url.clone(),
            headers,
            body_bytes: body.len() as u64,
            body: futures_util::stream::once(async move { Ok(body) }).boxed(),
            timeout,
            leaving: Arc::new(|| {}),
        };
        self.whole("endpoints", outgoing, max_answer).await
    }

    /// Gets what stands at an address and reads at most `max_answer` bytes of the answer. For the keys that issuers publish.
    ///
    /// # Errors
    /// There is no whole answer.
    pub(crate) async fn get(&self, url: &Url, timeout: Duration, max_answer: usize) -> Result<Answer, DialError> {
        let outgoing = Outgoing {
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body_bytes: 0,
            body: futures_util::stream::empty().boxed(),
            timeout,
            leaving: Arc::new(|| {}),
        };
        self.whole("issuers", outgoing, max_answer).await
    }

    /// Makes a request and reads at most `max_answer` bytes of the answer. For signing in with providers.
    ///
    /// # Errors
    /// There is no whole answer.
    pub(crate) async fn ask(
        &self,
        workspace: &str,
        (method, url): (Method, Url),
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
        max_answer: usize,
    ) -> Result<Answer, DialError> {
        let outgoing = Outgoing {
            method,
            url,
            headers,
            body_bytes: body.len() as u64,
            body: futures_util::stream::once(async move { Ok(body) }).boxed(),
            timeout,
            leaving: Arc::new(|| {}),
        };
        self.whole(workspace, outgoing, max_answer).await
    }

    async fn whole(&self, workspace: &str, outgoing: Outgoing, max_answer: usize) -> Result<Answer, DialError> {
        let mut answer = self.dial(workspace, outgoing).await?;
        let mut read = Vec::new();
        while let Some(chunk) = answer.body.next().await {
            let chunk = chunk?;
            if read.len() + chunk.len() > max_answer {
                let words = format!("the answer has more than {max_answer} bytes");
                return Err(DialError::after(DialFault::TooLarge, words));
            }
            read.extend_from_slice(&chunk);
        }
        Ok(Answer { status: answer.status, headers: answer.headers, body: Bytes::from(read) })
    }

    /// Sends a request with the connections of a workspace, and gives the answer as soon as its head is there. The request's
    /// timeout holds until the body's end.
    pub(crate) async fn dial(&self, workspace: &str, outgoing: Outgoing) -> Result<Answering, DialError> {
        let (dialled, client) = self.route(workspace, &outgoing.url)?;
        let host = outgoing.url.host_str().unwrap_or_default().to_owned();
        let left = Arc::new(AtomicBool::new(false));
        let mut headers = outgoing.headers;
        if dialled.origin() != outgoing.url.origin() {
            headers.insert(http::header::HOST, authority(&outgoing.url)?);
        }
        headers.remove(http::header::CONTENT_LENGTH);
        let mut request = client.request(outgoing.method.clone(), dialled).timeout(outgoing.timeout);
        let leaving = {
            let (left, leaving) = (left.clone(), outgoing.leaving);
            move || {
                if !left.swap(true, Ordering::SeqCst) {
                    leaving();
                }
            }
        };
        if outgoing.body_bytes > 0 {
            headers.insert(http::header::CONTENT_LENGTH, outgoing.body_bytes.into());
            // The client asks for the body when it has a connection and is about to write: until then nothing has left.
            let body = outgoing.body.inspect(move |_| leaving());
            request = request.body(reqwest::Body::wrap_stream(body));
        } else {
            if !matches!(outgoing.method, Method::GET | Method::HEAD) {
                headers.insert(http::header::CONTENT_LENGTH, 0u32.into());
            }
            // Without a body nobody tells when writing begins.
            leaving();
        }
        match request.headers(headers).send().await {
            Ok(response) => Ok(answering(response, host)),
            Err(error) => Err(explain(&error, &host, left.load(Ordering::SeqCst))),
        }
    }
}

fn authority(url: &Url) -> Result<http::HeaderValue, DialError> {
    let host = url.host_str().unwrap_or_default();
    let text = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    text.parse().map_err(|_| DialError::before(DialFault::Invalid, "the host cannot stand in a header"))
}

fn answering(response: reqwest::Response, host: String) -> Answering {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.bytes_stream().map(move |chunk| chunk.map_err(|error| explain(&error, &host, true))).boxed();
    Answering { status, headers, body }
}

/// What an error of the client means. Its own text is not passed on: it holds the whole address.
fn explain(error: &reqwest::Error, host: &str, left: bool) -> DialError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    let mut last = String::new();
    while let Some(inner) = cause {
        if let Some(name) = inner.downcast_ref::<NameError>() {
            let fault = match name {
                NameError::Blocked { .. } => DialFault::Blocked,
                NameError::Lookup { .. } => DialFault::Dns,
            };
            return DialError::before(fault, name.to_string());
        }
        if let Some(tls) = as_tls(inner) {
            let words = format!("{host}: no secure connection: {tls}");
            return DialError { fault: DialFault::Tls, dispatched: left && !error.is_connect(), words };
        }
        last = inner.to_string();
        cause = inner.source();
    }
    if error.is_builder() {
        return DialError::before(DialFault::Invalid, "this request cannot be made");
    }
    if error.is_connect() {
        let fault = if error.is_timeout() { DialFault::Timeout } else { DialFault::Connect };
        return DialError::before(fault, format!("no connection to {host}: {last}"));
    }
    if error.is_timeout() {
        let words = format!("{host} did not answer in time");
        return DialError { fault: DialFault::Timeout, dispatched: left, words };
    }
    DialError { fault: DialFault::Lost, dispatched: left, words: format!("the connection to {host} broke: {last}") }
}

fn as_tls<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    error
        .downcast_ref::<rustls::Error>()
        .or_else(|| error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())
}
