//! Files: uploads in segments, which X works on for a while, and the file server, which wants the account's signature.

use axum::extract::{Path, Query, State as Given};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};

use super::auth::header_of;
use super::routes::refuse;
use super::{Shared, X, lock};

/// Bytes of a segment.
const MOST_SEGMENT: usize = 5_000_000;

/// A file on its way.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    total: u64,
    received: Vec<u8>,
    category: String,
    finished: bool,
    /// How often it is still answered that X works on it.
    rounds: u32,
}

impl Upload {
    /// Whether it can be sent.
    pub(super) fn is_ready(&self) -> bool {
        self.finished && self.rounds == 0
    }

    fn told(&self, id: &str) -> Value {
        let state = if self.rounds == 0 { "succeeded" } else { "in_progress" };
        let mut data = json!({ "id": id, "media_key": format!("3_{id}"), "size": self.received.len() });
        if self.category == "dm_video" {
            data["processing_info"] = json!({ "state": state, "check_after_secs": 1 });
        }
        json!({ "data": data })
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/2/media/upload/initialize", post(announce))
        .route("/2/media/upload/{id}/append", post(append))
        .route("/2/media/upload/{id}/finalize", post(finish))
        .route("/2/media/upload", get(status))
        .route("/1.1/ton/data/dm/{message}/{file}/{name}", get(served))
        .route("/2/dm_conversations/media/{message}/{file}/{name}", get(served))
        .route("/profile_images/{user}/{name}", get(picture))
}

fn bad(words: &str) -> Response {
    let kind = "https://api.x.com/2/problems/invalid-request";
    refuse(StatusCode::BAD_REQUEST, json!({ "title": "Invalid Request", "detail": words, "type": kind, "status": 400 }))
}

async fn announce(Given(shared): Given<Shared>, Json(body): Json<Value>) -> Response {
    let category = body["media_category"].as_str().unwrap_or_default().to_owned();
    let most: u64 = match category.as_str() {
        "dm_image" => 5 << 20,
        "dm_gif" => 15 << 20,
        "dm_video" => 512 << 20,
        _ => return bad("media_category is none of a message's"),
    };
    let total = body["total_bytes"].as_u64().unwrap_or_default();
    if total == 0 || total > most {
        return bad("total_bytes is over the limit");
    }
    let mut state = lock(&shared);
    let id = state.snowflake();
    let rounds = u32::from(category == "dm_video");
    state.uploads.insert(id.clone(), Upload { total, received: Vec::new(), category, finished: false, rounds });
    Json(json!({ "data": { "id": id, "expires_after_secs": 86_400, "media_key": format!("3_{id}") } })).into_response()
}

async fn append(Given(shared): Given<Shared>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = header_of(&headers, "content-type");
    let Some(boundary) = kind.strip_prefix("multipart/form-data; boundary=") else { return bad("no form") };
    let part = |name: &str| field(&body, boundary, name);
    let (Some(index), Some(media)) = (part("segment_index"), part("media")) else { return bad("a field is missing") };
    let mut state = lock(&shared);
    let Some(upload) = state.uploads.get_mut(&id) else { return bad("no such upload") };
    // Every segment but the last has the same size here.
    let expected = upload.received.len().div_ceil(4 << 20).to_string();
    if index != expected.as_bytes() || media.is_empty() || media.len() > MOST_SEGMENT {
        return bad("the segment is too large or out of order");
    }
    upload.received.extend_from_slice(media);
    Json(json!({ "data": { "expires_at": 1_900_000_000 } })).into_response()
}

/// The bytes of a form's field.
fn field<'b>(body: &'b [u8], boundary: &str, name: &str) -> Option<&'b [u8]> {
    let find = |from: usize, wanted: &[u8]| {
        body[from..].windows(wanted.len()).position(|window| window == wanted).map(|at| from + at)
    };
    let named = find(0, format!("name=\"{name}\"").as_bytes())?;
    let begin = find(named, b"\r\n\r\n")? + 4;
    let end = find(begin, format!("\r\n--{boundary}").as_bytes())?;
    Some(&body[begin..end])
}

async fn finish(Given(shared): Given<Shared>, Path(id): Path<String>) -> Response {
    let mut state = lock(&shared);
    let Some(upload) = state.uploads.get_mut(&id) else { return bad("no such upload") };
    if upload.received.len() as u64 != upload.total {
        return bad("the file is not whole");
    }
    upload.finished = true;
    Json(upload.told(&id)).into_response()
}

async fn status(
    Given(shared): Given<Shared>,
    Query(asked): Query<std::collections::HashMap<String, String>>,
) -> Response {
    let id = asked.get("media_id").cloned().unwrap_or_default();
    let mut state = lock(&shared);
    let Some(upload) = state.uploads.get_mut(&id) else { return bad("no such upload") };
    upload.rounds = upload.rounds.saturating_sub(1);
    Json(upload.told(&id)).into_response()
}

async fn served(Given(shared): Given<Shared>, Path((message, file, name)): Path<(String, String, String)>) -> Response {
    match lock(&shared).files.get(&format!("{message}/{file}/{name}")) {
        Some((bytes, mime)) => ([(header::CONTENT_TYPE, mime.clone())], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn picture() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

impl X {
    /// What was uploaded and can be sent: its bytes.
    pub fn uploaded(&self) -> Vec<Vec<u8>> {
        lock(&self.shared).uploads.values().filter(|upload| upload.is_ready()).map(|one| one.received.clone()).collect()
    }
}
