//! Conversations by their thread: found by key, alias or join, made when none is known, and merged when two meet.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::Thread;

use crate::db::DbError;
use crate::db::inbound::site::Site;
use crate::db::inbound::{messages, targets};
use crate::db::inbox::conversations::{self, MARKS, MARKS_COLUMNS, MARKS_FROM, Marks};
use crate::keys::{ContactId, ConversationId};
use crate::model::windows::Openings;

/// A conversation that something belongs to.
pub(super) struct Conversation {
    pub id: ConversationId,
    /// What its row says now, where it was read.
    pub row: Option<Row>,
}

/// A conversation's row.
pub(super) struct Row {
    pub marks: Marks,
    /// What opened its windows.
    pub openings: Option<String>,
}

impl Row {
    /// The columns that [`Row::read`] takes, of a conversation `v` with [`MARKS_FROM`].
    const COLUMNS: &'static str = "v.openings";

    /// Of a row that begins with [`MARKS`] and goes on with [`Row::COLUMNS`].
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        Ok(Row { openings: row.get(MARKS_COLUMNS)?, marks: Marks::read(row)? })
    }
}

/// The conversation of a thread. `contact` is whom a new one is with.
pub(super) fn conversation_of(
    site: &mut Site<'_>,
    thread: &Thread,
    contact: Option<ContactId>,
    at: i64,
) -> Result<Conversation, DbError> {
    let mut known = by_keys(site, thread)?;
    let missing = known.missing;
    let (id, mut row) = match known.conversations.len() {
        0 => match by_joins(site, thread, contact)? {
            Some(joined) => (joined, None),
            None => (create(site, thread, contact, at)?, None),
        },
        1 => {
            let (id, row) = known.conversations.remove(0);
            (id, Some(row))
        }
        _ => (merge(site, known.ids(), at)?, None),
    };
    if row.is_none() || missing {
        lead_keys(site, thread, id)?;
    }
    if is_one_persons(thread) {
        tell_of_another(site, id, contact, at)?;
    }
    if let Some(context) = &thread.context {
        site.db
            .prepare_cached(
                "UPDATE conversations SET context = ?2, context_at = ?3 WHERE id = ?1 AND (context_at IS NULL OR context_at <= ?3)",
            )?
            .execute(params![id, context, at])?;
    }
    if let Some(contact) = contact
        && row.as_ref().is_none_or(|row| row.marks.contact_id.is_none())
    {
        site.db
            .prepare_cached("UPDATE conversations SET contact_id = ?2 WHERE id = ?1 AND contact_id IS NULL")?
            .execute(params![id, contact])?;
        row = None;
    }
    Ok(Conversation { id, row })
}

/// The conversation of a thread if there is one, without changing anything.
pub(super) fn known(site: &Site<'_>, thread: &Thread) -> Result<Option<ConversationId>, DbError> {
    match by_keys(site, thread)?.conversations.into_iter().next() {
        Some((found, _)) => Ok(Some(found)),
        None => by_joins(site, thread, None),
    }
}

/// A known conversation has another key from now on, and its earlier keys still lead to it.
pub(super) fn renamed(site: &mut Site<'_>, thread: &Thread, contact: ContactId, at: i64) -> Result<(), DbError> {
    let Conversation { id, .. } = conversation_of(site, thread, Some(contact), at)?;
    site.db
        .prepare_cached("UPDATE conversations SET thread_key = ?2 WHERE id = ?1")?
        .execute(params![id, thread.key])?;
    site.told.conversation(id);
    Ok(())
}

/// Whether the plugin says that the conversation is with one person.
fn is_one_persons(thread: &Thread) -> bool {
    thread.extra.iter().any(|(name, value)| name == "person" && value == "\"one\"")
}

