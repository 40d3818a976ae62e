//! Endpoints of the workspace: list, add, change, disable, remove, what was delivered, and delivering again.

use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::asked::{Form, Path, Query, Sure, below};
use super::faults::{self, Failure};
use super::layout::{self, copyable, icon};
use super::people::tabs;
use super::reader::Reader;
use super::sign_in::field;
use super::time;
use crate::keys::EventId;
use crate::model::shown::endpoint::{Delivery, Endpoint};
use crate::web::endpoints::{self, EndpointChange, TYPES};
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::problem::{Answer, Problem};
use crate::web::state::State;

/// Where the endpoints are.
pub(super) const ENDPOINTS: &str = "/settings/endpoints";
/// Endpoints, or deliveries, on a page.
const MOST: usize = 50;

/// Where the page before ended.
#[derive(Default, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// What the form of an endpoint holds.
#[derive(Default)]
struct Fields {
    key: String,
    url: String,
    types: Vec<String>,
}

impl Fields {
    fn of(pairs: Vec<(String, String)>) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            match name.as_str() {
                "key" => fields.key = value,
                "url" => fields.url = value,
                "types" => fields.types.push(value),
                _ => {}
            }
        }
        fields
    }
}

/// What came of a form that makes a secret.
#[derive(Default)]
struct Outcome<'o> {
    fields: Fields,
    secret: Option<&'o str>,
    problem: Option<&'o Problem>,
}

impl Outcome<'_> {
    /// The key of the form that is shown: the same one while what it asks for is not done.
    fn key(&self) -> String {
        let is_used = self.problem.is_none_or(|problem| problem.code() == SENT_BEFORE);
        if is_used || !once::is_key(&self.fields.key) { once::fresh_key() } else { self.fields.key.clone() }
    }

    fn status(&self) -> StatusCode {
        match (self.problem, self.secret) {
            (Some(problem), _) => problem.status(),
            (None, Some(_)) => StatusCode::CREATED,
            (None, None) => StatusCode::OK,
        }
    }
}

/// The list, with the form that adds an endpoint.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(After { after }): Query<After>,
) -> Result<Response, Failure> {
    listed(&state, &reader, after, Outcome::default()).await
}

/// Adds an endpoint and shows its secret, or the form again with what is wrong.
pub(super) async fn add(
    Axum(state): Axum<State>,
    reader: Reader,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let fields = Fields::of(pairs);
    match added(&state, &reader, &fields).await {
        Ok(secret) => listed(&state, &reader, None, Outcome { secret: Some(&secret), ..Outcome::default() }).await,
        Err(problem) => listed(&state, &reader, None, Outcome { fields, secret: None, problem: Some(&problem) }).await,
    }
}

async fn added(state: &State, reader: &Reader, Fields { key, url, types }: &Fields) -> Answer<String> {
    let hash = Sha256::digest(format!("{}:{url}:{}", url.len(), types.join(","))).into();
    let form = Submission { key: key.clone(), hash };
    let made = once::make(state, &reader.caller, &form, async |keep| {
        endpoints::make(state, &reader.caller, url.clone(), types.clone(), |made| keep.answer(made)).await
    });
    Ok(made.await?.secret)
}

