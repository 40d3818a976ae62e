//! What buttons of the inbox do: assign, mark as done or read, send again, decide what became of a message.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::INBOX;
use crate::console::asked::{Form, Path, below};
use crate::console::faults::Failure;
use crate::console::reader::Reader;
use crate::keys::{ConversationId, MessageId};
use crate::model::shown::conversation::Standing;
use crate::web::inbox;
use crate::web::state::State;

fn back(id: &str) -> Response {
    Redirect::to(&below(INBOX, id)).into_response()
}

/// The user who is to answer a conversation.
#[derive(Deserialize)]
pub(in crate::console) struct Assign {
    /// A user's id; empty unassigns the conversation.
    #[serde(default)]
    user: String,
}

/// Assigns the conversation.
pub(in crate::console) async fn assign(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ConversationId>,
    Form(Assign { user }): Form<Assign>,
) -> Result<Response, Failure> {
    inbox::assign(&state, &reader.caller, id, Some(user).filter(|user| !user.is_empty())).await?;
    Ok(back(&id.to_string()))
}

/// Whether a conversation is done.
#[derive(Deserialize)]
pub(in crate::console) struct NewStatus {
    status: Standing,
}

/// Opens the conversation or marks it as done.
pub(in crate::console) async fn set_status(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ConversationId>,
    Form(NewStatus { status }): Form<NewStatus>,
) -> Result<Response, Failure> {
    inbox::set_status(&state, &reader.caller, id, status).await?;
    Ok(back(&id.to_string()))
}

/// Notes that everything so far was read.
pub(in crate::console) async fn read(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ConversationId>,
) -> Result<Response, Failure> {
    inbox::mark_read(&state, &reader.caller, id).await?;
    Ok(back(&id.to_string()))
}

/// Sends a message again that failed.
pub(in crate::console) async fn retry(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, message)): Path<(String, MessageId)>,
) -> Result<Response, Failure> {
    inbox::retry(&state, &reader.caller, message).await?;
    Ok(back(&id))
}

/// What a person found out about a message.
#[derive(Deserialize)]
pub(in crate::console) struct Resolve {
    /// `sent`; `again`: it did not arrive, and is sent again.
    #[serde(default)]
    outcome: String,
}

/// Decides a message that may have arrived.
pub(in crate::console) async fn resolve(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, message)): Path<(String, MessageId)>,
    Form(Resolve { outcome }): Form<Resolve>,
) -> Result<Response, Failure> {
    let sent = outcome == "sent";
    inbox::resolve(&state, &reader.caller, message, if sent { "sent" } else { "failed" }).await?;
    if !sent {
        inbox::retry(&state, &reader.caller, message).await?;
    }
    Ok(back(&id))
}