/// Writes a line where somebody else comes into a conversation that is with one person, once for each who does.
fn tell_of_another(
    site: &mut Site<'_>,
    conversation: ConversationId,
    contact: Option<ContactId>,
    at: i64,
) -> Result<(), DbError> {
    let another = site
        .db
        .prepare_cached(
            "SELECT 1 FROM conversations v JOIN contacts own ON own.id = v.contact_id WHERE v.id = ?1 AND v.contact_id <> ?2 \
             AND coalesce(own.merged_into, own.id) <> (SELECT coalesce(merged_into, id) FROM contacts WHERE id = ?2) \
             AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = ?1 AND m.contact_id = ?2)",
        )?
        .exists(params![conversation, contact])?;
    if !another || contact.is_none() {
        return Ok(());
    }
    let line = messages::Line {
        code: "somebody-else-wrote",
        text: "Somebody else than the person of this conversation wrote into it.",
    };
    messages::add_line(site, conversation, &line, at)
}

/// Where the keys of a thread lead.
struct Known {
    /// Without repetition.
    conversations: Vec<(ConversationId, Row)>,
    /// Some key leads nowhere.
    missing: bool,
}

impl Known {
    fn ids(self) -> Vec<ConversationId> {
        self.conversations.into_iter().map(|(id, _)| id).collect()
    }
}

/// Made once, because each webhook runs it.
static BY_KEY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {MARKS}, {}, k.conversation_id \
         FROM thread_keys k JOIN conversations v ON v.id = k.conversation_id {MARKS_FROM} WHERE k.account_id = ?1 AND k.key = ?2",
        Row::COLUMNS
    )
});
/// As [`BY_KEY`].
static BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {MARKS}, {} FROM conversations v {MARKS_FROM} WHERE v.id = ?1", Row::COLUMNS));

fn by_keys(site: &Site<'_>, thread: &Thread) -> Result<Known, DbError> {
    let mut query = site.db.prepare_cached(&BY_KEY)?;
    let mut known = Known { conversations: Vec::new(), missing: false };
    for key in std::iter::once(&thread.key).chain(&thread.aliases) {
        let found = query.query_row(params![site.account, key], |row| {
            Ok((row.get::<_, ConversationId>(MARKS_COLUMNS + 1)?, Row::read(row)?))
        });
        match found.optional()? {
            None => known.missing = true,
            Some((id, _)) if known.conversations.iter().any(|(other, _)| *other == id) => {}
            Some(found) => known.conversations.push(found),
        }
    }
    Ok(known)
}

/// What a conversation's row says now.
pub(super) fn row_of(db: &Connection, id: ConversationId) -> Result<Row, DbError> {
    Ok(db.prepare_cached(&BY_ID)?.query_row([id], Row::read)?)
}

/// The conversation of the first message that is known by its provider's id or its attempt key.
/// Of a conversation with one person, only that person's are found.
fn by_joins(site: &Site<'_>, thread: &Thread, contact: Option<ContactId>) -> Result<Option<ConversationId>, DbError> {
    let only = if is_one_persons(thread) { contact } else { None };
    for join in &thread.joins {
        let found = site
            .db
            .prepare_cached(
                "SELECT m.conversation_id FROM provider_ids p JOIN messages m ON m.id = p.message_id \
                 WHERE p.account_id = ?1 AND p.provider_id = ?2 \
                 UNION ALL SELECT m.conversation_id FROM attempts a JOIN messages m ON m.id = a.message_id \
                 WHERE a.account_id = ?1 AND a.attempt_key = ?2 LIMIT 1",
            )?
            .query_row(params![site.account, join], |row| row.get::<_, ConversationId>(0))
            .optional()?;
        if let Some(found) = found
            && (only.is_none() || is_with(site.db, found, only)?)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a conversation is with this person, or with nobody yet.
fn is_with(db: &Connection, conversation: ConversationId, contact: Option<ContactId>) -> Result<bool, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM conversations v LEFT JOIN contacts own ON own.id = v.contact_id \
             WHERE v.id = ?1 AND (v.contact_id IS NULL \
               OR coalesce(own.merged_into, own.id) = (SELECT coalesce(merged_into, id) FROM contacts WHERE id = ?2))",
        )?
        .exists(params![conversation, contact])?)
}

