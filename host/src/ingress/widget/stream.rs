//! A visitor's stream: everything they wrote and were answered, from the beginning or from where they left off, and then live.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;

use super::{marked, shop};
use crate::db::VisitorRow;
use crate::ingress::Ingress;
use crate::ingress::visitors::{OpenStream, bearer};
use crate::keys::EntryId;
use crate::wake::Following;
use crate::web::problem::Problem;
use crate::web::state;

/// How often an idle stream says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// What a visitor is told while a user types: it has no id, because it is not kept.
fn user_types() -> Event {
    Event::default().event("typing").data(r#"{"from":"agent"}"#)
}

/// How long a browser waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// Browsers cannot set headers on a stream, so the token stands in the query.
#[derive(Deserialize)]
pub(in crate::ingress) struct StreamQuery {
    token: Option<String>,
    last_event_id: Option<String>,
}

/// Opens the stream.
pub(in crate::ingress) async fn stream(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    Path(channel): Path<String>,
    Query(query): Query<StreamQuery>,
    headers: HeaderMap,
) -> Response {
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let origin = match shop.origin(&state, &headers) {
        Ok(origin) => origin,
        Err(response) => return response,
    };
    let visitor = match shop.visitor(&state, query.token.or_else(|| bearer(&headers))).await {
        Ok(visitor) => visitor,
        Err(response) => return marked(&origin, response),
    };
    let Some(place) = ingress.visitors.open_stream(&visitor.workspace, &shop.channel.id, &visitor.id) else {
        return marked(&origin, Problem::too_many(Duration::from_secs(30)).into_response());
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // What is no id of a stream is its beginning.
    let seen = EntryId::of(last.or(query.last_event_id.as_deref()).unwrap_or_default());
    let entries = entries(state, visitor, seen, place);
    let response = Sse::new(entries).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    marked(&origin, response)
}

struct Follow {
    state: state::State,
    visitor: VisitorRow,
    following: Following<String>,
    typing: Following<String>,
    after: EntryId,
    ready: std::vec::IntoIter<crate::db::EntryRow>,
    greeted: bool,
    _place: OpenStream,
}

/// Entries in order; it ends when the server stops, or the database does not answer (the browser comes back).
fn entries(
    state: state::State,
    visitor: VisitorRow,
    after: EntryId,
    place: OpenStream,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let following = state.wakes.visitors.follow(visitor.id.clone());
    let typing = state.wakes.typing.follow(visitor.id.clone());
    let follow = Follow {
        state,
        visitor,
        following,
        typing,
        after,
        ready: Vec::new().into_iter(),
        greeted: false,
        _place: place,
    };
    stream::unfold(follow, |mut follow| async move {
        if !follow.greeted {
            follow.greeted = true;
            return Some((Ok(Event::default().retry(COME_BACK).comment("open")), follow));
        }
        loop {
            if let Some(entry) = follow.ready.next() {
                follow.after = entry.id;
                return Some((Ok(Event::default().id(entry.id.to_string()).data(entry.entry)), follow));
            }
            // Seen before it is asked, so that what comes in between is not missed.
            follow.following.look();
            let (account, after) = (follow.visitor.account, follow.after);
            let more = follow.state.db.visitor_entries(account, &follow.visitor.id, after).await.ok()?;
            if !more.is_empty() {
                follow.ready = more.into_iter();
                continue;
            }
            tokio::select! {
                () = follow.state.stop.cancelled() => return None,
                () = follow.following.grew() => {}
                () = follow.typing.grew() => return Some((Ok(user_types()), follow)),
            }
        }
    })
}
