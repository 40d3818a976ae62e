//! Merging a contact with another one, after a search and a question, and taking it apart again.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Form, Path, Query, below};
use super::contacts::{CONTACTS, called};
use super::faults::{self, Failure};
use super::inbox::INBOX;
use super::layout::{self, icon, initials, tone};
use super::reader::Reader;
use crate::auth::Role;
use crate::keys::ContactId;
use crate::model::shown::contact::{Contact, Identity};
use crate::web::contacts;
use crate::web::problem::Problem;
use crate::web::state::State;

/// Contacts that a search shows.
const MOST: u32 = 20;

/// What is searched, and which contact was picked.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// What the name or an identity contains.
    q: String,
    /// The contact to be merged.
    with: String,
    /// The conversation to go back to, where the reader came from one.
    conversation: String,
}

/// The search, with the question over it once a contact is picked.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&state, &reader, id, &asked, None).await
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: ContactId,
    asked: &Asked,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let workspace = &reader.caller.workspace;
    let contact = state.db.contact(workspace, id).await?.filter(|one| one.erased_at.is_none());
    let contact = contact.ok_or_else(Problem::not_found)?;
    let search = Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty());
    let mut found = state.db.contacts_page(workspace, search, None, MOST + 1).await?;
    found.retain(|other| other.id != contact.id);
    found.truncate(MOST as usize);
    let picked = match asked.with.as_str() {
        "" => None,
        with => state.db.contact(workspace, ContactId::of(with)).await?.filter(|other| other.id != contact.id),
    };
    let words = &reader.look.words.contacts;
    let (name, own) = (called(reader, &contact), format!("{CONTACTS}/{}", contact.id));
    let content = html! {
        (layout::trail(&[(CONTACTS, &words.title), (&own, name)], &words.merge))
        (faults::notice(reader.look.words, problem))
        section.card aria-labelledby="merge" {
            header.card-head { h1 id="merge" { (words.merge_title.replace("{name}", name)) } }
            div.card-body.stack-small {
                p.note { (words.merge_note) }
                form.search role="search" method="get" action=(format!("{own}/merge")) {
                    @if !asked.conversation.is_empty() { input type="hidden" name="conversation" value=(asked.conversation); }
                    (icon("search", ""))
                    input.input type="search" name="q" value=(asked.q) placeholder=(words.search) aria-label=(words.search);
                }
            }
            @if found.is_empty() { p.card-body.note { (words.none_found) } }
            ul.rows.merge-choices { @for other in &found { (choice(reader, &own, asked, other)) } }
        }
        @if let Some(other) = &picked { (question(reader, &contact, other, asked)) }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &words.merge, CONTACTS, &content)).into_response())
}

/// The address of the page with a contact picked, or with none.
fn address(own: &str, asked: &Asked, with: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(format!("{own}/merge?"));
    for (key, value) in [("q", asked.q.as_str()), ("with", with), ("conversation", asked.conversation.as_str())] {
        if !value.is_empty() {
            query.append_pair(key, value);
        }
    }
    query.finish()
}

fn choice(reader: &Reader, own: &str, asked: &Asked, other: &Contact) -> Markup {
    let name = called(reader, other);
    html! {
        li {
            a.contact-line href=(address(own, asked, &other.id.to_string())) {
                span class=(format!("avatar is-small {}", tone(&other.id.to_string()))) aria-hidden="true" { (initials(name)) }
                span.one-line { strong { (name) } " " span.note { (known_by(&other.identities)) } }
            }
        }
    }
}

fn known_by(identities: &[Identity]) -> String {
    let shown: Vec<_> = identities.iter().take(3).map(|one| format!("{} {}", one.scheme, one.value)).collect();
    shown.join(" · ")
}

fn question(reader: &Reader, contact: &Contact, other: &Contact, asked: &Asked) -> Markup {
    let words = &reader.look.words.contacts;
    let (name, others) = (called(reader, contact), called(reader, other));
    let put = |text: &str| text.replace("{name}", name).replace("{other}", others);
    let own = format!("{CONTACTS}/{}", contact.id);
    html! {
        dialog.dialog-layer open aria-labelledby="dialog-title" aria-describedby="dialog-text" {
            div.dialog {
                div.dialog-body {
                    h1 id="dialog-title" { (put(&words.merge_question)) }
                    div.stack-small id="dialog-text" {
                        p { (put(&words.merge_shown)) }
                        p { (put(&words.merge_answers)) }
                        p.note { (put(&words.merge_undo)) }
                        p.note { (known_by(&contact.identities)) }
                        p.note { (known_by(&other.identities)) }
                    }
                }
                form.dialog-foot method="post" action=(format!("{own}/merge")) {
                    input type="hidden" name="contact" value=(other.id);
                    input type="hidden" name="conversation" value=(asked.conversation);
                    a.button href=(address(&own, asked, "")) { (words.cancel) }
                    button.button.is-primary.push-end type="submit" autofocus { (words.merge_button) }
                }
            }
        }
    }
}

/// The other contact.
#[derive(Deserialize)]
pub(super) struct Other {
    #[serde(default)]
    contact: String,
    /// The conversation to go back to, where the form stands beside one.
    #[serde(default)]
    conversation: String,
}

impl Other {
    fn back(&self, id: ContactId) -> Response {
        let to = if self.conversation.is_empty() {
            below(CONTACTS, &id.to_string())
        } else {
            below(INBOX, &self.conversation)
        };
        Redirect::to(&to).into_response()
    }
}

/// Merges the other contact into this one.
pub(super) async fn merge(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
    Form(other): Form<Other>,
) -> Result<Response, Failure> {
    match contacts::merge(&state, &reader.caller, id, ContactId::of(&other.contact)).await {
        Ok(contact) => Ok(other.back(contact.id)),
        Err(problem) if matches!(problem.status(), StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            let asked = Asked { conversation: other.conversation, ..Asked::default() };
            shown(&state, &reader, id, &asked, Some(&problem)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Takes the other contact out of this one.
pub(super) async fn split(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
    Form(other): Form<Other>,
) -> Result<Response, Failure> {
    let contact = contacts::split(&state, &reader.caller, id, ContactId::of(&other.contact)).await?;
    Ok(other.back(contact.id))
}

/// How providers know a contact: its own identities, and those of each merged contact with the button that takes it out.
pub(super) fn identities(reader: &Reader, contact: &Contact, conversation: &str) -> Markup {
    let words = &reader.look.words.contacts;
    let merged = |one: &&Identity| contact.merged.iter().any(|other| other.identities.contains(one));
    html! {
        dl.facts {
            @for one in contact.identities.iter().filter(|one| !merged(one)) { dt { (one.scheme) } dd { (one.value) } }
        }
        @for other in &contact.merged {
            form.merged-contact method="post" action=(format!("{CONTACTS}/{}/split", contact.id)) {
                input type="hidden" name="contact" value=(other.id);
                input type="hidden" name="conversation" value=(conversation);
                p.note { (words.merged) @if let Some(name) = &other.name { ": " strong { (name) } } }
                dl.facts { @for one in &other.identities { dt { (one.scheme) } dd { (one.value) } } }
                button.button.is-small type="submit" { (words.split) }
            }
        }
        @if contact.erased_at.is_none() {
            a.button.is-small href=(address(&format!("{CONTACTS}/{}", contact.id), &Asked { conversation: conversation.to_owned(), ..Asked::default() }, "")) { (words.merge) }
        }
    }
}
