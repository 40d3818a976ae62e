//! Requests to providers on a plugin's behalf: checked against the manifest and the operator's policy, secrets written in
//! as they leave, and taken out of what comes back. It knows no engine: the sandbox and the host's own downloads both come
//! here.

mod auth;
mod body;
mod capture;
pub(crate) mod download;
mod place;
mod pointer;
mod prepare;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::vault::Vault;
use crate::call::Caller;
use crate::contract::http::{FetchError, Request, Response};
use crate::egress::{Client, DialError, DialFault};
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::meter::{Budget, Over};
use crate::services::{BlobMeta, SecretValue, ServiceError, Services};
use crate::stopwatch::Stopwatch;
use crate::workers::Workers;

/// The longest that one request may take, whatever the plugin asks for.
const LONGEST: Duration = Duration::from_secs(120);

/// Answers' headers, names and values together.
const MAX_ANSWER_HEADERS: usize = 64 << 10;

/// What one byte of a form costs while the search for it is built, in bytes that are searched.
const FORM_BYTE: usize = 16;

/// What one byte of a new secret costs, in bytes that are searched: it is looked for in several forms.
const SECRET_BYTE: usize = 4 * FORM_BYTE;

/// On whose behalf a request is made, and what it may use.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) services: Arc<Services>,
    pub(crate) client: Client,
    pub(crate) budget: Arc<Budget>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) watch: Arc<Stopwatch>,
}

/// Why there is no answer: something that the plugin is told, or a limit that ends its call.
#[derive(Debug)]
pub(crate) enum Failure {
    Told(FetchError),
    Over(Over),
}

impl From<Over> for Failure {
    fn from(over: Over) -> Failure {
        Failure::Over(over)
    }
}

impl From<DialError> for Failure {
    fn from(error: DialError) -> Failure {
        let kind = match error.fault {
            DialFault::Blocked => "blocked",
            DialFault::Dns => "dns",
            DialFault::Connect => "connect",
            DialFault::Tls => "tls",
            DialFault::Timeout => "timeout",
            DialFault::Lost => "lost",
            DialFault::TooLarge => "too-large",
            DialFault::Invalid => "invalid",
        };
        Failure::Told(FetchError {
            kind: kind.to_owned(),
            dispatched: error.dispatched,
            words: error.words,
            extra: Vec::new(),
        })
    }
}

/// A refusal before anything left.
pub(crate) fn refuse(kind: &str, words: impl Into<String>) -> Failure {
    Failure::Told(FetchError { kind: kind.to_owned(), dispatched: false, words: words.into(), extra: Vec::new() })
}

/// A failure after the request left.
fn broken(kind: &str, words: impl Into<String>) -> Failure {
    Failure::Told(FetchError { kind: kind.to_owned(), dispatched: true, words: words.into(), extra: Vec::new() })
}

impl Ground {
    /// Computes over so many bytes on the call's behalf, on a thread of its own where they are many.
    async fn compute<T: Send + 'static>(&self, bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.workers.run(&self.caller.workspace, &self.watch, bytes, work).await
    }

    /// Builds the search for what the call knows of secrets, before anything is scrubbed: on a thread of its own where it is long.
    async fn build_search(&self, vault: &mut Vault) {
        let bytes = vault.unbuilt_bytes().saturating_mul(FORM_BYTE);
        let mut of_call = std::mem::take(vault);
        let work = move || {
            of_call.build_search();
            of_call
        };
        *vault = self.compute(bytes, work).await;
    }

    /// A secret's value, checked to be declared.
    pub(crate) async fn secret(&self, name: &str) -> Result<SecretValue, Failure> {
        if self.manifest.secret(name).is_none() {
            return Err(refuse("secret", format!("plugin.toml declares no secret `{name}`")));
        }
        match self.services.secrets.get(&self.caller, name).await {
            Ok(Some(value)) if !value.expose().is_empty() => Ok(value),
            Ok(_) => Err(refuse("secret", format!("the secret `{name}` is not set"))),
            Err(error) => Err(refuse("secret", format!("the secret `{name}` cannot be read: {error}"))),
        }
    }
}

/// Performs a plugin's request.
///
/// # Errors
/// A limit was reached, and the plugin's call ends. What the plugin is told stands in the inner result, without secrets.
pub(crate) async fn fetch(
    ground: &Ground,
    vault: &mut Vault,
    request: Request,
) -> Result<Result<Response, FetchError>, Over> {
    match answered(ground, vault, request).await {
        Ok(response) => Ok(Ok(response)),
        Err(Failure::Over(over)) => Err(over),
        Err(Failure::Told(mut error)) => {
            error.words = vault.scrub_text(&error.words);
            Ok(Err(error))
        }
    }
}

