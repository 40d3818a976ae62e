//! The sign-in page, and signing out.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Form, Query};
use super::faults::{self, Failure};
use super::inbox::INBOX;
use super::layout::{self, Front, icon};
use super::reader::{Look, Reader};
use crate::auth::Role;
use crate::web::client::ClientAddress;
use crate::web::own_path::is_own_path;
use crate::web::problem::Problem;
use crate::web::session;
use crate::web::state::State;

/// Where to go afterwards.
#[derive(Default, Deserialize)]
pub(super) struct Target {
    #[serde(default)]
    to: String,
}

impl Target {
    fn path(&self) -> &str {
        if is_own_path(&self.to) { &self.to } else { INBOX }
    }
}

/// What a person fills in.
#[derive(Default, Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(flatten)]
    target: Target,
}

/// The form.
pub(super) async fn page(
    Axum(state): Axum<State>,
    look: Look,
    Query(target): Query<Target>,
) -> Result<Response, Failure> {
    let is_new = state.db.active_users_with_role(Role::Operator.name()).await? == 0;
    let note = is_new.then_some(look.words.sign_in.no_operator.as_str());
    let fields = Fields { target, ..Fields::default() };
    Ok(shown(&look, StatusCode::OK, note, &fields, None))
}

/// Signs the person in, or shows the form again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    look: Look,
    Form(fields): Form<Fields>,
) -> Response {
    match session::begin(&state, client, &fields.email, &fields.password).await {
        Ok((minted, _)) => {
            let cookie = session::cookie(&state, &minted);
            ([(SET_COOKIE, cookie)], Redirect::to(fields.target.path())).into_response()
        }
        Err(problem) => shown(&look, problem.status(), None, &fields, Some(&problem)),
    }
}

fn shown(look: &Look, status: StatusCode, note: Option<&str>, fields: &Fields, problem: Option<&Problem>) -> Response {
    let words = &look.words.sign_in;
    let at = |pointer: &str| faults::of_field(look.words, problem, pointer);
    let content = html! {
        form.form method="post" action="/sign-in" {
            (faults::notice(look.words, problem))
            input type="hidden" name="to" value=(fields.target.path());
            (field("email", "email", "username", &words.email, &fields.email, None, at("#/email").as_deref()))
            (field("password", "password", "current-password", &words.password, "", None, at("#/password").as_deref()))
            button.button.is-primary type="submit" { (words.button) }
        }
    };
    let here = format!("/sign-in?to={}", fields.target.path());
    (status, layout::front(look, &Front { title: &words.title, note, here: &here }, &content)).into_response()
}

/// A field of a form for people who are not signed in: label, control, and its error or else its hint.
pub(super) fn field(
    name: &str,
    kind: &str,
    autocomplete: &str,
    label: &str,
    value: &str,
    hint: Option<&str>,
    fault: Option<&str>,
) -> Markup {
    let described = match (fault, hint) {
        (Some(_), _) => Some(format!("{name}-error")),
        (None, Some(_)) => Some(format!("{name}-hint")),
        (None, None) => None,
    };
    html! {
        div.field {
            label.field-label for=(name) { (label) }
            input.input id=(name) name=(name) type=(kind) autocomplete=(autocomplete) value=(value) required
                aria-invalid=[fault.map(|_| "true")] autofocus[fault.is_some()] aria-describedby=[described];
            @if let Some(fault) = fault { p.field-error id=(format!("{name}-error")) { (icon("error", "is-small")) (fault) } }
            @else if let Some(hint) = hint { p.field-hint id=(format!("{name}-hint")) { (hint) } }
        }
    }
}

/// Ends the session.
pub(super) async fn sign_out(Axum(state): Axum<State>, reader: Reader) -> Result<Response, Failure> {
    let gone = session::end(&state, &reader.caller).await?;
    Ok(([(SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response())
}
