//! Ends an answer that is still being sent when the credential that asked for it ends: a token is revoked, a person disabled or
//! given another role, a session over.

use axum::body::{Body, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures_util::{StreamExt, stream};

use super::problem::Problem;
use super::state::State;

/// An answer up to this many bytes is sent at once and ends by itself.
const SHORT: u64 = 1 << 20;

/// The type of a stream of events.
const EVENTS: &str = "text/event-stream";

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("the credential that asked for the answer has ended")]
struct Ended;

/// The same answer; one that is long, or has no end, goes on only while the token or session holds.
pub(super) async fn while_it_holds(state: &State, token: &str, answer: Response) -> Result<Response, Problem> {
    if answer.body().size_hint().upper().is_some_and(|bytes| bytes <= SHORT) {
        return Ok(answer);
    }
    let standing = state.auth.follow(token).await?.ok_or_else(Problem::unauthorized)?;
    let (head, body) = answer.into_parts();
    let has_end = head.headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes() != EVENTS.as_bytes());
    let going_on = stream::unfold((body.into_data_stream(), standing), move |(mut body, mut standing)| async move {
        loop {
            if !standing.holds().await {
                metrics::counter!("sambung_answers_ended_total").increment(1);
                // A file that ends early must not look whole; a stream of events has no end that could be missed.
                let broken = has_end.then(|| Err(axum::Error::new(Ended)));
                return broken.map(|broken| (broken, (Body::empty().into_data_stream(), standing)));
            }
            tokio::select! {
                biased;
                () = standing.may_have_changed() => {}
                bytes = body.next() => return Some((bytes?, (body, standing))),
            }
        }
    });
    Ok(Response::from_parts(head, Body::from_stream(going_on)))
}
