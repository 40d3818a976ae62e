//! Published files: for providers, at addresses that cannot be guessed, without credentials.

use axum::Router;
use axum::extract::{Path, State as Axum};
use axum::http::HeaderMap;
use axum::http::header::REFERRER_POLICY;
use axum::response::Response;
use axum::routing::get;

use super::problem::{Answer, Problem};
use super::serving::serve;
use super::state::State;

/// `/files/{token}/{name}`
pub fn routes() -> Router<State> {
    Router::new().route("/files/{token}/{name}", get(read))
}

/// The name is for people and programs that go by endings; the token alone decides.
async fn read(
    Axum(state): Axum<State>,
    Path((token, _name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    if token.len() > 100 {
        return Err(Problem::not_found());
    }
    let now = state.clock.now();
    let published = state.db.published(&token, now).await?.ok_or_else(Problem::not_found)?;
    let file = state.media.open_bytes(&published.media).await?;
    let seconds = (published.expires_at.saturating_sub(now) / 1000).clamp(0, 86_400);
    let mut answer = serve(&published.media, file, &headers, &format!("private, max-age={seconds}")).await?;
    answer.headers_mut().insert(REFERRER_POLICY, axum::http::HeaderValue::from_static("no-referrer"));
    Ok(answer)
}
