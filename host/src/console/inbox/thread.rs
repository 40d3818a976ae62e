//! The open conversation: its messages, and what may be done with it and them.

use std::collections::HashMap;

use maud::{Markup, html};

use super::list::{channel_of, tone};
use super::{Attempt, INBOX, compose, content, mail, quick};
use crate::auth::Role;
use crate::console::layout::{self, icon, initials};
use crate::console::reader::Reader;
use crate::console::time;
use crate::db::{MessageCursor, UserRow};
use crate::keys::MessageId;
use crate::model::shown::conversation::{Conversation, Standing};
use crate::model::shown::message::{Author, Message};
use crate::model::shown::reply::SavedReply;

/// What is shown of a conversation.
pub(super) struct Thread<'t> {
    /// The conversation with its window and composer.
    pub conversation: &'t Conversation<'t>,
    /// What its person is called.
    pub name: &'t str,
    /// Its messages, the newest first.
    pub messages: &'t [Message<'t>],
    /// Where earlier ones begin.
    pub earlier: Option<MessageCursor>,
    /// The people in the menu that assigns it.
    pub people: &'t [UserRow],
    /// The saved replies of the menu.
    pub replies: &'t [SavedReply],
    /// What the menu is narrowed to.
    pub find: Option<&'t str>,
    /// The query of the list beside it.
    pub list: &'t str,
    /// The message that the reply quotes.
    pub quoted: Option<&'t Message<'t>>,
    /// What was tried and refused.
    pub attempt: &'t Attempt,
    /// The time.
    pub now: i64,
}

/// The conversation.
pub(super) fn drawn(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let conversation = thread.conversation;
    let id = &conversation.id;
    let is_unread = conversation.unread_by_you.unwrap_or(conversation.unread) > 0;
    let by_id: HashMap<MessageId, &Message<'_>> = thread.messages.iter().map(|message| (message.id, message)).collect();
    html! {
        section.thread id="thread" aria-label=(thread.name) data-id=(id) data-unread=(is_unread) {
            header.thread-head {
                a.button.is-quiet.is-icon.thread-back href=(format!("{INBOX}{}", thread.list)) { (icon("back", "")) span.visually-hidden { (words.back) } }
                span class=(format!("avatar {}", tone(conversation))) aria-hidden="true" { (initials(thread.name)) }
                a.thread-title href="#contact" { h1.one-line { (thread.name) } span.note.one-line { (channel_of(reader, conversation)) } }
                (acts(reader, thread))
            }
            div.thread-scroll tabindex="0" role="log" aria-label=(words.messages) {
                ol.messages id="messages" {
                    @if let Some(earlier) = &thread.earlier {
                        li.system-line { a href=(format!("{INBOX}/{id}?at={}&before={}", earlier.at, earlier.id)) { (words.earlier) } }
                    }
                    @for (at, message) in thread.messages.iter().enumerate().rev() {
                        @let day = time::day(&reader.look, &message.created_at, thread.now);
                        @let before = thread.messages.get(at + 1).map(|earlier| time::day(&reader.look, &earlier.created_at, thread.now));
                        @if before.as_ref() != Some(&day) { li.day { time datetime=(message.created_at) { (day) } } }
                        @let later = at.checked_sub(1).and_then(|later| thread.messages.get(later));
                        (one(reader, thread, &by_id, message, later.is_some_and(|later| joins(message, later))))
                    }
                }
            }
            (typing(reader, thread))
            (quick::form(thread))
            (compose::drawn(reader, thread))
        }
    }
}

/// The line that says who types, which a script fills and shows.
fn typing(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    html! {
        p.typing id="typing" role="status" hidden data-words=(words.is_typing) data-contact=(thread.name) data-program=(words.by_program)
            data-you=(reader.caller.actor) {
            span.typing-dots aria-hidden="true" { i {} i {} i {} } span.one-line data-words="" {}
        }
    }
}

/// Assign, done, and the way to the contact.
fn acts(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let conversation = thread.conversation;
    let id = &conversation.id;
    let is_done = conversation.status == Standing::Done;
    let (next, name) = if is_done { ("open", &words.open_again) } else { ("done", &words.mark_done) };
    html! {
        div.button-row.push-end.thread-acts id="thread-acts" {
            (assign(reader, thread))
            form method="post" action=(format!("{INBOX}/{id}/status")) {
                button.button type="submit" name="status" value=(next) id="mark-done" title=(format!("{name} (e)")) {
                    (icon(if is_done { "refresh" } else { "check" }, "")) span.button-word { (name) }
                }
            }
            @if conversation.contact.is_some() {
                a.button.is-quiet.is-icon.contact-open href="#contact" title=(words.contact) { (icon("user", "")) span.visually-hidden { (words.contact) } }
            }
        }
    }
}

