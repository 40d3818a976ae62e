//! HTTP in JSON: a file for each resource, each with its `routes()`.
//!
//! No SQL and nothing of the sandbox: a handler reads the request, asks one module below, and forms the answer.

pub mod apps;
pub mod audit;
pub mod channels;
pub mod contacts;
pub mod conversations;
pub mod endpoints;
pub mod events;
pub mod files;
pub mod idempotency;
pub mod journal;
pub mod media;
pub mod media_fetch;
pub mod messages;
pub mod ops;
pub mod page;
pub mod path;
pub mod plugins;
pub mod problem;
pub mod query;
mod replies;
pub mod session;
pub mod setup;
pub mod sign_in;
pub mod state;
pub mod system;
pub mod templates;
pub mod tokens;
pub mod users;
mod workspaces;

mod content;
mod examples;
mod openapi;
mod serving;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use utoipa_axum::router::OpenApiRouter;

use crate::web::{caller, cookies, csrf, guard, language, share, whole};
use problem::Problem;
use state::State;

/// Everything under `/v1`.
fn v1() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(session::routes())
        .merge(setup::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(workspaces::routes())
        .merge(audit::routes())
        .merge(system::routes())
        .merge(plugins::routes())
        .merge(apps::routes())
        .merge(channels::routes())
        .merge(media::routes())
        .merge(media_fetch::routes())
        .merge(journal::routes())
        .merge(contacts::routes())
        .merge(templates::routes())
        .merge(conversations::routes())
        .merge(messages::routes())
        .merge(replies::routes())
        .merge(events::routes())
        .merge(endpoints::routes())
}

/// The API's description, as `/openapi.json` has it.
pub fn description() -> utoipa::openapi::OpenApi {
    openapi::describe(v1()).1
}

/// The API with its description, its reference page and the first operator's page.
pub fn router(state: &State) -> Router<State> {
    let api = v1();
    let known = query::Known::of(api.get_openapi(), "/v1");
    let api = api
        .layer(middleware::from_fn_with_state(known, query::check))
        .layer(middleware::from_fn_with_state(state.clone(), idempotency::answer_once))
        .layer(middleware::from_fn_with_state(state.clone(), share::take_place))
        .layer(middleware::from_fn(whole::carry_out))
        .layer(middleware::from_fn(language::tell_problems))
        .layer(DefaultBodyLimit::max(state.config.server.max_body_bytes));
    let (api, document) = openapi::describe(api);
    api.merge(sign_in::routes())
        .layer(csrf::layer(state))
        .merge(ops::routes())
        .merge(files::routes())
        .merge(openapi::reference(document))
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this address does not take this method")
        })
        .layer(middleware::map_response(guard::own))
}
