//! Tells who types in a conversation: a user to colleagues and to the customer, a visitor to the team. The host keeps nothing of it.

use super::caller::Caller;
use super::inbox::reach;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db;
use crate::keys::ConversationId;
use crate::model::shown::message::Author;
use crate::model::shown::typing::Typing;

/// Tells that the caller types. The customer sees it where the channel can show it: at most once in three seconds for a conversation,
/// however many users type and however often this is called.
///
/// # Errors
/// 404 where there is no such conversation.
pub async fn user_types(state: &State, caller: &Caller, id: ConversationId) -> Answer<()> {
    caller.at_least(Role::Agent)?;
    let row = state.db.conversation_row(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    let name = caller.user.is_some().then(|| caller.name.as_str().into());
    let from = Author::User { id: caller.actor.as_str().into(), name };
    let event = db::typing_event(&Typing { conversation_id: row.id, from })?;
    state.wakes.passing.tell(&caller.workspace, &format!("{} {}", row.id, caller.actor), || event);
    if state.limits.typing.check(&row.id.to_string()).is_err() {
        return Ok(());
    }
    let Some(channel) = &row.channel_id else { return Ok(()) };
    let Ok((channel, generation)) = reach(state, caller, channel).await else { return Ok(()) };
    let is_chat = generation.plugin.manifest().ingress.visitor;
    if !is_chat && !channel.features["typing"].as_bool().unwrap_or(false) {
        return Ok(());
    }
    let Some(place) = state.db.typing_place(row.id).await? else { return Ok(()) };
    if is_chat {
        // A visitor's thread is named by their id.
        state.wakes.typing.grew(place.thread.key.as_str());
    } else {
        state.inbound.show_typing(channel, place);
    }
    Ok(())
}

/// Tells the team that a web visitor types. Before their first message there is no conversation to tell of.
///
/// # Errors
/// The database does not answer.
pub async fn visitor_types(state: &State, workspace: &str, account: i64, visitor: &str) -> Answer<()> {
    let Some(typing) = state.db.visitor_types(account, visitor).await? else { return Ok(()) };
    let event = db::typing_event(&typing)?;
    state.wakes.passing.tell(workspace, &typing.conversation_id.to_string(), || event);
    Ok(())
}