async fn listed(
    state: &State,
    reader: &Reader,
    after: Option<String>,
    outcome: Outcome<'_>,
) -> Result<Response, Failure> {
    let words = &reader.look.words.endpoints;
    let mut rows = endpoints::list(state, &reader.caller, after, MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let content = html! {
        header.page-head { h1 { (reader.look.words.people.settings) } }
        (tabs(reader, ENDPOINTS))
        (secret_notice(reader, outcome.secret))
        div.with-aside {
            section.card aria-label=(words.title) {
                p.card-body.note { (words.intro) }
                @if rows.is_empty() { div.empty { (icon("send", "")) p { (words.none) } } }
                @else {
                    div.table-scroll tabindex="0" {
                        table.table.log-table {
                            thead { tr { th scope="col" { (words.url) } th scope="col" { (words.events) } th scope="col" { (words.state) } } }
                            tbody { @for endpoint in &rows { (row(reader, endpoint)) } }
                        }
                    }
                }
                @if let Some(last) = rows.last().filter(|_| more) {
                    p.card-foot { a.button href=(format!("{ENDPOINTS}?after={}", last.id)) { (words.more) } }
                }
            }
            section.card aria-labelledby="add" {
                header.card-head { h2 id="add" { (words.add) } }
                form.card-body.form method="post" action=(ENDPOINTS) novalidate {
                    (faults::notice_beside(reader.look.words, outcome.problem, &["#/url".to_owned()]))
                    input type="hidden" name="key" value=(outcome.key());
                    (fields(reader, &outcome.fields.url, &outcome.fields.types, outcome.problem))
                    button.button.is-primary type="submit" { (words.add) }
                }
            }
        }
    };
    Ok((outcome.status(), layout::page(reader, &words.title, ENDPOINTS, &content)).into_response())
}

fn row(reader: &Reader, endpoint: &Endpoint) -> Markup {
    let words = &reader.look.words.endpoints;
    html! {
        tr {
            td { a.identity href=(format!("{ENDPOINTS}/{}", endpoint.id)) { (endpoint.url) } }
            td { @if endpoint.types.is_empty() { (words.all_events) } @else { @for kind in &endpoint.types { span.identity { (words.event_name(kind)) } } } }
            td { (standing(reader, endpoint)) }
        }
    }
}

fn standing(reader: &Reader, endpoint: &Endpoint) -> Markup {
    let words = &reader.look.words.endpoints;
    html! {
        @if !endpoint.enabled { span.state.is-warn { span { strong { (words.disabled) } @if let Some(reason) = &endpoint.disabled_reason { ": " (reason) } } } }
        @else if let Some(since) = &endpoint.failing_since { span.state.is-bad { span { strong { (words.failing) } " " (words.failing_since.replace("{time}", &time::full(&reader.look, since))) } } }
        @else { span.state.is-good { span { strong { (words.enabled) } } } }
    }
}

fn secret_notice(reader: &Reader, secret: Option<&str>) -> Markup {
    let words = &reader.look.words.endpoints;
    html! {
        @if let Some(secret) = secret {
            div.notice.is-good.is-apart role="status" { (icon("key", "")) div { p { (words.made) } (copyable(reader.look.words, secret)) p.note { (words.made_note) } } }
        }
    }
}

/// The address and the events of an endpoint.
fn fields(reader: &Reader, url: &str, types: &[String], problem: Option<&Problem>) -> Markup {
    let words = &reader.look.words.endpoints;
    let fault = faults::of_field(reader.look.words, problem, "#/url");
    html! {
        (field("url", "url", "off", &words.url, url, Some(&words.url_hint), fault.as_deref()))
        fieldset.field {
            legend.field-label { (words.events) }
            @for kind in TYPES {
                label.check { input type="checkbox" name="types" value=(kind) checked[types.iter().any(|one| one == kind)]; " " (words.event_name(kind)) }
            }
            p.field-hint { (words.events_hint) }
        }
    }
}

/// What was done just now, and where the page of deliveries before ended.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
    before: Option<String>,
}

/// One endpoint with its deliveries.
pub(super) async fn one(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    shown(&state, &reader, &id, &asked, Outcome::default()).await
}

