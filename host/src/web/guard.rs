//! Headers that keep a browser from running what the host did not write: bytes of plugins, visitors and customers are served from
//! the host's origin, where the session's cookie counts.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// A document under this policy has an origin of its own, runs nothing and loads nothing.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// The same for a picture, whose style attributes count.
const SANDBOX_PICTURE: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Marks an answer whose bytes are a plugin's, a visitor's or a customer's: never a document of the host's origin, and never of
/// another type than the one named. Nothing that stands there already outlives this.
pub fn foreign(headers: &mut HeaderMap) {
    let is_svg = headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"image/svg+xml"));
    headers.insert(CONTENT_SECURITY_POLICY, if is_svg { SANDBOX_PICTURE } else { SANDBOX });
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
}

/// [`foreign`] as a layer, for addresses that serve nothing else.
pub fn all_foreign(mut response: Response) -> Response {
    foreign(response.headers_mut());
    response
}

/// Marks the host's own answers: a type is never guessed, and JSON that a browser opens is inert, whatever texts stand in it. Pages
/// have policies of their own.
pub async fn own(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json") || kind.starts_with("application/problem+json"));
    if is_json && !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    }
    response
}
