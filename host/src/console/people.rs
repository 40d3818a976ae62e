//! The people of the workspace: list, add, change, disable, remove.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::asked::{Form, Path, Query, Sure, below};
use super::audit::AUDIT;
use super::endpoints::ENDPOINTS;
use super::faults::{self, Failure};
use super::layout::{self, copyable, icon, initials, tone};
use super::reader::Reader;
use super::replies::REPLIES;
use super::sign_in::field;
use super::time;
use super::tokens::TOKENS;
use super::workspaces::WORKSPACES;
use crate::auth::Role;
use crate::model::shown::person::{MadeUser, PasswordLink, User};
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::people::{self, NewPerson, PersonChange};
use crate::web::problem::{FieldError, Problem};
use crate::web::state::State;

/// Where the people are.
pub(super) const PEOPLE: &str = "/settings/people";
/// People on a page.
const MOST: usize = 100;

/// The tabs of the settings. `here` is the current one's path.
pub(super) fn tabs(reader: &Reader, here: &str) -> Markup {
    let words = reader.look.words;
    html! {
        nav.tabs.page-tabs aria-label=(words.people.settings) {
            @let (is_admin, is_operator) = (reader.caller.role >= Role::Admin, reader.caller.role >= Role::Operator);
            @let all = [
                (PEOPLE, &words.people.title, is_admin), (REPLIES, &words.replies.title, true), (TOKENS, &words.tokens.title, is_admin),
                (ENDPOINTS, &words.endpoints.title, is_admin), (AUDIT, &words.audit.title, is_admin), (WORKSPACES, &words.workspaces.title, is_operator),
            ];
            @for (path, name, _) in all.into_iter().filter(|(_, _, may)| *may) {
                a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
            }
        }
    }
}

/// A choice among the roles that the reader may give.
pub(super) fn role_field(reader: &Reader, chosen: &str, fault: Option<&str>) -> Markup {
    let words = &reader.look.words.people;
    html! {
        div.field {
            label.field-label for="role" { (words.role) }
            select.input id="role" name="role" aria-invalid=[fault.map(|_| "true")] {
                @for role in Role::ALL.into_iter().filter(|role| *role <= reader.caller.role) {
                    option value=(role) selected[role.name() == chosen] { (words.role_name(role.name())) }
                }
            }
            @if let Some(fault) = fault { p.field-error { (icon("error", "is-small")) (fault) } }
        }
    }
}

/// The role that a form names.
pub(super) fn role_of(name: &str) -> Result<Role, Problem> {
    let unknown = || Problem::invalid(vec![FieldError::new("#/role", "unknown-role", "choose a role")]);
    Role::from_name(name).ok_or_else(unknown)
}

/// Where the page before ended.
#[derive(Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// What a form for a new person holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    pub(super) key: String,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) role: String,
}

/// The list, with the form that adds a person.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(After { after }): Query<After>,
) -> Result<Response, Failure> {
    let fields = Fields { role: Role::Agent.name().to_owned(), ..Fields::default() };
    listed(&state, &reader, after, &fields, Outcome::Nothing).await
}

