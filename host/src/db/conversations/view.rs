//! A conversation as the API and the feed show it, read back or made of what is at hand.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde_json::Value;

use crate::db::DbError;
use crate::model::time::rfc3339;

/// A conversation in the API's form, which is also what the feed carries.
#[derive(Debug, Serialize)]
pub(in crate::db) struct View<'v> {
    pub id: Cow<'v, str>,
    pub channel: Option<Cow<'v, ChannelView>>,
    pub account: Cow<'v, AccountView>,
    pub contact: Option<ContactView<'v>>,
    pub assigned_to: Option<String>,
    pub created_at: String,
    pub last_message_at: String,
    pub last_inbound_at: Option<String>,
    pub read_at: Option<String>,
    pub unread: bool,
    pub merged_into: Option<String>,
    pub last_message: Option<LastMessage<'v>>,
}

/// The channel that a conversation's account is connected through.
#[derive(Debug, Clone, Serialize)]
pub(in crate::db) struct ChannelView {
    pub id: String,
    pub name: String,
    pub plugin: String,
    pub state: String,
}

/// The account that a conversation belongs to.
#[derive(Debug, Clone, Serialize)]
pub(in crate::db) struct AccountView {
    pub plugin: String,
    pub id: String,
    pub name: String,
}

/// The person of a conversation.
#[derive(Debug, Serialize)]
pub(in crate::db) struct ContactView<'v> {
    pub id: Cow<'v, str>,
    pub name: Option<Cow<'v, str>>,
}

/// The first characters of the last message, for a list.
#[derive(Debug, Serialize)]
pub(in crate::db) struct LastMessage<'v> {
    pub id: Cow<'v, str>,
    pub direction: Cow<'v, str>,
    pub r#type: Option<String>,
    pub preview: Option<String>,
    pub status: Option<String>,
}

impl<'v> LastMessage<'v> {
    /// `contents`: as they are stored.
    pub fn of(
        id: Cow<'v, str>,
        direction: Cow<'v, str>,
        contents: &Value,
        status: Option<String>,
        deleted: bool,
    ) -> Self {
        let first = contents.get(0).unwrap_or(&Value::Null);
        let preview = ["text", "caption", "line", "label", "name"]
            .iter()
            .find_map(|key| first.get(key).and_then(Value::as_str))
            .filter(|_| !deleted)
            .map(|text| text.chars().take(120).collect());
        let kind = first.get("type").and_then(Value::as_str).map(str::to_owned);
        Self { id, direction, r#type: kind, preview, status }
    }
}

/// An account, and the channel that it is connected through now.
pub(in crate::db) fn account_view(
    db: &Connection,
    account: i64,
) -> Result<Option<(AccountView, Option<ChannelView>)>, DbError> {
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
                    Some(ChannelView { id, name: row.get(4)?, plugin: plugin.clone(), state })
                }
                None => None,
            };
            Ok((AccountView { plugin, id: row.get(1)?, name: row.get(2)? }, channel))
        })
        .optional()?;
    Ok(found)
}

/// What a conversation's row says of it, and most of what changes with each message.
pub(in crate::db) struct Marks {
    pub assigned_to: Option<String>,
    pub created_at: i64,
    pub last_message_at: i64,
    pub last_message_id: Option<String>,
    pub last_inbound_at: Option<i64>,
    pub read_at: Option<i64>,
    pub merged_into: Option<String>,
    pub contact_id: Option<String>,
}

impl Marks {
    /// Of a row that begins with these columns, in this order.
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Marks> {
        Ok(Marks {
            assigned_to: row.get(0)?,
            created_at: row.get(1)?,
            last_message_at: row.get(2)?,
            last_message_id: row.get(3)?,
            last_inbound_at: row.get(4)?,
            read_at: row.get(5)?,
            merged_into: row.get(6)?,
            contact_id: row.get(7)?,
        })
    }
}

impl<'v> View<'v> {
    pub fn of(
        id: Cow<'v, str>,
        account: Cow<'v, AccountView>,
        channel: Option<Cow<'v, ChannelView>>,
        contact: Option<ContactView<'v>>,
        marks: Marks,
        last_message: Option<LastMessage<'v>>,
    ) -> Self {
        let (inbound, read) = (marks.last_inbound_at, marks.read_at);
        Self {
            id,
            channel,
            account,
            contact,
            assigned_to: marks.assigned_to,
            created_at: rfc3339(marks.created_at),
            last_message_at: rfc3339(marks.last_message_at),
            last_inbound_at: inbound.map(rfc3339),
            read_at: read.map(rfc3339),
            unread: inbound.is_some_and(|at| read.is_none_or(|read| read < at)),
            merged_into: marks.merged_into,
            last_message,
        }
    }
}

/// As [`conversation_view`], as JSON.
pub(in crate::db) fn conversation_json(db: &Connection, id: &str) -> Result<Option<Value>, DbError> {
    let value = |view: View<'_>| serde_json::to_value(view).map_err(|error| DbError::Damaged(error.to_string()));
    conversation_view(db, id)?.map(value).transpose()
}

/// A conversation in the API's form. None where there is none.
pub(in crate::db) fn conversation_view<'v>(db: &Connection, id: &'v str) -> Result<Option<View<'v>>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT v.assigned_to, v.created_at, v.last_message_at, v.last_message_id, v.last_inbound_at, v.read_at, v.merged_into, \
                    v.contact_id, v.account_id, ct.name \
             FROM conversations v LEFT JOIN contacts ct ON ct.id = v.contact_id WHERE v.id = ?1",
        )?
        .query_row([id], |row| {
            Ok((Marks::read(row)?, row.get::<_, i64>(8)?, row.get::<_, Option<String>>(9)?))
        })
        .optional()?;
    let Some((mut marks, account, name)) = found else { return Ok(None) };
    let Some((account, channel)) = account_view(db, account)? else { return Ok(None) };
    let contact = marks.contact_id.take().map(|id| ContactView { id: id.into(), name: name.map(Cow::Owned) });
    let last = match marks.last_message_id.take() {
        Some(last) => last_message(db, last)?,
        None => None,
    };
    Ok(Some(View::of(id.into(), Cow::Owned(account), channel.map(Cow::Owned), contact, marks, last)))
}

fn last_message(db: &Connection, id: String) -> Result<Option<LastMessage<'static>>, DbError> {
    let found = db
        .prepare_cached("SELECT direction, content, status, deleted_at IS NOT NULL FROM messages WHERE id = ?1")?
        .query_row([&id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    Ok(found.map(|(direction, content, status, deleted)| {
        let contents = serde_json::from_str(&content).unwrap_or(Value::Null);
        LastMessage::of(id.into(), direction.into(), &contents, status, deleted)
    }))
}
