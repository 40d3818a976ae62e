//! Conversations as the inbox shows them, and the facts about their windows.

mod view;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::Identity;
use serde_json::Value;

use super::outbound::NewMessage;
use super::{Db, DbError, feed};
use crate::clock::random;
use crate::ids;
use crate::model::audit::Entry;
use crate::model::windows::{Closing, Facts, Opening};
pub(in crate::db) use view::{
    AccountView, ChannelView, ContactView, LastMessage, Marks, View, account_view, conversation_json, conversation_view,
};

/// Where a page of the inbox goes on: the last conversation that was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InboxCursor {
    /// When its last message was.
    pub at: i64,
    /// Its id.
    pub id: String,
}

/// What the inbox is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxFilter {
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only those assigned to this user.
    pub assigned_to: Option<String>,
    /// Only those assigned to nobody.
    pub unassigned: bool,
}

/// What a send needs to know of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its id.
    pub id: String,
    /// The account it belongs to, connected or not.
    pub account_id: i64,
    /// The channel that is connected to that account now.
    pub channel_id: Option<String>,
    /// The person, where there is one.
    pub contact_id: Option<String>,
    /// The conversation into which it was merged.
    pub merged_into: Option<String>,
}

/// Most openings that are looked at for one conversation; older ones cannot matter once so many newer ones stand.
const MOST_OPENINGS: u32 = 50;

impl Db {
    /// A page of the inbox, the conversation with the newest message first; with where the next page begins.
    pub async fn inbox(
        &self,
        workspace: &str,
        filter: InboxFilter,
        after: Option<InboxCursor>,
        limit: u32,
    ) -> Result<(Vec<Value>, Option<InboxCursor>), DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let (at, id) = after.map_or((i64::MAX, String::new()), |cursor| (cursor.at, cursor.id));
            let mut ask = db.prepare_cached(
                "SELECT id, last_message_at FROM conversations
                 WHERE workspace_id = ?1 AND merged_into IS NULL AND (last_message_at, id) < (?2, ?3)
                   AND (?4 IS NULL OR account_id = (SELECT account_id FROM channels WHERE id = ?4 AND workspace_id = ?1))
                   AND (?5 IS NULL OR assigned_to = ?5) AND (?6 = 0 OR assigned_to IS NULL)
                 ORDER BY last_message_at DESC, id DESC LIMIT ?7",
            )?;
            let rows = ask
                .query_map(
                    params![workspace, at, id, filter.channel, filter.assigned_to, filter.unassigned, limit + 1],
                    |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
                )?
                .collect::<Result<Vec<_>, _>>()?;
            let more = rows.len() > limit as usize;
            let shown = &rows[..rows.len().min(limit as usize)];
            let next = shown.last().filter(|_| more).map(|(id, at)| InboxCursor { at: *at, id: id.clone() });
            let items = shown
                .iter()
                .filter_map(|(id, _)| conversation_json(db, id).transpose())
                .collect::<Result<Vec<_>, _>>()?;
            Ok((items, next))
        })
        .await
    }

    /// One conversation in the API's form, without what its plugin's rules add. A merged one answers as the one it became.
    pub async fn conversation(&self, workspace: &str, id: &str) -> Result<Option<Value>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| match row(db, &workspace, &id)? {
            Some(row) => conversation_json(db, &row.id),
            None => Ok(None),
        })
        .await
    }

    /// What a send needs to know of a conversation. A merged one answers as the one it became.
    pub async fn conversation_row(&self, workspace: &str, id: &str) -> Result<Option<ConversationRow>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| row(db, &workspace, &id)).await
    }

    /// What is known of a conversation's windows.
    pub async fn window_facts(&self, conversation: &str) -> Result<Facts, DbError> {
        let conversation = conversation.to_owned();
        self.read(move |db| window_facts(db, &conversation)).await
    }

    /// The newest conversation of an account with the person of the first identity that is known.
    pub async fn conversation_with(
        &self,
        workspace: &str,
        account_id: i64,
        identities: Vec<Identity>,
    ) -> Result<Option<String>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| match contact_of(db, &workspace, &identities)? {
            Some(contact) => newest_with(db, account_id, &contact),
            None => Ok(None),
        })
        .await
    }

    /// Every identity of a contact.
    pub async fn contact_identities(&self, workspace: &str, contact: &str) -> Result<Vec<Identity>, DbError> {
        let (workspace, contact) = (workspace.to_owned(), contact.to_owned());
        self.read(move |db| {
            let own = db
                .prepare_cached("SELECT 1 FROM contacts WHERE id = ?1 AND workspace_id = ?2")?
                .exists(params![contact, workspace])?;
            if own { super::addressee::identities(db, &contact) } else { Ok(Vec::new()) }
        })
        .await
    }

    /// Assigns a conversation to a user of the workspace, or to nobody; the conversation as it is then. None where there is no
    /// such conversation; the inner none where there is no such user.
    pub async fn assign_conversation(
        &self,
        workspace: &str,
        id: &str,
        user: Option<String>,
        entry: Entry,
    ) -> Result<Option<Option<Value>>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(super::Priority::Urgent, move |db| {
            let Some(row) = row(db, &workspace, &id)? else { return Ok(None) };
            if let Some(user) = &user {
                let there = db
                    .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND workspace_id = ?2 AND disabled_at IS NULL")?
                    .exists(params![user, workspace])?;
                if !there {
                    return Ok(Some(None));
                }
            }
            db.prepare_cached("UPDATE conversations SET assigned_to = ?2 WHERE id = ?1")?
                .execute(params![row.id, user])?;
            conversation_updated(db, &workspace, &row.id, entry.at)?;
            super::audit::append(db, &entry)?;
            Ok(Some(conversation_json(db, &row.id)?))
        })
        .await
    }

    /// Notes that somebody read a conversation up to now.
    pub async fn mark_conversation_read(&self, workspace: &str, id: &str, at: i64) -> Result<Option<Value>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(super::Priority::Urgent, move |db| {
            let Some(row) = row(db, &workspace, &id)? else { return Ok(None) };
            db.prepare_cached("UPDATE conversations SET read_at = max(coalesce(read_at, 0), coalesce(last_inbound_at, 0), ?2) WHERE id = ?1")?
                .execute(params![row.id, at])?;
            conversation_updated(db, &workspace, &row.id, at)?;
            conversation_json(db, &row.id)
        })
        .await
    }
}

