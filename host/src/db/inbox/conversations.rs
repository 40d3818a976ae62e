//! Conversations: their users, status and read marks, and the facts about their windows.

mod list;
mod read;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::Identity;

use crate::db::outbound::queue::NewMessage;
use crate::db::{Db, DbError, Priority, feed};
use crate::keys::{ContactId, ConversationId};
use crate::model::audit::Entry;
use crate::model::shown::conversation::{Conversation, Standing};
use crate::model::windows::{Closing, Facts, Openings};
pub use list::{Counts, InboxCursor, InboxFilter, Whose};
pub(in crate::db) use list::{MOST_VISITED, like};
pub(in crate::db) use read::{
    MARKS, MARKS_COLUMNS, MARKS_FROM, Marks, account_view, conversation_for, conversation_view,
};

/// What came of assigning a conversation.
#[derive(Debug, Clone)]
pub enum Assigned {
    /// The conversation as it is now.
    Done(Box<Conversation<'static>>),
    /// There is no such conversation in this workspace.
    NotFound,
    /// There is no such user in this workspace, or they may not sign in.
    NoSuchUser,
    /// It is another user's, and the caller may only take what is unassigned and give back their own.
    NotYours,
}

/// Who assigns a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigner {
    /// Their user id; none for a token.
    pub user: Option<String>,
    /// Whether they may assign each conversation to each user.
    pub any: bool,
}

/// What a send needs to know of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its id.
    pub id: ConversationId,
    /// The account it belongs to, connected or not.
    pub account_id: i64,
    /// The channel that is connected to that account now.
    pub channel_id: Option<String>,
    /// The person, where there is one.
    pub contact_id: Option<ContactId>,
    /// The conversation into which it was merged.
    pub merged_into: Option<ConversationId>,
}