async fn answered(ground: &Ground, vault: &mut Vault, request: Request) -> Result<Response, Failure> {
    let captures = request.captures.clone();
    let into_blob = request.into_blob;
    if into_blob && !captures.is_empty() {
        return Err(refuse("invalid", "an answer cannot go into a blob and have captures taken out of it"));
    }
    capture::check(&captures).map_err(|words| refuse("limit", words))?;
    let timeout = request.timeout_ms.map_or(LONGEST, |ms| Duration::from_millis(u64::from(ms)).min(LONGEST));
    let prepared = prepare::prepare(ground, vault, request, timeout).await;
    // Whether or not it could be prepared, because a refusal's words are scrubbed as well.
    ground.build_search(vault).await;
    let (outgoing, departure) = prepared?;
    ground.budget.in_time()?;
    let dialled = ground.client.dial(&ground.caller.workspace, outgoing).await;
    if dialled.as_ref().is_err_and(|error| !error.dispatched) {
        departure.answered();
    }
    let mut answer = dialled?;
    let mime = content_type(&answer.headers);
    if (vault.knows_secrets() || !captures.is_empty()) && is_packed(&answer.headers) {
        return Err(broken(
            "invalid",
            "the answer is compressed though nothing asked for it, so secrets cannot be taken out of it",
        ));
    }
    let mut response = Response {
        status: answer.status,
        headers: headers(&answer.headers, vault)?,
        body: Vec::new(),
        blob: None,
        extra: Vec::new(),
    };
    // An error's body is short and says why; a plugin that asked for a file needs to read it.
    if into_blob && (200..300).contains(&answer.status) {
        let meta = BlobMeta { mime: mime.map(|mime| vault.scrub_text(&mime)), name: None };
        let take = |bytes: u64| ground.budget.take_blob(bytes).map_err(Failure::from);
        response.blob = Some(store(ground, vault, &mut answer.body, meta, take).await?.0);
        departure.answered();
        return Ok(response);
    }
    // The buffer has its size at once, because a growing one is copied each time. What the other side announces is no more than a
    // claim: the buffer never has more than the call may receive, or may hold in memory.
    let most = ground.limits.response_bytes.min(ground.limits.memory_bytes);
    let mut body = Vec::with_capacity(announced(&answer.headers).min(most) as usize);
    let mut held = ground.budget.hold(0)?;
    while let Some(chunk) = answer.body.next().await {
        let chunk = chunk?;
        ground.budget.take_response(chunk.len() as u64)?;
        held.grow(chunk.len() as u64)?;
        body.extend_from_slice(&chunk);
    }
    departure.answered();
    if !captures.is_empty() {
        held.grow(capture::tree_bytes(&body))?;
    }
    // The search is built again where the call captures what it did not know.
    let bytes = if captures.is_empty() { body.len() } else { body.len().saturating_mul(SECRET_BYTE) };
    let mut of_call = std::mem::take(vault);
    let work = move || {
        let taken = capture::take(&mut of_call, &captures, (answer.status, mime.as_deref()), body);
        of_call.build_search();
        let clean = taken.map(|body| of_call.scrub(body));
        (of_call, clean)
    };
    let (of_call, clean) = ground.compute(bytes, work).await;
    *vault = of_call;
    response.body = clean?;
    Ok(response)
}

/// The bytes that the other side says will come; 0 where it does not say.
fn announced(headers: &http::HeaderMap) -> u64 {
    let length = headers.get(http::header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// Whether the body is in an encoding in which nothing is recognised.
fn is_packed(headers: &http::HeaderMap) -> bool {
    headers.get_all(http::header::CONTENT_ENCODING).iter().any(|encoding| {
        let encoding = encoding.as_bytes().trim_ascii();
        !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
    })
}

fn content_type(headers: &http::HeaderMap) -> Option<String> {
    headers.get(http::header::CONTENT_TYPE)?.to_str().ok().map(str::to_owned)
}

fn headers(headers: &http::HeaderMap, vault: &Vault) -> Result<Vec<(String, String)>, Failure> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if size > MAX_ANSWER_HEADERS {
        return Err(broken("too-large", format!("the answer's headers have more than {MAX_ANSWER_HEADERS} bytes")));
    }
    let text = |value: &http::HeaderValue| vault.scrub_text(&String::from_utf8_lossy(value.as_bytes()));
    Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
}

/// Streams an answer into a blob, without what this call knows of secrets: a plugin may send the blob on to a destination
/// that the secret must not reach, and people may open it. Gives its id and size.
async fn store(
    ground: &Ground,
    vault: &Vault,
    body: &mut futures_util::stream::BoxStream<'static, Result<bytes::Bytes, DialError>>,
    meta: BlobMeta,
    mut take: impl FnMut(u64) -> Result<(), Failure>,
) -> Result<(String, u64), Failure> {
    let stored = |error: ServiceError| broken("limit", format!("the file could not be stored: {error}"));
    let mut blob = ground.services.blobs.create(&ground.caller).await.map_err(stored)?;
    let mut scrubber = vault.scrubber();
    let mut size = 0;
    loop {
        let chunk = body.next().await.transpose()?;
        let clean = match &chunk {
            Some(chunk) => {
                take(chunk.len() as u64)?;
                scrubber.pass(chunk)
            }
            None => scrubber.rest(),
        };
        if !clean.is_empty() {
            size += clean.len() as u64;
            blob.write(clean).await.map_err(stored)?;
        }
        if chunk.is_none() {
            return Ok((blob.finish(meta).await.map_err(stored)?, size));
        }
    }
}

#[cfg(test)]
mod tests;
