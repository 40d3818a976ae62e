//! The workspace's saved replies: list, add, change, remove.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::asked::{Form, Path, Sure};
use super::faults::{self, Failure};
use super::layout::{self, icon};
use super::people::tabs;
use super::reader::Reader;
use crate::auth::Role;
use crate::db::KeptAnswer;
use crate::model::shown::reply::SavedReply;
use crate::model::variables;
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::problem::{Answer, Problem};
use crate::web::replies::{self, Held, ReplyChange};
use crate::web::state::State;

/// Where the saved replies are.
pub(super) const REPLIES: &str = "/settings/replies";
/// Longest text, as the field counts.
const MOST_TEXT: &str = "4000";

/// What a form for a reply holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    key: String,
    name: String,
    text: String,
}

/// What was tried and refused.
struct Refused<'r> {
    /// The reply that was to be changed; none: one was to be added.
    of: Option<&'r str>,
    fields: &'r Fields,
    problem: &'r Problem,
}

/// The list, with the form that adds a reply.
pub(super) async fn page(Axum(state): Axum<State>, reader: Reader) -> Result<Response, Failure> {
    listed(&state, &reader, None).await
}

/// Saves a reply.
pub(super) async fn add(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let fields = Fields { text: fields.text.replace("\r\n", "\n"), ..fields };
    match added(&state, &reader, &fields).await {
        Ok(()) => Ok(Redirect::to(REPLIES).into_response()),
        Err(problem) => refused(&state, &reader, Refused { of: None, fields: &fields, problem: &problem }).await,
    }
}

/// Saves the reply of a form, unless the form came before.
async fn added(state: &State, reader: &Reader, Fields { key, name, text }: &Fields) -> Answer<()> {
    reader.caller.at_least(Role::Supervisor)?;
    let hash = Sha256::digest(format!("{}:{name}:{text}", name.len())).into();
    let ticket = match once::begin(state, &reader.caller, &Submission { key: key.clone(), hash }).await? {
        once::Form::New(ticket) => ticket,
        once::Form::Done(_) => return Ok(()),
    };
    let kept = ticket.clone();
    let held = Held { name: name.clone(), text: text.clone() };
    let done = replies::add(state, &reader.caller, held, |reply| {
        let body = serde_json::to_vec(reply).unwrap_or_default();
        Some(KeptAnswer { ticket: kept, status: StatusCode::CREATED.as_u16(), headers: "[]".to_owned(), body })
    });
    let done = done.await;
    if done.is_err() {
        state.db.forget_request(ticket).await?;
    }
    done.map(|_| ())
}

/// Changes a reply.
pub(super) async fn change(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let fields = Fields { text: fields.text.replace("\r\n", "\n"), ..fields };
    let change = ReplyChange { name: Some(fields.name.clone()), text: Some(fields.text.clone()) };
    match replies::change(&state, &reader.caller, &id, change).await {
        Ok(_) => Ok(Redirect::to(REPLIES).into_response()),
        Err(problem) => refused(&state, &reader, Refused { of: Some(&id), fields: &fields, problem: &problem }).await,
    }
}

/// Removes a reply.
pub(super) async fn remove(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    if sure.is() {
        replies::remove(&state, &reader.caller, &id).await?;
    }
    Ok(Redirect::to(REPLIES).into_response())
}

async fn refused(state: &State, reader: &Reader, refused: Refused<'_>) -> Result<Response, Failure> {
    match refused.problem.status() {
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => listed(state, reader, Some(refused)).await,
        _ => Err(refused.problem.clone().into()),
    }
}