impl Db {
    /// One conversation as this user is shown it, without what its plugin's rules add. A merged one answers as the one it became.
    pub async fn conversation(
        &self,
        workspace: &str,
        id: ConversationId,
        user: Option<&str>,
    ) -> Result<Option<Conversation<'static>>, DbError> {
        let (workspace, user) = (workspace.to_owned(), user.map(str::to_owned));
        self.read(move |db| match row(db, &workspace, id)? {
            Some(row) => conversation_for(db, row.id, user.as_deref()),
            None => Ok(None),
        })
        .await
    }

    /// What a send needs to know of a conversation. A merged one answers as the one it became.
    pub async fn conversation_row(
        &self,
        workspace: &str,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| row(db, &workspace, id)).await
    }

    /// What is known of a conversation's windows.
    pub async fn window_facts(&self, conversation: ConversationId) -> Result<Facts, DbError> {
        self.read(move |db| window_facts(db, conversation)).await
    }

    /// The newest conversation of an account with the person of the first identity that is known.
    pub async fn conversation_with(
        &self,
        workspace: &str,
        account_id: i64,
        identities: Vec<Identity>,
    ) -> Result<Option<ConversationId>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| match contact_of(db, &workspace, &identities)? {
            Some(contact) => newest_with(db, account_id, contact),
            None => Ok(None),
        })
        .await
    }

    /// Every identity of a contact, its own first, then those of the contacts that users merged into it.
    pub async fn contact_identities(&self, workspace: &str, contact: ContactId) -> Result<Vec<Identity>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let Some(shown) = crate::db::inbox::contacts::shown_for(db, &workspace, contact)? else {
                return Ok(Vec::new());
            };
            let mut found = crate::db::outbound::addressee::identities(db, shown)?;
            for merged in crate::db::inbox::contacts::merged_into(db, shown)? {
                found.extend(crate::db::outbound::addressee::identities(db, merged)?);
            }
            Ok(found)
        })
        .await
    }

    /// Assigns a conversation to a user of the workspace, or unassigns it.
    pub async fn assign_conversation(
        &self,
        workspace: &str,
        id: ConversationId,
        to: Option<String>,
        by: Assigner,
        entry: Entry,
    ) -> Result<Assigned, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let Some(row) = row(db, &workspace, id)? else { return Ok(Assigned::NotFound) };
            if let Some(user) = &to {
                let there = db
                    .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND workspace_id = ?2 AND disabled_at IS NULL")?
                    .exists(params![user, workspace])?;
                if !there {
                    return Ok(Assigned::NoSuchUser);
                }
            }
            let now: Option<String> = db
                .prepare_cached("SELECT assigned_to FROM conversations WHERE id = ?1")?
                .query_row([&row.id], |found| found.get(0))?;
            let is_own = |user: &Option<String>| user.is_none() || *user == by.user;
            let may = by.any || (by.user.is_some() && is_own(&now) && is_own(&to));
            if !may {
                return Ok(Assigned::NotYours);
            }
            db.prepare_cached("UPDATE conversations SET assigned_to = ?2 WHERE id = ?1")?
                .execute(params![row.id, to])?;
            conversation_updated(db, &workspace, row.id, entry.at)?;
            crate::db::people::audit::append(db, &entry)?;
            let view = conversation_for(db, row.id, by.user.as_deref())?;
            Ok(view.map_or(Assigned::NotFound, |view| Assigned::Done(Box::new(view))))
        })
        .await
    }

    /// Opens a conversation or marks it as done. None where there is no such conversation.
    pub async fn set_conversation_status(
        &self,
        workspace: &str,
        id: ConversationId,
        status: Standing,
        user: Option<String>,
        entry: Entry,
    ) -> Result<Option<Conversation<'static>>, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let Some(row) = row(db, &workspace, id)? else { return Ok(None) };
            let changed = db
                .prepare_cached(
                    "UPDATE conversations SET status = ?2, status_at = ?3, status_by = ?4 WHERE id = ?1 AND status <> ?2",
                )?
                .execute(params![row.id, status.word(), entry.at, user])?;
            if changed > 0 {
                conversation_updated(db, &workspace, row.id, entry.at)?;
                crate::db::people::audit::append(db, &entry)?;
            }
            conversation_for(db, row.id, user.as_deref())
        })
        .await
    }

    /// Notes that a user, or a program, read a conversation up to now. None where there is no such conversation.
    pub async fn mark_conversation_read(
        &self,
        workspace: &str,
        id: ConversationId,
        user: Option<String>,
        at: i64,
    ) -> Result<Option<Conversation<'static>>, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let Some(row) = row(db, &workspace, id)? else { return Ok(None) };
            mark_read(db, row.id, user.as_deref(), at)?;
            conversation_updated(db, &workspace, row.id, at)?;
            conversation_for(db, row.id, user.as_deref())
        })
        .await
    }
}

/// Notes within an act that `who` read a conversation up to now. Of a token only the team's mark is kept.
pub(in crate::db) fn mark_read(db: &Connection, id: ConversationId, who: Option<&str>, at: i64) -> Result<(), DbError> {
    db.prepare_cached(
        "UPDATE conversations SET seen = inbound, read_at = CASE WHEN read_at > ?2 THEN read_at ELSE ?2 END WHERE id = ?1",
    )?
    .execute(params![id, at])?;
    db.prepare_cached(
        "INSERT INTO reads (conversation_id, user_id, seen) SELECT v.id, u.id, v.inbound FROM conversations v, users u \
         WHERE v.id = ?1 AND u.id = ?2 ON CONFLICT (conversation_id, user_id) DO UPDATE SET seen = excluded.seen",
    )?
    .execute(params![id, who])?;
    Ok(())
}

/// The feed row for a conversation that changed.
pub(in crate::db) fn conversation_updated(
    db: &Connection,
    workspace: &str,
    id: ConversationId,
    at: i64,
) -> Result<(), DbError> {
    if let Some(view) = conversation_view(db, id)? {
        feed::append(db, workspace, "conversation.updated", &view, at)?;
    }
    Ok(())
}

