//! An admin of another workspace, added by an operator: who they are, and the link by which they set their password.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use sha2::{Digest, Sha256};

use super::asked::{Form, Path};
use super::faults::{self, Failure};
use super::layout;
use super::people::{Fields, link_once, optional};
use super::reader::Reader;
use super::sign_in::field;
use super::workspaces::WORKSPACES;
use crate::auth::Role;
use crate::model::shown::person::MadeUser;
use crate::web::caller::Caller;
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::people::{self, NewPerson};
use crate::web::problem::Problem;
use crate::web::state::State;

/// The form.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(workspace): Path<String>,
) -> Result<Response, Failure> {
    let there = entered(&state, &reader, &workspace).await?;
    Ok(shown(&reader, &there, &Fields::default(), &Ok(None)))
}

/// Adds the admin and shows their link, or the form again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(workspace): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let there = entered(&state, &reader, &workspace).await?;
    let Fields { key, email, name, .. } = &fields;
    let hash = Sha256::digest(format!("{workspace}:{}:{email}:{name}", email.len())).into();
    let form = Submission { key: key.clone(), hash };
    let made = once::make(&state, &there, &form, async |keep| {
        let new = NewPerson { email: email.clone(), name: name.clone(), role: Role::Admin, password: None };
        people::add(&state, &there, new, |made| keep.answer(made)).await
    });
    Ok(shown(&reader, &there, &fields, &made.await.map(Some)))
}

/// The reader, acting in that workspace.
async fn entered(state: &State, reader: &Reader, workspace: &str) -> Result<Caller, Problem> {
    reader.caller.at_least(Role::Operator)?;
    reader.caller.within(state, workspace).await
}

fn shown(reader: &Reader, there: &Caller, fields: &Fields, done: &Result<Option<MadeUser>, Problem>) -> Response {
    let (words, people) = (&reader.look.words.workspaces, &reader.look.words.people);
    let problem = done.as_ref().err();
    let made = done.as_ref().ok().and_then(Option::as_ref);
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let is_used = problem.is_none_or(|problem| problem.code() == SENT_BEFORE);
    let key = if is_used || !once::is_key(&fields.key) { once::fresh_key() } else { fields.key.clone() };
    let typed = |text: &str| if made.is_some() { String::new() } else { text.to_owned() };
    let beside = ["#/email", "#/name"].map(str::to_owned);
    let title = words.add_admin.replace("{name}", &there.workspace_name);
    let content = html! {
        (layout::trail(&[(WORKSPACES, &words.title)], &there.workspace_name))
        header.page-head { h1 { (title) } }
        @if let Some(MadeUser { user, password_link: Some(link) }) = made { (link_once(reader, &user.name, link)) }
        div.profile {
            form.card.card-body.form method="post" novalidate {
                input type="hidden" name="key" value=(key);
                (faults::notice_beside(reader.look.words, problem, &beside))
                (field("email", "email", "off", &reader.look.words.sign_in.email, &typed(&fields.email), None, at("#/email").as_deref()))
                (optional("name", &people.name, &typed(&fields.name), &people.name_hint, at("#/name").as_deref()))
                p.note { (people.link_hint) }
                div.button-row {
                    button.button.is-primary type="submit" { (people.add) }
                    a.button.is-quiet href=(WORKSPACES) { (words.title) }
                }
            }
        }
    };
    let status = match (problem, made) {
        (Some(problem), _) => problem.status(),
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    (status, layout::page(reader, &title, WORKSPACES, &content)).into_response()
}
