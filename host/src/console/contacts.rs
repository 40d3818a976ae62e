//! The contacts: a list that can be searched, and one contact with everything that was written with them.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::asked::{Form, Path, Query, Sure, below};
use super::faults::{self, Failure, of_field};
use super::inbox::INBOX;
use super::integrations::icon_of;
use super::layout::{self, icon, initials, tone};
use super::merging;
use super::reader::Reader;
use super::time;
use crate::auth::Role;
use crate::db::InboxFilter;
use crate::keys::ContactId;
use crate::model::shown::contact::Contact;
use crate::model::shown::conversation::{Conversation, Standing};
use crate::web::contacts;
use crate::web::problem::Problem;
use crate::web::state::State;

/// Where the contacts are.
pub(super) const CONTACTS: &str = "/contacts";
/// Where their file is.
pub(super) const FILE: &str = "/contacts.csv";
/// Contacts on a page.
const MOST: usize = 50;
/// Conversations of one contact.
const MOST_CONVERSATIONS: u32 = 50;

/// What the list is narrowed to, and where it goes on.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// What the name or an identity contains.
    q: String,
    /// The last contact of the page before.
    before: Option<String>,
}

/// The list as a file.
pub(super) async fn export(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let search = Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(contacts::export(&state, &reader.caller, search).await?)
}

/// The list.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let search = Some(asked.q.trim().to_owned()).filter(|text| !text.is_empty());
    let workspace = &reader.caller.workspace;
    let mut rows =
        state.db.contacts_page(workspace, search, asked.before.as_deref().map(ContactId::of), MOST as u32 + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let words = &reader.look.words.contacts;
    let now = state.clock.now();
    let content = html! {
        header.page-head {
            h1 { (words.title) }
            form.search.page-search.push-end role="search" method="get" action=(CONTACTS) {
                (icon("search", ""))
                input.input type="search" name="q" value=(asked.q) placeholder=(words.search) aria-label=(words.search);
            }
            @if reader.caller.role >= Role::Admin && !rows.is_empty() {
                a.button href=(searched(FILE, &asked.q).finish()) download { (icon("download", "")) (words.export) }
            }
        }
        section.card aria-label=(words.title) {
            @if rows.is_empty() {
                div.empty { (icon("contacts", "")) p { (if asked.q.is_empty() { &words.none } else { &words.none_found }) } }
            } @else {
                div.table-scroll tabindex="0" {
                    table.table.contact-table {
                        thead { tr { th scope="col" { (words.name) } th scope="col" { (words.identities) } th.is-extra scope="col" { (words.since) } } }
                        tbody { @for contact in &rows { (row(&reader, contact, now)) } }
                    }
                }
            }
            @if let Some(last) = rows.last().filter(|_| more) {
                p.card-foot { a.button href=(older(&asked.q, last.id)) { (words.older) } }
            }
        }
    };
    Ok(layout::page(&reader, &words.title, CONTACTS, &content).into_response())
}

/// An address with what is searched for.
fn searched(path: &str, search: &str) -> Serializer<'static, String> {
    let mut query = Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    if !search.is_empty() {
        query.append_pair("q", search);
    }
    query
}

fn older(search: &str, last: ContactId) -> String {
    searched(CONTACTS, search).append_pair("before", &last.to_string()).finish()
}

/// What a contact is called: their name, else how a provider knows them.
pub(super) fn called<'c>(reader: &'c Reader, contact: &'c Contact) -> &'c str {
    let identity = contact.identities.first().map(|identity| identity.value.as_str());
    contact.name.as_deref().or(identity).unwrap_or(&reader.look.words.inbox.unnamed)
}

fn row(reader: &Reader, contact: &Contact, now: i64) -> Markup {
    let name = called(reader, contact);
    html! {
        tr {
            td { a.contact-line href=(format!("{CONTACTS}/{}", contact.id)) { span class=(format!("avatar is-small {}", tone(&contact.id.to_string()))) aria-hidden="true" { (initials(name)) } span.one-line { (name) } } }
            td { @for identity in contact.identities.iter().take(3) { span.identity { span.note { (identity.scheme) } " " (identity.value) } } }
            td.is-extra { time datetime=(contact.created_at) title=(time::full(&reader.look, &contact.created_at)) { (time::date(&reader.look, &contact.created_at, now)) } }
        }
    }
}

/// One contact.
pub(super) async fn one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
) -> Result<Response, Failure> {
    shown(&state, &reader, id, None).await
}

