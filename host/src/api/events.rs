//! The event feed as a stream that resumes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as Axum;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::feed::Told;
use crate::keys::EventId;

/// `/events`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// As the header `Last-Event-ID`, for those who cannot set one.
    last_event_id: Option<String>,
}

/// Follow what happens in the workspace: server-sent events named by type, from `Last-Event-ID` or from now on. `reset` says
/// that the asked id is older than the feed: read the state anew. `conversation.typing` has no id and does not come again: the
/// streams that are open at that moment carry that a contact or a user types (`{conversation_id, from}`), at most once in three
/// seconds for each.
#[utoipa::path(get, path = "/events", tag = "feed", params(After, ("Last-Event-ID" = Option<String>, Header)), responses(
    (status = 200, body = String, content_type = "text/event-stream"), (status = 503, body = Problem)))]
async fn events(
    Axum(state): Axum<State>,
    caller: Caller,
    headers: HeaderMap,
    Query(after): Query<After>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    caller.at_least(Role::Agent)?;
    let asked = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let seen = asked.or(after.last_event_id).filter(|id| !id.is_empty());
    let seen = seen
        .map(|id| {
            let words = "must be an id of this feed, or 0 for its beginning";
            EventId::seen(&id).ok_or_else(|| Problem::invalid(vec![FieldError::new("#/last_event_id", "type", words)]))
        })
        .transpose()?;
    let Some(follower) = state.feed.follow(&caller.workspace, &caller.actor, seen).await? else {
        return Err(Problem::unavailable(
            "too many event streams of this workspace are open (`feed.streams`); close some",
            5,
        ));
    };
    let stop = state.stop.clone();
    let told = stream::unfold(follower, move |mut follower| {
        let stop = stop.clone();
        async move {
            let told = tokio::select! {
                told = follower.next() => told.ok()?,
                () = stop.cancelled() => return None,
            };
            let event = match told {
                Told::Row(row) => Event::default().id(row.id.to_string()).event(row.kind).data(row.data),
                Told::Passing(passing) => Event::default().event(passing.kind).data(passing.data.as_str()),
                Told::Reset { newest } => {
                    Event::default().id(newest.to_string()).event("reset").data(json!({"newest": newest}).to_string())
                }
            };
            Some((Ok(event), follower))
        }
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)).text("still here")))
}
