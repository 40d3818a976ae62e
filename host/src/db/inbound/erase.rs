//! Erasing a person: content, identities and raw copies go; that something was said, and when, stays.

use rusqlite::params;
use serde_json::json;

use crate::db::inbound::traces::Traces;
use crate::db::inbound::{backlog, journal};
use crate::db::inbox::{contacts, conversations};
use crate::db::outbound::status;
use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::keys::{self, ContactId, ConversationId, Id, Kind, MessageId, RequestId};
use crate::model::audit::Entry;
use crate::model::windows::Openings;

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages whose content is gone.
    pub messages: usize,
    /// Journal rows whose body is gone.
    pub journal: usize,
    /// Requests that wait for their translation and bring nothing of the person back; their raw copies go with that.
    pub waiting: usize,
    /// Files that are gone.
    pub media: usize,
}

impl Db {
    /// Erases a person: the content of every message of the conversations with them and of every message they wrote, files,
    /// names, identities, web sessions, and the raw requests that held any of it, and writes the line of the audit log that `entry` makes
    /// of it. All contacts that users merged are one person. None where the workspace has no such contact. The bytes of the files go with the next sweep.
    pub async fn erase_contact(
        &self,
        workspace: &str,
        id: ContactId,
        now: i64,
        entry: impl FnOnce(&Erased) -> Entry + Send + 'static,
    ) -> Result<Option<Erased>, DbError> {
        let (workspace, vault) = (workspace.to_owned(), self.vault());
        self.write(Priority::Routine, move |db| {
            let Some(shown) = contacts::shown_for(db, &workspace, id)? else { return Ok(None) };
            db.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS erased_people (id INTEGER PRIMARY KEY, text TEXT); DELETE FROM erased_people;
                 CREATE TEMP TABLE IF NOT EXISTS erased_messages (id INTEGER PRIMARY KEY, text TEXT); DELETE FROM erased_messages;",
            )?;
            db.execute(
                "INSERT INTO erased_people (id) SELECT ?1 UNION SELECT id FROM contacts WHERE merged_into = ?1",
                [shown],
            )?;
            db.execute(
                "INSERT INTO erased_messages (id) \
                 SELECT m.id FROM erased_people p CROSS JOIN messages m ON m.contact_id = p.id AND m.guest = 1 \
                 UNION SELECT m.id FROM erased_people p CROSS JOIN conversations v ON v.contact_id = p.id \
                   CROSS JOIN messages m ON m.conversation_id = v.id",
                [],
            )?;
            name_as_the_feed_does::<keys::Contact>(db, "erased_people")?;
            name_as_the_feed_does::<keys::Message>(db, "erased_messages")?;
            let known_by = known_by(db)?;
            let traces = Traces::of(&known_by)?;
            let journal = erase_raw_copies(db, &workspace, &traces)?;
            let waiting = backlog::mark(db, &vault, &workspace, &known_by, &traces)?;
            forget_waiting_events(db, &traces)?;
            let media = db.execute(
                "UPDATE media SET state = CASE WHEN digest IS NULL THEN 'deleted' ELSE 'unwanted' END, reason = 'erased', name = NULL, source = NULL, due_at = NULL \
                 WHERE message_id IN (SELECT id FROM erased_messages) \
                   OR id IN (SELECT c.avatar FROM erased_people p CROSS JOIN contacts c ON c.id = p.id)",
                [],
            )?;
            let gone = json!([{"type": "system", "text": "Erased.", "code": "erased"}]).to_string();
            let messages = db.execute(
                "UPDATE messages SET content = ?1, context = NULL, reactions = NULL, error = NULL WHERE id IN (SELECT id FROM erased_messages)",
                [&gone],
            )?;
            for statement in [
                "UPDATE parts SET content = '{}', error = NULL WHERE message_id IN (SELECT id FROM erased_messages)",
                "UPDATE attempts SET token = NULL, error = NULL WHERE message_id IN (SELECT id FROM erased_messages)",
                "UPDATE facts SET who = NULL, detail = NULL WHERE message_id IN (SELECT id FROM erased_messages)",
                "DELETE FROM visitor_entries WHERE (account_id, visitor) IN \
                   (SELECT v.account_id, i.value FROM identities i JOIN visitors v ON v.id = i.value WHERE i.contact_id IN (SELECT id FROM erased_people))",
                "DELETE FROM visitors WHERE id IN (SELECT value FROM identities WHERE contact_id IN (SELECT id FROM erased_people))",
                "DELETE FROM thread_keys WHERE conversation_id IN (SELECT id FROM conversations WHERE contact_id IN (SELECT id FROM erased_people))",
                "UPDATE conversations SET context = NULL, thread_key = 'erased:' || id WHERE contact_id IN (SELECT id FROM erased_people)",
                "DELETE FROM identities WHERE contact_id IN (SELECT id FROM erased_people)",
            ] {
                db.prepare_cached(statement)?.execute([])?;
            }
            for conversation in theirs(db, false)? {
                conversations::change_openings(db, conversation, Openings::forget_tokens)?;
            }
            // The feed repeats content, and deliveries repeat the feed; a reader who resumes past a removed row simply does not
            // see it.
            for statement in [
                "DELETE FROM deliveries WHERE workspace_id = ?1 AND feed_id IN (SELECT id FROM feed WHERE workspace_id = ?1 AND \
                   (json_extract(data, '$.id') IN (SELECT text FROM erased_messages) OR json_extract(data, '$.contact.id') IN (SELECT text FROM erased_people) \
                   OR json_extract(data, '$.conversation.contact.id') IN (SELECT text FROM erased_people)))",
                "DELETE FROM feed WHERE workspace_id = ?1 AND (json_extract(data, '$.id') IN (SELECT text FROM erased_messages) \
                   OR json_extract(data, '$.contact.id') IN (SELECT text FROM erased_people) \
                   OR json_extract(data, '$.conversation.contact.id') IN (SELECT text FROM erased_people))",
            ] {
                db.execute(statement, [&workspace])?;
            }
            db.execute(
                "UPDATE contacts SET name = NULL, avatar = NULL, erased_at = ?1, changed_at = ?1 WHERE id IN (SELECT id FROM erased_people)",
                [now],
            )?;
            tell(db, &workspace, now)?;
            let erased = Erased { messages, journal, waiting, media };
            audit::append(db, &entry(&erased))?;
            Ok(Some(erased))
        })
        .await
    }
}

