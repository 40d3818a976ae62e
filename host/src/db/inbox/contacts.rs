//! Contacts as they are shown, and the names that users give them. How contacts come to be is inbound's.

pub(in crate::db) mod merging;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::inbox::conversations::{MOST_VISITED, conversation_updated};
use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::keys::{ContactId, ConversationId, MediaId};
use crate::model::audit::Entry;
use crate::model::shown::contact::{Contact, Identity, MergedContact};
use crate::model::time::rfc3339;

const COLUMNS: &str = "id, name, avatar, created_at, changed_at, erased_at";

/// Joins, to a contact `own`, the contact `ct` that is shown in its place: the one that a user merged it into, else itself.
pub(in crate::db) const SHOWN_FROM: &str = "LEFT JOIN contacts ct ON ct.id = coalesce(own.merged_into, own.id)";
/// The name of a contact `ct`: its own, else that of a contact that a user merged into it.
pub(in crate::db) const SHOWN_NAME: &str = "coalesce(ct.name, (SELECT m.name FROM contacts m \
     WHERE m.merged_into = ct.id AND m.name IS NOT NULL ORDER BY m.merged_at, m.id LIMIT 1))";

/// The contact that is shown for an id; none where the workspace has no such contact, or it was erased.
pub(in crate::db) fn shown_for(db: &Connection, workspace: &str, id: ContactId) -> Result<Option<ContactId>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT coalesce(merged_into, id) FROM contacts WHERE id = ?1 AND workspace_id = ?2 AND erased_at IS NULL",
        )?
        .query_row(params![id, workspace], |row| row.get(0))
        .optional()?)
}

/// The contacts that users merged into one.
pub(in crate::db) fn merged_into(db: &Connection, id: ContactId) -> Result<Vec<ContactId>, DbError> {
    let mut query = db.prepare_cached("SELECT id FROM contacts WHERE merged_into = ?1 ORDER BY merged_at, id")?;
    Ok(query.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        id: row.get(0)?,
        name: row.get(1)?,
        avatar: row.get(2)?,
        created_at: rfc3339(row.get(3)?),
        changed_at: rfc3339(row.get(4)?),
        erased_at: row.get::<_, Option<i64>>(5)?.map(rfc3339),
        identities: Vec::new(),
        merged: Vec::new(),
        conversations: None,
    })
}

/// A contact with its identities and with what users merged into it.
fn with_identities(db: &Connection, mut contact: Contact) -> Result<Contact, DbError> {
    contact.identities = identities(db, contact.id)?;
    let mut query = db.prepare_cached(
        "SELECT id, name, avatar, merged_at FROM contacts WHERE merged_into = ?1 ORDER BY merged_at, id LIMIT 100",
    )?;
    let mut rows = query.query([contact.id])?;
    while let Some(row) = rows.next()? {
        let (id, avatar): (ContactId, Option<MediaId>) = (row.get(0)?, row.get(2)?);
        let identities = identities(db, id)?;
        let merged_at = rfc3339(row.get::<_, Option<i64>>(3)?.unwrap_or_default());
        let merged = MergedContact { id, name: row.get(1)?, merged_at, identities };
        contact.name = contact.name.or_else(|| merged.name.clone());
        contact.avatar = contact.avatar.or(avatar);
        contact.identities.extend(merged.identities.iter().cloned());
        contact.merged.push(merged);
    }
    contact.identities.truncate(100);
    Ok(contact)
}

