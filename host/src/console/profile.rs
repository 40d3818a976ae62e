//! The reader's own name and password.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::asked::{Form, Query};
use super::faults::{self, Failure};
use super::layout::{self, icon};
use super::reader::Reader;
use super::sign_in::field;
use crate::web::client::ClientAddress;
use crate::web::problem::Problem;
use crate::web::session::{self, OwnChange};
use crate::web::state::State;

/// Where the profile is.
pub(super) const PROFILE: &str = "/settings/profile";

/// What was done just now.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    saved: String,
}

/// What a person fills in; one of the two forms.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    name: Option<String>,
    password: Option<String>,
    current_password: String,
}

/// The forms.
pub(super) async fn page(reader: Reader, Query(asked): Query<Asked>) -> Response {
    shown(&reader, &reader.caller.name, asked.saved == "1", None)
}

/// Changes the name or the password, or shows the forms again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    reader: Reader,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    let Fields { name, password, current_password } = fields;
    let written = name.clone().unwrap_or_else(|| reader.caller.name.clone());
    let change = OwnChange { name, password, current_password };
    let to = Redirect::to(&format!("{PROFILE}?saved=1"));
    match session::change_own(&state, &reader.caller, client, change).await {
        Ok(Some(minted)) => Ok(([(SET_COOKIE, session::cookie(&state, &minted))], to).into_response()),
        Ok(None) => Ok(to.into_response()),
        Err(problem) if problem.status() == StatusCode::CONFLICT => Err(problem.into()),
        Err(problem) => Ok(shown(&reader, &written, false, Some(&problem))),
    }
}

fn shown(reader: &Reader, name: &str, is_saved: bool, problem: Option<&Problem>) -> Response {
    let words = &reader.look.words.profile;
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let content = html! {
        header.page-head { h1 { (words.title) } }
        (faults::notice(reader.look.words, problem))
        @if is_saved { p.toast role="status" { (icon("check", "")) (words.saved) } }
        div.profile {
            section.card {
                header.card-head { h2 { (words.about) } }
                form.card-body.form method="post" {
                    @if let Some(email) = &reader.caller.email { dl.facts { dt { (reader.look.words.sign_in.email) } dd { (email) } dt { (words.role) } dd { (reader.look.words.people.role_name(reader.caller.role.name())) } } }
                    (field("name", "text", "name", &words.name, name, None, at("#/name").as_deref()))
                    button.button.is-primary type="submit" { (words.save) }
                }
            }
            section.card {
                header.card-head { h2 { (words.password) } }
                form.card-body.form method="post" {
                    (field("current_password", "password", "current-password", &words.current, "", None, at("#/current_password").as_deref()))
                    (field("password", "password", "new-password", &words.new, "", Some(&words.password_hint), at("#/password").as_deref()))
                    button.button.is-primary type="submit" { (words.change) }
                }
            }
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    (status, layout::page(reader, &words.title, PROFILE, &content)).into_response()
}
