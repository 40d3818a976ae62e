//! What the API and the pages do alike with a contact.

use axum::response::Response;
use serde_json::{Value, json};

use super::caller::Caller;
use super::export::{self, AT_ONCE, Lines};
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::{Erased, MOST_MERGED, Merging};
use crate::keys::ContactId;
use crate::model::audit::Entry;
use crate::model::name;
use crate::model::shown::contact::{Contact, Identity};

/// Names a contact; with `None` the provider's next name counts again.
///
/// # Errors
/// 404 where there is no such contact, 422 for a name that is empty or too long.
pub async fn rename(state: &State, caller: &Caller, id: ContactId, name: Option<String>) -> Answer<Contact> {
    caller.at_least(Role::Agent)?;
    if let Some(given) = &name {
        let fault =
            if given.trim().is_empty() { Some(FieldError::required("#/name")) } else { name::fault("#/name", given) };
        if let Some(fault) = fault {
            return Err(Problem::invalid(vec![fault]));
        }
    }
    // The name itself is no one's to read in a log that outlives the contact.
    let entry = caller.entry(state.clock.now(), "contact.rename", &id.to_string(), json!({"named": name.is_some()}));
    let name = name.map(|name| name.trim().to_owned());
    let renamed = state.db.rename_contact(&caller.workspace, id, name, entry).await?;
    renamed.ok_or_else(Problem::not_found)
}

/// Merges the contact `other` into the contact `id`, which stays.
///
/// # Errors
/// 404 where one of them is not there, 409 where the other is merged into a third or too many were merged, 422 for a contact with
/// itself.
pub async fn merge(state: &State, caller: &Caller, id: ContactId, other: ContactId) -> Answer<Contact> {
    caller.at_least(Role::Agent)?;
    if id == other {
        let words = "a contact cannot be merged with itself; name another contact";
        return Err(Problem::invalid(vec![FieldError::new("#/contact", "choice", words)]));
    }
    let entry = caller.entry(state.clock.now(), "contact.merge", &id.to_string(), json!({"contact": other}));
    let merging = state.db.merge_contacts(&caller.workspace, id, other, entry).await?;
    became(merging)
}

/// Takes the contact `other` out of the contact `id`, which it was merged into.
///
/// # Errors
/// 404 where one of them is not there, 409 where the other is merged into a third.
pub async fn split(state: &State, caller: &Caller, id: ContactId, other: ContactId) -> Answer<Contact> {
    caller.at_least(Role::Agent)?;
    let entry = caller.entry(state.clock.now(), "contact.split", &id.to_string(), json!({"contact": other}));
    let merging = state.db.split_contact(&caller.workspace, id, other, entry).await?;
    became(merging)
}

fn became(merging: Merging) -> Answer<Contact> {
    match merging {
        Merging::Done(contact) => Ok(*contact),
        Merging::NotFound => Err(Problem::not_found()),
        Merging::Elsewhere(contact) => {
            let detail = format!("this contact is merged into {contact}; take it apart there first");
            Err(Problem::conflict("merged-elsewhere", detail).with("contact", contact.to_string()))
        }
        Merging::TooMany => {
            let detail = format!("at most {MOST_MERGED} contacts can be merged into one");
            Err(Problem::conflict("too-many-merged", detail))
        }
    }
}

/// Erases a contact: what they wrote and were written, their files, names, identities, and the raw requests that held them.
///
/// # Errors
/// 404 where there is no such contact.
pub async fn erase(state: &State, caller: &Caller, id: ContactId) -> Answer<()> {
    caller.at_least(Role::Admin)?;
    let now = state.clock.now();
    let line = caller.entry(now, "contact.erase", &id.to_string(), Value::Null);
    let line = move |erased: &Erased| Entry {
        detail: json!({"messages": erased.messages, "files": erased.media, "raw_requests": erased.journal,
            "waiting_requests": erased.waiting}),
        ..line
    };
    state.db.erase_contact(&caller.workspace, id, now, line).await?.ok_or_else(Problem::not_found)?;
    state.media.remove_unwanted().await?;
    Ok(())
}

/// The first line of the file.
const HEAD: [&str; 5] = ["id", "name", "identities", "created_at", "changed_at"];

/// The contacts of the caller's workspace as a CSV file, the newest first; with `search` those that the list finds. That it was taken is a
/// line of the audit log.
///
/// # Errors
/// 403 below the role admin, because the file leaves the host with everybody's identities.
pub async fn export(state: &State, caller: &Caller, search: Option<String>) -> Answer<Response> {
    caller.at_least(Role::Admin)?;
    state
        .db
        .audit(caller.entry(state.clock.now(), "contact.export", "", json!({ "search": search.is_some() })))
        .await?;
    let (state, workspace) = (state.clone(), caller.workspace.clone());
    export::csv("contacts.csv", &HEAD, move |before: Option<ContactId>| {
        let (state, workspace, search) = (state.clone(), workspace.clone(), search.clone());
        async move {
            let rows = state.db.contacts_page(&workspace, search, before, AT_ONCE as u32).await?;
            let next = rows.last().filter(|_| rows.len() == AT_ONCE).map(|last| last.id);
            Ok(Lines { lines: rows.into_iter().map(cells).collect(), next })
        }
    })
    .await
}

fn cells(contact: Contact) -> Vec<String> {
    let identity = |identity: &Identity| format!("{} {}", identity.scheme, identity.value);
    let identities = contact.identities.iter().map(identity).collect::<Vec<_>>().join("; ");
    vec![contact.id.to_string(), contact.name.unwrap_or_default(), identities, contact.created_at, contact.changed_at]
}
