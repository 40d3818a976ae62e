//! Messages: write one, begin a conversation with one, read one, retry a failed one, decide an unknown one.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use sambung_runtime::contract::types::Identity;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::Keyed;
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::Addressee;
use crate::keys::{ContactId, ConversationId, MessageId};
use crate::model::shown::content::{Contents, Recipient};
use crate::model::shown::message::Message;
use crate::model::windows::Facts;
use crate::web::inbox::{self, Accepted, Draft, reach};

/// `/messages`, and where they are written
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(reply))
        .routes(routes!(begin))
        .routes(routes!(read))
        .routes(routes!(retry))
        .routes(routes!(resolve))
}

/// A message to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// One content or a list of them, each with a `type`.
    #[serde(default)]
    #[schema(value_type = Contents)]
    content: Value,
    /// The message that it answers.
    #[serde(default)]
    reply_to: Option<String>,
    /// Whether a person wrote it. When absent: yes in a session, no with a token.
    #[serde(default)]
    human: Option<bool>,
}

/// A message that begins a conversation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Beginning {
    /// `{"contact_id": "ct_…"}`, or an identity `{"scheme": "phone", "scope": "", "value": "62811…"}`, or a list of identities
    /// of one person.
    #[serde(default)]
    #[schema(value_type = Recipient)]
    to: Value,
    /// One content or a list of them, each with a `type`.
    #[serde(default)]
    #[schema(value_type = Contents)]
    content: Value,
    /// Whether a person wrote it. When absent: yes in a session, no with a token.
    #[serde(default)]
    human: Option<bool>,
}

/// Reply in a conversation. Outside the window: 409 `window-closed` with the templates that may be used.
#[utoipa::path(post, path = "/conversations/{id}/messages", tag = "inbox", params(("id" = String, Path)), request_body = Reply,
    responses((status = 202, body = Accepted), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn reply(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Path(id): Path<ConversationId>,
    Body(body): Body<Reply>,
) -> Answer<(StatusCode, Json<Accepted>)> {
    caller.at_least(Role::Agent)?;
    let reply = inbox::Reply {
        content: body.content,
        reply_to: body.reply_to.as_deref().map(MessageId::of),
        human: body.human,
    };
    let accepted = inbox::reply(&state, &caller, id, reply, keyed.0).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Begin a conversation, where the channel allows it.
#[utoipa::path(post, path = "/channels/{id}/messages", tag = "inbox", params(("id" = String, Path)), request_body = Beginning,
    responses((status = 202, body = Accepted), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn begin(
    Axum(state): Axum<State>,
    caller: Caller,
    keyed: Keyed,
    Path(id): Path<String>,
    Body(body): Body<Beginning>,
) -> Answer<(StatusCode, Json<Accepted>)> {
    caller.at_least(Role::Agent)?;
    let (channel, generation) = reach(&state, &caller, &id).await?;
    let Some(account) = channel.account_id else {
        return Err(Problem::conflict("channel-not-connected", "this channel is not connected yet"));
    };
    let to = addressee(&state, &caller, &body.to).await?;
    let known = state.db.conversation_with(&caller.workspace, account, to.clone()).await?;
    let facts = match known {
        Some(conversation) => state.db.window_facts(conversation).await?,
        None => Facts::default(),
    };
    let reply = inbox::Reply { content: body.content, reply_to: None, human: body.human };
    let draft = Draft { reply, facts, ticket: keyed.0 };
    let accepted = inbox::send(&state, &caller, &channel, &generation, Addressee::Person(to), draft).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// One message.
#[utoipa::path(get, path = "/messages/{id}", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 200, body = Message<'static>), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<MessageId>) -> Answer<Json<Message<'static>>> {
    caller.at_least(Role::Agent)?;
    state.db.message(&caller.workspace, id).await?.map(Json).ok_or_else(Problem::not_found)
}

/// Send a failed message again, as a new attempt.
#[utoipa::path(post, path = "/messages/{id}/retry", tag = "inbox", params(("id" = String, Path)), responses(
    (status = 202, body = Message<'static>), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn retry(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<MessageId>,
) -> Answer<(StatusCode, Json<Message<'static>>)> {
    Ok((StatusCode::ACCEPTED, Json(inbox::retry(&state, &caller, id).await?)))
}

/// What became of an unknown message.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resolution {
    /// `sent` or `failed`
    #[serde(default)]
    outcome: String,
}

/// Decide what became of an unknown message. An agent decides their own, a supervisor others' as well.
#[utoipa::path(post, path = "/messages/{id}/resolve", tag = "inbox", params(("id" = String, Path)), request_body = Resolution,
    responses((status = 200, body = Message<'static>), (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn resolve(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<MessageId>,
    Body(body): Body<Resolution>,
) -> Answer<Json<Message<'static>>> {
    Ok(Json(inbox::resolve(&state, &caller, id, &body.outcome).await?))
}

/// Whom a conversation is begun with.
async fn addressee(state: &State, caller: &Caller, to: &Value) -> Answer<Vec<Identity>> {
    let refuse = |pointer: &str, words: &str| Problem::invalid(vec![FieldError::new(pointer, "type", words)]);
    if let Some(contact) = to.get("contact_id").and_then(Value::as_str) {
        let known = state.db.contact_identities(&caller.workspace, ContactId::of(contact)).await?;
        if known.is_empty() {
            return Err(refuse(
                "#/to/contact_id",
                "there is no such contact, or nothing is known of how to reach them",
            ));
        }
        return Ok(known);
    }
    let listed: Vec<&Value> = match to {
        Value::Array(list) if !list.is_empty() && list.len() <= 20 => list.iter().collect(),
        Value::Object(_) => vec![to],
        Value::Null => return Err(Problem::invalid(vec![FieldError::required("#/to")])),
        _ => return Err(refuse("#/to", "must be a contact_id, an identity, or a list of at most 20 identities")),
    };
    let mut identities = Vec::new();
    let mut faults = Vec::new();
    for (index, entry) in listed.iter().enumerate() {
        let pointer = if to.is_array() { format!("#/to/{index}") } else { "#/to".to_owned() };
        let mut text = |key: &str, required: bool| {
            let value = entry.get(key).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
            if required && value.is_empty() {
                faults.push(FieldError::required(format!("{pointer}/{key}")));
            }
            value
        };
        let (scheme, scope, value) = (text("scheme", true), text("scope", false), text("value", true));
        identities.push(Identity { scheme, scope, value, extra: Vec::new() });
    }
    if faults.is_empty() { Ok(identities) } else { Err(Problem::invalid(faults)) }
}
