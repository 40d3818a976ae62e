//! Keeps pages of other sites from acting in the name of a person who is signed in here.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use tower_http::csrf::CsrfLayer;

use super::problem::Problem;
use super::state::State;

/// Refuses what a page of another site makes a browser send. The public address counts as our own, whatever name a proxy
/// reaches this server by.
pub fn layer(
    state: &State,
) -> CsrfLayer<impl Fn(tower_http::csrf::ProtectionError) -> axum::response::Response + Clone + use<>> {
    let mut layer = CsrfLayer::new();
    if let Some(origin) = state.config.server.public_url().and_then(|url| url::Url::parse(url).ok()) {
        let origin = origin.origin().ascii_serialization();
        layer = layer.add_trusted_origin(&origin).unwrap_or_else(|error| {
            tracing::warn!(%origin, %error, "the public address is no origin that a browser can send");
            CsrfLayer::new()
        });
    }
    layer.with_rejection_response(|_| {
        Problem::new(StatusCode::FORBIDDEN, "cross-site", "this request comes from a page of another site")
            .into_response()
    })
}