/// Changes address and events of an endpoint.
pub(super) async fn change(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let fields = Fields::of(pairs);
    let change = EndpointChange { url: Some(fields.url.clone()), types: Some(fields.types.clone()), enabled: None };
    match endpoints::change(&state, &reader.caller, &id, change).await {
        Ok(_) => Ok(back(&id, "saved")),
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let outcome = Outcome { fields, secret: None, problem: Some(&problem) };
            shown(&state, &reader, &id, &Asked::default(), outcome).await
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Whether an endpoint gets deliveries.
#[derive(Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
}

/// Disables or enables an endpoint.
pub(super) async fn enable(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Enabled { enabled }): Form<Enabled>,
) -> Result<Response, Failure> {
    let change = EndpointChange { enabled: Some(enabled), ..EndpointChange::default() };
    endpoints::change(&state, &reader.caller, &id, change).await?;
    Ok(back(&id, "saved"))
}

/// The key of a form that makes a secret.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Key {
    key: String,
}

/// Makes a new secret and shows it.
pub(super) async fn rotate(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Key { key }): Form<Key>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let hash = Sha256::digest(format!("rotate:{id}")).into();
    let form = Submission { key, hash };
    let made = once::make(&state, &reader.caller, &form, async |keep| {
        endpoints::rotate(&state, &reader.caller, &id, move |made| keep.answer(made)).await
    });
    let made = made.await?;
    let outcome = Outcome { secret: Some(&made.secret), ..Outcome::default() };
    shown(&state, &reader, &id, &Asked::default(), outcome).await
}

/// Which delivery is sent again; empty: every one that failed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    delivery: String,
}

/// Sends deliveries again.
pub(super) async fn replay(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(Which { delivery }): Form<Which>,
) -> Result<Response, Failure> {
    let delivery = Some(delivery).filter(|delivery| !delivery.is_empty());
    endpoints::replay(&state, &reader.caller, &id, delivery).await?;
    Ok(back(&id, "replayed"))
}

/// Removes an endpoint.
pub(super) async fn remove(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    Form(sure): Form<Sure>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    if !sure.is() {
        return Ok(Redirect::to(&below(ENDPOINTS, &id)).into_response());
    }
    endpoints::remove(&state, &reader.caller, &id).await?;
    Ok(Redirect::to(ENDPOINTS).into_response())
}

fn back(id: &str, done: &str) -> Response {
    Redirect::to(&format!("{}?done={done}", below(ENDPOINTS, id))).into_response()
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: &str,
    asked: &Asked,
    outcome: Outcome<'_>,
) -> Result<Response, Failure> {
    let endpoint = endpoints::read(state, &reader.caller, id).await?;
    let mut rows =
        endpoints::deliveries(state, &reader.caller, id, asked.before.as_deref().map(EventId::of), MOST + 1).await?;
    let more = rows.len() > MOST;
    rows.truncate(MOST);
    let words = &reader.look.words.endpoints;
    let (url, types) = match outcome.problem {
        Some(_) => (&outcome.fields.url, &outcome.fields.types),
        None => (&endpoint.url, &endpoint.types),
    };
    let path = format!("{ENDPOINTS}/{}", endpoint.id);
    let content = html! {
        (layout::trail(&[(ENDPOINTS, &words.title)], &endpoint.url))
        header.page-head { div.page-title { h1.identity { (endpoint.url) } (standing(reader, &endpoint)) } }
        (secret_notice(reader, outcome.secret))
        @if let Some(said) = words.done(&asked.done) { p.toast role="status" { (icon("check", "")) (said) } }
        div.with-aside {
            (deliveries(reader, &path, &rows, more))
            div.stack {
                section.card {
                    form.card-body.form method="post" action=(path) novalidate {
                        (faults::notice_beside(reader.look.words, outcome.problem, &["#/url".to_owned()]))
                        (fields(reader, url, types, outcome.problem))
                        button.button.is-primary type="submit" { (reader.look.words.people.save) }
                    }
                }
                section.card {
                    header.card-head { h2 { (words.secret) } }
                    form.card-body.stack-small method="post" action=(format!("{path}/rotate")) {
                        p.note { (words.rotate_note.replace("{hours}", &state.config.feed.rotation_hours.to_string())) }
                        @if let Some(until) = &endpoint.previous_secret_until { p.note { (words.previous_until.replace("{time}", &time::full(&reader.look, until))) } }
                        input type="hidden" name="key" value=(once::fresh_key());
                        div { button.button type="submit" { (words.rotate) } }
                    }
                }
                (danger(reader, &path, &endpoint))
            }
        }
    };
    Ok((outcome.status(), layout::page(reader, &words.title, ENDPOINTS, &content)).into_response())
}

