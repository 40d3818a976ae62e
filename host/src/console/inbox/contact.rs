//! The contact beside the conversation: who it is, how providers know them, and what else they wrote.

use maud::{Markup, html};
use serde_json::Value;

use super::INBOX;
use super::content;
use super::list::{channel_of, name_of, tone};
use crate::console::contacts::CONTACTS;
use crate::console::integrations::{icon_of, text};
use crate::console::layout::{icon, initials};
use crate::console::merging;
use crate::console::reader::Reader;
use crate::console::time;
use crate::model::shown::contact::Contact;
use crate::model::shown::conversation::{Conversation, Standing};
use crate::model::shown::message::Message;

/// The pane. `conversations` are all of the contact's, the open one among them; `messages` are those that the page shows.
pub(super) fn pane(
    reader: &Reader,
    open: &Conversation<'_>,
    contact: &Contact,
    conversations: &[Conversation<'_>],
    messages: &[Message<'_>],
    now: i64,
) -> Markup {
    let words = &reader.look.words.inbox;
    let name = name_of(reader, open);
    let files: Vec<&Value> = messages.iter().flat_map(content::files).collect();
    let others: Vec<_> = conversations.iter().filter(|other| other.id != open.id).collect();
    html! {
        aside.contact-pane id="contact" aria-label=(words.contact) {
            a.button.is-quiet.is-icon.contact-close href="#" { (icon("close", "")) span.visually-hidden { (words.close) } }
            header.contact-head {
                span class=(format!("avatar is-large {}", tone(open))) aria-hidden="true" {
                    @if let Some(picture) = &contact.avatar { img.avatar-picture src=(format!("/v1/media/{picture}")) alt=""; } @else { (initials(&name)) }
                }
                h2 { a href=(format!("{CONTACTS}/{}", contact.id)) { (name) } }
                p.note { (words.since.replace("{date}", &time::date(&reader.look, &contact.created_at, now))) }
            }
            details.fold open {
                summary { (words.identities) (icon("chevron-down", "")) }
                div.stack-small { (merging::identities(reader, contact, &open.id.to_string())) }
            }
            details.fold open[!others.is_empty()] {
                summary { (words.others) " " span.quiet.figures { (others.len()) } (icon("chevron-down", "")) }
                ul.other-conversations { @for other in others { li { (entry(reader, other, now)) } } }
            }
            @if !files.is_empty() {
                details.fold open {
                    summary { (words.files_shown) " " span.quiet.figures { (files.len()) } (icon("chevron-down", "")) }
                    ul.thumbs { @for file in files { li { (thumb(reader, file)) } } }
                }
            }
            details.fold {
                summary { (words.rename) (icon("chevron-down", "")) }
                form.rename method="post" action=(format!("{CONTACTS}/{}/name", contact.id)) {
                    input type="hidden" name="conversation" value=(open.id);
                    label.label for="contact-name" { (words.name) }
                    input.input id="contact-name" name="name" value=(contact.name.as_deref().unwrap_or_default()) maxlength="200";
                    p.note { (words.rename_note) }
                    button.button type="submit" { (words.save) }
                }
            }
        }
    }
}

/// A file as a small picture, or its mark with the end of its name.
fn thumb(reader: &Reader, file: &Value) -> Markup {
    let (url, mime) = (content::url_of(file), text(file, "mime"));
    let name = if text(file, "name").is_empty() { reader.look.words.inbox.kind("media") } else { text(file, "name") };
    html! {
        @if mime.starts_with("image/") { a.opens-large href=(url) target="_blank" title=(name) { img src=(url) alt=(name) loading="lazy"; } }
        @else { a href=(url) download=(name) title=(name) { (icon("file", "")) span.visually-hidden { (name) ", " } span.one-line { (mime.rsplit('/').next().unwrap_or_default()) } } }
    }
}

fn entry(reader: &Reader, other: &Conversation<'_>, now: i64) -> Markup {
    let words = &reader.look.words.inbox;
    let preview = other.last_message.as_ref().and_then(|last| last.preview.as_deref()).unwrap_or_default();
    html! {
        a href=(format!("{INBOX}/{}", other.id)) {
            img.channel-mark.is-small src=(icon_of(&other.account.plugin)) alt="";
            span.one-line { (channel_of(reader, other)) }
            (time::ago(&reader.look, &other.last_message_at, now))
            span.one-line.small { @if other.status == Standing::Done { (words.is_done) " · " } (preview) }
        }
    }
}
