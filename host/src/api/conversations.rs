//! The inbox: conversations, what may be written in them, their messages.

use axum::Json;
use axum::extract::State as Axum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::messages::Message;
use super::page::{Cursor, Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::db::{InboxCursor, InboxFilter, MessageCursor};
use crate::web::inbox;

/// `/conversations`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(messages))
        .routes(routes!(assign))
        .routes(routes!(mark_read))
}

/// A conversation.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Conversation {
    /// `cv_…`
    id: String,
    /// The channel it goes through: `{id, name, plugin, state}`; null while its account is not connected.
    channel: Option<Value>,
    /// `{plugin, id, name}`: stays when the channel is disconnected.
    account: Value,
    /// `{id, name}`; null where no single person is known.
    contact: Option<Value>,
    /// A user's id.
    assigned_to: Option<String>,
    created_at: String,
    last_message_at: String,
    last_inbound_at: Option<String>,
    read_at: Option<String>,
    unread: bool,
    /// `{id, direction, type, preview, status}`
    last_message: Option<Value>,
    /// The conversation that it was merged into.
    merged_into: Option<String>,
    /// `{state, closes_at, allows, reason}`: whether free text may be sent (`open`), until when, and what may be sent at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<Value>,
    /// What may be sent now, and its limits; where only templates may, `templates` has those that are approved and switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    composer: Option<Value>,
}

/// What the inbox is narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct InboxQuery {
    /// Conversations on the page, at most 200; 50 when nothing is said.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// A channel's id.
    channel: Option<String>,
    /// A user's id, or `none` for what is assigned to nobody.
    assigned_to: Option<String>,
}

/// The inbox, the conversation with the newest message first.
#[utoipa::path(get, path = "/conversations", tag = "inbox", params(InboxQuery), responses((status = 200, body = Page<Conversation>)))]
async fn list(Axum(state): Axum<State>, caller: Caller, Query(query): Query<InboxQuery>) -> Answer<Json<Page<Value>>> {
    caller.at_least(Role::Agent)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let unassigned = query.assigned_to.as_deref() == Some("none");
    let filter =
        InboxFilter { channel: query.channel, assigned_to: query.assigned_to.filter(|_| !unassigned), unassigned };
    let after: Option<InboxCursor> = page.after()?;
    let (items, next) = state.db.inbox(&caller.workspace, filter, after, page.limit() as u32).await?;
    Ok(Json(Page { items, next: next.map(|place| Cursor::at(&place)) }))
}

/// One conversation, with its window and what may be written in it now.
#[utoipa::path(get, path = "/conversations/{id}", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = Conversation), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    caller.at_least(Role::Agent)?;
    let mut conversation = state.db.conversation(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let (window, composer) = inbox::outlook(&state, &caller, &conversation).await?;
    conversation["window"] = window;
    conversation["composer"] = composer;
    Ok(Json(conversation))
}

/// The messages of a conversation, newest first.
#[utoipa::path(get, path = "/conversations/{id}/messages", tag = "inbox", params(("id" = String, Path), PageQuery), responses(
    (status = 200, body = Page<Message>), (status = 404, body = Problem)))]
async fn messages(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<Value>>> {
    caller.at_least(Role::Agent)?;
    let row = state.db.conversation_row(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let after: Option<MessageCursor> = page.after()?;
    let (items, next) = state.db.messages_page(&caller.workspace, &row.id, after, page.limit() as u32).await?;
    Ok(Json(Page { items, next: next.map(|place| Cursor::at(&place)) }))
}

/// Whom a conversation is assigned to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Assign {
    /// A user's id; null for nobody.
    #[serde(default)]
    user: Option<String>,
}

/// Assign a conversation.
#[utoipa::path(post, path = "/conversations/{id}/assign", tag = "inbox", params(("id" = String, Path)), request_body = Assign,
    responses((status = 200, body = Conversation), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn assign(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<Assign>,
) -> Answer<Json<Value>> {
    caller.at_least(Role::Supervisor)?;
    let now = state.clock.now();
    let entry = caller.entry(now, "conversation.assign", &id, json!({"user": body.user}));
    let assigned = state.db.assign_conversation(&caller.workspace, &id, body.user, entry).await?;
    let conversation = assigned.ok_or_else(Problem::not_found)?.ok_or_else(|| {
        Problem::invalid(vec![FieldError::new("#/user", "unknown", "there is no such user in this workspace")])
    })?;
    state.wakes.feed_grew();
    Ok(Json(conversation))
}

/// Note that everything in a conversation so far was read.
#[utoipa::path(post, path = "/conversations/{id}/read", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = Conversation), (status = 404, body = Problem)))]
async fn mark_read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Value>> {
    caller.at_least(Role::Agent)?;
    let now = state.clock.now();
    let read = state.db.mark_conversation_read(&caller.workspace, &id, now).await?;
    state.wakes.feed_grew();
    read.map(Json).ok_or_else(Problem::not_found)
}
