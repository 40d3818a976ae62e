//! The first operator's page, behind the link that `serve` prints.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::HOME;
use super::asked::{Form, Path};
use super::faults::{self, Failure};
use super::layout::{self, Front};
use super::reader::Look;
use super::sign_in::field;
use crate::web::client::ClientAddress;
use crate::web::problem::Problem;
use crate::web::session;
use crate::web::state::State;

/// What the first operator fills in.
#[derive(Default, Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// The form, while the link works.
pub(super) async fn page(Axum(state): Axum<State>, look: Look, Path(link): Path<String>) -> Result<Response, Failure> {
    if state.auth.setup_link_is_good(&link).await? {
        return Ok(shown(&look, &link, StatusCode::OK, "", None));
    }
    Ok(gone(&look))
}

/// Adds the operator and goes on to *Integrations*, or shows the form again with what is wrong.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    ClientAddress(client): ClientAddress,
    look: Look,
    Path(link): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    match session::set_up(&state, client, &link, &fields.email, fields.password).await {
        Ok((minted, _)) => ([(SET_COOKIE, session::cookie(&state, &minted))], Redirect::to(HOME)).into_response(),
        Err(problem) if problem.status() == StatusCode::GONE => gone(&look),
        Err(problem) => shown(&look, &link, problem.status(), &fields.email, Some(&problem)),
    }
}

fn shown(look: &Look, link: &str, status: StatusCode, email: &str, problem: Option<&Problem>) -> Response {
    let (words, names) = (&look.words.set_up, &look.words.sign_in);
    let at = |pointer: &str| faults::of_field(look.words, problem, pointer);
    let content = html! {
        form.form method="post" {
            (faults::notice(look.words, problem))
            (field("email", "email", "username", &names.email, email, None, at("#/email").as_deref()))
            (field("password", "password", "new-password", &names.password, "", Some(&words.hint), at("#/password").as_deref()))
            button.button.is-primary type="submit" { (words.button) }
        }
    };
    let here = format!("/setup/{link}");
    (status, layout::front(look, &Front { title: &words.title, note: Some(&words.intro), here: &here }, &content))
        .into_response()
}

fn gone(look: &Look) -> Response {
    let words = &look.words.set_up;
    let content = html! { a.button.is-primary href="/sign-in" { (look.words.sign_in.button) } };
    let front = Front { title: &words.gone_title, note: Some(&words.gone), here: "/sign-in" };
    (StatusCode::GONE, layout::front(look, &front, &content)).into_response()
}
