//! One event of one account: stored once, by its id.

use rusqlite::params;
use sambung_runtime::contract::inbound::{
    Delivery, Event, Happening, IdentityChange, Message, Opening as Opens, Reaction, Subscription, Watermark,
};
use sambung_runtime::contract::types::{Person, Thread};
use serde_json::{Value, json};

use crate::db::DbError;
use crate::db::inbound::messages::{self, Line, NewMessage};
use crate::db::inbound::site::Site;
use crate::db::inbound::targets::{self, Waiting};
use crate::db::inbound::{echo, notices, people, threads};
use crate::db::inbox::{conversations, typing};
use crate::db::outbound::{status, templates};
use crate::keys::ConversationId;
use crate::model::status::Status;
use crate::model::windows::{Opening, counts_from};

/// How far a provider's clock may run ahead of the host's, in milliseconds; past it the host's time of receipt counts.
const AHEAD: i64 = 300_000;

/// Typing that is older than this is not told, in milliseconds.
const LATE: i64 = 10_000;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored {
    /// It is stored.
    New,
    /// Its id was known.
    Duplicate,
    /// This version has no place for it; the line says what it was.
    Unknown(String),
}

/// Stores an event, once.
pub(super) fn apply(site: &mut Site<'_>, event: &Event) -> Result<Stored, DbError> {
    // Not known by its id afterwards: a newer plugin may make something of it when the request is run again.
    if let Happening::Other(open) = &event.what {
        return Ok(Stored::Unknown(format!("{}: {}", open.kind, open.line)));
    }
    // Nothing is kept of it, not even its id: told twice, it is shown a little longer.
    if let Happening::Typing(thread) = &event.what {
        typing(site, thread, event)?;
        return Ok(Stored::New);
    }
    let fresh = site
        .db
        .prepare_cached("INSERT INTO dedupe (account_id, event_id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![site.account, event.id, site.now])?;
    if fresh == 0 {
        return Ok(Stored::Duplicate);
    }
    let at = time_of(event, site.received_at);
    let mut opens = openings_of(site, event, at);
    let conversation = match &event.what {
        Happening::Message(said) => match said.kind.as_str() {
            "echo" => echo::apply(site, event, said, at)?,
            "edited" => edited(site, said, at)?,
            _ => message(site, said, &mut opens, at)?,
        },
        Happening::Deleted(target) => {
            targets::on_message(site, &target.id, &Waiting::Deleted, at)?;
            None
        }
        Happening::Reaction(said) => reaction(site, said, at)?,
        Happening::Delivery(said) => {
            delivery(site, said, at)?;
            None
        }
        Happening::Watermark(said) => watermark(site, said, at)?,
        Happening::Subscription(said) => subscription(site, said, at)?,
        Happening::IdentityChanged(change) => {
            identity_changed(site, change, at)?;
            None
        }
        Happening::TemplateChanged(body) => {
            templates::changed(site.db, site.workspace, site.account, body, site.now)?;
            None
        }
        Happening::AccountChanged(body) => {
            notices::account_changed(site, body, at)?;
            None
        }
        Happening::Notice(notice) => {
            notices::notice(site, notice, at)?;
            None
        }
        Happening::Typing(_) | Happening::Other(_) => None,
    };
    if let Some(conversation) = conversation {
        windows(site, event, opens, conversation, at)?;
    }
    Ok(Stored::New)
}

/// The provider's time of an event, else that of its receipt.
pub(super) fn time_of(event: &Event, received_at: i64) -> i64 {
    let told = event.time.and_then(|time| i64::try_from(time).ok());
    told.filter(|time| *time <= received_at + AHEAD).unwrap_or(received_at)
}

/// What an event opens.
fn openings_of(site: &Site<'_>, event: &Event, at: i64) -> Vec<Opening> {
    let opening = |opened: &Opens| {
        let rule = site.rules.iter().find(|rule| rule.id == opened.rule);
        Opening {
            rule: opened.rule.clone(),
            event: event.id.clone(),
            at: counts_from(rule, at, site.received_at),
            closes_at: opened.closes_at.and_then(|end| i64::try_from(end).ok()),
            token: opened.token.clone(),
            uses_left: rule.and_then(|rule| rule.uses).map(i64::from),
        }
    };
    event.opens.iter().map(opening).collect()
}

/// Notes what an event opens and closes in its conversation.
fn windows(
    site: &Site<'_>,
    event: &Event,
    opens: Vec<Opening>,
    conversation: ConversationId,
    at: i64,
) -> Result<(), DbError> {
    if !opens.is_empty() {
        conversations::change_openings(site.db, conversation, |openings| {
            opens.into_iter().for_each(|one| openings.add(one));
        })?;
    }
    for rule in &event.closes {
        site.db
            .prepare_cached(
                "INSERT INTO closings (conversation_id, rule, at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (conversation_id, rule) DO UPDATE SET at = excluded.at WHERE excluded.at > closings.at",
            )?
            .execute(params![conversation, rule, at])?;
    }
    Ok(())
}

/// Stores a message. What it opens is stored with its conversation's row and taken out of `opens`, where the message is new.
fn message(
    site: &mut Site<'_>,
    said: &Message,
    opens: &mut Vec<Opening>,
    at: i64,
) -> Result<Option<ConversationId>, DbError> {
    let contact = match &said.sender {
        Some(person) => people::contact_of(site, person, at)?,
        None => None,
    };
    let id = contact.as_ref().map(|contact| contact.id);
    let threads::Conversation { id: conversation, row } = threads::conversation_of(site, &said.thread, id, at)?;
    if contact.as_ref().is_some_and(|contact| contact.merged) {
        contacts_met(site, conversation, at)?;
    }
    if let Some(correlation) = &said.correlation {
        let ids = [said.id.as_str()];
        let ours = status::settle_attempt_by_correlation(site.db, site.account, correlation, &ids, site.received_at)?;
        if ours.is_some() {
            return Ok(Some(conversation));
        }
    }
    let new = NewMessage { message: said, conversation, contact: contact.as_ref(), opens, echo: false, at };
    if messages::insert(site, &new, row)?.is_some() {
        opens.clear();
    }
    Ok(Some(conversation))
}

fn edited(site: &mut Site<'_>, said: &Message, at: i64) -> Result<Option<ConversationId>, DbError> {
    targets::on_message(site, &said.id, &Waiting::Edited { content: said.content.clone() }, at)?;
    threads::known(site, &said.thread)
}

fn reaction(site: &mut Site<'_>, said: &Reaction, at: i64) -> Result<Option<ConversationId>, DbError> {
    let who = said.who.as_ref().and_then(|who| who.identities.first().cloned());
    targets::on_message(site, &said.message.id, &Waiting::Reaction { who, emojis: said.emojis.clone() }, at)?;
    match &said.thread {
        Some(thread) => threads::known(site, thread),
        None => Ok(None),
    }
}

/// Tells that the customer types, unless that was some time ago.
fn typing(site: &Site<'_>, thread: &Thread, event: &Event) -> Result<(), DbError> {
    if site.replayed || site.now - time_of(event, site.received_at) > LATE {
        return Ok(());
    }
    if let Some(conversation) = threads::known(site, thread)? {
        typing::customer_types(site.db, site.workspace, conversation)?;
    }
    Ok(())
}

fn contacts_met(site: &mut Site<'_>, conversation: ConversationId, at: i64) -> Result<(), DbError> {
    let line = Line { code: "contacts-merged", text: "Two contacts turned out to be one person and were merged." };
    messages::add_line(site, conversation, &line, at)
}

/// A failure that a provider told, as the error of a message.
fn as_error(failure: &Value) -> Value {
    let text = |key: &str| failure[key].as_str();
    let mut error = json!({ "code": text("fault").unwrap_or("unknown"), "detail": text("words").unwrap_or_default() });
    if let Some(code) = text("code") {
        error["provider_code"] = code.into();
    }
    match &failure["data"] {
        Value::Null => {}
        Value::String(said) => error["data"] = said.as_str().into(),
        said => error["data"] = said.to_string().into(),
    }
    error
}

fn delivery(site: &mut Site<'_>, said: &Delivery, at: i64) -> Result<(), DbError> {
    let who = said.who.as_ref().map(|who| json!(who).to_string());
    let parsed = |text: &Option<String>| {
        text.as_ref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!({ "words": text })))
    };
    // A failure is shown as the message's error; a price stands beside nothing else.
    let failure = parsed(&said.failure).map(|failure| as_error(&failure));
    let detail = failure.or_else(|| parsed(&said.price).map(|price| json!({ "price": price })));
    let fact = status::NewFact {
        account_id: site.account,
        provider_id: said.id.as_deref(),
        correlation: said.correlation.as_deref(),
        state: &said.state,
        at,
        received_at: site.received_at,
        who: who.as_deref(),
        detail: detail.as_ref(),
    };
    status::add_fact(site.db, &fact)?;
    Ok(())
}

