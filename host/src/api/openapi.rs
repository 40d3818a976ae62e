//! The API's description, made from the code, and the page that shows it. Needs no network.

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::problem::Problem;
use super::state::State;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sambung",
        description = "Messaging channels as sandboxed plugins. Lists are `{items, next}`; errors are RFC 9457 problems; every \
                       `POST` that creates takes `Idempotency-Key`."
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
    OpenApiRouter::with_openapi(document).merge(OpenApiRouter::new().nest("/v1", routes)).split_for_parts()
}

/// `/openapi.json` and `/docs`.
pub(super) fn reference(document: utoipa::openapi::OpenApi) -> Router<State> {
    Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", document))
}
