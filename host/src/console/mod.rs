//! The console: the pages of admins, agents and operators. A file for each page, with its handler and its template.
//!
//! A page calls the same functions as the API's handler of the same act, and works without a script. It knows no provider: names,
//! instructions and reasons of channels come from the texts of their plugins.

mod asked;
mod assets;
mod audit;
mod channel;
mod connect;
mod contacts;
mod dialog;
mod disconnect;
mod endpoints;
mod faults;
mod figures;
mod form;
mod inbox;
mod integrations;
mod journal;
mod layout;
mod merging;
mod new_password;
mod new_template;
mod parts;
mod people;
mod plugin;
mod plugins;
mod preferences;
mod preview;
mod profile;
mod reader;
mod replies;
mod set_up;
mod settings;
mod sign_in;
mod sparkline;
mod system;
mod templates;
mod time;
mod tokens;
mod traffic;
mod try_out;
mod words;
mod workspace_admin;
mod workspaces;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::web::session::MOST_BODY;
use crate::web::state::State;
use crate::web::{csrf, share, whole};

/// What a page may load and where it may send forms: this host, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                      font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every page. A page shows what its reader may see, and some addresses hold a secret: neither stays in a cache or
/// travels on as a referrer.
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
];

/// The pages' addresses.
pub fn routes(state: &State) -> Router<State> {
    let without_credentials = Router::new()
        .route("/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/setup/{link}", get(set_up::page).post(set_up::submit))
        .route("/password/{link}", get(new_password::page).post(new_password::submit))
        .route("/preferences", post(preferences::submit))
        .layer(DefaultBodyLimit::max(MOST_BODY));
    Router::new()
        .route("/", get(async || Redirect::to(inbox::INBOX)))
        .route(inbox::INBOX, get(inbox::page))
        .route("/inbox/{conversation}", get(inbox::open))
        .route("/inbox/{conversation}/messages/{message}/mail", get(inbox::mail))
        .route("/inbox/{conversation}/read", post(inbox::read))
        .route("/inbox/{conversation}/assign", post(inbox::assign))
        .route("/inbox/{conversation}/status", post(inbox::set_status))
        .route("/inbox/{conversation}/messages/{message}/retry", post(inbox::retry))
        .route("/inbox/{conversation}/messages/{message}/resolve", post(inbox::resolve))
        .route(contacts::CONTACTS, get(contacts::page))
        .route(contacts::FILE, get(contacts::export))
        .route("/contacts/{contact}", get(contacts::one))
        .route("/contacts/{contact}/name", post(contacts::rename_one))
        .route("/contacts/{contact}/erase", post(contacts::erase))
        .route("/contacts/{contact}/merge", get(merging::page).post(merging::merge))
        .route("/contacts/{contact}/split", post(merging::split))
        .route("/integrations/{channel}/try", get(try_out::page))
        .route(profile::PROFILE, get(profile::page).post(profile::submit))
        .route(people::PEOPLE, get(people::page).post(people::add))
        .route("/settings/people/{user}", get(people::one).post(people::change))
        .route("/settings/people/{user}/disabled", post(people::disable))
        .route("/settings/people/{user}/link", post(people::link))
        .route("/settings/people/{user}/remove", post(people::remove))
        .route(tokens::TOKENS, get(tokens::page).post(tokens::make))
        .route("/settings/tokens/{token}", post(tokens::rename))
        .route("/settings/tokens/{token}/end", post(tokens::end))
        .route("/plugins/approvals", post(plugins::approve))
        .route("/plugins/{plugin}", get(plugin::page))
        .route("/plugins/{plugin}/enabled", post(plugin::enable))
        .route("/plugins/{plugin}/remove", post(plugin::remove))
        .route(journal::JOURNAL, get(journal::page))
        .route("/journal/{request}", get(journal::one))
        .route("/journal/{request}/replay", post(journal::replay))
        .route(endpoints::ENDPOINTS, get(endpoints::page).post(endpoints::add))
        .route("/settings/endpoints/{endpoint}", get(endpoints::one).post(endpoints::change))
        .route("/settings/endpoints/{endpoint}/enabled", post(endpoints::enable))
        .route("/settings/endpoints/{endpoint}/rotate", post(endpoints::rotate))
        .route("/settings/endpoints/{endpoint}/replay", post(endpoints::replay))
        .route("/settings/endpoints/{endpoint}/remove", post(endpoints::remove))
        .route(replies::REPLIES, get(replies::page).post(replies::add))
        .route("/settings/replies/{reply}", post(replies::change))
        .route("/settings/replies/{reply}/remove", post(replies::remove))
        .route(audit::AUDIT, get(audit::page))
        .route(audit::FILE, get(audit::export))
        .route(workspaces::WORKSPACES, get(workspaces::page).post(workspaces::add))
        .route("/settings/workspaces/{workspace}", post(workspaces::rename))
        .route("/settings/workspaces/{workspace}/admin", get(workspace_admin::page).post(workspace_admin::submit))
        .route(system::SYSTEM, get(system::page))
        .route("/system/release", post(system::release))
        .route("/sign-out", post(sign_in::sign_out))
        .route(HOME, get(integrations::page))
        .route("/integrations/new/{plugin}", get(connect::page).post(connect::submit))
        .route("/integrations/{channel}", get(channel::page))
        .route("/integrations/{channel}/answer", post(channel::answer))
        .route("/integrations/{channel}/check", post(channel::check))
        .route("/integrations/{channel}/register", post(channel::register))
        .route("/integrations/{channel}/pause", post(channel::pause))
        .route("/integrations/{channel}/settings", get(settings::page).post(settings::submit))
        .route("/integrations/{channel}/preview", get(preview::page).post(preview::submit))
        .route("/integrations/{channel}/abandon", post(settings::abandon))
        .route("/integrations/{channel}/templates", get(templates::page))
        .route("/integrations/{channel}/templates/sync", post(templates::sync))
        .route("/integrations/{channel}/templates/{template}", get(templates::one))
        .route("/integrations/{channel}/templates/{template}/switch", post(templates::switch_one))
        .route("/integrations/{channel}/templates/{template}/remove", post(templates::remove))
        .route("/integrations/{channel}/disconnect", get(disconnect::page).post(disconnect::submit))
        .layer(DefaultBodyLimit::max(MOST_FORM))
        // Its files are bounded where they are stored, its other fields where they are read.
        .merge(
            Router::new()
                .route("/inbox/{conversation}", post(inbox::reply))
                .route(plugins::PLUGINS, get(plugins::page).post(plugins::install))
                .route("/integrations/{channel}/templates/new", get(new_template::page).post(new_template::submit))
                .layer(DefaultBodyLimit::disable()),
        )
        .merge(without_credentials)
        .layer(middleware::from_fn_with_state(state.clone(), share::take_place))
        .layer(middleware::from_fn(whole::carry_out))
        .layer(middleware::from_fn_with_state(state.clone(), faults::as_pages))
        .layer(csrf::layer(state))
        .layer(middleware::from_fn(with_headers))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .merge(assets::routes())
}

/// Most bytes of a form: all settings of a channel, with their secrets.
const MOST_FORM: usize = 256 << 10;

/// Where a person goes who is signed in.
const HOME: &str = "/integrations";

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await.into_response();
    // A page in a frame of another page has a policy of its own.
    let has_policy = response.headers().contains_key(CONTENT_SECURITY_POLICY);
    for (name, value) in HEADERS.into_iter().filter(|(name, _)| !has_policy || name != CONTENT_SECURITY_POLICY) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
