//! Messages as they arrive: stored once by the provider's id, placed by the provider's time, with their files and quotes.

use std::borrow::Cow;
use std::cell::Cell;

use rusqlite::params;
use sambung_runtime::contract::inbound::Message;
use sambung_runtime::contract::types::Content;
use serde_json::{Value, json};

use super::people::Contact;
use super::site::{Created, Site};
use super::targets::{self, Waiting};
use super::threads::{self, Row};
use super::{echo, media};
use crate::db::conversations::Marks;
use crate::db::{DbError, feed};
use crate::model::content;
use crate::model::shown::conversation::{ContactRef, LastMessage, Standing};
use crate::model::shown::message;
use crate::model::time::rfc3339;

/// A message to be stored.
pub(super) struct NewMessage<'m> {
    pub message: &'m Message,
    pub conversation: &'m str,
    /// What the conversation's row says, where that is known.
    pub row: Cell<Option<Row>>,
    pub contact: Option<&'m Contact>,
    /// The business sent it by another way.
    pub echo: bool,
    pub at: i64,
}

/// A line that the host itself writes into a conversation; `code` lets whoever shows it use their own words.
pub(super) struct Line<'l> {
    pub code: &'l str,
    pub text: &'l str,
}

/// Who wrote a line of the host's.
const HOST: &str = "system";

