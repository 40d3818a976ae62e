//! What the API and the pages do alike with a conversation: show it, write in it, assign it, note that it was read or is done.

use std::sync::Arc;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::caller::Caller;
use super::once::{self, Submission, fresh_key};
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{Addressee, Assigned, Assigner, Changed, ChannelRow, KeyedAnswer, NewMessage, Queued, Ticket};
use crate::keys::{ConversationId, MessageId};
use crate::model::shown::conversation::{self as shown, Composer, Conversation, Standing};
use crate::model::shown::message::Message;
use crate::model::time::rfc3339;
use crate::model::windows::{Facts, Window};
use crate::outbound::compose::ComposeError;
use crate::plugins::Generation;

/// What is written.
pub struct Reply {
    /// One content or a list of them, each with a `type`.
    pub content: Value,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// Whether a person wrote it. None: yes in a session, no with a token.
    pub human: Option<bool>,
}

/// A message that is on disk and will be sent.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    /// `msg_…`
    #[schema(value_type = String)]
    pub id: MessageId,
    /// `cv_…`
    #[schema(value_type = String)]
    pub conversation_id: ConversationId,
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
    conversation: ConversationId,
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
    let facts = state.db.window_facts(row.id).await?;
    let draft = Draft { reply, facts, ticket };
    send(state, caller, &channel, &generation, Addressee::Conversation(row.id), draft).await
}

/// Replies with what a form holds. A form that comes again, because its button was pressed twice or the answer was lost, sends
/// nothing more.
///
/// # Errors
/// As [`reply`] and [`once::begin`].
pub async fn reply_once(
    state: &State,
    caller: &Caller,
    conversation: ConversationId,
    content: Reply,
    form: Submission,
) -> Answer<()> {
    let ticket = match once::begin(state, caller, &form).await? {
        once::Form::New(ticket) => ticket,
        once::Form::Done(_) => return Ok(()),
    };
    let done = reply(state, caller, conversation, content, Some(ticket.clone())).await;
    if done.is_err() {
        state.db.forget_request(ticket).await?;
    }
    done.map(|_| ())
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
        most_queued: state.outbound.settings().most_queued,
        answer: draft.ticket.map(kept_answer),
    };
    match state.db.queue_message(new).await? {
        Queued::Yes { id, conversation } => Ok(accepted(id, conversation)),
        Queued::Full => Err(Problem::unavailable("too many messages wait in this channel already", 10)),
        Queued::NoSuchReply => Err(Problem::invalid(vec![FieldError::new(
            "#/reply_to",
            "unknown",
            "there is no such message in this conversation",
        )])),
    }
}

fn accepted(id: MessageId, conversation: ConversationId) -> Accepted {
    Accepted { id, conversation_id: conversation, status: "queued" }
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

/// 409 with the window, and where the channel has templates with those that may be used instead.
async fn closed(state: &State, channel: &ChannelRow, window: &Window) -> Answer<Problem> {
    let offered = state.outbound.offered_templates(channel, window).await?;
    let detail = match offered.as_ref().is_some_and(|templates| !templates.is_empty()) {
        true => "the messaging window is closed; use one of the templates, or wait until the person writes",
        false => "the messaging window is closed; it opens when the person writes",
    };
    let problem = Problem::conflict("window-closed", detail).with("window", json!(shown_window(window)));
    Ok(match offered {
        Some(templates) => problem.with("templates", Value::Array(templates)),
        None => problem,
    })
}

/// One conversation, with its window and what may be sent in it now.
///
/// # Errors
/// 404 where there is none.
pub async fn conversation(state: &State, caller: &Caller, id: ConversationId) -> Answer<Conversation<'static>> {
    let found = state.db.conversation(&caller.workspace, id, caller.user.as_deref()).await?;
    let mut shown = found.ok_or_else(Problem::not_found)?;
    let (window, composer) = outlook(state, caller, &shown).await?;
    (shown.window, shown.composer) = (Some(window), Some(composer));
    Ok(shown)
}

async fn outlook(state: &State, caller: &Caller, conversation: &Conversation<'_>) -> Answer<(shown::Window, Composer)> {
    let closed = |reason: &str| {
        let reason = Some(reason.to_owned());
        let window = shown::Window { state: "closed".into(), closes_at: None, allows: Vec::new(), reason };
        (window, Composer::nothing())
    };
    let Some(channel) = &conversation.channel else { return Ok(closed("disconnected")) };
    let Ok((channel, generation)) = reach(state, caller, &channel.id).await else {
        return Ok(closed("plugin-missing"));
    };
    let facts = state.db.window_facts(conversation.id).await?;
    let (window, mut composer) =
        state.outbound.outlook(&generation.plugin, &channel.features, &facts, caller.user.is_some());
    composer.templates = state.outbound.offered_templates(&channel, &window).await?;
    Ok((shown_window(&window), composer))
}