/// What came of the form.
enum Outcome<'o> {
    Nothing,
    Added(&'o MadeUser),
    Refused(&'o Problem),
}

/// Adds a person and shows the link by which they set their password, or shows the form again with what is wrong.
pub(super) async fn add(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(fields): Form<Fields>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let Fields { key, email, name, role } = &fields;
    let hash = Sha256::digest(format!("{}:{email}:{}:{name}:{role}", email.len(), name.len())).into();
    let form = Submission { key: key.clone(), hash };
    let added = once::make(&state, &reader.caller, &form, async |keep| {
        let role = role_of(role)?;
        let new = NewPerson { email: email.clone(), name: name.clone(), role, password: None };
        people::add(&state, &reader.caller, new, |made| keep.answer(made)).await
    });
    match added.await {
        Ok(made) => {
            let empty = Fields { role: fields.role.clone(), ..Fields::default() };
            listed(&state, &reader, None, &empty, Outcome::Added(&made)).await
        }
        Err(problem) => listed(&state, &reader, None, &fields, Outcome::Refused(&problem)).await,
    }
}

async fn listed(
    state: &State,
    reader: &Reader,
    after: Option<String>,
    fields: &Fields,
    outcome: Outcome<'_>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let words = &reader.look.words.people;
    let (added, problem) = match outcome {
        Outcome::Nothing => (None, None),
        Outcome::Added(made) => (Some(made), None),
        Outcome::Refused(problem) => (None, Some(problem)),
    };
    let mut rows = state.db.users(&reader.caller.workspace, after, MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let users: Vec<User> = rows.into_iter().map(User::from).collect();
    let now = state.clock.now();
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let is_used = problem.is_none_or(|problem| problem.code() == SENT_BEFORE);
    let key = if is_used || !once::is_key(&fields.key) { once::fresh_key() } else { fields.key.clone() };
    let shown = ["#/email", "#/name", "#/role"].map(str::to_owned);
    let content = html! {
        header.page-head { h1 { (words.settings) } }
        (tabs(reader, PEOPLE))
        @if let Some(MadeUser { user, password_link: Some(link) }) = added { (link_once(reader, &user.name, link)) }
        div.with-aside {
            section.card aria-label=(words.title) {
                div.table-scroll tabindex="0" {
                    table.table {
                        thead { tr { th scope="col" { (words.name) } th scope="col" { (words.role) } th scope="col" { (words.state) } th.is-extra scope="col" { (words.since) } } }
                        tbody { @for user in &users { (row(reader, user, now)) } }
                    }
                }
                @if let Some(last) = users.last().filter(|_| more) {
                    p.card-foot { a.button href=(format!("{PEOPLE}?after={}", last.id)) { (words.more) } }
                }
            }
            section.card aria-labelledby="add" {
                header.card-head { h2 id="add" { (words.add) } }
                form.card-body.form method="post" action=(PEOPLE) novalidate {
                    input type="hidden" name="key" value=(key);
                    (faults::notice_beside(reader.look.words, problem, &shown))
                    (field("email", "email", "off", &reader.look.words.sign_in.email, &fields.email, None, at("#/email").as_deref()))
                    (optional("name", &words.name, &fields.name, &words.name_hint, at("#/name").as_deref()))
                    (role_field(reader, &fields.role, at("#/role").as_deref()))
                    p.note { (words.link_hint) }
                    button.button.is-primary type="submit" { (words.add) }
                }
            }
        }
    };
    let status = match (problem, added) {
        (Some(problem), _) => problem.status(),
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    Ok((status, layout::page(reader, &words.title, PEOPLE, &content)).into_response())
}

/// A link by which a person sets their password, which is shown this once.
pub(super) fn link_once(reader: &Reader, name: &str, link: &PasswordLink) -> Markup {
    let words = &reader.look.words.people;
    let until = words.link_made_note.replace("{time}", &time::full(&reader.look, &link.expires_at));
    html! {
        div.notice.is-good.is-apart role="status" {
            (icon("key", ""))
            div { p { (words.link_made.replace("{name}", name)) } (copyable(reader.look.words, &link.url)) p.note { (until) } }
        }
    }
}

fn row(reader: &Reader, user: &User, now: i64) -> Markup {
    let words = &reader.look.words.people;
    let is_you = reader.caller.user.as_deref() == Some(&user.id);
    html! {
        tr {
            td {
                a.contact-line href=(format!("{PEOPLE}/{}", user.id)) {
                    span class=(format!("avatar is-small {}", tone(&user.id))) aria-hidden="true" { (initials(&user.name)) }
                    span.one-line { (user.name) @if is_you { " (" (words.you) ")" } @if user.name != user.email { span.note { " · " (user.email) } } }
                }
            }
            td { (words.role_name(&user.role)) }
            td { (standing(reader, user)) }
            td.is-extra { (time::date(&reader.look, &user.created_at, now)) }
        }
    }
}

fn standing(reader: &Reader, user: &User) -> Markup {
    let words = &reader.look.words.people;
    html! {
        @if user.disabled { span.state.is-warn { span { strong { (words.is_disabled) } } } }
        @else if !user.has_password { span.state.is-warn { span { strong { (words.no_password) } } } }
        @else { span.state.is-good { span { strong { (words.may_sign_in) } } } }
    }
}

/// A field that may stay empty.
pub(super) fn optional(name: &str, label: &str, value: &str, hint: &str, fault: Option<&str>) -> Markup {
    html! {
        div.field {
            label.field-label for=(name) { (label) }
            input.input id=(name) name=(name) value=(value) maxlength="200" autocomplete="off" aria-invalid=[fault.map(|_| "true")]
                autofocus[fault.is_some()] aria-describedby=(format!("{name}-hint"));
            @if let Some(fault) = fault { p.field-error { (icon("error", "is-small")) (fault) } }
            p.field-hint id=(format!("{name}-hint")) { (hint) }
        }
    }
}

/// What was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    saved: String,
}

/// One person.
pub(super) async fn one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&state, &reader, &id, &Done { is_saved: asked.saved == "1", ..Done::default() }).await
}

/// What changes of a person: name and role, or the password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    name: Option<String>,
    role: Option<String>,
    password: Option<String>,
}

/// Changes a person.
pub(super) async fn change(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(fields): Form<Change>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let done = async {
        let role = fields.role.as_deref().map(role_of).transpose()?;
        let change = PersonChange { name: fields.name, role, password: fields.password, disabled: None };
        people::change(&state, &reader.caller, &id, change).await
    };
    ended(&state, &reader, &id, done.await.map(|_| ())).await
}

/// Whether a person may not sign in.
#[derive(Deserialize)]
pub(super) struct Disabled {
    disabled: bool,
}

/// Disables or enables a person.
pub(super) async fn disable(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Disabled { disabled }): Form<Disabled>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let change = PersonChange { disabled: Some(disabled), ..PersonChange::default() };
    let done = people::change(&state, &reader.caller, &id, change).await;
    ended(&state, &reader, &id, done.map(|_| ())).await
}