/// The feed row for a conversation that changed.
pub(in crate::db) fn conversation_updated(db: &Connection, workspace: &str, id: &str, at: i64) -> Result<(), DbError> {
    if let Some(view) = conversation_view(db, id)? {
        feed::append(db, workspace, "conversation.updated", &view, at)?;
    }
    Ok(())
}

fn row(db: &Connection, workspace: &str, id: &str) -> Result<Option<ConversationRow>, DbError> {
    let one = |id: &str| {
        db.prepare_cached(
            "SELECT v.id, v.account_id, (SELECT c.id FROM channels c WHERE c.account_id = v.account_id), v.contact_id, v.merged_into
             FROM conversations v WHERE v.id = ?1 AND v.workspace_id = ?2",
        )?
        .query_row(params![id, workspace], |row| {
            Ok(ConversationRow {
                id: row.get(0)?,
                account_id: row.get(1)?,
                channel_id: row.get(2)?,
                contact_id: row.get(3)?,
                merged_into: row.get(4)?,
            })
        })
        .optional()
    };
    let mut found = one(id)?;
    // Chains are short: each merge goes into an older conversation. The bound is for a damaged database.
    for _ in 0..16 {
        let Some(into) = found.as_ref().and_then(|row| row.merged_into.clone()) else { return Ok(found) };
        found = one(&into)?;
    }
    Err(DbError::Damaged(format!("conversation {id} is merged in a circle")))
}

/// What is known of a conversation's windows.
pub(in crate::db) fn window_facts(db: &Connection, conversation: &str) -> Result<Facts, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT id, rule, at, closes_at, token, uses_left FROM openings
         WHERE conversation_id = ?1 AND (uses_left IS NULL OR uses_left > 0)
         UNION ALL
         SELECT * FROM (SELECT id, rule, at, closes_at, token, uses_left FROM openings
                        WHERE conversation_id = ?1 AND uses_left <= 0 ORDER BY at DESC LIMIT 1)
         ORDER BY 3 DESC LIMIT ?2",
    )?;
    let openings = ask
        .query_map(params![conversation, MOST_OPENINGS], |row| {
            Ok(Opening {
                id: row.get(0)?,
                rule: row.get(1)?,
                at: row.get(2)?,
                closes_at: row.get(3)?,
                token: row.get(4)?,
                uses_left: row.get(5)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut ask = db.prepare_cached("SELECT rule, at FROM closings WHERE conversation_id = ?1")?;
    let closings = ask
        .query_map([conversation], |row| Ok(Closing { rule: row.get(0)?, at: row.get(1)? }))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Facts { openings, closings })
}

fn contact_of(db: &Connection, workspace: &str, identities: &[Identity]) -> Result<Option<String>, DbError> {
    for identity in identities {
        let found = db
            .prepare_cached(
                "SELECT contact_id FROM identities WHERE workspace_id = ?1 AND scheme = ?2 AND scope = ?3 AND value = ?4",
            )?
            .query_row(params![workspace, identity.scheme, identity.scope, identity.value], |row| row.get(0))
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn newest_with(db: &Connection, account_id: i64, contact: &str) -> Result<Option<String>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT id FROM conversations WHERE contact_id = ?1 AND account_id = ?2 AND merged_into IS NULL
             ORDER BY last_message_at DESC LIMIT 1",
        )?
        .query_row(params![contact, account_id], |row| row.get(0))
        .optional()?)
}

/// The conversation with a person, begun if there is none yet, within the act that queues its first message.
pub(in crate::db) fn begin(db: &Connection, new: &NewMessage, identities: &[Identity]) -> Result<String, DbError> {
    let contact = match contact_of(db, &new.workspace, identities)? {
        Some(contact) => contact,
        None => {
            let contact = ids::mint("ct", new.at, random());
            db.prepare_cached(
                "INSERT INTO contacts (id, workspace_id, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)",
            )?
            .execute(params![contact, new.workspace, new.at])?;
            contact
        }
    };
    super::attempts::learn_identities(db, &new.workspace, &contact, identities)?;
    if let Some(known) = newest_with(db, new.account_id, &contact)? {
        return Ok(known);
    }
    let id = ids::mint("cv", new.at, random());
    let key = identities.first().map_or_else(String::new, |first| {
        format!("{}{}:{}:{}", super::addressee::STARTED, first.scheme, first.scope, first.value)
    });
    db.prepare_cached(
        "INSERT INTO conversations (id, workspace_id, account_id, contact_id, thread_key, created_at, last_message_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![id, new.workspace, new.account_id, contact, key, new.at])?;
    Ok(id)
}
