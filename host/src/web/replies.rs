//! Saved replies of a workspace: what the API and the pages do alike.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{KeptAnswer, NewReply, ReplyAdded};
use crate::model::shown::reply::SavedReply;
use crate::model::time::rfc3339;
use crate::model::{name, variables};

/// Most saved replies of a workspace.
pub const MOST: u32 = 200;
/// Longest text, in characters.
const MOST_TEXT: usize = 4_000;

/// What a reply holds.
pub struct Held {
    /// What it is found by.
    pub name: String,
    /// The text with its variables.
    pub text: String,
}

/// What is to change of a reply.
#[derive(Default)]
pub struct ReplyChange {
    /// What it is found by.
    pub name: Option<String>,
    /// The text with its variables.
    pub text: Option<String>,
}

fn name_faults(name: &str) -> Option<FieldError> {
    if name.trim().is_empty() { Some(FieldError::required("#/name")) } else { name::fault("#/name", name) }
}

fn text_faults(text: &str) -> Option<FieldError> {
    if text.trim().is_empty() {
        return Some(FieldError::required("#/text"));
    }
    if text.chars().count() > MOST_TEXT {
        let words = format!("must have at most {MOST_TEXT} characters");
        return Some(FieldError::new("#/text", "too-long", words));
    }
    let unknown = variables::unknown(text)?;
    let known = variables::KNOWN.map(|name| format!("{{{{{name}}}}}")).join(", ");
    let words = format!("there is no variable {{{{{unknown}}}}}; there are {known}");
    Some(FieldError::new("#/text", "unknown-variable", words))
}

/// The workspace's saved replies by name; with `find` those whose name contains the text.
///
/// # Errors
/// The database does not answer.
pub async fn list(state: &State, caller: &Caller, find: Option<&str>) -> Answer<Vec<SavedReply>> {
    caller.at_least(Role::Agent)?;
    Ok(state.db.replies(&caller.workspace, find.map(str::trim).filter(|find| !find.is_empty()), MOST).await?)
}

/// One saved reply.
///
/// # Errors
/// 404 where there is none.
pub async fn one(state: &State, caller: &Caller, id: &str) -> Answer<SavedReply> {
    caller.at_least(Role::Agent)?;
    state.db.saved_reply(&caller.workspace, id).await?.ok_or_else(Problem::not_found)
}

/// Saves a reply. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 409 where the workspace has as many as it may, 422 for a field that is empty, too long or holds an unknown variable.
pub async fn add(
    state: &State,
    caller: &Caller,
    Held { name, text }: Held,
    answer: impl FnOnce(&SavedReply) -> Option<KeptAnswer>,
) -> Answer<SavedReply> {
    caller.at_least(Role::Supervisor)?;
    let faults: Vec<FieldError> = name_faults(&name).into_iter().chain(text_faults(&text)).collect();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let (now, name) = (state.clock.now(), name.trim().to_owned());
    let new = NewReply { id: state.clock.id("rp"), name, text };
    let made = rfc3339(now);
    let shown = SavedReply {
        id: new.id.clone(),
        name: new.name.clone(),
        text: new.text.clone(),
        created_at: made.clone(),
        changed_at: made,
    };
    let entry = caller.entry(now, "reply.create", &new.id, json!({ "name": new.name }));
    match state.db.add_reply(&caller.workspace, new, MOST, entry, answer(&shown)).await? {
        ReplyAdded::Yes(reply) => Ok(reply),
        ReplyAdded::Full => {
            let words = format!("a workspace has at most {MOST} saved replies; remove one first");
            Err(Problem::conflict("too-many-replies", words))
        }
    }
}

/// Changes a saved reply.
///
/// # Errors
/// 404 where there is none, 422 as for [`add`].
pub async fn change(state: &State, caller: &Caller, id: &str, change: ReplyChange) -> Answer<SavedReply> {
    caller.at_least(Role::Supervisor)?;
    let ReplyChange { name, text } = change;
    let faults: Vec<FieldError> =
        name.as_deref().and_then(name_faults).into_iter().chain(text.as_deref().and_then(text_faults)).collect();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let name = name.map(|name| name.trim().to_owned());
    let entry = caller.entry(state.clock.now(), "reply.change", id, json!({ "name": name, "text": text.is_some() }));
    state.db.change_reply(&caller.workspace, id, name, text, entry).await?.ok_or_else(Problem::not_found)
}

/// Removes a saved reply.
///
/// # Errors
/// 404 where there is none.
pub async fn remove(state: &State, caller: &Caller, id: &str) -> Answer<()> {
    caller.at_least(Role::Supervisor)?;
    let entry = caller.entry(state.clock.now(), "reply.remove", id, json!({}));
    state.db.remove_reply(&caller.workspace, id, entry).await?.then_some(()).ok_or_else(Problem::not_found)
}
