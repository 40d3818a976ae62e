//! Reads a conversation as it is shown, or makes it of what is at hand.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::db::DbError;
use crate::db::inbox::contacts::{SHOWN_FROM, SHOWN_NAME};
use crate::keys::{ContactId, ConversationId, MessageId};
use crate::model::shown::conversation::{
    AccountRef, ChannelRef, ContactRef, Conversation, LastMessage, PersonRef, Standing,
};
use crate::model::time::rfc3339;

/// An account, and the channel that it is connected through now.
pub(in crate::db) fn account_view(
    db: &Connection,
    account: i64,
) -> Result<Option<(AccountRef, Option<ChannelRef>)>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT a.plugin_id, a.account, a.name, c.id, c.name, c.state, c.paused FROM accounts a \
             LEFT JOIN channels c ON c.account_id = a.id WHERE a.id = ?1",
        )?
        .query_row([account], |row| {
            let plugin: String = row.get(0)?;
            let channel = match row.get::<_, Option<String>>(3)? {
                Some(id) => {
                    let state = if row.get(6)? { "paused".to_owned() } else { row.get(5)? };
                    Some(ChannelRef { id, name: row.get(4)?, plugin: plugin.clone(), state })
                }
                None => None,
            };
            Ok((AccountRef { plugin, id: row.get(1)?, name: row.get(2)? }, channel))
        })
        .optional()?;
    Ok(found)
}

/// What a conversation's row says of it, and most of what changes with each message.
pub(in crate::db) struct Marks {
    pub assigned_to: Option<PersonRef>,
    pub created_at: i64,
    pub last_message_at: i64,
    pub last_message_id: Option<MessageId>,
    pub last_inbound_at: Option<i64>,
    pub read_at: Option<i64>,
    pub merged_into: Option<ConversationId>,
    pub contact_id: Option<ContactId>,
    /// Messages of the customer, and how many of them a user has read.
    pub inbound: i64,
    pub seen: i64,
    pub status: Standing,
    pub status_at: Option<i64>,
    pub status_by: Option<PersonRef>,
}

/// The columns that [`Marks::read`] takes, of a conversation `v` with [`MARKS_FROM`].
pub(in crate::db) const MARKS: &str = "v.created_at, v.last_message_at, v.last_message_id, v.last_inbound_at, v.read_at, v.merged_into, \
     v.contact_id, v.inbound, v.seen, v.status, v.status_at, v.assigned_to, ua.name, v.status_by, us.name";
/// Joins the users whom a conversation `v` names.
pub(in crate::db) const MARKS_FROM: &str =
    "LEFT JOIN users ua ON ua.id = v.assigned_to LEFT JOIN users us ON us.id = v.status_by";
/// How many columns they are.
pub(in crate::db) const MARKS_COLUMNS: usize = 15;

impl Marks {
    /// Of a row that begins with [`MARKS`].
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Marks> {
        let person = |id: usize| -> rusqlite::Result<Option<PersonRef>> {
            let Some(who) = row.get::<_, Option<String>>(id)? else { return Ok(None) };
            let name = row.get::<_, Option<String>>(id + 1)?.unwrap_or_default();
            Ok(Some(PersonRef { id: who, name }))
        };
        Ok(Marks {
            created_at: row.get(0)?,
            last_message_at: row.get(1)?,
            last_message_id: row.get(2)?,
            last_inbound_at: row.get(3)?,
            read_at: row.get(4)?,
            merged_into: row.get(5)?,
            contact_id: row.get(6)?,
            inbound: row.get(7)?,
            seen: row.get(8)?,
            status: Standing::of(row.get_ref(9)?.as_str()?),
            status_at: row.get(10)?,
            assigned_to: person(11)?,
            status_by: person(13)?,
        })
    }

    /// The conversation with these marks.
    pub fn shown<'v>(
        self,
        id: ConversationId,
        account: Cow<'v, AccountRef>,
        channel: Option<Cow<'v, ChannelRef>>,
        contact: Option<ContactRef<'v>>,
        last_message: Option<LastMessage<'v>>,
    ) -> Conversation<'v> {
        Conversation {
            id,
            channel,
            account,
            contact,
            assigned_to: self.assigned_to,
            status: self.status,
            status_changed_at: self.status_at.map(rfc3339),
            status_changed_by: self.status_by,
            created_at: rfc3339(self.created_at),
            last_message_at: rfc3339(self.last_message_at),
            last_inbound_at: self.last_inbound_at.map(rfc3339),
            read_at: self.read_at.map(rfc3339),
            unread: (self.inbound - self.seen).max(0),
            unread_by_you: None,
            merged_into: self.merged_into,
            last_message,
            window: None,
            composer: None,
        }
    }
}

/// A conversation as everybody is shown it. None where there is none.
pub(in crate::db) fn conversation_view(
    db: &Connection,
    id: ConversationId,
) -> Result<Option<Conversation<'static>>, DbError> {
    let found = db
        .prepare_cached(&format!(
            "SELECT {MARKS}, v.account_id, ct.id, {SHOWN_NAME} FROM conversations v {MARKS_FROM} \
             LEFT JOIN contacts own ON own.id = v.contact_id {SHOWN_FROM} WHERE v.id = ?1"
        ))?
        .query_row([id], |row| {
            let account = row.get::<_, i64>(MARKS_COLUMNS)?;
            let contact = row.get::<_, Option<ContactId>>(MARKS_COLUMNS + 1)?;
            Ok((Marks::read(row)?, account, contact, row.get::<_, Option<String>>(MARKS_COLUMNS + 2)?))
        })
        .optional()?;
    let Some((mut marks, account, contact, name)) = found else { return Ok(None) };
    let Some((account, channel)) = account_view(db, account)? else { return Ok(None) };
    let contact = contact.map(|id| ContactRef { id, name: name.map(Cow::Owned) });
    let last = match marks.last_message_id.take() {
        Some(last) => last_message(db, last)?,
        None => None,
    };
    Ok(Some(marks.shown(id, Cow::Owned(account), channel.map(Cow::Owned), contact, last)))
}

/// A conversation as this user is shown it; as everybody is, where there is no user.
pub(in crate::db) fn conversation_for(
    db: &Connection,
    id: ConversationId,
    user: Option<&str>,
) -> Result<Option<Conversation<'static>>, DbError> {
    let Some(mut view) = conversation_view(db, id)? else { return Ok(None) };
    if let Some(user) = user {
        view.unread_by_you = Some(
            db.prepare_cached(
                "SELECT v.inbound - coalesce(r.seen, v.seen) FROM conversations v \
                 LEFT JOIN reads r ON r.conversation_id = v.id AND r.user_id = ?2 WHERE v.id = ?1",
            )?
            .query_row(params![id, user], |row| row.get::<_, i64>(0))?
            .max(0),
        );
    }
    Ok(Some(view))
}

fn last_message(db: &Connection, id: MessageId) -> Result<Option<LastMessage<'static>>, DbError> {
    let found = db
        .prepare_cached("SELECT direction, content, status, deleted_at IS NOT NULL FROM messages WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    Ok(found.map(|(direction, content, status, deleted)| {
        let contents = serde_json::from_str(&content).unwrap_or(Value::Null);
        LastMessage::of(id, direction.into(), &contents, status, deleted)
    }))
}