fn watermark(site: &mut Site<'_>, said: &Watermark, at: i64) -> Result<Option<ConversationId>, DbError> {
    // A word that this version does not know says nothing about the rank.
    let Some(state) = Status::of(&said.state).filter(|state| matches!(state, Status::Delivered | Status::Read)) else {
        return Ok(None);
    };
    let until = said.time.and_then(|time| i64::try_from(time).ok()).unwrap_or(at);
    let Some(conversation) = threads::known(site, &said.thread)? else {
        let waiting = Waiting::ThreadWatermark { state, id: said.id.clone(), until };
        targets::keep_for_thread(site, &said.thread.key, &waiting, at)?;
        return Ok(None);
    };
    match &said.id {
        Some(id) => {
            let waiting = Waiting::Watermark { conversation, state };
            targets::on_message(site, id, &waiting, at)?;
        }
        None => targets::watermark(site, conversation, state, until)?,
    }
    Ok(Some(conversation))
}

fn subscription(site: &mut Site<'_>, said: &Subscription, at: i64) -> Result<Option<ConversationId>, DbError> {
    let contact = people::contact_of(site, &said.who, at)?.map(|contact| contact.id);
    let Some(thread) = &said.thread else { return Ok(None) };
    let conversation = threads::conversation_of(site, thread, contact, at)?.id;
    let text = match (said.topic.as_str(), said.active) {
        ("channel", true) => "Started following this channel.".to_owned(),
        ("channel", false) => "Stopped following this channel.".to_owned(),
        (topic, true) => format!("Subscribed to {topic}."),
        (topic, false) => format!("Unsubscribed from {topic}."),
    };
    let line = Line { code: if said.active { "subscribed" } else { "unsubscribed" }, text: &text };
    messages::add_line(site, conversation, &line, at)?;
    site.told.conversation(conversation);
    Ok(Some(conversation))
}