async fn shown(state: &State, reader: &Reader, id: ContactId, problem: Option<&Problem>) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let workspace = &reader.caller.workspace;
    let contact = state.db.contact(workspace, id).await?.ok_or_else(Problem::not_found)?;
    let filter = InboxFilter { contact: Some(contact.id), ..InboxFilter::default() };
    let user = reader.caller.user.as_deref();
    let (conversations, _) = state.db.inbox(workspace, user, filter, None, MOST_CONVERSATIONS).await?;
    let words = &reader.look.words.contacts;
    let name = called(reader, &contact).to_owned();
    let now = state.clock.now();
    let is_admin = reader.caller.role >= Role::Admin;
    let content = html! {
        (layout::trail(&[(CONTACTS, &words.title)], &name))
        header.page-head { span class=(format!("avatar is-large {}", tone(&contact.id.to_string()))) aria-hidden="true" { (initials(&name)) } h1 { (name) } }
        (faults::notice_beside(reader.look.words, problem, &["#/name".to_owned()]))
        div.with-aside {
            div.stack {
                section.card aria-labelledby="conversations" {
                    header.card-head { h2 id="conversations" { (words.conversations) } }
                    @if conversations.is_empty() { p.card-body.note { (words.no_conversation) } }
                    ul.rows { @for conversation in &conversations { (line(reader, conversation, now)) } }
                }
            }
            div.stack {
                section.card {
                    header.card-head { h2 { (words.identities) } }
                    div.card-body.stack-small {
                        (merging::identities(reader, &contact, ""))
                        dl.facts { dt { (words.since) } dd { (time::date(&reader.look, &contact.created_at, now)) } }
                    }
                }
                @if contact.erased_at.is_none() { (rename(reader, &contact, problem)) }
                @if is_admin && contact.erased_at.is_none() {
                    section.card.danger-zone {
                        header.card-head { h2 { (words.erase) } }
                        div.card-body.stack-small {
                            p.note { (words.erase_note) }
                            form.stack-small method="post" action=(format!("{CONTACTS}/{id}/erase")) {
                                label.check { input type="checkbox" name="sure" value="1" required; " " (words.sure) }
                                button.button.is-danger type="submit" { (words.erase_button) }
                            }
                        }
                    }
                }
            }
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &name, CONTACTS, &content)).into_response())
}

fn line(reader: &Reader, conversation: &Conversation<'_>, now: i64) -> Markup {
    let words = &reader.look.words.inbox;
    let preview = conversation.last_message.as_ref().and_then(|last| last.preview.as_deref()).unwrap_or_default();
    let channel = conversation.channel.as_ref().map_or(&conversation.account.name, |channel| &channel.name);
    html! {
        li {
            a.conversation-row href=(format!("{INBOX}/{}", conversation.id)) {
                img.channel-mark src=(icon_of(&conversation.account.plugin)) alt="";
                span.one-line { strong { (channel) } @if conversation.status == Standing::Done { " · " (words.is_done) } }
                (time::ago(&reader.look, &conversation.last_message_at, now))
                span.one-line.note { (preview) }
            }
        }
    }
}

fn rename(reader: &Reader, contact: &Contact, problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.inbox;
    let fault = of_field(reader.look.words, problem, "#/name");
    html! {
        section.card {
            header.card-head { h2 { (words.rename) } }
            form.card-body.form method="post" action=(format!("{CONTACTS}/{}/name", contact.id)) {
                div.field {
                    label.field-label for="contact-name" { (words.name) }
                    input.input id="contact-name" name="name" value=(contact.name.as_deref().unwrap_or_default()) maxlength="200";
                    p.field-hint { (words.rename_note) }
                    @if let Some(fault) = fault { p.field-error { (icon("error", "is-small")) (fault) } }
                }
                button.button type="submit" { (words.save) }
            }
        }
    }
}

/// What a contact is called.
#[derive(Deserialize)]
pub(super) struct Rename {
    #[serde(default)]
    name: String,
    /// The conversation to go back to, where the form stands beside one.
    #[serde(default)]
    conversation: String,
}

/// Names a contact; an empty name gives the word to the provider again.
pub(super) async fn rename_one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
    Form(Rename { name, conversation }): Form<Rename>,
) -> Result<Response, Failure> {
    let given = Some(name).filter(|name| !name.trim().is_empty());
    match contacts::rename(&state, &reader.caller, id, given).await {
        Ok(_) if conversation.is_empty() => Ok(Redirect::to(&below(CONTACTS, &id.to_string())).into_response()),
        Ok(_) => Ok(Redirect::to(&below(INBOX, &conversation)).into_response()),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            shown(&state, &reader, id, Some(&problem)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Erases a contact.
pub(super) async fn erase(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ContactId>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    if !sure.is() {
        return Ok(Redirect::to(&below(CONTACTS, &id.to_string())).into_response());
    }
    contacts::erase(&state, &reader.caller, id).await?;
    Ok(Redirect::to(CONTACTS).into_response())
}
