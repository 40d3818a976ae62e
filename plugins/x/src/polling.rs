//! Asking for messages where no webhook can be had: one page for each call, from the newest back to where the last call
//! ended. Pages that are still to come stand in the cursor, so that nothing between them is lost.

use crate::X;
use crate::api::{ask, now_ms, reset_after_ms, to};
use crate::polled::milliseconds;
use crate::settings;
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::polling::{Polled, Polling, Raw};
use sambung_sdk::types::{Channel, Fault};
use serde::{Deserialize, Serialize};

/// Between two calls: 15 are allowed in 15 minutes ("Rate limits", `GET /2/dm_events`).
const EVERY_MS: u64 = 61_000;
/// Between two pages of one look.
const NEXT_PAGE_MS: u64 = 1_000;
/// Messages on a page. Each is charged once a day however often it is read, so a page is not larger than it has to be.
const PAGE: &str = "20";
/// How far back the first look goes: as far as X itself delivers again what was missed.
const FIRST_LOOK_MS: u64 = 24 * 3_600_000;

/// Where asking stands.
#[derive(Serialize, Deserialize, Default, Clone, PartialEq, Debug)]
struct Place {
    /// The newest message that was handed on with all before it.
    seen: Option<String>,
    /// The newest of a look that is not at its end.
    newest: Option<String>,
    /// Its next page.
    page: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<Value>,
    #[serde(default)]
    includes: Value,
    #[serde(default)]
    meta: Value,
}

impl Polling for X {
    fn poll(channel: Channel, cursor: Option<String>) -> Result<Polled, Fault> {
        let mode = settings::mode(&channel)?;
        let place: Place = cursor.and_then(|cursor| json::read(&cursor).ok()).unwrap_or_default();
        let response = match ask(&mode.as_user(request(place.page.as_deref()))) {
            // A page that X does not know any more: the look begins again, and what is known already is known.
            Err(fault) if place.page.is_some() && fault.kind == "invalid" => {
                let again = Place { seen: place.seen, ..Place::default() };
                return Ok(Polled::default().cursor(json::write(&again)).again_after_ms(NEXT_PAGE_MS));
            }
            answer => answer?,
        };
        let page: Page = response.json().map_err(Fault::unavailable)?;
        Ok(place.turn(page, &response))
    }
}

fn request(page: Option<&str>) -> Request {
    let request = fields(to("GET", "/2/dm_events").query("max_results", PAGE));
    match page {
        Some(page) => request.query("pagination_token", page),
        None => request,
    }
}

/// What is asked of each message.
pub fn fields(request: Request) -> Request {
    request
        .query("event_types", "MessageCreate")
        .query("dm_event.fields", "id,text,event_type,created_at,dm_conversation_id,attachments,entities")
        .query("expansions", "sender_id,attachments.media_keys")
        .query("user.fields", "name,username,profile_image_url")
        .query("media.fields", "media_key,type,url,variants,width,height,duration_ms")
}

impl Place {
    fn turn(self, page: Page, response: &Response) -> Polled {
        let newest = self.newest.clone().or_else(|| page.data.first().and_then(id).map(str::to_owned));
        let (new, known): (Vec<Value>, Vec<Value>) = page.data.into_iter().partition(|event| self.is_new(event));
        let next = page.meta["next_token"].as_str().filter(|_| known.is_empty()).map(str::to_owned);
        let after = match next {
            Some(_) => Self { seen: self.seen.clone(), newest, page: next },
            None => Self { seen: newest.or_else(|| self.seen.clone()), ..Self::default() },
        };
        let pause = if after.page.is_some() { NEXT_PAGE_MS } else { EVERY_MS };
        let used_up = response.header("x-rate-limit-remaining").is_some_and(|left| left.trim() == "0");
        let reset = reset_after_ms(response).filter(|_| used_up).unwrap_or_default();
        let polled = Polled::default().cursor(json::write(&after)).again_after_ms(pause.max(reset));
        if new.is_empty() {
            return polled;
        }
        let body = json!({ "data": new, "includes": page.includes });
        polled.request(Raw::new(body.to_string()).path("/2/dm_events"))
    }

    fn is_new(&self, event: &Value) -> bool {
        match (&self.seen, id(event)) {
            // Numbers that grow with time, too large for some languages' and so written as text.
            (Some(seen), Some(id)) => (id.len(), id) > (seen.len(), seen.as_str()),
            _ => {
                let time = event["created_at"].as_str().and_then(milliseconds);
                time.is_none_or(|time| time.saturating_add(FIRST_LOOK_MS) >= now_ms())
            }
        }
    }
}

fn id(event: &Value) -> Option<&str> {
    event["id"].as_str()
}
