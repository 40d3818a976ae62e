//! Messages as they arrive: stored once by the provider's id, placed by the provider's time, with their files and quotes.

use std::borrow::Cow;

use rusqlite::params;
use sambung_runtime::contract::inbound::Message;
use sambung_runtime::contract::types::Content;
use serde_json::{Value, json};

use crate::db::inbound::people::Contact;
use crate::db::inbound::site::Site;
use crate::db::inbound::targets::{self, Waiting};
use crate::db::inbound::threads::{self, Row};
use crate::db::inbound::{echo, media};
use crate::db::inbox::conversations::{self, Marks};
use crate::db::inbox::traffic;
use crate::db::{DbError, feed};
use crate::keys::{ConversationId, MessageId};
use crate::model::content;
use crate::model::shown::conversation::{ContactRef, LastMessage, Standing};
use crate::model::shown::message;
use crate::model::time::rfc3339;
use crate::model::windows::{Opening, Openings};

/// A message to be stored.
pub(super) struct NewMessage<'m> {
    pub message: &'m Message,
    pub conversation: ConversationId,
    pub contact: Option<&'m Contact>,
    /// What it opens in its conversation.
    pub opens: &'m [Opening],
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

/// Stores a message, and what it opens; `row` is what its conversation's row says, where that is known. None where the provider's
/// id is known already.
pub(super) fn insert(
    site: &mut Site<'_>,
    new: &NewMessage<'_>,
    row: Option<Row>,
) -> Result<Option<MessageId>, DbError> {
    let id = site.mint();
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
    let contents = contents_json(site, id, &new.message.content)?;
    let marks = bump_last(site, new, row, id)?;
    let contact = new.contact.map(|contact| contact.id);
    site.db
        .prepare_cached(
            "INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, contact_id, content, context, group_key, at, \
               received_at, status, echo, guest, journal_id, provider_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?13, ?7, ?8, ?9, ?10, ?11, ?12, ?14, ?15, ?16)",
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
            contact.is_some() && contact != marks.contact_id,
            site.request,
            new.message.id,
        ])?;
    traffic::count(site.db, site.account, site.received_at, !new.echo)?;
    tell(site, new, id, contents, marks)?;
    if let Some(target) = &new.message.reply_to {
        targets::on_message(site, &target.id, &Waiting::Reply { message: id }, new.at)?;
    }
    if new.echo {
        echo::attach_facts(site, &new.message.id, id)?;
    }
    targets::appear(site, &new.message.id, id)?;
    Ok(Some(id))
}

/// Has a new message told, with its JSON where all that stands in it is at hand.
fn tell(
    site: &mut Site<'_>,
    new: &NewMessage<'_>,
    id: MessageId,
    contents: Value,
    marks: Marks,
) -> Result<(), DbError> {
    let sender = new.contact.map(Contact::as_shown);
    // Its contact is this message's sender, or nobody.
    let known = marks.contact_id == new.contact.map(|contact| contact.id);
    let newest = marks.last_message_id == Some(id);
    let at_hand = known && newest && !new.echo && content::media_ids(&contents).is_empty();
    let Some((account, channel)) = site.shown.filter(|_| at_hand) else {
        site.told.message(id, new.conversation, None);
        return Ok(());
    };
    let contact = sender.map(|(id, name)| ContactRef { id, name: name.map(Cow::Borrowed) });
    let last = LastMessage::of(id, "inbound".into(), &contents, None, false);
    let (account, channel) = (Cow::Borrowed(account), channel.as_ref());
    let conversation = marks.shown(new.conversation, account, channel.map(Cow::Borrowed), contact, Some(last));
    let created_at = rfc3339(new.at);
    let view = message::Message {
        id,
        conversation_id: new.conversation,
        channel_id: channel.map(|channel| channel.id.as_str().into()),
        direction: "inbound".into(),
        content: content::shown(contents),
        status: None,
        error: Value::Null,
        from: sender.map(|(id, name)| message::Author::Contact { id, name: name.map(Cow::Borrowed) }),
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
        conversation: Some(Box::new(conversation)),
    };
    site.told.message(id, new.conversation, Some(feed::text(&view)?));
    Ok(())
}