/// The key of a form without other fields.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Key {
    key: String,
}

/// Makes a link by which a person sets their own password, and shows it; the same link where the same form comes again.
pub(super) async fn link(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Key { key }): Form<Key>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let form = Submission { key, hash: Sha256::digest(format!("link:{id}")).into() };
    let made = once::make(&state, &reader.caller, &form, async |keep| {
        people::link(&state, &reader.caller, &id, |made| keep.answer(made)).await
    });
    match made.await {
        Ok(link) => shown(&state, &reader, &id, &Done { link: Some(&link), ..Done::default() }).await,
        Err(problem) => ended(&state, &reader, &id, Err(problem)).await,
    }
}

/// Removes a person.
pub(super) async fn remove(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    if !sure.is() {
        return Ok(Redirect::to(&below(PEOPLE, &id)).into_response());
    }
    match people::remove(&state, &reader.caller, &id).await {
        Ok(()) => Ok(Redirect::to(PEOPLE).into_response()),
        Err(problem) => ended(&state, &reader, &id, Err(problem)).await,
    }
}

/// Back to the person's page, which says what is wrong where the act was refused.
async fn ended(state: &State, reader: &Reader, id: &str, done: Result<(), Problem>) -> Result<Response, Failure> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("{}?saved=1", below(PEOPLE, id))).into_response()),
        Err(problem) if matches!(problem.status(), StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            shown(state, reader, id, &Done { problem: Some(&problem), ..Done::default() }).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// What was done to a person just now.
#[derive(Default)]
struct Done<'d> {
    is_saved: bool,
    link: Option<&'d PasswordLink>,
    problem: Option<&'d Problem>,
}

async fn shown(state: &State, reader: &Reader, id: &str, done: &Done<'_>) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let &Done { is_saved, link, problem } = done;
    let row = state.db.user(&reader.caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    let user = User::from(row);
    let words = &reader.look.words.people;
    let at = |pointer: &str| faults::of_field(reader.look.words, problem, pointer);
    let is_above = Role::from_name(&user.role).is_none_or(|role| role > reader.caller.role);
    let path = format!("{PEOPLE}/{}", user.id);
    let beside = ["#/name", "#/role", "#/password"].map(str::to_owned);
    let content = html! {
        (layout::trail(&[(PEOPLE, &words.title)], &user.name))
        header.page-head {
            span class=(format!("avatar is-large {}", tone(&user.id))) aria-hidden="true" { (initials(&user.name)) }
            div.page-title { h1 { (user.name) } p.note { (user.email) " · " (words.role_name(&user.role)) } }
            (standing(reader, &user))
        }
        (faults::notice_beside(reader.look.words, problem, &beside))
        @if let Some(link) = link { (link_once(reader, &user.name, link)) }
        @if is_saved { p.toast role="status" { (icon("check", "")) (words.saved) } }
        @if is_above { p.note { (words.above) } } @else {
            div.profile {
                section.card {
                    form.card-body.form method="post" action=(path) {
                        (field("name", "text", "off", &words.name, &user.name, None, at("#/name").as_deref()))
                        (role_field(reader, &user.role, at("#/role").as_deref()))
                        button.button.is-primary type="submit" { (words.save) }
                    }
                }
                section.card {
                    header.card-head { h2 { (words.new_password) } }
                    form.card-body.stack-small method="post" action=(format!("{path}/link")) {
                        input type="hidden" name="key" value=(once::fresh_key());
                        p.note { (words.link_note) }
                        div { button.button type="submit" disabled[user.disabled] { (words.link) } }
                    }
                    form.card-body.form method="post" action=(path) {
                        input.visually-hidden type="text" name="username" autocomplete="username" value=(user.email) tabindex="-1" aria-hidden="true" readonly;
                        (field("password", "password", "new-password", &words.new_password, "", Some(&words.new_password_note), at("#/password").as_deref()))
                        button.button type="submit" { (words.set_password) }
                    }
                }
                section.card.danger-zone {
                    header.card-head { h2 { (words.access) } }
                    div.card-body.stack-small {
                        p.note { (if user.disabled { &words.enable_note } else { &words.disable_note }) }
                        form method="post" action=(format!("{path}/disabled")) {
                            button.button type="submit" name="disabled" value=(!user.disabled) { (if user.disabled { &words.enable } else { &words.disable }) }
                        }
                        p.note { (words.remove_note) }
                        form method="post" action=(format!("{path}/remove")) {
                            label.check { input type="checkbox" name="sure" value="1" required; " " (words.sure) }
                            button.button.is-danger type="submit" { (words.remove) }
                        }
                    }
                }
            }
        }
    };
    let status = match (problem, link) {
        (Some(problem), _) => problem.status(),
        (None, Some(_)) => StatusCode::CREATED,
        (None, None) => StatusCode::OK,
    };
    Ok((status, layout::page(reader, &user.name, PEOPLE, &content)).into_response())
}