fn row(db: &Connection, workspace: &str, id: ConversationId) -> Result<Option<ConversationRow>, DbError> {
    let one = |id: ConversationId| {
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
        let Some(into) = found.as_ref().and_then(|row| row.merged_into) else { return Ok(found) };
        found = one(into)?;
    }
    Err(DbError::Damaged(format!("conversation {id} is merged in a circle")))
}

/// What is known of a conversation's windows.
pub(in crate::db) fn window_facts(db: &Connection, conversation: ConversationId) -> Result<Facts, DbError> {
    let openings = openings(db, conversation)?;
    let mut ask = db.prepare_cached("SELECT rule, at FROM closings WHERE conversation_id = ?1")?;
    let closings = ask
        .query_map([conversation], |row| Ok(Closing { rule: row.get(0)?, at: row.get(1)? }))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Facts { openings, closings })
}

/// What opened a conversation's windows.
pub(in crate::db) fn openings(db: &Connection, conversation: ConversationId) -> Result<Openings, DbError> {
    let stored = db
        .prepare_cached("SELECT openings FROM conversations WHERE id = ?1")?
        .query_row([conversation], |row| row.get::<_, Option<String>>(0))
        .optional()?;
    stored.flatten().map_or_else(|| Ok(Openings::default()), |stored| openings_of(&stored))
}

/// What opened a conversation's windows, as its row has it.
pub(in crate::db) fn openings_of(stored: &str) -> Result<Openings, DbError> {
    serde_json::from_str(stored).map_err(|error| DbError::Damaged(format!("openings: {error}")))
}

/// Changes what opened a conversation's windows, where there is such a conversation.
pub(in crate::db) fn change_openings(
    db: &Connection,
    conversation: ConversationId,
    change: impl FnOnce(&mut Openings),
) -> Result<(), DbError> {
    let before = openings(db, conversation)?;
    let mut after = before.clone();
    change(&mut after);
    if after != before {
        db.prepare_cached("UPDATE conversations SET openings = ?2 WHERE id = ?1")?
            .execute(params![conversation, crate::db::feed::text(&after)?])?;
    }
    Ok(())
}

fn contact_of(db: &Connection, workspace: &str, identities: &[Identity]) -> Result<Option<ContactId>, DbError> {
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

fn newest_with(db: &Connection, account_id: i64, contact: ContactId) -> Result<Option<ConversationId>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT id FROM conversations WHERE contact_id = ?1 AND account_id = ?2 AND merged_into IS NULL
             ORDER BY last_message_at DESC LIMIT 1",
        )?
        .query_row(params![contact, account_id], |row| row.get(0))
        .optional()?)
}

/// The conversation with a person, begun if there is none yet, within the act that queues its first message.
pub(in crate::db) fn begin(
    db: &Connection,
    new: &NewMessage,
    identities: &[Identity],
) -> Result<ConversationId, DbError> {
    let contact = match contact_of(db, &new.workspace, identities)? {
        Some(contact) => contact,
        None => {
            let contact = ContactId::new(new.at);
            db.prepare_cached(
                "INSERT INTO contacts (id, workspace_id, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)",
            )?
            .execute(params![contact, new.workspace, new.at])?;
            contact
        }
    };
    crate::db::outbound::settle::learn_identities(db, &new.workspace, contact, identities)?;
    if let Some(known) = newest_with(db, new.account_id, contact)? {
        return Ok(known);
    }
    let id = ConversationId::new(new.at);
    let key = identities.first().map_or_else(String::new, |first| {
        format!("{}{}:{}:{}", crate::db::outbound::addressee::STARTED, first.scheme, first.scope, first.value)
    });
    db.prepare_cached(
        "INSERT INTO conversations (id, workspace_id, account_id, contact_id, thread_key, created_at, last_message_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute(params![id, new.workspace, new.account_id, contact, key, new.at])?;
    Ok(id)
}