fn danger(reader: &Reader, path: &str, endpoint: &Endpoint) -> Markup {
    let (words, people) = (&reader.look.words.endpoints, &reader.look.words.people);
    html! {
        section.card.danger-zone {
            div.card-body.stack-small {
                p.note { (if endpoint.enabled { &words.disable_note } else { &words.enable_note }) }
                form method="post" action=(format!("{path}/enabled")) {
                    button.button type="submit" name="enabled" value=(!endpoint.enabled) { (if endpoint.enabled { &people.disable } else { &people.enable }) }
                }
                p.note { (words.remove_note) }
                form.stack-small method="post" action=(format!("{path}/remove")) {
                    label.check { input type="checkbox" name="sure" value="1" required; " " (people.sure) }
                    div { button.button.is-danger type="submit" { (people.remove) } }
                }
            }
        }
    }
}

fn deliveries(reader: &Reader, path: &str, rows: &[Delivery], more: bool) -> Markup {
    let words = &reader.look.words.endpoints;
    let replay = format!("{path}/replay");
    html! {
        section.card aria-labelledby="deliveries" {
            header.card-head {
                h2 id="deliveries" { (words.deliveries) }
                @if rows.iter().any(|one| one.state == "failed") {
                    form.push-end method="post" action=(replay) { button.button.is-small type="submit" { (icon("refresh", "")) (words.replay_failed) } }
                }
            }
            @if rows.is_empty() { div.empty { (icon("send", "")) p { (words.no_delivery) } } }
            @else {
                div.table-scroll tabindex="0" {
                    table.table.log-table {
                        thead { tr { th scope="col" { (words.event_column) } th scope="col" { (words.state) } th scope="col" { (words.answer) } th scope="col" { (words.when) } th scope="col" { span.visually-hidden { (words.replay) } } } }
                        tbody { @for delivery in rows { (delivered(reader, &replay, delivery)) } }
                    }
                }
            }
            @if let Some(last) = rows.last().filter(|_| more) {
                p.card-foot { a.button href=(format!("{path}?before={}", last.event_id)) { (words.older) } }
            }
        }
    }
}

fn delivered(reader: &Reader, replay: &str, delivery: &Delivery) -> Markup {
    let words = &reader.look.words.endpoints;
    let mark = match delivery.state.as_str() {
        "delivered" => "is-good",
        "failed" => "is-bad",
        _ if delivery.error.is_some() => "is-warn",
        _ => "",
    };
    html! {
        tr {
            td { (words.event_name(&delivery.kind)) code.identity.note { (delivery.event_id) } }
            td {
                span class=(format!("state {mark}")) { span { strong { (words.delivery_state(&delivery.state)) } } }
                span.identity.note { (words.tries.replace("{n}", &delivery.tries.to_string())) }
            }
            td {
                @if let Some(status) = delivery.status { "HTTP " (status) }
                @if let Some(error) = &delivery.error { span.identity.note { (error) } }
                @if delivery.status.is_none() && delivery.error.is_none() { "–" }
            }
            td {
                time datetime=(delivery.created_at) { (time::full(&reader.look, &delivery.created_at)) }
                @if let Some(due) = &delivery.due_at { span.identity.note { (words.next.replace("{time}", &time::full(&reader.look, due))) } }
            }
            td {
                form method="post" action=(replay) {
                    button.button.is-small type="submit" name="delivery" value=(delivery.id) { (words.replay) }
                }
            }
        }
    }
}