fn identities(db: &Connection, contact: ContactId) -> Result<Vec<Identity>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT scheme, scope, value FROM identities WHERE contact_id = ?1 ORDER BY scheme, scope, value LIMIT 100",
    )?;
    let rows = query
        .query_map([contact], |row| Ok(Identity { scheme: row.get(0)?, scope: row.get(1)?, value: row.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The time of a name that a user gave, because a name of the provider replaces only older ones.
const GIVEN: i64 = i64::MAX;

impl Db {
    /// A page of a workspace's contacts, the newest first, before the id `before`; erased ones, and those that users merged into others, are not in it. `search` narrows it
    /// to those whose name or identity contains the text, among the newest 20,000.
    pub async fn contacts_page(
        &self,
        workspace: &str,
        search: Option<String>,
        before: Option<ContactId>,
        limit: u32,
    ) -> Result<Vec<Contact>, DbError> {
        let workspace = workspace.to_owned();
        let like = search.map(|text| crate::db::inbox::conversations::like(&text));
        self.read(move |db| {
            let narrowed = match like {
                None => "?3 IS NULL AND ?5 > 0",
                Some(_) => {
                    "id >= coalesce((SELECT o.id FROM contacts o WHERE o.workspace_id = ?1 ORDER BY o.id DESC LIMIT 1 OFFSET ?5), 0) \
                     AND (name LIKE ?3 ESCAPE '\\' \
                       OR EXISTS (SELECT 1 FROM contacts m WHERE m.merged_into = contacts.id AND m.name LIKE ?3 ESCAPE '\\') \
                       OR EXISTS (SELECT 1 FROM identities i WHERE i.contact_id IN (SELECT contacts.id UNION ALL \
                         SELECT m.id FROM contacts m WHERE m.merged_into = contacts.id) AND i.value LIKE ?3 ESCAPE '\\'))"
                }
            };
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM contacts WHERE workspace_id = ?1 AND (?2 IS NULL OR id < ?2) AND erased_at IS NULL AND merged_into IS NULL AND {narrowed} \
                 ORDER BY id DESC LIMIT ?4"
            ))?;
            let rows: Vec<Contact> =
                query.query_map(params![workspace, before, like, limit, MOST_VISITED - 1], contact)?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|row| with_identities(db, row)).collect()
        })
        .await
    }

    /// One contact of a workspace, with the conversations with them, the newest first. The id of one that a user merged leads to
    /// the contact that it was merged into.
    pub async fn contact(&self, workspace: &str, id: ContactId) -> Result<Option<Contact>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| one(db, &workspace, id)).await
    }

    /// Names a contact; with `None` the provider's next name counts again. None where there is no such contact.
    pub async fn rename_contact(
        &self,
        workspace: &str,
        id: ContactId,
        name: Option<String>,
        entry: Entry,
    ) -> Result<Option<Contact>, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let at = if name.is_some() { GIVEN } else { 0 };
            let Some(id) = shown_for(db, &workspace, id)? else { return Ok(None) };
            db.prepare_cached("UPDATE contacts SET name = ?2, name_at = ?3, changed_at = ?4 WHERE id = ?1")?
                .execute(params![id, name, at, entry.at])?;
            audit::append(db, &entry)?;
            let contact = one(db, &workspace, id)?;
            for conversation in contact.iter().flat_map(|contact| contact.conversations.iter().flatten()) {
                conversation_updated(db, &workspace, *conversation, entry.at)?;
            }
            Ok(contact)
        })
        .await
    }
}

fn one(db: &Connection, workspace: &str, id: ContactId) -> Result<Option<Contact>, DbError> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM contacts \
             WHERE id = (SELECT coalesce(merged_into, id) FROM contacts WHERE id = ?1 AND workspace_id = ?2)"
        ))?
        .query_row(params![id, workspace], contact)
        .optional()?;
    let Some(found) = found else { return Ok(None) };
    let mut shown = with_identities(db, found)?;
    let mut query = db.prepare_cached(
        "SELECT id FROM conversations WHERE merged_into IS NULL \
           AND contact_id IN (SELECT ?1 UNION ALL SELECT id FROM contacts WHERE merged_into = ?1) \
         ORDER BY last_message_at DESC, id DESC LIMIT 100",
    )?;
    let theirs = query.query_map([shown.id], |row| row.get(0))?.collect::<Result<Vec<ConversationId>, _>>()?;
    shown.conversations = Some(theirs);
    Ok(Some(shown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::model::envelope::Vault;

    #[tokio::test]
    async fn a_search_looks_at_the_newest_contacts_and_plain_pages_reach_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        let all = MOST_VISITED + 5;
        db.write(Priority::Routine, move |db| {
            db.execute_batch(&format!(
                "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {all})
                 INSERT INTO contacts (id, workspace_id, name, created_at, changed_at)
                 SELECT i, 'ws_1', iif(i IN (5, 6), 'Sari', 'Budi'), i, i FROM n;"
            ))?;
            Ok(())
        })
        .await
        .expect("written");
        let found = db.contacts_page("ws_1", Some("sari".into()), None, 10).await.expect("searched");
        assert_eq!(found.iter().map(|one| one.id.row()).collect::<Vec<_>>(), [6]);
        let rest = db.contacts_page("ws_1", None, Some(ContactId::of_row(6)), 10).await.expect("listed");
        assert_eq!(rest.len(), 5, "without a search every page is reached");
    }
}
