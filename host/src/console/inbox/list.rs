//! The list of conversations: who, when, the first line of the last message, the channel.

use maud::{Markup, html};

use super::{Asked, INBOX};
use crate::console::integrations::icon_of;
use crate::console::layout::{self, icon, initials};
use crate::console::reader::Reader;
use crate::console::time;
use crate::db::{Counts, InboxCursor};
use crate::keys::ConversationId;
use crate::model::shown::conversation::{Conversation, Standing};

/// What is shown of the list.
pub(super) struct List<'l> {
    /// What it is narrowed to.
    pub asked: &'l Asked,
    /// The conversations of this page.
    pub conversations: &'l [Conversation<'l>],
    /// Where the next page begins.
    pub more: Option<InboxCursor>,
    /// How many there are.
    pub counts: Counts,
    /// The open conversation.
    pub open: Option<ConversationId>,
    /// The time.
    pub now: i64,
}

/// The list.
pub(super) fn drawn(reader: &Reader, list: &List<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let asked = list.asked;
    let (mine, unassigned) = (list.counts.mine, list.counts.unassigned);
    let tabs =
        [("mine", &words.mine, mine), ("unassigned", &words.unassigned, unassigned), ("", &words.all, list.counts.all)];
    let is_narrowed = asked.filter(reader).visits_many();
    html! {
        section.inbox-list aria-label=(words.title) {
            header.pane-head { h2 { (words.title) } (filters(reader, list)) }
            form.search role="search" method="get" action=(INBOX) {
                @for (name, value) in [("of", &asked.of), ("status", &asked.status), ("unread", &asked.unread), ("channel", &asked.channel)] {
                    @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
                }
                (icon("search", ""))
                input.input id="search" type="search" name="q" value=(asked.q) placeholder=(words.search) aria-label=(words.search);
                kbd aria-hidden="true" { "/" }
            }
            nav.tabs id="tabs" aria-label=(words.whose) {
                @for (which, name, count) in tabs {
                    a href=(format!("{INBOX}{}", asked.query(("of", which)))) aria-current=[(asked.of == which).then_some("page")] {
                        (name) " " span.figures { (count) }
                    }
                }
            }
            p.new-chip { button.button.is-small id="new-at-top" type="button" hidden { (icon("arrow-up", "is-small")) (words.new_at_top) } }
            ul.conversations id="conversations" data-of=(asked.same()) {
                @if list.conversations.is_empty() {
                    li.empty { (icon("inbox", "")) p { (if is_narrowed || asked.standing() == Standing::Done { &words.none_found } else { &words.none }) } }
                }
                @for conversation in list.conversations { li data-id=(conversation.id) data-at=(time::millis(&conversation.last_message_at)) { (entry(reader, conversation, list)) } }
                @if let Some(more) = &list.more {
                    @let joint = if asked.same().is_empty() { '?' } else { '&' };
                    @let to = format!("{INBOX}{}{joint}list_at={}&list_id={}", asked.same(), more.at, more.id);
                    li.pane-more { a.button.is-quiet href=(to) { (words.older) } }
                }
            }
        }
    }
}

/// The menu that narrows the list.
fn filters(reader: &Reader, list: &List<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let asked = list.asked;
    let is_done = asked.standing() == Standing::Done;
    let is_unread = asked.unread == "1";
    let entry = |changed: (&str, &str), name: &str, is_on: bool| {
        html! { a href=(format!("{INBOX}{}", asked.query(changed))) aria-current=[is_on.then_some("true")] { (name) @if is_on { (icon("check", "is-small")) } } }
    };
    html! {
        details.menu.push-end id="filters" {
            summary.button.is-quiet.is-icon title=(words.filter) {
                (icon("filter", "")) span.visually-hidden { (words.filter) }
                @if is_done || is_unread || !asked.channel.is_empty() { span.dot aria-hidden="true" {} }
            }
            div.menu-list {
                (entry(("status", ""), &words.is_open, !is_done))
                (entry(("status", "done"), &words.is_done, is_done))
                hr;
                (entry(("unread", if is_unread { "" } else { "1" }), &format!("{} ({})", words.unread, list.counts.unread), is_unread))
                @if !asked.channel.is_empty() { (entry(("channel", ""), &words.one_channel, true)) }
            }
        }
    }
}

fn entry(reader: &Reader, conversation: &Conversation<'_>, list: &List<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let name = name_of(reader, conversation);
    let unread = conversation.unread_by_you.unwrap_or(conversation.unread);
    let last = conversation.last_message.as_ref();
    let is_ours = last.is_some_and(|last| last.direction == "outbound");
    let is_failed = last.is_some_and(|last| last.status.as_deref() == Some("failed"));
    let preview = last.and_then(|last| last.preview.as_deref()).unwrap_or_default();
    let to = format!("{INBOX}/{}{}", conversation.id, list.asked.same());
    html! {
        a class=(if unread > 0 { "conversation is-unread" } else { "conversation" }) href=(to)
            aria-current=[(list.open == Some(conversation.id)).then_some("page")] {
            span class=(format!("avatar {}", tone(conversation))) aria-hidden="true" {
                (initials(&name))
                img.channel-mark src=(icon_of(&conversation.account.plugin)) alt="";
            }
            span.conversation-line {
                span.conversation-name.one-line { (name) }
                (time::ago(&reader.look, &conversation.last_message_at, list.now))
            }
            span class=(if is_failed { "conversation-line conversation-preview is-failed" } else { "conversation-line conversation-preview" }) {
                @if is_failed { (icon("error", "is-small")) }
                span.one-line {
                    @if is_failed { (words.failed) ": " }
                    @else if is_ours { (words.you) ": " }
                    @if preview.is_empty() { (words.kind(last.and_then(|last| last.r#type.as_deref()).unwrap_or_default())) } @else { (preview) }
                }
                @if unread > 0 { span.count title=(words.unread_count.replace("{n}", &unread.to_string())) { (if unread > 99 { "99+".to_owned() } else { unread.to_string() }) } }
            }
            span.conversation-line {
                span.one-line {
                    (channel_of(reader, conversation))
                    @if let Some(person) = &conversation.assigned_to { " · " (person.name) }
                }
            }
        }
    }
}

/// What the conversation's person is called: their name, else how the provider knows them.
pub(super) fn name_of(reader: &Reader, conversation: &Conversation<'_>) -> String {
    let name = conversation.contact.as_ref().and_then(|contact| contact.name.as_deref()).unwrap_or_default().trim();
    if name.is_empty() { reader.look.words.inbox.unnamed.clone() } else { name.to_owned() }
}

/// What the conversation's channel is called; that of its account where the channel is gone.
pub(super) fn channel_of(reader: &Reader, conversation: &Conversation<'_>) -> String {
    match &conversation.channel {
        Some(channel) => channel.name.clone(),
        None => format!("{} · {}", conversation.account.name, reader.look.words.inbox.disconnected),
    }
}

/// The avatar's colour, which a person keeps.
pub(super) fn tone(conversation: &Conversation<'_>) -> String {
    layout::tone(&conversation.contact.as_ref().map_or_else(String::new, |contact| contact.id.to_string()))
}
