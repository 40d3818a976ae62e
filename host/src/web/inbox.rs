//! Writing in conversations: what may be written now, and writing it. What the API and the pages do alike.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::clock::random;
use crate::db::{Addressee, ChannelRow, KeyedAnswer, NewMessage, Queued, Ticket};
use crate::model::time::rfc3339;
use crate::model::windows::{Facts, Window};
use crate::outbound::compose::ComposeError;
use crate::plugins::Generation;

/// What is written.
pub struct Reply {
    /// One content or a list of them, each with a `type`.
    pub content: Value,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// Whether a person wrote it. None: yes in a session, no with a token.
    pub human: Option<bool>,
}

/// A message that is on disk and will be sent.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    /// `msg_…`
    pub id: String,
    /// `cv_…`
    pub conversation_id: String,
    /// `queued`
    pub status: &'static str,
}

/// Replies in a conversation. `ticket` is the request's key, whose answer is kept in the same act.
///
/// # Errors
/// 409 outside the window, with the templates that may be used; 422 for what the channel cannot send; 503 while too much waits.
pub async fn reply(
    state: &State,
    caller: &Caller,
    conversation: &str,
    reply: Reply,
    ticket: Option<Ticket>,
) -> Answer<Accepted> {
    let row = state.db.conversation_row(&caller.workspace, conversation).await?.ok_or_else(Problem::not_found)?;
    let Some(channel) = &row.channel_id else {
        return Err(Problem::conflict(
            "channel-disconnected",
            "the channel of this conversation is disconnected; connect the same account again to go on",
        ));
    };
    let (channel, generation) = reach(state, caller, channel).await?;
    let facts = state.db.window_facts(&row.id).await?;
    let draft = Draft { reply, facts, ticket };
    send(state, caller, &channel, &generation, Addressee::Conversation(row.id), draft).await
}

/// What is to be sent, with what is known of the window.
pub struct Draft {
    /// What was written.
    pub reply: Reply,
    /// What is known of the conversation's windows.
    pub facts: Facts,
    /// The request's key, whose answer is kept in the same act.
    pub ticket: Option<Ticket>,
}

/// Checks a message against the channel and the window, and queues it.
///
/// # Errors
/// As [`reply`].
pub async fn send(
    state: &State,
    caller: &Caller,
    channel: &ChannelRow,
    generation: &Generation,
    to: Addressee,
    draft: Draft,
) -> Answer<Accepted> {
    let Some(account_id) = channel.account_id else {
        return Err(Problem::conflict("channel-not-connected", "this channel is not connected yet"));
    };
    if draft.reply.content.is_null() {
        return Err(Problem::invalid(vec![FieldError::required("#/content")]));
    }
    let human = draft.reply.human.unwrap_or(caller.user.is_some());
    let plugin = &generation.plugin;
    let checked = async {
        let contents = state.outbound.check(channel, plugin, &draft.reply.content).await?;
        state.outbound.may_send(plugin, &channel.features, &draft.facts, &contents, human)?;
        Ok::<_, ComposeError>(contents)
    };
    let contents = match checked.await {
        Ok(contents) => contents,
        Err(ComposeError::Fields(faults)) => return Err(Problem::invalid(faults)),
        Err(ComposeError::Db(error)) => return Err(error.into()),
        Err(ComposeError::WindowClosed(window)) => return Err(closed(state, channel, &window).await?),
    };
    let new = NewMessage {
        workspace: caller.workspace.clone(),
        to,
        account_id,
        keys: contents.iter().map(|_| fresh_key()).collect(),
        contents,
        reply_to: draft.reply.reply_to,
        human,
        created_by: Some(caller.actor.clone()),
        at: state.clock.now(),
        chance: random(),
        most_queued: state.outbound.settings().most_queued,
        answer: draft.ticket.map(kept_answer),
    };
    match state.db.queue_message(new).await? {
        Queued::Yes { id, conversation } => Ok(accepted(&id, &conversation)),
        Queued::Full => Err(Problem::unavailable("too many messages wait in this channel already", 10)),
        Queued::NoSuchReply => Err(Problem::invalid(vec![FieldError::new(
            "#/reply_to",
            "unknown",
            "there is no such message in this conversation",
        )])),
    }
}

fn accepted(id: &str, conversation: &str) -> Accepted {
    Accepted { id: id.to_owned(), conversation_id: conversation.to_owned(), status: "queued" }
}

/// What is kept for the key together with the message, the same as [`reply`] answers.
fn kept_answer(ticket: Ticket) -> KeyedAnswer {
    KeyedAnswer {
        ticket,
        status: StatusCode::ACCEPTED.as_u16(),
        headers: json!([["content-type", "application/json"]]).to_string(),
        body: |id, conversation| json!(accepted(id, conversation)).to_string().into_bytes(),
    }
}

/// A UUID that is the same for automatic tries.
pub fn fresh_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// 409 with the window, and where the channel has templates with those that may be used instead.
async fn closed(state: &State, channel: &ChannelRow, window: &Window) -> Answer<Problem> {
    let offered = state.outbound.offered_templates(channel, window).await?;
    let detail = match offered.as_ref().is_some_and(|templates| !templates.is_empty()) {
        true => "the messaging window is closed; use one of the templates, or wait until the person writes",
        false => "the messaging window is closed; it opens when the person writes",
    };
    let problem = Problem::conflict("window-closed", detail).with("window", window_json(window));
    Ok(match offered {
        Some(templates) => problem.with("templates", Value::Array(templates)),
        None => problem,
    })
}

/// The window of a conversation and what may be sent in it now: `window` and `composer`.
///
/// # Errors
/// The database refuses.
pub async fn outlook(state: &State, caller: &Caller, conversation: &Value) -> Answer<(Value, Value)> {
    let closed = |reason: &str| {
        let window = json!({"state": "closed", "closes_at": null, "allows": [], "reason": reason});
        (window, json!({"contents": []}))
    };
    let Some(channel) = conversation.pointer("/channel/id").and_then(Value::as_str) else {
        return Ok(closed("disconnected"));
    };
    let Ok((channel, generation)) = reach(state, caller, channel).await else { return Ok(closed("plugin-missing")) };
    let id = conversation.get("id").and_then(Value::as_str).unwrap_or_default();
    let facts = state.db.window_facts(id).await?;
    let (window, mut composer) =
        state.outbound.outlook(&generation.plugin, &channel.features, &facts, caller.user.is_some());
    if let Some(templates) = state.outbound.offered_templates(&channel, &window).await? {
        composer["templates"] = Value::Array(templates);
    }
    Ok((window_json(&window), composer))
}

/// The window in the API's form.
fn window_json(window: &Window) -> Value {
    json!({
        "state": if window.open { "open" } else { "closed" },
        "closes_at": window.closes_at.map(rfc3339),
        "allows": window.allows,
        "reason": window.reason,
    })
}

/// A channel of the caller's workspace, with the plugin that runs it.
///
/// # Errors
/// 404 where there is none, 409 where its plugin is not installed.
pub async fn reach(state: &State, caller: &Caller, channel: &str) -> Answer<(Arc<ChannelRow>, Arc<Generation>)> {
    let channel = state.db.channel_of(&caller.workspace, channel).await?.ok_or_else(Problem::not_found)?;
    let generation = state.plugins.get(&channel.plugin).ok_or_else(|| {
        Problem::conflict("plugin-missing", format!("the plugin `{}` is not installed", channel.plugin))
    })?;
    Ok((channel, generation))
}
