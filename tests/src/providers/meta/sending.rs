//! The Send API: who may be written to, when, and what.

use std::future::pending;

use axum::Router;
use axum::extract::State as Given;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::graph::{Asked, Holder, refuse};
use super::{Delivery, Shared, Trouble, lock, webhooks};
use crate::api::now_ms;
use crate::providers::http_client;

/// Larger bodies are refused: 25 MB of a file, and what stands around it.
pub(super) const MOST_BYTES: usize = 26 << 20;
/// Characters of a page's text, and bytes of an account's.
const MOST_TEXT: usize = 2000;
const MOST_BYTES_OF_TEXT: usize = 1000;
const DAY_MS: u64 = 24 * 3_600_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/{version}/me/messages", post(send))
}

/// The fields of a body, and the file that came along.
fn read(headers: &HeaderMap, body: &Bytes) -> Option<(Value, Option<Bytes>)> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let Some((_, boundary)) = kind.split_once("multipart/form-data; boundary=") else {
        return Some((serde_json::from_slice(body).ok()?, None));
    };
    let (mut fields, mut file) = (Map::new(), None);
    let mark = format!("--{boundary}");
    let ends: Vec<usize> = memmem(body, mark.as_bytes());
    for pair in ends.windows(2) {
        let part = &body[pair[0] + mark.len()..pair[1]];
        let split = *memmem(part, b"\r\n\r\n").first()?;
        let head = String::from_utf8_lossy(&part[..split]).into_owned();
        let value = part[split + 4..].strip_suffix(b"\r\n")?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?.to_owned();
        if name == "filedata" {
            file = Some(Bytes::copy_from_slice(value));
        } else {
            let text = String::from_utf8(value.to_vec()).ok()?;
            fields.insert(name, serde_json::from_str(&text).unwrap_or(Value::String(text)));
        }
    }
    Some((fields.into(), file))
}

fn memmem(whole: &[u8], part: &[u8]) -> Vec<usize> {
    whole.windows(part.len()).enumerate().filter_map(|(at, window)| (window == part).then_some(at)).collect()
}

fn invalid(subcode: i64, words: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, (100, subcode), words)
}

async fn send(Given(shared): Given<Shared>, Asked { holder, .. }: Asked, headers: HeaderMap, body: Bytes) -> Response {
    if holder == Holder::User {
        return invalid(0, "(#100) A person sends nothing");
    }
    let Some((fields, mut file)) = read(&headers, &body) else { return invalid(0, "(#100) The body cannot be read") };
    let person = fields["recipient"]["id"].as_str().unwrap_or_default().to_owned();
    if let Some(action) = fields["sender_action"].as_str() {
        lock(&shared).actions.push((action.to_owned(), person.clone()));
        return axum::Json(json!({ "recipient_id": person })).into_response();
    }
    let trouble = lock(&shared).troubles.pop_front();
    if let Some(refusal) = trouble.and_then(refusal) {
        return refusal;
    }
    if let Err(refusal) = fits(holder, &fields["message"], file.is_some()) {
        return refusal;
    }
    if let Err(refusal) = in_time(&shared, holder, &person, &fields) {
        return refusal;
    }
    if let Some(address) = fields["message"]["attachment"]["payload"]["url"].as_str() {
        let reached = webhooks::reached(address, &lock(&shared).reached_at.clone());
        match http_client().get(reached).send().await {
            Ok(answer) if answer.status().is_success() => file = answer.bytes().await.ok(),
            _ => return invalid(2_018_008, "(#100) Failed to fetch the file from the url"),
        }
    }
    let id = {
        let mut state = lock(&shared);
        let id = format!("m_SIM{:06}", state.number());
        let from = holder.id().to_owned();
        state.deliveries.push(Delivery { from, to: fields["recipient"].clone(), id: id.clone(), body: fields, file });
        id
    };
    if trouble == Some(Trouble::SilenceAfterTaking) {
        pending::<()>().await;
    }
    axum::Json(json!({ "recipient_id": person, "message_id": id })).into_response()
}

fn refusal(trouble: Trouble) -> Option<Response> {
    Some(match trouble {
        Trouble::RateLimit => {
            let use_ =
                json!({ "1": [{ "type": "messenger", "call_count": 100, "estimated_time_to_regain_access": 1 }] });
            let mut answer = refuse(StatusCode::BAD_REQUEST, (80_006, 0), "(#80006) There have been too many calls");
            let value = use_.to_string().parse().expect("a header of ASCII");
            answer.headers_mut().insert("x-business-use-case-usage", value);
            answer
        }
        Trouble::ServerError => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, (1200, 0), "(#1200) Temporary send message failure.")
        }
        Trouble::Unavailable => {
            refuse(StatusCode::BAD_REQUEST, (551, 1_545_041), "(#551) This person isn't available right now.")
        }
        Trouble::Unauthorized => {
            refuse(StatusCode::BAD_REQUEST, (190, 463), "Error validating access token: Session has expired")
        }
        Trouble::SilenceAfterTaking => return None,
    })
}

/// Whether a message has one content, of a size that is taken.
#[expect(clippy::result_large_err, reason = "a refusal is a whole answer, and there is one for each request")]
fn fits(holder: Holder, message: &Value, along: bool) -> Result<(), Response> {
    let text = message["text"].as_str();
    let attachment = &message["attachment"];
    let has_file = along || attachment["payload"]["url"].is_string();
    match (text, attachment.is_object()) {
        (Some(_), true) => return Err(invalid(0, "(#100) A message has a text or an attachment, not both")),
        (None, false) if message["sticker_id"].is_null() => return Err(invalid(0, "(#100) Message cannot be empty")),
        _ => {}
    }
    if let Some(text) = text {
        let long = match holder {
            Holder::Account(_) => text.len() > MOST_BYTES_OF_TEXT,
            _ => text.chars().count() > MOST_TEXT,
        };
        if long {
            return Err(invalid(0, "(#100) Length of param message[text] must be less than or equal to the limit"));
        }
    }
    let of_file = ["image", "video", "audio", "file"].iter().any(|kind| attachment["type"] == *kind);
    if of_file != has_file {
        return Err(invalid(2_018_047, "(#100) An attachment of a file needs its file"));
    }
    Ok(())
}

/// Whether the person did something within 24 hours; within seven days where a person of the business answers.
#[expect(clippy::result_large_err, reason = "a refusal is a whole answer, and there is one for each request")]
fn in_time(shared: &Shared, holder: Holder, person: &str, fields: &Value) -> Result<(), Response> {
    let state = lock(shared);
    let Some(acted) = state.acted.get(&(holder.id().to_owned(), person.to_owned())) else {
        return Err(invalid(2_018_001, "(#100) No matching user found"));
    };
    let ago = now_ms().saturating_sub(*acted);
    let tagged = fields["messaging_type"] == "MESSAGE_TAG";
    if tagged && fields["tag"] != "HUMAN_AGENT" {
        return Err(invalid(0, "(#100) This tag is no longer supported"));
    }
    if ago < DAY_MS || (tagged && state.human_agent && ago < 7 * DAY_MS) {
        return Ok(());
    }
    let words = "(#10) This message is sent outside of allowed window.";
    Err(refuse(StatusCode::BAD_REQUEST, (10, 2_018_278), words))
}
