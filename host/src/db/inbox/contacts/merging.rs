//! Contacts that a user says are one person, and taking them apart again.
//!
//! A merged contact's row stays and names the contact that is shown in its place. Its identities, conversations and messages keep
//! pointing to it, so nothing that arrives meanwhile can go elsewhere, an answer goes to the identity that wrote, and what is taken
//! apart is exactly what was merged, with what came later. What is shown, searched, renamed and erased is the whole person.

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::inbox::contacts::{merged_into, one, shown_for};
use crate::db::inbox::conversations::conversation_updated;
use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::keys::{ContactId, ConversationId};
use crate::model::audit::Entry;
use crate::model::shown::contact::Contact;

/// Contacts that users may merge into one.
pub const MOST_MERGED: usize = 50;

/// What became of merging two contacts, or of taking one apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merging {
    /// It is so, now or already: the contact that stays.
    Done(Box<Contact>),
    /// The workspace has no such contact, or it was erased.
    NotFound,
    /// The other contact is merged into this one.
    Elsewhere(ContactId),
    /// [`MOST_MERGED`] would be exceeded.
    TooMany,
}

impl Db {
    /// Merges the contact `other`, with those that were merged into it, into `into`. Writes nothing where they are one already.
    pub async fn merge_contacts(
        &self,
        workspace: &str,
        into: ContactId,
        other: ContactId,
        entry: Entry,
    ) -> Result<Merging, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let (Some(kept), Some(stands_for)) = (shown_for(db, &workspace, into)?, shown_for(db, &workspace, other)?)
            else {
                return Ok(Merging::NotFound);
            };
            if kept == stands_for {
                return done(db, &workspace, kept);
            }
            if stands_for != other {
                return Ok(Merging::Elsewhere(stands_for));
            }
            let follow = merged_into(db, other)?;
            if merged_into(db, kept)?.len() + follow.len() + 1 > MOST_MERGED {
                return Ok(Merging::TooMany);
            }
            let was_named = is_named(db, kept)?;
            db.prepare_cached("UPDATE contacts SET merged_into = ?2, changed_at = ?3 WHERE merged_into = ?1")?
                .execute(params![other, kept, entry.at])?;
            db.prepare_cached("UPDATE contacts SET merged_into = ?2, merged_at = ?3, changed_at = ?3 WHERE id = ?1")?
                .execute(params![other, kept, entry.at])?;
            db.prepare_cached("UPDATE contacts SET changed_at = ?2 WHERE id = ?1")?.execute(params![kept, entry.at])?;
            audit::append(db, &entry)?;
            // The name of a contact without one is that of a merged contact, so it may be shown otherwise as well.
            let moved = follow.into_iter().chain([other]).chain((!was_named).then_some(kept));
            tell(db, &workspace, moved, entry.at)?;
            done(db, &workspace, kept)
        })
        .await
    }

    /// Takes the contact `other` out of `from`, which it was merged into. Writes nothing where it is on its own already.
    pub async fn split_contact(
        &self,
        workspace: &str,
        from: ContactId,
        other: ContactId,
        entry: Entry,
    ) -> Result<Merging, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let (Some(kept), Some(stands_for)) = (shown_for(db, &workspace, from)?, shown_for(db, &workspace, other)?)
            else {
                return Ok(Merging::NotFound);
            };
            if stands_for == other {
                return done(db, &workspace, kept);
            }
            if stands_for != kept {
                return Ok(Merging::Elsewhere(stands_for));
            }
            let was_named = is_named(db, kept)?;
            db.prepare_cached(
                "UPDATE contacts SET merged_into = NULL, merged_at = NULL, changed_at = ?2 WHERE id = ?1",
            )?
            .execute(params![other, entry.at])?;
            db.prepare_cached("UPDATE contacts SET changed_at = ?2 WHERE id = ?1")?.execute(params![kept, entry.at])?;
            audit::append(db, &entry)?;
            tell(db, &workspace, [other].into_iter().chain((!was_named).then_some(kept)), entry.at)?;
            done(db, &workspace, kept)
        })
        .await
    }
}

fn done(db: &Connection, workspace: &str, kept: ContactId) -> Result<Merging, DbError> {
    Ok(one(db, workspace, kept)?.map_or(Merging::NotFound, |contact| Merging::Done(Box::new(contact))))
}

fn is_named(db: &Connection, contact: ContactId) -> Result<bool, DbError> {
    Ok(db.prepare_cached("SELECT 1 FROM contacts WHERE id = ?1 AND name IS NOT NULL")?.exists([contact])?)
}

/// The feed's rows for the conversations that are shown with another contact now: the newest 100 of each.
fn tell(
    db: &Connection,
    workspace: &str,
    contacts: impl IntoIterator<Item = ContactId>,
    at: i64,
) -> Result<(), DbError> {
    for contact in contacts {
        for conversation in conversations_with(db, contact)? {
            conversation_updated(db, workspace, conversation, at)?;
        }
    }
    Ok(())
}

fn conversations_with(db: &Connection, contact: ContactId) -> Result<Vec<ConversationId>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT id FROM conversations WHERE contact_id = ?1 AND merged_into IS NULL ORDER BY last_message_at DESC, id DESC LIMIT 100",
    )?;
    Ok(query.query_map([contact], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A provider's request proved that the contact `gone` is `kept`, and `gone` is about to be removed: all that users merged with
/// either is one person from now on. The conversations that are shown with another contact now.
pub(in crate::db) fn join_groups(
    db: &Connection,
    kept: ContactId,
    gone: ContactId,
    now: i64,
) -> Result<Vec<ConversationId>, DbError> {
    let stands_for = |id: ContactId| -> Result<ContactId, DbError> {
        let mut query = db.prepare_cached("SELECT coalesce(merged_into, id) FROM contacts WHERE id = ?1")?;
        Ok(query.query_row([id], |row| row.get(0)).optional()?.unwrap_or(id))
    };
    let (of_kept, of_gone) = (stands_for(kept)?, stands_for(gone)?);
    let shown = if of_kept == gone { kept } else { of_kept };
    let mut people = vec![of_kept, of_gone];
    people.extend(merged_into(db, of_kept)?);
    people.extend(merged_into(db, of_gone)?);
    let mut changed = Vec::new();
    for person in people.into_iter().filter(|person| *person != gone) {
        let moves = stands_for(person)? != shown;
        let (into, since) = if person == shown { (None, None) } else { (Some(shown), Some(now)) };
        db.prepare_cached("UPDATE contacts SET merged_into = ?2, merged_at = CASE WHEN ?2 IS NULL THEN NULL ELSE coalesce(merged_at, ?3) END WHERE id = ?1")?
            .execute(params![person, into, since])?;
        if moves {
            changed.extend(conversations_with(db, person)?);
        }
    }
    Ok(changed)
}