/// People who have a button each in the menu that assigns a conversation; more stand in a list, where typing a name finds it.
const MOST_BUTTONS: usize = 30;

/// A supervisor gives it to anybody; an agent takes what is unassigned and gives back their own.
fn assign(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let path = format!("{INBOX}/{}/assign", thread.conversation.id);
    let assigned = thread.conversation.assigned_to.as_ref();
    let me = reader.caller.user.as_deref().unwrap_or_default();
    let may_all = reader.caller.role >= Role::Supervisor;
    let is_own = assigned.is_none_or(|person| person.id == me);
    let shown = |person: &UserRow| may_all || (is_own && person.id == me);
    html! {
        details.menu {
            summary.button title=(format!("{} (a)", words.assign)) id="assign" {
                @if let Some(person) = assigned { span class=(format!("avatar is-small {}", layout::tone(&person.id))) aria-hidden="true" { (initials(&person.name)) } span.button-word { (person.name) } }
                @else { (icon("user", "")) span.button-word { (words.unassigned) } }
                (icon("chevron-down", "is-small"))
            }
            form.menu-list method="post" action=(path) {
                @if thread.people.len() > MOST_BUTTONS {
                    div.menu-choice {
                        select.input name="user" aria-label=(words.assign) {
                            option value="" selected[assigned.is_none()] { (words.unassigned) }
                            @for person in thread.people.iter().filter(|person| shown(person)) {
                                option value=(person.id) selected[assigned.is_some_and(|now| now.id == person.id)] { (person.name) @if person.id == me { " (" (words.you_mark) ")" } }
                            }
                        }
                        button.button.is-primary type="submit" { (words.assign) }
                    }
                } @else { @for person in thread.people.iter().filter(|person| shown(person)) {
                    @let is_now = assigned.is_some_and(|now| now.id == person.id);
                    button type="submit" name="user" value=(person.id) aria-current=[is_now.then_some("true")] {
                        span class=(format!("avatar is-small {}", layout::tone(&person.id))) aria-hidden="true" { (initials(&person.name)) }
                        (person.name) @if person.id == me { " (" (words.you_mark) ")" }
                        @if is_now { (icon("check", "is-small")) }
                    }
                } }
                @if thread.people.len() > MOST_BUTTONS {}
                @else if may_all || is_own { hr; button type="submit" name="user" value="" { (words.unassigned) } }
                @else { p.note { (words.is_anothers) } }
            }
        }
    }
}

/// Until when two messages of one author stand as one group, in milliseconds.
const GROUP: i64 = 5 * 60_000;

/// Whether a message stands in one group with the later one: its time and state are the later one's.
fn joins(message: &Message<'_>, later: &Message<'_>) -> bool {
    let is_plain = |one: &Message<'_>| {
        one.content["type"] != "system" && one.content.get(0).unwrap_or(&one.content)["type"] != "mail"
    };
    let went_well = |one: &Message<'_>| matches!(one.status.as_deref(), None | Some("sent" | "delivered" | "read"));
    is_plain(message)
        && is_plain(later)
        && message.direction == later.direction
        && message.from == later.from
        && message.status == later.status
        && went_well(message)
        && message.reactions.iter().all(|reaction| reaction.emojis.is_empty())
        && time::millis(&later.created_at) - time::millis(&message.created_at) < GROUP
}

