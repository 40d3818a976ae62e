//! Files of a workspace: upload and download, both streamed.

use axum::Json;
use axum::body::Body;
use axum::extract::State as Axum;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::path::Path;
use super::problem::{Answer, FieldError, Problem};
use super::query::Query;
use super::serving::serve;
use super::state::State;
use crate::auth::Role;
use crate::db::MediaRow;
use crate::media::{Claim, MediaError, Owner, QuotaError};
use crate::model::name;
use crate::model::time::rfc3339;

/// `/media`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(download))
}

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Problem {
        match error {
            MediaError::NotFound => Problem::not_found(),
            MediaError::TooLarge(_) => Problem::too_large(error.to_string()),
            MediaError::NoPublicUrl => Problem::invalid(vec![FieldError::new("#", "public-url", error.to_string())]),
            MediaError::TooLong { .. } => Problem::invalid(vec![FieldError::new("#", "too-long", error.to_string())]),
            MediaError::Quota(QuotaError::Hour { wait, .. }) => Problem::too_many(wait),
            MediaError::Quota(error) => {
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, "media-quota", error.to_string())
            }
            MediaError::DiskLow => Problem::unavailable(error.to_string(), 30),
            MediaError::Busy => Problem::unavailable(error.to_string(), 2),
            MediaError::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Problem::unavailable("the disk is full: nothing can be stored until there is room", 30)
            }
            MediaError::Disk(error) => Problem::internal(&error),
            MediaError::Db(error) => error.into(),
        }
    }
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
            id: row.id,
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

const KINDS: [&str; 7] = ["image", "video", "audio", "voice", "document", "sticker", "animation"];

/// Upload a file: the body is its bytes, `Content-Type` its type, `?name=` its name.
#[utoipa::path(post, path = "/media", tag = "media", params(About),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Media), (status = 413, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem), (status = 507, body = Problem)))]
async fn upload(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(about): Query<About>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Response> {
    caller.at_least(Role::Agent)?;
    if let Some(kind) = about.kind.as_deref().filter(|kind| !KINDS.contains(kind)) {
        let detail = format!("`{kind}` is none of {}", KINDS.join(", "));
        return Err(Problem::invalid(vec![FieldError::new("#/kind", "choice", detail)]));
    }
    if let Some(fault) = about.name.as_deref().and_then(|name| name::fault("#/name", name)) {
        return Err(Problem::invalid(vec![fault]));
    }
    let mime = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if mime.as_deref().is_some_and(|mime| mime.starts_with("multipart/")) {
        let words = "send the bytes themselves, with their Content-Type and ?name=, not a form";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no-form", words));
    }
    let mut incoming = state.media.begin(Owner::workspace(&caller.workspace)).await?;
    let mut stream = body.into_data_stream();
    let mut any = false;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk
            .map_err(|error| Problem::unread(&error, Problem::bad_request("the upload ended before it was whole")))?;
        any |= !chunk.is_empty();
        incoming.write(&chunk).await?;
    }
    if !any {
        return Err(Problem::invalid(vec![FieldError::new("#", "required", "the file is empty")]));
    }
    let row = incoming.finish(Claim { mime, name: about.name, kind: about.kind }).await?;
    let location = format!("/v1/media/{}", row.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Media::from(row))).into_response())
}

/// Download a file; `Range` is understood.
#[utoipa::path(get, path = "/media/{id}", tag = "media", params(("id" = String, Path)), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 206, content_type = "application/octet-stream"),
    (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn download(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    caller.at_least(Role::Agent)?;
    let row = state.db.media_of(&caller.workspace, &id).await?.ok_or_else(Problem::not_found)?;
    if row.state != "stored" {
        let reason = row.reason.clone().unwrap_or_default();
        let detail =
            format!("the file is not here: {}{}{reason}", row.state, if reason.is_empty() { "" } else { ", " });
        return Err(Problem::conflict("media-not-stored", detail).with("state", row.state));
    }
    let file = state.media.open_bytes(&row).await?;
    serve(&row, file, &headers, "private, max-age=86400, immutable").await
}
