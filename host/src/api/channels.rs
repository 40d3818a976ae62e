//! Channels: connect, read, change, answer, check, disconnect.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::idempotency::{Keyed, Unfinished};
use super::language::Language;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::channels::{Browser, Change, ChannelError, NewConnection, Request};
use crate::model::shown::channel::Channel;
use crate::model::shown::free::{PluginSettings, StepAnswer};
use crate::model::shown::traffic::Traffic;
use crate::web::own_path::is_own_path;
use crate::web::traffic;

/// `/channels`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, disconnect))
        .routes(routes!(hours))
        .routes(routes!(answer))
        .routes(routes!(abandon))
        .routes(routes!(check))
        .routes(routes!(register))
        .routes(routes!(reconnect))
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Problem {
        let words = error.to_string();
        match error {
            ChannelError::NotFound => Problem::not_found(),
            ChannelError::PluginDisabled => Problem::conflict("plugin-disabled", words),
            ChannelError::Invalid(faults) => Problem::invalid(faults),
            ChannelError::Refused(faults) => Problem::invalid(faults).with("refused", true),
            ChannelError::NeedsMailDomain => Problem::invalid(vec![FieldError::new("#/plugin", "mail-domain", words)]),
            ChannelError::NeedsPublicUrl => Problem::invalid(vec![FieldError::new("#/plugin", "public-url", words)]),
            ChannelError::AccountTaken(None) => Problem::conflict("account-connected", words),
            ChannelError::AccountTaken(Some(holder)) => {
                let url = format!("/v1/channels/{}", holder.id);
                let channel = json!({ "id": holder.id, "name": holder.name, "url": url });
                Problem::conflict("account-connected", words).with("channel", channel)
            }
            ChannelError::NotConnected => Problem::conflict("not-connected", words),
            ChannelError::AccountDiffers { .. } => Problem::conflict("account-differs", words),
            ChannelError::Busy => Problem::conflict("busy", words),
            ChannelError::NothingAsked => Problem::conflict("nothing-asked", words),
            ChannelError::NothingWaits => Problem::conflict("nothing-waits", words),
            ChannelError::NoCheck => Problem::conflict("no-check", words),
            ChannelError::InUse => Problem::conflict("in-use", words),
            ChannelError::Plugin(error) if error.fault == sambung_runtime::CallFault::Busy => {
                Problem::unavailable("too many plugins are being called at once", 1)
            }
            ChannelError::Plugin(error) => {
                Problem::new(StatusCode::BAD_GATEWAY, "plugin-failed", words).with("fault", error.fault.code())
            }
            ChannelError::Unknown(_) => Problem::new(StatusCode::BAD_GATEWAY, "plugin-failed", words),
            ChannelError::Db(error) => error.into(),
        }
    }
}

/// Who signs in where that is how a channel connects: a session's sign-in is that session's alone.
fn browser(caller: &Caller, return_to: Option<String>) -> Answer<Browser> {
    if return_to.as_deref().is_some_and(|path| !is_own_path(path)) {
        let words = "must be a path of this host such as /channels?tab=2, of at most 500 characters";
        return Err(Problem::invalid(vec![FieldError::new("#/return_to", "path", words)]));
    }
    Ok(Browser { session: caller.user.as_ref().map(|_| caller.token.clone()), return_to })
}

fn shown(state: &State, mut channel: Channel, language: Language) -> Channel {
    state.channels.tell(&mut channel, language.0);
    channel
}

/// A channel to be connected.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChannel {
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    name: String,
    /// A registration with the provider; the plugin's default where none is named.
    app: Option<String>,
    /// After the plugin's settings schema.
    #[serde(default)]
    #[schema(value_type = Option<PluginSettings>)]
    settings: Option<Value>,
    /// Where somebody signs in with the provider: the path here that the browser is sent to at the end, with `channel` and
    /// `sign_in` (`ok` or `failed`) in its query. Without it, a page that tells its opener and closes itself.
    return_to: Option<String>,
}

/// What is to change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelChange {
    name: Option<String>,
    /// Held by an admin: webhooks are journalled, and nothing else happens.
    paused: Option<bool>,
    /// What is not named stays, `null` empties, an empty secret keeps the stored one.
    #[schema(value_type = Option<PluginSettings>)]
    settings: Option<Value>,
    /// As for a new channel.
    return_to: Option<String>,
}

/// Which channels.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this plugin alone.
    plugin: Option<String>,
}

/// The channels of the workspace.
#[utoipa::path(get, path = "/channels", tag = "channels", params(PageQuery, Which), responses((status = 200, body = Page<Channel>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Query(page): Query<PageQuery>,
    Query(which): Query<Which>,
) -> Answer<Json<Page<Channel>>> {
    caller.at_least(Role::Agent)?;
    let after: Option<String> = page.after()?;
    let mut rows =
        state.channels.page(&caller.workspace, which.plugin.as_deref(), after.as_deref(), page.limit() + 1).await?;
    for row in &mut rows {
        state.channels.tell(row, language.0);
    }
    Ok(Json(Page::new(rows, page.limit(), |row| row.id.clone())))
}

