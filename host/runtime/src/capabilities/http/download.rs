//! The host's own fetching of a file that a plugin's `resolve` named: the same destinations, secrets and address rules, and
//! nothing of it enters a plugin's memory.

use std::time::Duration;

use http::{HeaderMap, Method};
use url::Url;

use super::{Failure, Ground, announced, content_type, prepare, refuse, store};
use crate::capabilities::vault::{Markers, Vault};
use crate::contract::http::{FetchError, Request};
use crate::egress::{Outgoing, grant};
use crate::services::BlobMeta;

/// Where a file comes from.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each download, and it is handed on at once")]
pub enum Download {
    /// A request with the plugin's credentials, and the markers that the call which gave it was issued
    /// ([`crate::Effects::markers`]).
    Fetch(Request, Markers),
    /// A public address, without any.
    Open(String),
}

/// A file that has become a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// The blob's id.
    pub blob: String,
    /// The type that the other side claimed.
    pub mime: Option<String>,
    /// The name that the other side gave.
    pub name: Option<String>,
    /// Its size.
    pub bytes: u64,
}

/// Why a file did not become a blob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// It is not ready (202); ask again.
    #[error("the file is not ready yet")]
    Later {
        /// What the other side asked for.
        retry_after_ms: Option<u64>,
    },
    /// It is not there any more (404, 410).
    #[error("the file is gone ({status})")]
    Gone {
        /// HTTP status.
        status: u16,
    },
    /// It is larger than it may be; what came of it is dropped.
    #[error("the file has more than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// Another answer.
    #[error("the answer was {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// What the other side asked for.
        retry_after_ms: Option<u64>,
    },
    /// No answer: the kinds of `http.fetch-error`.
    #[error("{kind}: {words}")]
    Failed {
        /// "forbidden", "blocked", "dns", …
        kind: String,
        /// Why.
        words: String,
    },
}

impl DownloadError {
    /// Whether the same download may work another time.
    pub fn is_temporary(&self) -> bool {
        match self {
            DownloadError::Later { .. } => true,
            DownloadError::Gone { .. } | DownloadError::TooLarge { .. } => false,
            DownloadError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            DownloadError::Failed { kind, .. } => {
                matches!(kind.as_str(), "dns" | "connect" | "tls" | "timeout" | "lost" | "limit")
            }
        }
    }
}

/// The longest that a download may take; a connection that says nothing ends earlier.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Streams a file into a blob.
pub(crate) async fn download(ground: &Ground, source: Download, max_bytes: u64) -> Result<Downloaded, DownloadError> {
    let mut vault = Vault::new(&ground.limits);
    let failed = |failure: Failure, vault: &Vault| match failure {
        Failure::Told(FetchError { kind, .. }) if kind == "too-large" => DownloadError::TooLarge { max_bytes },
        Failure::Told(error) => DownloadError::Failed { kind: error.kind, words: vault.scrub_text(&error.words) },
        Failure::Over(over) => DownloadError::Failed { kind: "limit".to_owned(), words: over.to_string() },
    };
    let outgoing = match source {
        Download::Fetch(request, Markers(markers)) => {
            vault.markers = markers;
            let prepared = prepare::prepare(ground, &mut vault, request, LONGEST).await;
            ground.build_search(&mut vault).await;
            prepared.map(|(outgoing, _)| outgoing)
        }
        Download::Open(address) => open(ground, &address),
    };
    let outgoing = outgoing.map_err(|failure| failed(failure, &vault))?;
    let answer = ground.client.dial(&ground.caller.workspace, outgoing).await;
    let mut answer = answer.map_err(|error| failed(error.into(), &vault))?;
    match answer.status {
        200 | 203 | 206 => {}
        202 => return Err(DownloadError::Later { retry_after_ms: retry_after(&answer.headers) }),
        status @ (404 | 410) => return Err(DownloadError::Gone { status }),
        status => return Err(DownloadError::Status { status, retry_after_ms: retry_after(&answer.headers) }),
    }
    if vault.knows_secrets() && super::is_packed(&answer.headers) {
        return Err(DownloadError::Failed {
            kind: "invalid".to_owned(),
            words: "the file is compressed on its way though nothing asked for it".to_owned(),
        });
    }
    if announced(&answer.headers) > max_bytes {
        return Err(DownloadError::TooLarge { max_bytes });
    }
    let clean = |text: String| vault.scrub_text(&text);
    let meta = BlobMeta { mime: content_type(&answer.headers).map(clean), name: file_name(&answer.headers).map(clean) };
    let mut left = max_bytes;
    let take = |bytes: u64| match left.checked_sub(bytes) {
        Some(after) => {
            left = after;
            Ok(())
        }
        None => Err(refuse("too-large", "")),
    };
    let stored = store(ground, &vault, &mut answer.body, meta.clone(), take).await;
    let (blob, bytes) = stored.map_err(|failure| failed(failure, &vault))?;
    Ok(Downloaded { blob, mime: meta.mime, name: meta.name, bytes })
}

fn open(ground: &Ground, address: &str) -> Result<Outgoing, Failure> {
    let url = Url::parse(address).map_err(|error| refuse("invalid", format!("not an absolute address: {error}")))?;
    grant::check_media(&ground.manifest, &ground.caller.settings, &ground.client, &url)
        .map_err(|words| refuse("forbidden", words))?;
    Ok(Outgoing {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body_bytes: 0,
        body: Box::pin(futures_util::stream::empty()),
        timeout: LONGEST,
        leaving: std::sync::Arc::new(|| {}),
    })
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

/// The plain `filename` of Content-Disposition (RFC 6266), without any folder.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(http::header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let parameter = disposition.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = parameter.trim_matches('"');
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).trim();
    (!name.is_empty() && name.len() <= 255 && !name.contains(char::is_control)).then(|| name.to_owned())
}
