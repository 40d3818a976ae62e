//! The API's description, made from the code, and the page that shows it. Needs no network.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::examples;
use super::problem::Problem;
use super::state::State;

/// What the reference page loads is the server's own; the page draws with style attributes and embedded pictures.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sambung",
        description = "Messaging channels as sandboxed plugins. Lists are `{items, next}`; errors are RFC 9457 problems; every \
                       `POST` that creates takes `Idempotency-Key`."
    ),
    // The reference page shows them in this order.
    tags(
        (name = "channels", description = "Connect a channel, answer its steps, see its health, change and disconnect it."),
        (name = "inbox", description = "Conversations and messages: read, answer, assign, mark as done."),
        (name = "contacts", description = "The people who write: search, name, erase."),
        (name = "templates", description = "Message templates that a provider approves."),
        (name = "media", description = "Files of messages."),
        (name = "feed", description = "What happens, as a stream or delivered to your endpoints."),
        (name = "journal", description = "Requests of providers: why one was parked, and running it again."),
        (name = "people", description = "Users, roles, tokens, workspaces and the audit log."),
        (name = "session", description = "Signing in and out in a browser."),
        (name = "plugins", description = "Plugins and registrations with providers, for operators."),
        (name = "operations", description = "The host's health.")
    ),
    components(schemas(Problem)),
    security(("token" = []))
)]
struct Document;

/// The routes and their description.
pub(super) fn describe(routes: OpenApiRouter<State>) -> (Router<State>, utoipa::openapi::OpenApi) {
    let mut document = Document::openapi();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    let whole = OpenApiRouter::with_openapi(document).merge(OpenApiRouter::new().nest("/v1", routes));
    let (router, mut document) = whole.split_for_parts();
    examples::add(&mut document);
    (router, document)
}

/// `/openapi.json` and `/docs`.
pub(super) fn reference(document: utoipa::openapi::OpenApi) -> Router<State> {
    let pages = Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", document));
    pages.layer(SetResponseHeaderLayer::if_not_present(CONTENT_SECURITY_POLICY, POLICY))
}