/// Stores a message. None where the provider's id is known already.
pub(super) fn insert(site: &mut Site<'_>, new: &NewMessage<'_>) -> Result<Option<String>, DbError> {
    let id = site.mint("msg");
    let fresh = site
        .db
        .prepare_cached(
            "INSERT INTO provider_ids (account_id, provider_id, message_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![site.account, new.message.id, id])?;
    if fresh == 0 {
        return Ok(None);
    }
    let direction = if new.echo { "outbound" } else { "inbound" };
    let contents = contents_json(site, &id, &new.message.content)?;
    let marks = bump_last(site, new, &id)?;
    let contact = new.contact.map(|contact| contact.id.as_str());
    site.db
        .prepare_cached(
            "INSERT INTO messages (id, seq, workspace_id, account_id, conversation_id, direction, contact_id, content, context, group_key, at, \
               received_at, status, echo, guest, journal_id) \
             VALUES (?1, (SELECT coalesce(max(rowid), 0) + 1 FROM messages), ?2, ?3, ?4, ?5, ?6, ?13, ?7, ?8, ?9, ?10, ?11, ?12, ?14, ?15)",
        )?
        .execute(params![
            id,
            site.workspace,
            site.account,
            new.conversation,
            direction,
            contact,
            new.message.context,
            new.message.group,
            new.at,
            site.received_at,
            new.echo.then_some("sent"),
            new.echo,
            contents.to_string(),
            contact.is_some() && contact != marks.contact_id.as_deref(),
            site.request,
        ])?;
    tell(site, new, &id, contents, marks)?;
    if let Some(target) = &new.message.reply_to {
        targets::on_message(site, &target.id, &Waiting::Reply { message: id.clone() }, new.at)?;
    }
    if new.echo {
        echo::attach_facts(site, &new.message.id, &id)?;
    }
    targets::appear(site, &new.message.id, &id)?;
    Ok(Some(id))
}

/// Has a new message told, with its JSON and its conversation's where all that stands in them is at hand.
fn tell(site: &mut Site<'_>, new: &NewMessage<'_>, id: &str, contents: Value, mut marks: Marks) -> Result<(), DbError> {
    let last = (marks.last_message_id.as_deref() == Some(id))
        .then(|| LastMessage::of(id.into(), "inbound".into(), &contents, None, false));
    let (Some((account, channel)), false) = (site.shown, new.echo) else {
        site.told.created.push(Created { id: id.to_owned(), json: None });
        site.told.conversation(new.conversation);
        return Ok(());
    };
    let channel = channel.as_ref();
    // Its contact is this message's sender, or nobody.
    let known = marks.contact_id.as_deref() == new.contact.map(|contact| contact.id.as_str());
    match last {
        Some(last) if known => {
            marks.contact_id = None;
            let contact = new
                .contact
                .map(|contact| contact.as_shown())
                .map(|(id, name)| ContactRef { id: id.into(), name: name.map(Cow::Borrowed) });
            let (account, channel) = (Cow::Borrowed(account), channel.map(Cow::Borrowed));
            let view = marks.shown(new.conversation.into(), account, channel, contact, Some(last));
            site.told.conversation_is(new.conversation, feed::text(&view)?);
        }
        _ => site.told.conversation(new.conversation),
    }
    let json = if content::media_ids(&contents).is_empty() {
        let created_at = rfc3339(new.at);
        let view = message::Message {
            id: id.into(),
            conversation_id: new.conversation.into(),
            channel_id: channel.map(|channel| channel.id.as_str().into()),
            direction: "inbound".into(),
            content: content::shown(contents),
            status: None,
            error: Value::Null,
            from: new
                .contact
                .map(|contact| contact.as_shown())
                .map(|(id, name)| message::Author::Contact { id: id.into(), name: name.map(Cow::Borrowed) }),
            sent_at: Some(created_at.clone()),
            created_at,
            received_at: Some(rfc3339(site.received_at)),
            reply_to: None,
            group: new.message.group.as_deref().map(Cow::Borrowed),
            human: false,
            echo: false,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            provider_message_ids: vec![new.message.id.as_str().into()],
            attempts: Vec::new(),
            replayed: site.replayed,
        };
        Some(feed::text(&view)?)
    } else {
        None
    };
    site.told.created.push(Created { id: id.to_owned(), json });
    Ok(())
}

/// Contents as they are stored, with a row for each file of them.
pub(super) fn contents_json(site: &mut Site<'_>, message: &str, contents: &[Content]) -> Result<Value, DbError> {
    let mut failure = None;
    let stored: Vec<Value> = contents
        .iter()
        .map(|one| {
            content::to_json(one, &mut |file| match media::register(site, Some(message), file) {
                Ok(id) => id,
                Err(error) => {
                    failure = Some(error);
                    None
                }
            })
        })
        .collect();
    match failure {
        Some(error) => Err(error),
        None => Ok(stored.into()),
    }
}

/// The newest message and the newest inbound one are maxima, whatever arrives when. A message of the customer is unread and opens
/// a conversation that was done. What the conversation's row says then.
fn bump_last(site: &Site<'_>, new: &NewMessage<'_>, id: &str) -> Result<Marks, DbError> {
    let Row { rowid, mut marks } = match new.row.take() {
        Some(row) => row,
        None => threads::row_of(site.db, new.conversation)?,
    };
    if marks.last_message_id.is_none() || marks.last_message_at <= new.at {
        marks.last_message_at = new.at;
        marks.last_message_id = Some(id.to_owned());
    }
    if !new.echo {
        marks.last_inbound_at = marks.last_inbound_at.max(Some(new.at));
        marks.inbound += 1;
        if marks.status == Standing::Done {
            (marks.status, marks.status_at, marks.status_by) = (Standing::Open, Some(site.now), None);
            site.db
                .prepare_cached(
                    "UPDATE conversations SET status = 'open', status_at = ?2, status_by = NULL WHERE rowid = ?1",
                )?
                .execute(params![rowid, site.now])?;
        }
    }
    site.db
        .prepare_cached(
            "UPDATE conversations SET last_message_id = ?2, last_message_at = ?3, last_inbound_at = ?4, inbound = ?5 WHERE rowid = ?1",
        )?
        .execute(params![rowid, marks.last_message_id, marks.last_message_at, marks.last_inbound_at, marks.inbound])?;
    Ok(marks)
}

/// Derives a conversation's newest message from what is in it, after something moved.
pub(super) fn refresh_last(site: &Site<'_>, conversation: &str) -> Result<(), DbError> {
    site.db
        .prepare_cached(
            "UPDATE conversations SET \
               last_message_id = (SELECT m.id FROM messages m WHERE m.conversation_id = ?1 AND m.created_by IS NOT ?2 ORDER BY m.at DESC, m.seq DESC LIMIT 1), \
               last_message_at = coalesce((SELECT m.at FROM messages m WHERE m.conversation_id = ?1 AND m.created_by IS NOT ?2 \
                 ORDER BY m.at DESC, m.seq DESC LIMIT 1), last_message_at), \
               last_inbound_at = (SELECT max(m.at) FROM messages m WHERE m.conversation_id = ?1 AND m.direction = 'inbound' AND m.created_by IS NOT ?2) \
             WHERE id = ?1",
        )?
        .execute([conversation, HOST])?;
    Ok(())
}

/// Writes a line of the host's into a conversation. It is nobody's message: it neither counts as the newest nor as unread.
pub(super) fn add_line(site: &mut Site<'_>, conversation: &str, line: &Line<'_>, at: i64) -> Result<(), DbError> {
    let id = site.mint("msg");
    let content = json!([{"type": "system", "text": line.text, "code": line.code}]);
    site.db
        .prepare_cached(
            "INSERT INTO messages (id, seq, workspace_id, account_id, conversation_id, direction, content, at, received_at, created_by) \
             VALUES (?1, (SELECT coalesce(max(rowid), 0) + 1 FROM messages), ?2, ?3, ?4, 'inbound', ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id,
            site.workspace,
            site.account,
            conversation,
            content.to_string(),
            at,
            site.received_at,
            HOST
        ])?;
    site.told.created.push(Created { id, json: None });
    Ok(())
}
