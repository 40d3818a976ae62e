//! Saved replies in the composer: a menu that puts one into the field, with the values of its variables.

use maud::{Markup, html};

use super::INBOX;
use super::list::channel_of;
use super::thread::Thread;
use crate::auth::Role;
use crate::console::layout::icon;
use crate::console::reader::Reader;
use crate::console::replies::REPLIES;
use crate::model::shown::conversation::Conversation;
use crate::model::shown::reply::SavedReply;
use crate::model::variables;

/// Characters of a text that stand in the menu.
const PREVIEW: usize = 80;

/// The form of the menu. It stands beside the composer's, because a form holds no other.
pub(super) fn form(thread: &Thread<'_>) -> Markup {
    html! { form id="quick-form" method="get" action=(format!("{INBOX}/{}", thread.conversation.id)) hidden {} }
}

/// The button with its menu.
pub(super) fn menu(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    html! {
        details.menu.quick id="quick" open[thread.find.is_some()] {
            summary.button.is-quiet title=(format!("{} (/)", words.quick)) { (icon("bolt", "")) span.button-word { (words.quick) } }
            div.menu-list {
                label.search {
                    (icon("search", ""))
                    span.visually-hidden { (words.quick_find) }
                    input.input type="search" name="find" form="quick-form" value=(thread.find.unwrap_or_default()) placeholder=(words.quick_find) autocomplete="off";
                }
                @for reply in thread.replies {
                    button type="submit" form="quick-form" name="reply" value=(reply.id) {
                        span.quick-name { strong.one-line { (reply.name) } span.note.one-line { (preview(&reply.text)) } }
                    }
                }
                @if thread.replies.is_empty() { p.note { (if thread.find.is_some() { &words.quick_none_found } else { &words.quick_none }) } }
                @if reader.caller.role >= Role::Supervisor { hr; a href=(REPLIES) { (icon("settings", "is-small")) (words.quick_settings) } }
            }
        }
    }
}

fn preview(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(PREVIEW).collect()
}

/// A reply's text with what is known in a conversation.
pub(super) fn filled(reader: &Reader, conversation: &Conversation<'_>, reply: &SavedReply) -> String {
    let contact = conversation.contact.as_ref().and_then(|contact| contact.name.as_deref());
    variables::filled(&reply.text, |name| match name {
        "contact.name" => contact.unwrap_or_default().to_owned(),
        "agent.name" => reader.caller.name.clone(),
        "channel.name" => channel_of(reader, conversation),
        _ => String::new(),
    })
}