/// The window as it is shown.
fn shown_window(window: &Window) -> shown::Window {
    shown::Window {
        state: if window.open { "open" } else { "closed" }.to_owned(),
        closes_at: window.closes_at.map(rfc3339),
        allows: window.allows.iter().map(ToString::to_string).collect(),
        reason: window.reason.map(str::to_owned),
    }
}

/// Assigns a conversation to a user, or to nobody. An agent may take what is unassigned and give back their own.
///
/// # Errors
/// 403 for an agent who means another user's, 404 where there is no such conversation, 422 where there is no such user.
pub async fn assign(
    state: &State,
    caller: &Caller,
    id: ConversationId,
    user: Option<String>,
) -> Answer<Conversation<'static>> {
    caller.at_least(Role::Agent)?;
    let entry = caller.entry(state.clock.now(), "conversation.assign", &id.to_string(), json!({"user": user}));
    let by = Assigner { user: caller.user.clone(), any: caller.role >= Role::Supervisor };
    let assigned = state.db.assign_conversation(&caller.workspace, id, user, by, entry).await?;
    match assigned {
        Assigned::Done(conversation) => Ok(*conversation),
        Assigned::NotFound => Err(Problem::not_found()),
        Assigned::NoSuchUser => {
            Err(Problem::invalid(vec![FieldError::new("#/user", "unknown", "there is no such user in this workspace")]))
        }
        Assigned::NotYours => Err(Problem::forbidden(
            "an agent may take a conversation that is unassigned and give back their own; for others this needs the role supervisor",
        )),
    }
}

/// Opens a conversation or marks it as done.
///
/// # Errors
/// 404 where there is no such conversation.
pub async fn set_status(
    state: &State,
    caller: &Caller,
    id: ConversationId,
    status: Standing,
) -> Answer<Conversation<'static>> {
    caller.at_least(Role::Agent)?;
    let entry = caller.entry(state.clock.now(), "conversation.status", &id.to_string(), json!({"status": status}));
    let changed = state.db.set_conversation_status(&caller.workspace, id, status, caller.user.clone(), entry).await?;
    changed.ok_or_else(Problem::not_found)
}

/// Notes that the caller read a conversation up to now.
///
/// # Errors
/// 404 where there is no such conversation.
pub async fn mark_read(state: &State, caller: &Caller, id: ConversationId) -> Answer<Conversation<'static>> {
    caller.at_least(Role::Agent)?;
    let now = state.clock.now();
    let read = state.db.mark_conversation_read(&caller.workspace, id, caller.user.clone(), now).await?;
    read.ok_or_else(Problem::not_found)
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

/// Sends a failed message again, as a new attempt.
///
/// # Errors
/// 404 where there is no such message, 409 where it did not fail.
pub async fn retry(state: &State, caller: &Caller, id: MessageId) -> Answer<Message<'static>> {
    caller.at_least(Role::Agent)?;
    let changed = state.db.retry_message(&caller.workspace, id, fresh_key, state.clock.now()).await?;
    changed_or(changed, "not-failed", "only a failed message can be retried")
}

/// Decides what became of an unknown message: `sent` or `failed`. An agent decides their own, a supervisor others' as well.
///
/// # Errors
/// 403 for another's message, 404 where there is none, 409 where it is not unknown, 422 for another outcome.
pub async fn resolve(state: &State, caller: &Caller, id: MessageId, outcome: &str) -> Answer<Message<'static>> {
    caller.at_least(Role::Agent)?;
    let sent = match outcome {
        "sent" => true,
        "failed" => false,
        "" => return Err(Problem::invalid(vec![FieldError::required("#/outcome")])),
        _ => return Err(Problem::invalid(vec![FieldError::new("#/outcome", "unknown", "must be `sent` or `failed`")])),
    };
    let only_of = (caller.role < Role::Supervisor).then(|| caller.actor.clone());
    let entry = caller.entry(state.clock.now(), "message.resolve", &id.to_string(), json!({"outcome": outcome}));
    let changed = state.db.resolve_message(&caller.workspace, id, sent, only_of, entry).await?;
    let message = changed_or(changed, "not-unknown", "only an unknown message can be decided")?;
    Ok(message)
}

fn changed_or(changed: Changed, code: &str, rule: &str) -> Answer<Message<'static>> {
    match changed {
        Changed::Yes(message) => Ok(*message),
        Changed::NotFound => Err(Problem::not_found()),
        Changed::Not(status) => Err(Problem::conflict(code, format!("{rule}; this one is {status}"))),
        Changed::NotYours => Err(Problem::forbidden("this needs the role supervisor, since somebody else wrote it")),
    }
}