/// Connect a channel. `state` is `connected`, or `connecting` with the `step` that somebody has to do. Where the provider
/// refuses, nothing is kept and nothing is changed there. 409 `account-connected`: another channel has the account; `channel` is that
/// one (`id`, `name`, `url`), where it is of this workspace.
#[utoipa::path(post, path = "/channels", tag = "channels", request_body = NewChannel, responses(
    (status = 201, body = Channel), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    keyed: Keyed,
    unfinished: Unfinished,
    Body(new): Body<NewChannel>,
) -> Answer<Response> {
    caller.at_least(Role::Admin)?;
    let connection = NewConnection {
        plugin: new.plugin,
        name: new.name,
        app: new.app,
        settings: new.settings.unwrap_or_else(|| json!({})),
        browser: browser(&caller, new.return_to)?,
    };
    let request = Request { ticket: keyed.0, unfinished: unfinished.0 };
    let id = state.channels.create(&caller.workspace, connection, &caller.as_actor(), request).await?;
    let channel = shown(&state, state.channels.show(&caller.workspace, &id, true).await?, language);
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/channels/{id}"))], Json(channel)).into_response())
}

/// One channel.
#[utoipa::path(get, path = "/channels/{id}", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, body = Channel), (status = 404, body = Problem)))]
async fn read(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Agent)?;
    one(&state, &caller, language, &id).await
}

async fn one(state: &State, caller: &Caller, language: Language, id: &str) -> Answer<Json<Channel>> {
    let channel = state.channels.show(&caller.workspace, id, caller.role >= Role::Admin).await?;
    Ok(Json(shown(state, channel, language)))
}

/// Change a channel. New settings are proved with the provider before they take the place of what stands; where that needs a
/// person or time, `step` says so and what stands goes on.
#[utoipa::path(patch, path = "/channels/{id}", tag = "channels", params(("id" = String, Path)), request_body = ChannelChange,
    responses((status = 200, body = Channel), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
    Body(change): Body<ChannelChange>,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Admin)?;
    let browser = browser(&caller, change.return_to)?;
    let change = Change { name: change.name, paused: change.paused, settings: change.settings, browser };
    state.channels.change(&caller.workspace, &id, change, &caller.as_actor()).await?;
    one(&state, &caller, language, &id).await
}

/// Disconnect a channel. Its conversations stay, and attach again when the same account is connected again.
#[utoipa::path(delete, path = "/channels/{id}", tag = "channels", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn disconnect(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.at_least(Role::Admin)?;
    state.channels.disconnect(&caller.workspace, &id, &caller.as_actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Answer the step that a channel stands at.
#[utoipa::path(post, path = "/channels/{id}/answer", tag = "channels", params(("id" = String, Path)), request_body = StepAnswer, responses(
    (status = 200, body = Channel), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn answer(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
    Body(answer): Body<Value>,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Admin)?;
    state.channels.answer(&caller.workspace, &id, answer, &caller.as_actor()).await?;
    one(&state, &caller, language, &id).await
}

/// Abandon changed settings whose step waits for an answer or for the provider: what stood before stands.
#[utoipa::path(delete, path = "/channels/{id}/step", tag = "channels", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn abandon(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.at_least(Role::Admin)?;
    state.channels.abandon_change(&caller.workspace, &id, &caller.as_actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask how a channel is now; what is wrong stands in its findings. 502: the call of the plugin gave no result, and nothing was found out.
#[utoipa::path(post, path = "/channels/{id}/check", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, body = Channel), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn check(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Admin)?;
    state.channels.check(&caller.workspace, &id, Some(&caller.as_actor())).await?;
    one(&state, &caller, language, &id).await
}

/// Have the provider deliver to this channel's address again, where it delivers elsewhere (finding `webhook-elsewhere`). What has the
/// other address receives nothing from then on.
#[utoipa::path(post, path = "/channels/{id}/register", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, body = Channel), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn register(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Admin)?;
    state.channels.register(&caller.workspace, &id, &caller.as_actor()).await?;
    one(&state, &caller, language, &id).await
}

/// What a new sign-in brings.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignInAgain {
    /// As for a change.
    #[schema(value_type = Option<PluginSettings>)]
    settings: Option<Value>,
    /// As for a new channel.
    return_to: Option<String>,
}

/// Sign in again in place; the account stays the same.
#[utoipa::path(post, path = "/channels/{id}/reconnect", tag = "channels", params(("id" = String, Path)), request_body = Option<SignInAgain>,
    responses((status = 200, body = Channel), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn reconnect(
    Axum(state): Axum<State>,
    caller: Caller,
    language: Language,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Answer<Json<Channel>> {
    caller.at_least(Role::Admin)?;
    let sign_in = match body.is_empty() {
        true => SignInAgain::default(),
        false => {
            serde_json::from_slice(&body).map_err(|_| Problem::bad_request("the body is not what is described here"))?
        }
    };
    let patch = sign_in.settings.unwrap_or_else(|| json!({}));
    let browser = browser(&caller, sign_in.return_to)?;
    state.channels.reconnect(&caller.workspace, &id, patch, browser, &caller.as_actor()).await?;
    one(&state, &caller, language, &id).await
}

/// Messages in and out of a channel in the last 24 hours, by the hour.
#[utoipa::path(get, path = "/channels/{id}/traffic", tag = "channels", params(("id" = String, Path)), responses(
    (status = 200, body = Traffic), (status = 404, body = Problem)))]
async fn hours(Axum(state): Axum<State>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Traffic>> {
    caller.at_least(Role::Agent)?;
    state.db.channel_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    let mut found = traffic::of(&state, &caller, vec![id.clone()]).await?;
    Ok(Json(found.remove(&id).ok_or_else(Problem::not_found)?))
}