fn one(
    reader: &Reader,
    thread: &Thread<'_>,
    by_id: &HashMap<MessageId, &Message<'_>>,
    message: &Message<'_>,
    is_joined: bool,
) -> Markup {
    let words = &reader.look.words.inbox;
    let is_out = message.direction == "outbound";
    let status = message.status.as_deref().unwrap_or_default();
    if message.content["type"] == "system" {
        let text = message.content["text"].as_str().unwrap_or_default();
        let text = words.host_line(message.content["code"].as_str()).unwrap_or(text);
        return html! { li.system-line id=(message.id) { (text) " · " (time::clock(&reader.look, &message.created_at)) } };
    }
    let class = match (is_out, status) {
        (true, "failed") => "message is-out is-failed",
        (true, "unknown") => "message is-out is-unsure",
        (true, _) if is_joined => "message is-out is-joined",
        (true, _) => "message is-out",
        (false, _) if is_joined => "message is-joined",
        (false, _) => "message",
    };
    let first = message.content.get(0).unwrap_or(&message.content);
    let mail = (first["type"] == "mail").then_some(first);
    let quote = message.reply_to.map(|id| (id, by_id.get(&id)));
    html! {
        li class=(class) id=(message.id) {
            @if let Some((id, quoted)) = quote.filter(|_| mail.is_none()) {
                a.quote href=(format!("#{id}")) {
                    strong { (quoted.map_or_else(|| words.an_earlier_message.clone(), |quoted| author_of(reader, thread, quoted))) }
                    @if let Some(quoted) = quoted { span.one-line { (content::line(reader, &quoted.content)) } }
                }
            }
            @if message.deleted_at.is_some() { p.bubble-gone { (words.deleted) } }
            @else if let Some(mail) = mail { (mail::drawn(reader, thread, message, mail)) }
            @else { (content::drawn(reader, &message.content)) }
            @let reactions = message.reactions.iter().filter(|reaction| !reaction.emojis.is_empty());
            @if message.reactions.iter().any(|reaction| !reaction.emojis.is_empty()) {
                ul.reactions { @for reaction in reactions { li title=(time::full(&reader.look, &reaction.at)) { (reaction.emojis.join(" ")) } } }
            }
            (trouble(reader, thread, message, status))
            p.message-meta {
                @if is_out { (author_of(reader, thread, message)) " · " }
                (time::clock(&reader.look, &message.created_at))
                @if message.edited_at.is_some() { " · " (words.edited) }
                @if is_out && !matches!(status, "failed" | "unknown") { " · " (icon(mark(status), "")) (words.status(status)) }
            }
            div.message-tools {
                a.button.is-quiet.is-icon.is-small href=(format!("{INBOX}/{}?quote={}", thread.conversation.id, message.id)) title=(words.quote) {
                    (icon("reply", "")) span.visually-hidden { (words.quote) }
                }
            }
        }
    }
}

/// Who wrote a message, as its reader calls them.
pub(super) fn author_of(reader: &Reader, thread: &Thread<'_>, message: &Message<'_>) -> String {
    let words = &reader.look.words.inbox;
    match &message.from {
        Some(Author::User { id, .. }) if reader.caller.user.as_deref() == Some(&**id) => words.you.clone(),
        Some(Author::User { name: None, .. }) => words.by_program.clone(),
        Some(Author::Provider) => words.by_provider.clone(),
        Some(author) => author.name().map_or_else(|| thread.name.to_owned(), str::to_owned),
        None => String::new(),
    }
}

/// What went wrong with a message that was sent, with what can be done.
fn trouble(reader: &Reader, thread: &Thread<'_>, message: &Message<'_>, status: &str) -> Markup {
    let words = &reader.look.words.inbox;
    let path = format!("{INBOX}/{}/messages/{}", thread.conversation.id, message.id);
    let error = &message.error;
    let detail = error["detail"].as_str().unwrap_or_default();
    html! {
        @if status == "failed" {
            div.trouble {
                (icon("error", ""))
                p {
                    strong { (words.not_delivered) } " " (words.failure(error["code"].as_str().unwrap_or_default(), detail))
                    @if let Some(code) = error["provider_code"].as_str() { " (" (code) ")" }
                }
                form.button-row method="post" action=(format!("{path}/retry")) {
                    button.button.is-small type="submit" { (icon("refresh", "")) (words.retry) }
                }
            }
        }
        @if status == "unknown" {
            div.trouble {
                (icon("question", ""))
                p { (words.may_have_arrived) }
                form.button-row method="post" action=(format!("{path}/resolve")) {
                    button.button.is-small type="submit" name="outcome" value="sent" { (words.mark_sent) }
                    button.button.is-small type="submit" name="outcome" value="again" { (words.send_again) }
                }
            }
        }
    }
}

fn mark(status: &str) -> &'static str {
    match status {
        "delivered" | "read" => "check-double",
        "sent" => "check",
        _ => "clock",
    }
}
