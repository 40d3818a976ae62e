//! The workspace's API tokens: list, make, rename, end.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::asked::{Form, Path, Query, Sure};
use super::faults::{self, Failure};
use super::layout::{self, copyable, icon};
use super::people::{role_field, role_of, tabs};
use super::reader::Reader;
use super::sign_in::field;
use super::time;
use crate::auth::Role;
use crate::model::shown::person::Token;
use crate::model::time::{DAY, rfc3339};
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::problem::{Answer, Problem};
use crate::web::state::State;
use crate::web::tokens::{self, NewToken};

/// Where the tokens are.
pub(super) const TOKENS: &str = "/settings/tokens";
/// Tokens on a page.
const MOST: usize = 100;
/// Days that a token may be made for.
const DAYS: [i64; 4] = [7, 30, 90, 365];

/// Where the page before ended.
#[derive(Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// What the form for a new token holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    key: String,
    name: String,
    role: String,
    /// Days; empty: no end.
    days: String,
}

/// The list, with the form that makes a token.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(After { after }): Query<After>,
) -> Result<Response, Failure> {
    let fields = Fields { role: Role::Agent.name().to_owned(), ..Fields::default() };
    listed(&state, &reader, after, Outcome { fields: &fields, value: None, problem: None }).await
}

/// What came of the form.
struct Outcome<'o> {
    fields: &'o Fields,
    value: Option<&'o str>,
    problem: Option<&'o Problem>,
}

/// Makes a token and shows its value, or the form again with what is wrong.
pub(super) async fn make(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    match made(&state, &reader, &fields).await {
        Ok(value) => {
            let empty = Fields { role: fields.role.clone(), ..Fields::default() };
            listed(&state, &reader, None, Outcome { fields: &empty, value: Some(&value), problem: None }).await
        }
        Err(problem) => {
            listed(&state, &reader, None, Outcome { fields: &fields, value: None, problem: Some(&problem) }).await
        }
    }
}

/// The value of the token that the form makes, or made when it came before.
async fn made(state: &State, reader: &Reader, fields: &Fields) -> Answer<String> {
    let Fields { key, name, role, days } = fields;
    let hash = Sha256::digest(format!("{}:{name}:{role}:{days}", name.len())).into();
    let form = Submission { key: key.clone(), hash };
    let made = once::make(state, &reader.caller, &form, async |keep| {
        let role = role_of(role)?;
        let until = DAYS.into_iter().find(|known| known.to_string() == *days);
        let expires_at = until.map(|days| rfc3339(state.clock.now() + days * DAY));
        let new = NewToken { name: name.clone(), role, expires_at };
        tokens::make(state, &reader.caller, new, |made| keep.answer(made)).await
    });
    Ok(made.await?.value)
}

async fn listed(
    state: &State,
    reader: &Reader,
    after: Option<String>,
    Outcome { fields, value, problem }: Outcome<'_>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let words = &reader.look.words.tokens;
    let mut rows = state.db.tokens(&reader.caller.workspace, after, MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let rows: Vec<Token> = rows.into_iter().map(Token::from).collect();
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let is_used = problem.is_none_or(|problem| problem.code() == SENT_BEFORE);
    let key = if is_used || !once::is_key(&fields.key) { once::fresh_key() } else { fields.key.clone() };
    let people = &reader.look.words.people;
    let content = html! {
        header.page-head { h1 { (people.settings) } }
        (tabs(reader, TOKENS))
        @if let Some(value) = value {
            div.notice.is-good.is-apart role="status" { (icon("key", "")) div { p { (words.made) } (copyable(reader.look.words, value)) p.note { (words.made_note) } } }
        }
        div.with-aside {
            section.card aria-label=(words.title) {
                p.card-body.note { (words.intro) }
                @if rows.is_empty() { div.empty { (icon("key", "")) p { (words.none) } } }
                @else {
                    div.table-scroll tabindex="0" {
                        table.table {
                            thead { tr { th scope="col" { (people.name) } th scope="col" { (people.role) } th scope="col" { (words.last_used) } th scope="col" { (words.expires) } } }
                            tbody { @for token in &rows { (row(reader, token, state.clock.now())) } }
                        }
                    }
                }
                @if let Some(last) = rows.last().filter(|_| more) {
                    p.card-foot { a.button href=(format!("{TOKENS}?after={}", last.id)) { (people.more) } }
                }
            }
            section.card aria-labelledby="add" {
                header.card-head { h2 id="add" { (words.add) } }
                form.card-body.form method="post" action=(TOKENS) novalidate {
                    (faults::notice_beside(reader.look.words, problem, &["#/name".to_owned(), "#/role".to_owned()]))
                    input type="hidden" name="key" value=(key);
                    (field("name", "text", "off", &people.name, &fields.name, Some(&words.name_hint), at("#/name").as_deref()))
                    (role_field(reader, &fields.role, at("#/role").as_deref()))
                    div.field {
                        label.field-label for="days" { (words.expires) }
                        select.input id="days" name="days" {
                            option value="" { (words.never) }
                            @for days in DAYS { option value=(days) selected[fields.days == days.to_string()] { (words.days.replace("{n}", &days.to_string())) } }
                        }
                    }
                    button.button.is-primary type="submit" { (words.add) }
                }
            }
        }
    };
    let status = match (problem, value) {
        (Some(problem), _) => problem.status(),
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    Ok((status, layout::page(reader, &words.title, TOKENS, &content)).into_response())
}

fn row(reader: &Reader, token: &Token, now: i64) -> Markup {
    let (words, people) = (&reader.look.words.tokens, &reader.look.words.people);
    let may = Role::from_name(&token.role).is_some_and(|role| role <= reader.caller.role);
    let path = format!("{TOKENS}/{}", token.id);
    html! {
        tr {
            td {
                @if may {
                    details.unfold {
                        summary { strong { (token.name) } (icon("chevron-down", "is-small")) }
                        div.stack-small {
                            form.button-row method="post" action=(path) {
                                input.input name="name" value=(token.name) maxlength="200" required aria-label=(people.name);
                                button.button.is-small type="submit" { (people.save) }
                            }
                            p.note { (words.end_note) }
                            form.button-row method="post" action=(format!("{path}/end")) {
                                label.check { input type="checkbox" name="sure" value="1" required; " " (people.sure) }
                                button.button.is-danger.is-small type="submit" { (words.end) }
                            }
                        }
                    }
                } @else { (token.name) }
            }
            td { (people.role_name(&token.role)) }
            td { span.is-narrow-label { (words.last_used) " " } @match &token.last_used_at { Some(at) => (time::date(&reader.look, at, now)), None => (words.unused) } }
            td { @match &token.expires_at { Some(at) => (time::date(&reader.look, at, now)), None => (words.never) } }
        }
    }
}

/// What a token is called.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Name {
    name: String,
}

/// Renames a token.
pub(super) async fn rename(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Name { name }): Form<Name>,
) -> Result<Response, Failure> {
    tokens::rename(&state, &reader.caller, &id, &name).await?;
    Ok(Redirect::to(TOKENS).into_response())
}

/// Ends a token.
pub(super) async fn end(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    if sure.is() {
        tokens::revoke(&state, &reader.caller, &id).await?;
    }
    Ok(Redirect::to(TOKENS).into_response())
}
