//! The contact beside the conversation: who it is, how providers know them, and what else they wrote.

use maud::{Markup, html};

use super::INBOX;
use super::list::{channel_of, name_of, tone};
use crate::console::contacts::CONTACTS;
use crate::console::integrations::icon_of;
use crate::console::layout::{icon, initials};
use crate::console::reader::Reader;
use crate::console::time;
use crate::model::shown::contact::Contact;
use crate::model::shown::conversation::{Conversation, Standing};

/// The pane. `conversations` are all of the contact's, the open one among them.
pub(super) fn pane(
    reader: &Reader,
    open: &Conversation<'_>,
    contact: &Contact,
    conversations: &[Conversation<'_>],
    now: i64,
) -> Markup {
    let words = &reader.look.words.inbox;
    let name = name_of(reader, open);
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
                dl.facts { @for identity in &contact.identities { dt { (identity.scheme) } dd { (identity.value) } } }
            }
            details.fold open[!others.is_empty()] {
                summary { (words.others) " " span.quiet.figures { (others.len()) } (icon("chevron-down", "")) }
                ul.other-conversations { @for other in others { li { (entry(reader, other, now)) } } }
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
