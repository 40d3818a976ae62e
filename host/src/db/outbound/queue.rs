//! Messages on their way out, as the API makes, retries and decides them: the message, its parts and the feed row in one act.

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::Identity;
use serde_json::{Value, json};

use crate::db::engine::after;
use crate::db::inbox::messages::{message_created, message_view};
use crate::db::inbox::{conversations, traffic};
use crate::db::outbound::status::recompute_status;
use crate::db::people::idempotency::Ticket;
use crate::db::{Db, DbError, Priority, media};
use crate::keys::{ConversationId, MediaId, MessageId};
use crate::model::audit::Entry;
use crate::model::content;
use crate::model::shown::message::Message;
use crate::model::status::{Part, Status};

/// A message to be queued.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Whose it is.
    pub workspace: String,
    /// Where it goes.
    pub to: Addressee,
    /// The account it leaves through.
    pub account_id: i64,
    /// In the API's form; each becomes a part. At least one.
    pub contents: Vec<Value>,
    /// An attempt key for each content.
    pub keys: Vec<String>,
    /// The message it answers, by the host's id.
    pub reply_to: Option<MessageId>,
    /// Written by a person, not by a program.
    pub human: bool,
    /// The user who wrote it.
    pub created_by: Option<String>,
    /// Now.
    pub at: i64,
    /// Most parts that may wait in this account.
    pub most_queued: u32,
    /// Of a request with a key: kept in the same act, so that its repetition finds the answer wherever the process was killed.
    pub answer: Option<KeyedAnswer>,
}

/// The answer to a request with a key.
#[derive(Debug, Clone)]
pub struct KeyedAnswer {
    /// The request.
    pub ticket: Ticket,
    /// The status.
    pub status: u16,
    /// Names and values, as JSON.
    pub headers: String,
    /// The body, from the message's id and the conversation's.
    pub body: fn(MessageId, ConversationId) -> Vec<u8>,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Addressee {
    /// A conversation that is there.
    Conversation(ConversationId),
    /// A person, by identities that are one person's, best first: the conversation with them is begun if there is none.
    Person(Vec<Identity>),
}

/// What became of a message that was to be queued.
#[derive(Debug, Clone, PartialEq)]
pub enum Queued {
    /// It is on disk.
    Yes {
        /// Its id.
        id: MessageId,
        /// Its conversation.
        conversation: ConversationId,
    },
    /// Too many wait in this channel already.
    Full,
    /// The message that it answers is not in this conversation.
    NoSuchReply,
}

/// What became of a wish about a message.
#[derive(Debug, Clone)]
pub enum Changed {
    /// There is no such message in this workspace.
    NotFound,
    /// It is not in the state that this needs; the state it is in.
    Not(String),
    /// A user with a higher role must do this.
    NotYours,
    /// Done; the message as it is now.
    Yes(Box<Message<'static>>),
}

impl Db {
    /// Writes a message, its parts and the feed row.
    pub async fn queue_message(&self, new: NewMessage) -> Result<Queued, DbError> {
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |db| {
            let queued = queue(db, &new)?;
            if let (Queued::Yes { id, conversation }, Some(answer)) = (&queued, &new.answer) {
                let body = (answer.body)(*id, *conversation);
                keeper.answer(db, &answer.ticket, answer.status, &answer.headers, &body)?;
            }
            Ok(queued)
        })
        .await
    }

    /// Queues the failed parts of a failed message again, as new attempts with these keys (one for each part it may have).
    pub async fn retry_message(
        &self,
        workspace: &str,
        id: MessageId,
        fresh_key: impl Fn() -> String + Send + 'static,
        at: i64,
    ) -> Result<Changed, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| retry(db, &workspace, id, &fresh_key, at)).await
    }

    /// A person decides what became of the unknown parts of a message. `only_of`: unless this user wrote it, refuse.
    pub async fn resolve_message(
        &self,
        workspace: &str,
        id: MessageId,
        sent: bool,
        only_of: Option<String>,
        entry: Entry,
    ) -> Result<Changed, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let changed = resolve(db, &workspace, id, sent, only_of.as_deref(), entry.at)?;
            if matches!(changed, Changed::Yes(_)) {
                crate::db::people::audit::append(db, &entry)?;
            }
            Ok(changed)
        })
        .await
    }
}

fn queue(db: &Connection, new: &NewMessage) -> Result<Queued, DbError> {
    let waiting: u32 = db
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM parts WHERE account_id = ?1 AND state = 'queued' LIMIT ?2)",
        )?
        .query_row(params![new.account_id, new.most_queued], |row| row.get(0))?;
    if waiting >= new.most_queued {
        return Ok(Queued::Full);
    }
    let conversation = match &new.to {
        // It may have been merged since it was looked at.
        Addressee::Conversation(id) => db
            .prepare_cached("SELECT coalesce(merged_into, id) FROM conversations WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?,
        Addressee::Person(identities) => conversations::begin(db, new, identities)?,
    };
    if let Some(answered) = &new.reply_to {
        let there = db
            .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND conversation_id = ?2")?
            .exists(params![answered, conversation])?;
        if !there {
            return Ok(Queued::NoSuchReply);
        }
    }
    // Greater than each of the conversation that still waits, because lanes go by id.
    let id = MessageId::new(new.at);
    db.prepare_cached(
        "INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, reply_to, at, status, created_by, human)
         VALUES (?1, ?2, ?3, ?4, 'outbound', ?5, ?6, ?7, 'queued', ?8, ?9)",
    )?
    .execute(params![
        id,
        new.workspace,
        new.account_id,
        conversation,
        Value::Array(new.contents.clone()).to_string(),
        new.reply_to,
        new.at,
        new.created_by,
        new.human
    ])?;
    traffic::count(db, new.account_id, new.at, false)?;
    let files: Vec<_> =
        content::media_ids(&Value::Array(new.contents.clone())).iter().map(|id| MediaId::of(id)).collect();
    media::mark_used(db, &files)?;
    for ((idx, content), key) in new.contents.iter().enumerate().zip(&new.keys) {
        db.prepare_cached(
            "INSERT INTO parts (message_id, idx, account_id, conversation_id, content, state, attempt_key, due_at)
             VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?7)",
        )?
        .execute(params![id, idx as i64, new.account_id, conversation, content.to_string(), key, new.at])?;
    }
    db.prepare_cached(
        "UPDATE conversations SET last_message_at = ?2, last_message_id = ?3 WHERE id = ?1 AND last_message_at <= ?2",
    )?
    .execute(params![conversation, new.at, id])?;
    if new.human {
        // A person who answers has read the conversation.
        conversations::mark_read(db, conversation, new.created_by.as_deref(), new.at)?;
    }
    message_created(db, &new.workspace, id, false, new.at)?;
    after::wake_outbound();
    Ok(Queued::Yes { id, conversation })
}

