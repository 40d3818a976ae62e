//! From a plugin's request to what leaves: every check happens here, before anything does.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::{Failure, Ground, auth, body, place, refuse};
use crate::capabilities::vault::Vault;
use crate::contract::http::Request;
use crate::egress::Outgoing;
use crate::egress::grant;
use crate::meter::Departure;

/// A request's own headers, names and values together.
const MAX_HEADERS: usize = 32 << 10;
/// Bytes of a request's address.
const MAX_ADDRESS: usize = 32 << 10;

/// What the host alone writes.
const RESERVED: [&str; 15] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "proxy-authenticate",
    // A destination that follows these does what the manifest's methods do not allow.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// What the host alone writes where the call knows a secret: an answer that is cut, packed or hashed shows a value in a form in
/// which it is not recognised, and piece by piece a plugin would learn the whole. Beside these every name that ends with `range`
/// (`range`, `if-range`, and providers' own).
const RESERVED_WITH_SECRETS: [&str; 7] = [
    "accept-encoding",
    "accept-charset",
    // Differences to an earlier answer (RFC 3229).
    "a-im",
    "im",
    "want-digest",
    "want-content-digest",
    "want-repr-digest",
];

/// A request whose parts can still be written into.
pub(super) struct Draft {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: body::Body,
}

impl Draft {
    /// The value of a header that stands there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value.as_str())
    }
}

/// The request as it leaves, and what counts it as unanswered until its answer is whole.
pub(super) async fn prepare(
    ground: &Ground,
    vault: &mut Vault,
    request: Request,
    timeout: Duration,
) -> Result<(Outgoing, Arc<Departure>), Failure> {
    let method: Method =
        request.method.to_ascii_uppercase().parse().map_err(|_| refuse("invalid", "no HTTP method"))?;
    if matches!(method, Method::TRACE | Method::CONNECT) {
        return Err(refuse("invalid", format!("the method {method} is the host's")));
    }
    let takes_secrets = !request.captures.is_empty();
    let url = address(&request.url)?;
    allowed(ground, &method, &url)?;
    let draft =
        Draft { method, url, headers: headers(request.headers)?, body: body::open(ground, request.body).await? };
    let mut draft = place::markers(ground, vault, draft).await?;
    // A value in the path may have changed where the request goes.
    allowed(ground, &draft.method, &draft.url)?;
    auth::authorize(ground, vault, &mut draft, request.auth).await?;
    if takes_secrets || vault.knows_secrets() {
        whole_answer(&draft.headers)?;
    }
    let headers = finished(&draft.headers)?;
    let size =
        draft.url.as_str().len() + headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    ground.budget.take_egress(size as u64 + draft.body.bytes)?;
    let departure = Arc::new(Departure::new(ground.budget.clone()));
    let leaving: Arc<dyn Fn() + Send + Sync> = match is_safe(&draft.method) {
        true => Arc::new(|| {}),
        false => {
            let departure = departure.clone();
            Arc::new(move || departure.leaving())
        }
    };
    let outgoing = Outgoing {
        method: draft.method,
        url: draft.url,
        headers,
        body_bytes: draft.body.bytes,
        body: draft.body.stream(),
        timeout,
        leaving,
    };
    Ok((outgoing, departure))
}

/// Whether a request of this method changes nothing at the provider (RFC 9110, section 9.2.1), so that its answer may be lost.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn address(text: &str) -> Result<Url, Failure> {
    if text.len() > MAX_ADDRESS {
        return Err(refuse("limit", format!("the address has {} bytes; {MAX_ADDRESS} are allowed", text.len())));
    }
    let mut url = Url::parse(text).map_err(|error| refuse("invalid", format!("not an absolute address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("invalid", "only http and https addresses can be called"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("invalid", "a credential in the address; use `auth` or a marker"));
    }
    url.set_fragment(None);
    Ok(url)
}

fn allowed(ground: &Ground, method: &Method, url: &Url) -> Result<(), Failure> {
    grant::check(&ground.manifest, &ground.caller.settings, &ground.client, method.as_str(), url)
        .map_err(|words| refuse("forbidden", words))
}

fn headers(given: Vec<(String, String)>) -> Result<Vec<(HeaderName, String)>, Failure> {
    let size: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_HEADERS {
        return Err(refuse("limit", format!("the headers have {size} bytes; {MAX_HEADERS} are allowed")));
    }
    given
        .into_iter()
        .map(|(name, value)| {
            let name: HeaderName =
                name.parse().map_err(|_| refuse("invalid", format!("`{name}` is no name of a header")))?;
            if RESERVED.contains(&name.as_str()) {
                return Err(refuse("invalid", format!("the header `{name}` is the host's")));
            }
            Ok((name, value))
        })
        .collect()
}

/// Refuses what asks for an answer in which a secret would not be recognised.
fn whole_answer(headers: &[(HeaderName, String)]) -> Result<(), Failure> {
    let cuts = |name: &str| name.ends_with("range") || RESERVED_WITH_SECRETS.contains(&name);
    match headers.iter().find(|(name, _)| cuts(name.as_str())) {
        Some((name, _)) => Err(refuse(
            "invalid",
            format!(
                "the header `{name}` is the host's in a call that knows a secret: the answer could show it in parts"
            ),
        )),
        None => Ok(()),
    }
}

fn finished(headers: &[(HeaderName, String)]) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value)
            .map_err(|_| refuse("invalid", format!("the value of the header `{name}` cannot be sent")))?;
        map.append(name.clone(), value);
    }
    Ok(map)
}
