//! Files of a workspace: upload and download, both streamed.

use axum::Json;
use axum::body::Body;
use axum::extract::State as Axum;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::path::Path;
use super::problem::{Answer, Problem};
use super::query::Query;
use super::serving::serve;
use super::state::State;
use crate::auth::Role;
use crate::db::MediaRow;
use crate::keys::MediaId;
use crate::media::Claim;
use crate::model::shown::free::Bytes;
use crate::model::time::rfc3339;
use crate::web::upload;

/// `/media`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(download))
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Media {
    /// `md_…`: what a message's content names as `media_id`.
    id: String,
    /// `stored`; of inbound files also `pending`, `failed`, `deleted`
    state: String,
    /// `image`, `video`, `audio`, `voice`, `document`, `sticker`, `animation`
    kind: String,
    mime: Option<String>,
    name: Option<String>,
    bytes: Option<i64>,
    /// In pixels.
    width: Option<i64>,
    /// In pixels.
    height: Option<i64>,
    duration_ms: Option<i64>,
    created_at: String,
}

impl From<MediaRow> for Media {
    fn from(row: MediaRow) -> Media {
        Media {
            id: row.id.to_string(),
            state: row.state,
            kind: row.kind,
            mime: row.mime,
            name: row.name,
            bytes: row.bytes,
            width: row.width,
            height: row.height,
            duration_ms: row.duration_ms,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// What is said about an upload beside its bytes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct About {
    /// The file's name.
    name: Option<String>,
    /// Where it is to go out as something else than its type suggests: `voice`, `sticker`, `document` …
    kind: Option<String>,
}

/// Upload a file: the body is its bytes, `Content-Type` its type, `?name=` its name.
#[utoipa::path(post, path = "/media", tag = "media", params(About),
    request_body(content = Bytes, content_type = "application/octet-stream"),
    responses((status = 201, body = Media), (status = 413, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem), (status = 507, body = Problem)))]
async fn create(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    let mime = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if mime.as_deref().is_some_and(|mime| mime.starts_with("multipart/")) {
        let words = "send the bytes themselves, with their Content-Type and ?name=, not a form";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no-form", words));
    }
    let unread = |error| Problem::unread(&error, Problem::bad_request("the upload ended before it was whole"));
    let bytes = body.into_data_stream().map_err(unread);
    let claim = Claim { mime, name: about.name, kind: about.kind };
    let row = upload::store(&state, &caller, claim, bytes).await?;
    let location = format!("/v1/media/{}", row.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Media::from(row))).into_response())
}

/// Download a file; `Range` is understood.
#[utoipa::path(get, path = "/media/{id}", tag = "media", params(("id" = String, Path)), responses(
    (status = 200, body = Bytes, content_type = "application/octet-stream"), (status = 206, body = Bytes, content_type = "application/octet-stream"),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn download(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<MediaId>,
    headers: HeaderMap,
) -> Answer<Response> {
    caller.at_least(Role::Agent)?;
    let row = state.db.media_of(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    if row.state != "stored" {
        let reason = row.reason.clone().unwrap_or_default();
        let detail =
            format!("the file is not here: {}{}{reason}", row.state, if reason.is_empty() { "" } else { ", " });
        return Err(Problem::conflict("media-not-stored", detail).with("state", row.state));
    }
    let file = state.media.open_bytes(&row).await?;
    serve(&row, file, &headers, "private, max-age=86400, immutable").await
}
