//! The inbox: conversations, what may be written in them, their messages.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Cursor, Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::{InboxCursor, InboxFilter, MessageCursor, Whose};
use crate::keys::{ContactId, ConversationId};
use crate::model::shown::conversation::{Conversation, Standing};
use crate::model::shown::message::Message;
use crate::web::{inbox, typing};

/// `/conversations`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(counts))
        .routes(routes!(read))
        .routes(routes!(messages))
        .routes(routes!(assign))
        .routes(routes!(set_status))
        .routes(routes!(mark_read))
        .routes(routes!(typing))
}

/// What the inbox is narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InboxQuery {
    /// Conversations on the page, at most 200; 50 when nothing is said.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `open` or `done`; both when nothing is said.
    status: Option<Standing>,
    /// A channel's id.
    channel: Option<String>,
    /// A contact's id.
    contact: Option<String>,
    /// A user's id, `me`, or `none` for unassigned conversations.
    assigned_to: Option<String>,
    /// `true`: only those with messages that you have not read; with a token, that no user has read.
    unread: Option<bool>,
    /// Only with a contact whose name or identity contains this text, whatever the case of its letters. With this, `channel`,
    /// `assigned_to` and `unread` the newest 20,000 conversations of each status are looked at.
    q: Option<String>,
}

/// The inbox, the conversation with the newest message first.
#[utoipa::path(get, path = "/conversations", tag = "inbox", params(InboxQuery), responses(
    (status = 200, body = Page<Conversation<'static>>), (status = 422, body = Problem)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(query): Query<InboxQuery>,
) -> Answer<Json<Page<Conversation<'static>>>> {
    caller.at_least(Role::Agent)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let whose = match query.assigned_to.as_deref() {
        None => Whose::All,
        Some("none") => Whose::Unassigned,
        Some("me") => Whose::Of(caller.user.clone().ok_or_else(no_user)?),
        Some(user) => Whose::Of(user.to_owned()),
    };
    let filter = InboxFilter {
        status: query.status,
        channel: query.channel,
        contact: query.contact.as_deref().map(ContactId::of),
        whose,
        unread: query.unread == Some(true),
        search: query.q.filter(|text| !text.trim().is_empty()),
    };
    let after: Option<InboxCursor> = page.after()?;
    let user = caller.user.as_deref();
    let (items, next) = state.db.inbox(&caller.workspace, user, filter, after, page.limit() as u32).await?;
    Ok(Json(Page { items, next: next.map(|place| Cursor::at(&place)) }))
}

fn no_user() -> Problem {
    Problem::invalid(vec![FieldError::new("#/assigned_to", "no-user", "`me` needs a session: a token is no user")])
}

/// Which conversations are counted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CountsQuery {
    /// `open` or `done`; `open` when nothing is said.
    status: Option<Standing>,
}

/// How many conversations there are; at most 20,000 are counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"all": 128, "mine": 3, "unassigned": 5, "unread": 7}))]
pub(super) struct Counts {
    all: i64,
    /// Those assigned to you; 0 with a token.
    mine: i64,
    /// Unassigned conversations.
    unassigned: i64,
    /// Those with messages that you have not read; with a token, that no user has read.
    unread: i64,
}

/// Count the conversations of the inbox.
#[utoipa::path(get, path = "/conversations/counts", tag = "inbox", params(CountsQuery), responses((status = 200, body = Counts)))]
async fn counts(Axum(state): Axum<State>, caller: Caller, Query(query): Query<CountsQuery>) -> Answer<Json<Counts>> {
    caller.at_least(Role::Agent)?;
    let status = query.status.unwrap_or(Standing::Open);
    let counts = state.db.inbox_counts(&caller.workspace, caller.user.as_deref(), status).await?;
    let crate::db::Counts { all, mine, unassigned, unread } = counts;
    Ok(Json(Counts { all, mine, unassigned, unread }))
}

/// One conversation, with its window and what may be written in it now.
#[utoipa::path(get, path = "/conversations/{id}", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = Conversation<'static>), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Answer<Json<Conversation<'static>>> {
    caller.at_least(Role::Agent)?;
    Ok(Json(inbox::conversation(&state, &caller, id).await?))
}

/// The messages of a conversation, newest first.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "inbox", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<Message<'static>>), (status = 404, body = Problem)))]
async fn messages(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Message<'static>>>> {
    caller.at_least(Role::Agent)?;
    let row = state.db.conversation_row(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    let after: Option<MessageCursor> = page.after()?;
    let (items, next) = state.db.messages_page(&caller.workspace, row.id, after, page.limit() as u32).await?;
    Ok(Json(Page { items, next: next.map(|place| Cursor::at(&place)) }))
}

/// The user who is to answer a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assign {
    /// A user's id; null unassigns the conversation.
    #[serde(default)]
    user: Option<String>,
}

/// Assign a conversation. An agent may take what is unassigned and give back their own.
#[utoipa::path(post, path = "/conversations/{id}/assign", tag = "inbox", params(("id" = String, Path)), request_body = Assign,
    responses((status = 200, body = Conversation<'static>), (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 422, body = Problem)))]
async fn assign(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(body): Body<Assign>,
) -> Answer<Json<Conversation<'static>>> {
    Ok(Json(inbox::assign(&state, &caller, id, body.user).await?))
}

/// Whether a conversation is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewStatus {
    status: Standing,
}

/// Open a conversation or mark it as done. A new message of the customer opens it again.
#[utoipa::path(post, path = "/conversations/{id}/status", tag = "inbox", params(("id" = String, Path)), request_body = NewStatus,
    responses((status = 200, body = Conversation<'static>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn set_status(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(body): Body<NewStatus>,
) -> Answer<Json<Conversation<'static>>> {
    Ok(Json(inbox::set_status(&state, &caller, id, body.status).await?))
}

/// Note that you have read everything in a conversation so far.
#[utoipa::path(post, path = "/conversations/{id}/read", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = Conversation<'static>), (status = 404, body = Problem)))]
async fn mark_read(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Answer<Json<Conversation<'static>>> {
    Ok(Json(inbox::mark_read(&state, &caller, id).await?))
}

/// Tell that you type. The customer sees it where the channel can show it, and colleagues as the event `conversation.typing`. Call it
/// every few seconds while someone types: it goes out at most once in three seconds for a conversation, and nothing is kept.
#[utoipa::path(post, path = "/conversations/{id}/typing", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn typing(Axum(state): Axum<State>, caller: Caller, Path(id): Path<ConversationId>) -> Answer<StatusCode> {
    typing::user_types(&state, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
