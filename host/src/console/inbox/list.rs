//! The list of conversations: who, when, the first line of the last message, the channel.

use maud::{Markup, html};
use serde_json::Value;

use super::{Asked, INBOX, at};
use crate::console::integrations::{icon_of, text};
use crate::console::layout::{icon, initials};
use crate::console::reader::Reader;
use crate::db::InboxCursor;

/// The list.
pub(super) fn drawn(
    reader: &Reader,
    asked: &Asked,
    conversations: &[Value],
    more: Option<InboxCursor>,
    open: Option<&str>,
    now: i64,
) -> Markup {
    let words = &reader.look.words.inbox;
    let of = if asked.of.is_empty() { String::new() } else { format!("of={}", asked.of) };
    let tabs = [("mine", &words.mine), ("unassigned", &words.unassigned), ("", &words.all)];
    html! {
        section.inbox-list aria-label=(words.title) {
            header.pane-head { h2 { (words.title) } }
            nav.tabs aria-label=(words.whose) {
                @for (which, name) in tabs {
                    @let path = if which.is_empty() { INBOX.to_owned() } else { format!("{INBOX}?of={which}") };
                    a href=(path) aria-current=[(asked.of == which).then_some("page")] { (name) }
                }
            }
            ul.conversations id="conversations" {
                @if conversations.is_empty() { li.empty { (icon("inbox", "")) p { (words.none) } } }
                @for conversation in conversations { li { (entry(reader, conversation, &of, open, now)) } }
                @if let Some(more) = more {
                    @let to = format!("{INBOX}?{of}&list_at={}&list_id={}", more.at, more.id);
                    li.pane-more { a.button.is-quiet href=(to) { (words.older) } }
                }
            }
        }
    }
}

fn entry(reader: &Reader, conversation: &Value, of: &str, open: Option<&str>, now: i64) -> Markup {
    let words = &reader.look.words.inbox;
    let id = text(conversation, "id");
    let name = name_of(reader, conversation);
    let is_unread = conversation["unread"] == true;
    let last = &conversation["last_message"];
    let is_ours = last["direction"] == "outbound";
    let is_failed = last["status"] == "failed";
    let preview = at(last, "/preview");
    let to = if of.is_empty() { format!("{INBOX}/{id}") } else { format!("{INBOX}/{id}?{of}") };
    html! {
        a class=(if is_unread { "conversation is-unread" } else { "conversation" }) href=(to)
            aria-current=[(open == Some(id)).then_some("page")] {
            span class=(format!("avatar {}", tone(conversation))) aria-hidden="true" {
                (initials(&name))
                img.channel-mark src=(icon_of(at(conversation, "/account/plugin"))) alt="";
            }
            span.conversation-line {
                span.conversation-name.one-line { (name) }
                (ago(text(conversation, "last_message_at"), now))
            }
            span class=(if is_failed { "conversation-line conversation-preview is-failed" } else { "conversation-line conversation-preview" }) {
                @if is_failed { (icon("error", "is-small")) }
                span.one-line {
                    @if is_failed { (words.failed) ": " }
                    @else if is_ours { (words.you) ": " }
                    @if preview.is_empty() { (words.kind(at(last, "/type"))) } @else { (preview) }
                }
                @if is_unread { span.count title=(words.unread) { "•" } }
            }
            span.conversation-line { span.one-line { (channel_of(reader, conversation)) } }
        }
    }
}

/// What the conversation's person is called.
pub(super) fn name_of(reader: &Reader, conversation: &Value) -> String {
    let name = at(conversation, "/contact/name").trim();
    if name.is_empty() { reader.look.words.inbox.unnamed.clone() } else { name.to_owned() }
}

/// What the conversation's channel is called; that of its account where the channel is gone.
pub(super) fn channel_of(reader: &Reader, conversation: &Value) -> String {
    match conversation["channel"]["name"].as_str() {
        Some(name) => name.to_owned(),
        None => format!("{} · {}", at(conversation, "/account/name"), reader.look.words.inbox.disconnected),
    }
}

/// The avatar's colour, which a person keeps.
pub(super) fn tone(conversation: &Value) -> String {
    let sum: u32 = at(conversation, "/contact/id").bytes().map(u32::from).sum();
    format!("tone-{}", sum % 6 + 1)
}

/// How long ago a time was: minutes, hours, and days as a date.
fn ago(time: &str, now: i64) -> Markup {
    let then = time.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
    let minutes = (now - then).max(0) / 60_000;
    let short = match minutes {
        0..60 => format!("{} m", minutes.max(1)),
        60..1440 => format!("{} h", minutes / 60),
        _ => time.chars().take(10).collect(),
    };
    html! { time datetime=(time) { (short) } }
}