fn create(
    site: &mut Site<'_>,
    thread: &Thread,
    contact: Option<ContactId>,
    at: i64,
) -> Result<ConversationId, DbError> {
    let id = site.mint();
    site.db
        .prepare_cached(
            "INSERT INTO conversations (id, workspace_id, account_id, contact_id, thread_key, created_at, last_message_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id, site.workspace, site.account, contact, thread.key, at.min(site.received_at), at])?;
    site.told.conversation(id);
    Ok(id)
}

/// Leads the thread's keys to its conversation; what was said of a key that nobody knew is said of it now.
fn lead_keys(site: &mut Site<'_>, thread: &Thread, conversation: ConversationId) -> Result<(), DbError> {
    for key in std::iter::once(&thread.key).chain(&thread.aliases) {
        let changed = site
            .db
            .prepare_cached(
                "INSERT INTO thread_keys (account_id, key, conversation_id) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (account_id, key) DO UPDATE SET conversation_id = ?3 WHERE conversation_id <> ?3",
            )?
            .execute(params![site.account, key, conversation])?;
        if changed > 0 {
            targets::thread_appeared(site, key, conversation)?;
        }
    }
    Ok(())
}

/// Of several conversations the oldest stays and takes over everything of the others; a line in it says so.
fn merge(site: &mut Site<'_>, several: Vec<ConversationId>, at: i64) -> Result<ConversationId, DbError> {
    site.told.forget_json();
    let mut ages = Vec::with_capacity(several.len());
    for id in several {
        let created: i64 = site
            .db
            .prepare_cached("SELECT created_at FROM conversations WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        ages.push((created, id));
    }
    ages.sort();
    let kept = ages.remove(0).1;
    for (_, gone) in &ages {
        absorb(site, kept, *gone)?;
        site.told.conversation(*gone);
    }
    messages::refresh_last(site, kept)?;
    let line = messages::Line {
        code: "conversations-merged",
        text: "Two conversations turned out to be one and were merged.",
    };
    messages::add_line(site, kept, &line, at)?;
    site.told.conversation(kept);
    Ok(kept)
}

fn absorb(site: &Site<'_>, kept: ConversationId, gone: ConversationId) -> Result<(), DbError> {
    let theirs = conversations::openings(site.db, gone)?;
    conversations::change_openings(site.db, kept, |openings| {
        theirs.all().iter().for_each(|one| openings.add(one.clone()));
    })?;
    conversations::change_openings(site.db, gone, |openings| *openings = Openings::default())?;
    for statement in [
        "UPDATE messages SET conversation_id = ?1, guest = 1 WHERE conversation_id = ?2",
        "UPDATE parts SET conversation_id = ?1 WHERE conversation_id = ?2",
        "UPDATE thread_keys SET conversation_id = ?1 WHERE conversation_id = ?2",
        "INSERT INTO closings (conversation_id, rule, at) SELECT ?1, rule, at FROM closings WHERE conversation_id = ?2 \
         ON CONFLICT (conversation_id, rule) DO UPDATE SET at = excluded.at WHERE excluded.at > closings.at",
        "INSERT INTO watermarks (conversation_id, state, at) SELECT ?1, state, at FROM watermarks WHERE conversation_id = ?2 \
         ON CONFLICT (conversation_id, state) DO UPDATE SET at = excluded.at WHERE excluded.at > watermarks.at",
        "INSERT INTO reads (conversation_id, user_id, seen) SELECT ?1, u.user_id, coalesce(rk.seen, k.seen) + coalesce(rg.seen, g.seen) \
         FROM (SELECT DISTINCT user_id FROM reads WHERE conversation_id IN (?1, ?2)) u \
         JOIN conversations k ON k.id = ?1 JOIN conversations g ON g.id = ?2 \
         LEFT JOIN reads rk ON rk.conversation_id = ?1 AND rk.user_id = u.user_id \
         LEFT JOIN reads rg ON rg.conversation_id = ?2 AND rg.user_id = u.user_id WHERE true \
         ON CONFLICT (conversation_id, user_id) DO UPDATE SET seen = excluded.seen",
        "INSERT INTO holds (account_id, scope, key, until, reason) SELECT account_id, scope, CAST(?1 AS TEXT), until, reason FROM holds \
         WHERE scope = 'thread' AND key = CAST(?2 AS TEXT) \
         ON CONFLICT (account_id, scope, key) DO UPDATE SET until = excluded.until WHERE excluded.until > holds.until",
    ] {
        site.db.prepare_cached(statement)?.execute([kept, gone])?;
    }
    for statement in [
        "DELETE FROM closings WHERE conversation_id = ?1",
        "DELETE FROM watermarks WHERE conversation_id = ?1",
        "DELETE FROM reads WHERE conversation_id = ?1",
        "DELETE FROM holds WHERE scope = 'thread' AND key = CAST(?1 AS TEXT)",
    ] {
        site.db.prepare_cached(statement)?.execute([gone])?;
    }
    site.db
        .prepare_cached(
            "UPDATE conversations AS k SET contact_id = coalesce(k.contact_id, g.contact_id), \
               assigned_to = coalesce(k.assigned_to, g.assigned_to), \
               read_at = CASE WHEN k.read_at IS NULL OR g.read_at IS NULL THEN NULL WHEN k.read_at < g.read_at THEN k.read_at ELSE g.read_at END, \
               inbound = k.inbound + g.inbound, seen = k.seen + g.seen, \
               status = CASE WHEN k.status = 'open' OR g.status = 'open' THEN 'open' ELSE 'done' END, \
               context = CASE WHEN coalesce(g.context_at, 0) > coalesce(k.context_at, 0) THEN g.context ELSE k.context END, \
               context_at = CASE WHEN coalesce(g.context_at, 0) > coalesce(k.context_at, 0) THEN g.context_at ELSE k.context_at END \
             FROM conversations AS g WHERE k.id = ?1 AND g.id = ?2",
        )?
        .execute([kept, gone])?;
    site.db
        .prepare_cached("UPDATE conversations SET merged_into = ?1 WHERE id = ?2 OR merged_into = ?2")?
        .execute([kept, gone])?;
    Ok(())
}

/// The provider told where a conversation of ours is: its keys lead here from now on, and a conversation that they led to
/// before is merged with this one. The conversation that stays. Part of the act that learnt it.
pub(in crate::db) fn thread_learnt(
    db: &Connection,
    workspace: &str,
    account: i64,
    conversation: ConversationId,
    thread: &Thread,
    at: i64,
) -> Result<ConversationId, DbError> {
    let mut site = Site {
        request: None,
        db,
        workspace,
        account,
        channel: None,
        shown: None,
        rules: &[],
        received_at: at,
        now: at,
        replayed: false,
        told: Default::default(),
    };
    let mut several = by_keys(&site, thread)?.ids();
    if !several.contains(&conversation) {
        several.push(conversation);
    }
    let kept = match several.len() {
        1 => several.remove(0),
        _ => merge(&mut site, several, at)?,
    };
    lead_keys(&mut site, thread, kept)?;
    db.prepare_cached("UPDATE conversations SET thread_key = ?2 WHERE id = ?1")?.execute(params![kept, thread.key])?;
    if let Some(context) = &thread.context {
        db.prepare_cached(
            "UPDATE conversations SET context = ?2, context_at = ?3 WHERE id = ?1 AND (context_at IS NULL OR context_at <= ?3)",
        )?
        .execute(params![kept, context, at])?;
    }
    site.tell()?;
    Ok(kept)
}
