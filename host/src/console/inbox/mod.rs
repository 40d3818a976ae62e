//! The inbox: the list of conversations, beside it the one that is open, and its contact.

mod acts;
mod compose;
mod contact;
mod content;
mod list;
mod mail;
mod mail_page;
mod quick;
mod thread;

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

pub(super) use acts::{assign, read, resolve, retry, set_status};
pub(super) use compose::reply;
pub(super) use mail_page::page as mail;

use super::asked::{Path, Query};
use super::assets::{COMPOSER, KEYS, LIST, LIVE, PICTURE, QUICK, TYPING};
use super::faults::Failure;
use super::layout::{self, Extent};
use super::reader::Reader;
use crate::auth::Role;
use crate::db::{InboxCursor, InboxFilter, MessageCursor, Whose};
use crate::keys::{ConversationId, MessageId};
use crate::model::shown::conversation::Standing;
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::{inbox, people, replies};

/// Where the inbox is.
pub(super) const INBOX: &str = "/inbox";
/// Conversations of the list on a page.
const MOST: u32 = 50;
/// Messages of a conversation on a page.
const MOST_MESSAGES: u32 = 50;
/// Other conversations of the contact.
const MOST_OTHERS: u32 = 10;

/// What the list shows, and where both panes go on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// `mine`, `unassigned` or all.
    of: String,
    /// `done`, or open ones.
    status: String,
    /// `1`: only those with messages that the reader has not read.
    unread: String,
    /// A channel's id.
    channel: String,
    /// What the contact's name or identity contains.
    q: String,
    /// The last conversation of the page before: the time of its last message, and its id.
    list_at: Option<i64>,
    list_id: Option<String>,
    /// The last message of the page before: its time, and its id.
    at: Option<i64>,
    before: Option<String>,
    /// The message that the reply quotes.
    quote: Option<String>,
    /// The saved reply that is put into the field.
    reply: Option<String>,
    /// What the names of saved replies in the menu contain.
    find: Option<String>,
}

impl Asked {
    /// The list's part of the query, with one value changed.
    fn query(&self, changed: (&str, &str)) -> String {
        let all = [
            ("of", &self.of),
            ("status", &self.status),
            ("unread", &self.unread),
            ("channel", &self.channel),
            ("q", &self.q),
        ];
        let mut query = Serializer::new(String::from("?"));
        for (name, value) in all {
            let value = if name == changed.0 { changed.1 } else { value.as_str() };
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query == "?" { String::new() } else { query }
    }

    /// The same list.
    fn same(&self) -> String {
        self.query(("", ""))
    }

    fn standing(&self) -> Standing {
        Standing::of(&self.status)
    }

    fn filter(&self, reader: &Reader) -> InboxFilter {
        let given = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        InboxFilter {
            status: Some(self.standing()),
            channel: given(&self.channel),
            contact: None,
            whose: match self.of.as_str() {
                "mine" => Whose::Of(reader.caller.user.clone().unwrap_or_default()),
                "unassigned" => Whose::Unassigned,
                _ => Whose::All,
            },
            unread: self.unread == "1",
            search: given(&self.q),
        }
    }
}

/// The list alone.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let list = listed(&state, &reader, &asked, None).await?;
    let words = &reader.look.words.inbox;
    let content = html! {
        (list)
        section.thread { div.empty { (layout::icon("inbox", "")) p { (words.none_open) } } }
    };
    Ok(framed(&reader, StatusCode::OK, &words.title, None, &content))
}

/// The list with one conversation beside it.
pub(super) async fn open(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ConversationId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&state, &reader, id, &asked, Attempt::default()).await
}