/// Contents as they are stored, with a row for each file of them.
pub(super) fn contents_json(site: &mut Site<'_>, message: MessageId, contents: &[Content]) -> Result<Value, DbError> {
    let mut failure = None;
    let stored: Vec<Value> = contents
        .iter()
        .map(|one| {
            content::to_json(one, &mut |file| match media::register(site, Some(message), file) {
                Ok(id) => id.map(|id| id.to_string()),
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
fn bump_last(site: &Site<'_>, new: &NewMessage<'_>, row: Option<Row>, id: MessageId) -> Result<Marks, DbError> {
    let Row { mut marks, mut openings } = match row {
        Some(row) => row,
        None => threads::row_of(site.db, new.conversation)?,
    };
    if !new.opens.is_empty() {
        let mut all = openings.as_deref().map_or_else(|| Ok(Openings::default()), conversations::openings_of)?;
        new.opens.iter().for_each(|one| all.add(one.clone()));
        openings = Some(feed::text(&all)?);
    }
    if marks.last_message_id.is_none() || marks.last_message_at <= new.at {
        marks.last_message_at = new.at;
        marks.last_message_id = Some(id);
    }
    if !new.echo {
        marks.last_inbound_at = marks.last_inbound_at.max(Some(new.at));
        marks.inbound += 1;
        if marks.status == Standing::Done {
            (marks.status, marks.status_at, marks.status_by) = (Standing::Open, Some(site.now), None);
            site.db
                .prepare_cached(
                    "UPDATE conversations SET status = 'open', status_at = ?2, status_by = NULL WHERE id = ?1",
                )?
                .execute(params![new.conversation, site.now])?;
        }
    }
    site.db
        .prepare_cached(
            "UPDATE conversations SET last_message_id = ?2, last_message_at = ?3, last_inbound_at = ?4, inbound = ?5, openings = ?6 \
             WHERE id = ?1",
        )?
        .execute(params![
            new.conversation,
            marks.last_message_id,
            marks.last_message_at,
            marks.last_inbound_at,
            marks.inbound,
            openings
        ])?;
    Ok(marks)
}

/// Derives a conversation's newest message from what is in it, after something moved.
pub(super) fn refresh_last(site: &Site<'_>, conversation: ConversationId) -> Result<(), DbError> {
    site.db
        .prepare_cached(
            "UPDATE conversations SET \
               last_message_id = (SELECT m.id FROM messages m WHERE m.conversation_id = ?1 AND coalesce(m.created_by, '') <> ?2 ORDER BY m.at DESC, m.id DESC LIMIT 1), \
               last_message_at = coalesce((SELECT m.at FROM messages m WHERE m.conversation_id = ?1 AND coalesce(m.created_by, '') <> ?2 \
                 ORDER BY m.at DESC, m.id DESC LIMIT 1), last_message_at), \
               last_inbound_at = (SELECT max(m.at) FROM messages m WHERE m.conversation_id = ?1 AND m.direction = 'inbound' AND coalesce(m.created_by, '') <> ?2) \
             WHERE id = ?1",
        )?
        .execute(params![conversation, HOST])?;
    Ok(())
}

/// Writes a line of the host's into a conversation. It is nobody's message: it neither counts as the newest nor as unread.
pub(super) fn add_line(
    site: &mut Site<'_>,
    conversation: ConversationId,
    line: &Line<'_>,
    at: i64,
) -> Result<(), DbError> {
    let id = site.mint();
    let content = json!([{"type": "system", "text": line.text, "code": line.code}]);
    site.db
        .prepare_cached(
            "INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, at, received_at, created_by) \
             VALUES (?1, ?2, ?3, ?4, 'inbound', ?5, ?6, ?7, ?8)",
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
    site.told.message(id, conversation, None);
    Ok(())
}
