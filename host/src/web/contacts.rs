//! What the API and the pages do alike with a contact.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::model::name;
use crate::model::shown::contact::Contact;

/// Names a contact; with `None` the provider's next name counts again.
///
/// # Errors
/// 404 where there is no such contact, 422 for a name that is empty or too long.
pub async fn rename(state: &State, caller: &Caller, id: &str, name: Option<String>) -> Answer<Contact> {
    caller.at_least(Role::Agent)?;
    if let Some(given) = &name {
        let fault =
            if given.trim().is_empty() { Some(FieldError::required("#/name")) } else { name::fault("#/name", given) };
        if let Some(fault) = fault {
            return Err(Problem::invalid(vec![fault]));
        }
    }
    // The name itself is no one's to read in a log that outlives the contact.
    let entry = caller.entry(state.clock.now(), "contact.rename", id, json!({"named": name.is_some()}));
    let name = name.map(|name| name.trim().to_owned());
    let renamed = state.db.rename_contact(&caller.workspace, id, name, entry).await?;
    state.wakes.feed_grew();
    renamed.ok_or_else(Problem::not_found)
}