/// What was tried and refused.
#[derive(Default)]
struct Attempt {
    text: String,
    problem: Option<Problem>,
    /// The key of the form that was sent; none makes a new one.
    key: Option<String>,
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: ConversationId,
    asked: &Asked,
    attempt: Attempt,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let (workspace, now) = (&reader.caller.workspace, state.clock.now());
    let conversation = inbox::conversation(state, &reader.caller, id).await?;
    let after = asked.at.zip(asked.before.as_deref());
    let after = after.map(|(at, id)| MessageCursor { at, id: MessageId::of(id) });
    let (messages, earlier) = state.db.messages_page(workspace, conversation.id, after, MOST_MESSAGES).await?;
    let quoted = match &asked.quote {
        Some(quote) => {
            let quoted = state.db.message(workspace, MessageId::of(quote)).await?;
            quoted.filter(|quoted| quoted.conversation_id == conversation.id)
        }
        None => None,
    };
    let replies = replies::list(state, &reader.caller, asked.find.as_deref()).await?;
    let mut attempt = attempt;
    if let Some(reply) = asked.reply.as_deref().filter(|_| attempt.text.is_empty())
        && let Some(reply) = state.db.saved_reply(workspace, reply).await?
    {
        attempt.text = quick::filled(reader, &conversation, &reply);
    }
    // An agent is offered nobody but themselves, whom a bound on the others may not leave out.
    let people = match (reader.caller.role >= Role::Supervisor, reader.caller.user.as_deref()) {
        (true, _) => state.db.people(workspace, people::MOST_LISTED).await?,
        (false, Some(user)) => state.db.user(workspace, user).await?.into_iter().collect(),
        (false, None) => Vec::new(),
    };
    let contact = match &conversation.contact {
        Some(contact) => state.db.contact(workspace, contact.id).await?,
        None => None,
    };
    let others = match &contact {
        Some(contact) => {
            let filter = InboxFilter { contact: Some(contact.id), ..InboxFilter::default() };
            state.db.inbox(workspace, reader.caller.user.as_deref(), filter, None, MOST_OTHERS).await?.0
        }
        None => Vec::new(),
    };
    let list = listed(state, reader, asked, Some(conversation.id)).await?;
    let name = list::name_of(reader, &conversation);
    let status = attempt.problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let thread = thread::Thread {
        conversation: &conversation,
        name: &name,
        messages: &messages,
        earlier,
        people: &people,
        replies: &replies,
        find: asked.find.as_deref(),
        list: &asked.same(),
        quoted: quoted.as_ref(),
        attempt: &attempt,
        now,
    };
    let content = html! {
        (list)
        (thread::drawn(reader, &thread))
        @if let Some(contact) = &contact { (contact::pane(reader, &conversation, contact, &others, &messages, now)) }
    };
    Ok(framed(reader, status, &name, Some(conversation.id), &content))
}

async fn listed(
    state: &State,
    reader: &Reader,
    asked: &Asked,
    open: Option<ConversationId>,
) -> Result<Markup, Failure> {
    let (workspace, user) = (&reader.caller.workspace, reader.caller.user.as_deref());
    let after = asked.list_at.zip(asked.list_id.as_deref());
    let after = after.map(|(at, id)| InboxCursor { at, id: ConversationId::of(id) });
    let (conversations, more) = state.db.inbox(workspace, user, asked.filter(reader), after, MOST).await?;
    let counts = state.db.inbox_counts(workspace, user, asked.standing()).await?;
    let list = list::List { asked, conversations: &conversations, more, counts, open, now: state.clock.now() };
    Ok(list::drawn(reader, &list))
}

fn framed(
    reader: &Reader,
    status: StatusCode,
    title: &str,
    open: Option<ConversationId>,
    content: &Markup,
) -> Response {
    let content = html! {
        (content)
        dialog.card id="keys" aria-labelledby="keys-title" {
            h2 id="keys-title" { (reader.look.words.inbox.keys) }
            dl.facts { @for [key, act] in &reader.look.words.inbox.key_list { dt { kbd { (key) } } dd { (act) } } }
            form method="dialog" { button.button { (reader.look.words.inbox.close) } }
        }
        @if open.is_some() {
            dialog id="picture" aria-label=(reader.look.words.inbox.picture) {
                img alt="" src="data:,";
                form.picture-acts method="dialog" {
                    a.button href="#" target="_blank" download { (layout::icon("download", "")) (reader.look.words.inbox.download) }
                    button.button { (layout::icon("close", "")) (reader.look.words.inbox.close) }
                }
            }
        }
        @for script in [&LIVE, &LIST, &KEYS] { script type="module" src=(script.path) {} }
        @if open.is_some() { @for script in [&COMPOSER, &TYPING, &QUICK, &PICTURE] { script type="module" src=(script.path) {} } }
    };
    let extent = if open.is_some() { Extent::Whole("inbox has-conversation") } else { Extent::Whole("inbox") };
    (status, layout::page_of(reader, title, INBOX, &extent, &content)).into_response()
}

/// A text of a JSON value, at a path of keys.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
