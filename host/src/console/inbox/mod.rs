//! The inbox: the list of conversations, and beside it the one that is open.

mod content;
mod list;
mod thread;

use axum::extract::{Path, State as Axum};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::asked::{Form as Sent, Query};
use super::assets::{COMPOSER, LIVE};
use super::faults::Failure;
use super::integrations::text;
use super::layout::{self, Extent};
use super::reader::Reader;
use crate::auth::Role;
use crate::db::{InboxCursor, InboxFilter, MessageCursor};
use crate::web::inbox;
use crate::web::problem::Problem;
use crate::web::state::State;

/// Where the inbox is.
pub(super) const INBOX: &str = "/inbox";
/// Conversations of the list on a page.
const MOST: u32 = 50;
/// Messages of a conversation on a page.
const MOST_MESSAGES: u32 = 50;

/// What the list shows, and where both panes go on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// `mine`, `unassigned` or all.
    #[serde(default)]
    pub of: String,
    /// The last conversation of the page before: the time of its last message, and its id.
    list_at: Option<i64>,
    list_id: Option<String>,
    /// The last message of the page before: its time, and its place among those of that time.
    at: Option<i64>,
    seq: Option<i64>,
}

/// The list alone.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let list = listed(&state, &reader, &asked, None).await?;
    let words = &reader.look.words.inbox;
    let content = html! {
        (list)
        section.thread { div.empty { (layout::icon("inbox", "")) p { (words.none_open) } } }
    };
    Ok(framed(&reader, StatusCode::OK, &words.title, None, &content))
}

/// The list with one conversation beside it.
pub(super) async fn open(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    shown(&state, &reader, &id, &asked, "", None).await
}

/// What an agent writes.
#[derive(Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    text: String,
}

/// Replies, or shows the composer again with what is wrong.
pub(super) async fn reply(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Sent(Written { text }): Sent<Written>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let text = text.replace("\r\n", "\n");
    let content = json!({ "type": "text", "text": text.trim() });
    let reply = inbox::Reply { content, reply_to: None, human: Some(true) };
    match inbox::reply(&state, &reader.caller, &id, reply, None).await {
        Ok(accepted) => {
            state.db.mark_conversation_read(&reader.caller.workspace, &id, state.clock.now()).await?;
            state.wakes.feed_grew();
            Ok(Redirect::to(&format!("{INBOX}/{}", accepted.conversation_id)).into_response())
        }
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem.into()),
        Err(problem) => shown(&state, &reader, &id, &Asked::default(), &text, Some(&problem)).await,
    }
}

/// Notes that everything so far was read.
pub(super) async fn read(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let read = state.db.mark_conversation_read(&reader.caller.workspace, &id, state.clock.now()).await?;
    read.ok_or_else(Problem::not_found)?;
    state.wakes.feed_grew();
    Ok(Redirect::to(&format!("{INBOX}/{id}")).into_response())
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: &str,
    asked: &Asked,
    written: &str,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    let workspace = &reader.caller.workspace;
    let conversation = state.db.conversation(workspace, id).await?.ok_or_else(Problem::not_found)?;
    let open = text(&conversation, "id");
    let after = asked.at.zip(asked.seq).map(|(at, seq)| MessageCursor { at, seq });
    let (messages, earlier) = state.db.messages_page(workspace, open, after, MOST_MESSAGES).await?;
    let (window, composer) = inbox::outlook(state, &reader.caller, &conversation).await?;
    let list = listed(state, reader, asked, Some(open)).await?;
    let name = list::name_of(reader, &conversation);
    let content = html! {
        (list)
        (thread::drawn(reader, &thread::Thread {
            conversation: &conversation, name: &name, messages: &messages, earlier, window: &window, composer: &composer, written, problem,
        }))
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok(framed(reader, status, &name, Some(open), &content))
}

async fn listed(state: &State, reader: &Reader, asked: &Asked, open: Option<&str>) -> Result<Markup, Failure> {
    let filter = InboxFilter {
        channel: None,
        assigned_to: (asked.of == "mine").then(|| reader.caller.user.clone()).flatten(),
        unassigned: asked.of == "unassigned",
    };
    let after = asked.list_at.zip(asked.list_id.clone()).map(|(at, id)| InboxCursor { at, id });
    let (conversations, more) = state.db.inbox(&reader.caller.workspace, filter, after, MOST).await?;
    Ok(list::drawn(reader, asked, &conversations, more, open, state.clock.now()))
}

fn framed(reader: &Reader, status: StatusCode, title: &str, open: Option<&str>, content: &Markup) -> Response {
    let content = html! {
        (content)
        script type="module" src=(LIVE.path) {}
        @if open.is_some() { script type="module" src=(COMPOSER.path) {} }
    };
    let extent = if open.is_some() { Extent::Whole("inbox has-conversation") } else { Extent::Whole("inbox") };
    (status, layout::page_of(reader, title, INBOX, &extent, &content)).into_response()
}

/// A text of a JSON value, at a path of keys.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