/// Puts the texts of ids beside them, because the feed and deliveries hold these.
fn name_as_the_feed_does<K: Kind>(db: &rusqlite::Connection, table: &str) -> Result<(), DbError> {
    let ids: Vec<Id<K>> =
        db.prepare(&format!("SELECT id FROM {table}"))?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut name = db.prepare(&format!("UPDATE {table} SET text = ?2 WHERE id = ?1"))?;
    for id in ids {
        name.execute(params![id, id.to_string()])?;
    }
    Ok(())
}

/// What names the person, their conversations and the messages of these.
const KNOWN_BY: &str = "SELECT value AS word FROM identities WHERE contact_id IN (SELECT id FROM erased_people) \
     UNION SELECT k.key FROM thread_keys k JOIN conversations v ON v.id = k.conversation_id WHERE v.contact_id IN (SELECT id FROM erased_people) \
     UNION SELECT provider_id FROM messages WHERE id IN (SELECT id FROM erased_messages) AND provider_id IS NOT NULL \
     UNION SELECT provider_id FROM provider_ids WHERE message_id IN (SELECT id FROM erased_messages) AND attempt_key IS NOT NULL";

fn known_by(db: &rusqlite::Connection) -> Result<Vec<String>, DbError> {
    let mut query = db.prepare_cached(KNOWN_BY)?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Empties raw requests that came to their end and brought one of the messages or hold one of the person's traces.
fn erase_raw_copies(db: &rusqlite::Connection, workspace: &str, traces: &Traces) -> Result<usize, DbError> {
    let since: Option<i64> = db
        .prepare_cached("SELECT min(c.created_at) FROM erased_people p CROSS JOIN contacts c ON c.id = p.id")?
        .query_row([], |row| row.get(0))?;
    let mut query = db.prepare_cached(
        "SELECT id, body, headers, query, id IN (SELECT m.journal_id FROM messages m JOIN erased_messages e ON e.id = m.id \
           WHERE m.journal_id IS NOT NULL) \
         FROM journal JOIN raw_requests ON journal_id = id WHERE state IN ('settled', 'parked') \
         AND received_at >= ?2 - 300000 AND (workspace_id = ?1 OR workspace_id IS NULL)",
    )?;
    let mut rows = query.query(params![workspace, since.unwrap_or(0)])?;
    let mut found: Vec<RequestId> = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get(4)? || traces.stand_in_row(row)? {
            found.push(row.get(0)?);
        }
    }
    found.iter().try_for_each(|id| journal::empty(db, *id))?;
    Ok(found.len())
}

/// Forgets what was said about messages that never appeared and names the person.
fn forget_waiting_events(db: &rusqlite::Connection, traces: &Traces) -> Result<(), DbError> {
    let mut query = db.prepare_cached(
        "SELECT id, event FROM waiting_events WHERE account_id IN (SELECT account_id FROM conversations \
           WHERE contact_id IN (SELECT id FROM erased_people))",
    )?;
    let mut rows = query.query([])?;
    let mut found: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        if traces.stand_in(row.get_ref(1)?.as_bytes().unwrap_or_default()) {
            found.push(row.get(0)?);
        }
    }
    let mut forget = db.prepare_cached("DELETE FROM waiting_events WHERE id = ?1")?;
    for id in found {
        forget.execute([id])?;
    }
    Ok(())
}

fn tell(db: &rusqlite::Connection, workspace: &str, now: i64) -> Result<(), DbError> {
    let messages: Vec<MessageId> = {
        let mut query = db.prepare_cached("SELECT id FROM erased_messages ORDER BY id")?;
        query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    for message in messages {
        status::message_updated(db, workspace, message, now)?;
    }
    for conversation in theirs(db, true)? {
        conversations::conversation_updated(db, workspace, conversation, now)?;
    }
    Ok(())
}

/// Conversations with the people who are erased; `shown`: without those that were merged into another.
fn theirs(db: &rusqlite::Connection, shown: bool) -> Result<Vec<ConversationId>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT id FROM conversations WHERE contact_id IN (SELECT id FROM erased_people) AND (merged_into IS NULL OR NOT ?1)",
    )?;
    Ok(query.query_map([shown], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