/// The conversation that an identity change names.
fn thread_of(change: &IdentityChange) -> Option<Thread> {
    #[derive(serde::Deserialize)]
    struct Keys {
        key: String,
        #[serde(default)]
        aliases: Vec<String>,
    }
    let (_, told) = change.extra.iter().find(|(name, _)| name == "thread")?;
    let Keys { key, aliases } = serde_json::from_str(told).ok()?;
    Some(Thread { key, aliases, joins: Vec::new(), context: None, extra: Vec::new() })
}

/// Old and new identities are one person's from now on: what is sent goes to the new ones, and their conversation stays.
fn identity_changed(site: &mut Site<'_>, change: &IdentityChange, at: i64) -> Result<(), DbError> {
    let identities = change.old.iter().chain(&change.new).cloned().collect();
    let person = Person { identities, name: None, avatar: None, extra: Vec::new() };
    let Some(contact) = people::contact_of(site, &person, at)? else { return Ok(()) };
    people::supersede(site, &change.old, &change.new)?;
    if let Some(thread) = thread_of(change)
        && threads::known(site, &thread)?.is_some()
    {
        threads::renamed(site, &thread, contact.id, at)?;
    }
    let theirs: Vec<ConversationId> = {
        let mut query = site.db.prepare_cached(
            "SELECT id FROM conversations WHERE contact_id = ?1 AND account_id = ?2 AND merged_into IS NULL ORDER BY id LIMIT 20",
        )?;
        let rows = query.query_map(params![contact.id, site.account], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for conversation in theirs {
        let line = Line { code: "identity-changed", text: &change.proof };
        messages::add_line(site, conversation, &line, at)?;
    }
    Ok(())
}