struct Outbound {
    status: String,
    created_by: Option<String>,
}

fn outbound(db: &Connection, workspace: &str, id: MessageId) -> Result<Option<Outbound>, DbError> {
    Ok(db
        .prepare_cached(
            "SELECT status, created_by FROM messages WHERE id = ?1 AND workspace_id = ?2 AND direction = 'outbound'",
        )?
        .query_row(params![id, workspace], |row| {
            Ok(Outbound { status: row.get::<_, Option<String>>(0)?.unwrap_or_default(), created_by: row.get(1)? })
        })
        .optional()?)
}

fn retry(
    db: &Connection,
    workspace: &str,
    id: MessageId,
    fresh_key: &dyn Fn() -> String,
    at: i64,
) -> Result<Changed, DbError> {
    let Some(message) = outbound(db, workspace, id)? else { return Ok(Changed::NotFound) };
    if message.status != Status::Failed.word() {
        return Ok(Changed::Not(message.status));
    }
    let facts = crate::db::outbound::status::facts_of(db, id)?;
    let told = |part: &Part| {
        facts.iter().filter(|fact| fact.counts_for(part)).map(|fact| fact.status).max() == Some(Status::Failed)
    };
    let mut queued = false;
    for part in crate::db::outbound::status::parts_of(db, id)? {
        if part.status != Status::Failed && !(part.status == Status::Sent && told(&part)) {
            continue;
        }
        queued = true;
        db.prepare_cached(
            "UPDATE parts SET state = 'queued', attempt_key = ?3, tries = 0, due_at = ?4, lane_until = 0, first_sent_at = NULL, maybe_sent = 0,
                              error = NULL, excluded_rules = '[]'
             WHERE message_id = ?1 AND idx = ?2",
        )?
        .execute(params![id, part.idx, fresh_key(), at])?;
    }
    if !queued {
        // An echo: it was sent by another way, and there is nothing here to send again.
        return Ok(Changed::Not("failed elsewhere".to_owned()));
    }
    after::wake_outbound();
    recompute_status(db, id, at)?;
    Ok(message_view(db, id)?.map_or(Changed::NotFound, |message| Changed::Yes(Box::new(message))))
}

fn resolve(
    db: &Connection,
    workspace: &str,
    id: MessageId,
    sent: bool,
    only_of: Option<&str>,
    at: i64,
) -> Result<Changed, DbError> {
    let Some(message) = outbound(db, workspace, id)? else { return Ok(Changed::NotFound) };
    if only_of.is_some() && message.created_by.as_deref() != only_of {
        return Ok(Changed::NotYours);
    }
    let mut ask =
        db.prepare_cached("SELECT idx FROM parts WHERE message_id = ?1 AND state = 'unknown' ORDER BY idx")?;
    let unknown = ask.query_map([id], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    let Some(first) = unknown.first() else { return Ok(Changed::Not(message.status)) };
    let (state, outcome) = if sent { ("sent", "decided-sent") } else { ("failed", "decided-failed") };
    let error = (!sent).then(|| {
        json!({"code": DECIDED, "detail": "a person decided that the provider did not get this message"}).to_string()
    });
    db.prepare_cached("UPDATE parts SET state = ?2, error = ?3 WHERE message_id = ?1 AND state = 'unknown'")?
        .execute(params![id, state, error])?;
    db.prepare_cached("UPDATE attempts SET outcome = ?2 WHERE message_id = ?1 AND outcome = 'unknown'")?
        .execute(params![id, outcome])?;
    after::wake_outbound();
    if !sent {
        fail_rest(db, id, *first)?;
    }
    recompute_status(db, id, at)?;
    Ok(message_view(db, id)?.map_or(Changed::NotFound, |message| Changed::Yes(Box::new(message))))
}

/// The code of a failure that a person decided, not the provider.
pub(in crate::db) const DECIDED: &str = "decided";

/// The parts after one that failed are not sent on their own: the message failed, and a retry sends them in order.
pub(in crate::db) fn fail_rest(db: &Connection, message_id: MessageId, after: i64) -> Result<(), DbError> {
    let error = json!({"code": "earlier-part-failed", "detail": "an earlier part of this message failed"}).to_string();
    db.prepare_cached(
        "UPDATE parts SET state = 'failed', error = ?3 WHERE message_id = ?1 AND idx > ?2 AND state = 'queued'",
    )?
    .execute(params![message_id, after, error])?;
    Ok(())
}
