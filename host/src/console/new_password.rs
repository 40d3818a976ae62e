//! The page behind a link by which a person sets their own password.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::asked::{Form, Path};
use super::faults::{self, Failure};
use super::inbox::INBOX;
use super::layout::{self, Front};
use super::reader::Look;
use super::sign_in::field;
use crate::db::UserRow;
use crate::web::client::ClientAddress;
use crate::web::problem::Problem;
use crate::web::session;
use crate::web::state::State;

/// What the person fills in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    password: String,
}

/// The form, while the link works.
pub(super) async fn page(Axum(state): Axum<State>, look: Look, Path(link): Path<String>) -> Result<Response, Failure> {
    shown(&state, &look, &link, None).await
}

/// Sets the password and goes on to the inbox, or shows the form again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    look: Look,
    Path(link): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    match session::set_password(&state, client, &link, fields.password).await {
        Ok((minted, _)) => Ok(([(SET_COOKIE, session::cookie(&state, &minted))], Redirect::to(INBOX)).into_response()),
        Err(problem) => shown(&state, &look, &link, Some(&problem)).await,
    }
}

async fn shown(state: &State, look: &Look, link: &str, problem: Option<&Problem>) -> Result<Response, Failure> {
    let user = state.auth.user_of_password_link(link).await.map_err(Failure::from)?;
    let Some(UserRow { name, email, .. }) = user else { return Ok(gone(look)) };
    let words = &look.words.new_password;
    let fault = faults::of_field(look.words, problem, "#/password");
    let content = html! {
        form.form method="post" {
            (faults::notice(look.words, problem))
            input.visually-hidden type="text" name="username" autocomplete="username" value=(email) tabindex="-1" aria-hidden="true" readonly;
            (field("password", "password", "new-password", &look.words.sign_in.password, "", Some(&look.words.set_up.hint), fault.as_deref()))
            button.button.is-primary type="submit" { (words.button) }
        }
    };
    let title = words.title.replace("{name}", &name);
    let intro = words.intro.replace("{email}", &email);
    let here = format!("/password/{link}");
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let front = Front { title: &title, note: Some(&intro), here: &here };
    Ok((status, layout::front(look, &front, &content)).into_response())
}

fn gone(look: &Look) -> Response {
    let words = &look.words.new_password;
    let content = html! { a.button.is-primary href="/sign-in" { (look.words.sign_in.button) } };
    let front = Front { title: &look.words.set_up.gone_title, note: Some(&words.gone), here: "/sign-in" };
    (StatusCode::GONE, layout::front(look, &front, &content)).into_response()
}