async fn listed(state: &State, reader: &Reader, refused: Option<Refused<'_>>) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Supervisor)?;
    let words = &reader.look.words.replies;
    let all = replies::list(state, &reader.caller, None).await?;
    let of = |id: Option<&str>| refused.as_ref().filter(|refused| refused.of == id);
    let new = of(None);
    let key = new.filter(|new| once::is_key(&new.fields.key) && new.problem.code() != SENT_BEFORE);
    let key = key.map_or_else(once::fresh_key, |new| new.fields.key.clone());
    let content = html! {
        header.page-head { h1 { (reader.look.words.people.settings) } }
        (tabs(reader, REPLIES))
        div.with-aside {
            section.card aria-label=(words.title) {
                p.card-body.note { (words.intro) }
                @if all.is_empty() { div.empty { (icon("bolt", "")) p { (words.none) } } }
                ul.rows { @for reply in &all { (row(reader, reply, of(Some(&reply.id)))) } }
            }
            section.card aria-labelledby="add" {
                header.card-head { h2 id="add" { (words.add) } }
                form.card-body.form method="post" action=(REPLIES) novalidate {
                    input type="hidden" name="key" value=(key);
                    @let held = new.map(|new| (new.fields.name.as_str(), new.fields.text.as_str())).unwrap_or_default();
                    (fields(reader, "new", held, new))
                    button.button.is-primary type="submit" { (words.add) }
                }
            }
        }
    };
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.problem.status());
    Ok((status, layout::page(reader, &words.title, REPLIES, &content)).into_response())
}

fn row(reader: &Reader, reply: &SavedReply, refused: Option<&Refused<'_>>) -> Markup {
    let words = &reader.look.words;
    let path = format!("{REPLIES}/{}", reply.id);
    let held = refused.map_or((reply.name.as_str(), reply.text.as_str()), |refused| {
        (refused.fields.name.as_str(), refused.fields.text.as_str())
    });
    html! {
        li.reply-row {
            details.unfold open[refused.is_some()] {
                summary { strong { (reply.name) } (icon("chevron-down", "is-small")) }
                form.form method="post" action=(path) novalidate {
                    (fields(reader, &reply.id, held, refused))
                    button.button type="submit" { (words.people.save) }
                }
                form.button-row method="post" action=(format!("{path}/remove")) {
                    label.check { input type="checkbox" name="sure" value="1" required; " " (words.people.sure) }
                    button.button.is-danger.is-small type="submit" { (words.replies.remove) }
                }
            }
            p.note.is-lines { (reply.text) }
        }
    }
}

/// Name and text, each with what is wrong with it. `of` keeps the fields of several forms apart.
fn fields(reader: &Reader, of: &str, (name, text): (&str, &str), refused: Option<&Refused<'_>>) -> Markup {
    let words = &reader.look.words.replies;
    let problem = refused.map(|refused| refused.problem);
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let (name_fault, text_fault) = (at("#/name"), at("#/text"));
    let (name_id, text_id) = (format!("name-{of}"), format!("text-{of}"));
    let error = |id: &str, fault: &Option<String>| {
        html! {
            @if let Some(fault) = fault { p.field-error id=(format!("{id}-error")) { (icon("error", "is-small")) (fault) } }
        }
    };
    html! {
        (faults::notice_beside(reader.look.words, problem, &["#/name".to_owned(), "#/text".to_owned()]))
        div.field {
            label.field-label for=(name_id) { (reader.look.words.people.name) }
            input.input id=(name_id) name="name" value=(name) maxlength="200" autocomplete="off" required
                aria-invalid=[name_fault.as_ref().map(|_| "true")] aria-describedby=[name_fault.as_ref().map(|_| format!("{name_id}-error"))];
            (error(&name_id, &name_fault))
        }
        div.field {
            label.field-label for=(text_id) { (words.text) }
            textarea.input id=(text_id) name="text" rows="4" maxlength=(MOST_TEXT) required
                aria-invalid=[text_fault.as_ref().map(|_| "true")] aria-describedby=(format!("{text_id}-error {text_id}-hint")) { (text) }
            (error(&text_id, &text_fault))
            p.field-hint id=(format!("{text_id}-hint")) {
                (words.variables) @for name in variables::KNOWN { " " code { "{{" (name) "}}" } }
            }
        }
    }
}
