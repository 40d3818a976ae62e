//! What holds for every request of a known caller: it takes a place of its workspace's share of the API, so that one workspace's
//! requests do not keep another's waiting, and its answer ends with its credential.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State as Axum};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::caller::Caller;
use super::problem::Problem;
use super::state::State;
use super::{export, standing};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same body, whose place is free once it was sent.
fn holding(body: Body, place: impl Send + 'static) -> Body {
    Body::from_stream(body.into_data_stream().inspect(move |_| {
        let _held = &place;
    }))
}

/// The middleware: a request runs once its caller's workspace has a place. A request without credentials needs none; the handler
/// refuses it.
pub async fn take_place(Axum(state): Axum<State>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(caller) = Caller::from_request_parts(&mut parts, &state).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    // An operator who acts in another workspace takes a place of their own workspace.
    let Some(place) = state.api.take(&caller.home, &caller.actor, PATIENCE).await else {
        let words = "too many requests of this workspace run at once (`server.api_requests`); make fewer at a time";
        return Problem::unavailable(words, 2).into_response();
    };
    let answer = next.run(Request::from_parts(parts, body)).await;
    // A file that is written while it is sent goes on reading the database.
    let answer = if export::is_one(&answer) { answer.map(|body| holding(body, place)) } else { answer };
    standing::while_it_holds(&state, &caller.token, answer).await.unwrap_or_else(IntoResponse::into_response)
}
