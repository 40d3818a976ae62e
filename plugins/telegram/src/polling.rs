//! Asking for updates, where the host has no address that Telegram could post them to.
//!
//! The cursor is the id of the first update that was not given yet. Telegram forgets what is before it when it is asked with it,
//! which is after the host has committed what came.

use crate::Telegram;
use crate::api::{call, read};
use crate::webhook::{self, UPDATES, WebhookInfo};
use sambung_sdk::json::{Value, json};
use sambung_sdk::polling::{Polled, Polling, Raw};
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::{SystemTime, UNIX_EPOCH};

/// How long Telegram keeps a question that it has no answer to.
const WAIT_SECONDS: u32 = 20;
/// A little longer, for the way there and back; below a call's deadline.
const TIMEOUT_MS: u32 = 26_000;
/// The most that Telegram gives at once.
const LIMIT: u32 = 100;
/// After a week without updates the next one's id is chosen at random, so that an old cursor says nothing.
const CURSOR_LASTS_MS: u64 = 6 * 24 * 3_600_000;
/// Telegram's answer while a webhook is registered, or while somebody else asks.
const CONFLICT: u16 = 409;

impl Polling for Telegram {
    fn poll(channel: Channel, cursor: Option<String>) -> Result<Polled, Fault> {
        let mut body = json!({ "timeout": WAIT_SECONDS, "limit": LIMIT, "allowed_updates": UPDATES });
        if let Some(offset) = cursor.as_deref().and_then(|cursor| offset(cursor, now_ms())) {
            body["offset"] = json!(offset);
        }
        let response = call("getUpdates")?.json(&body).timeout_ms(TIMEOUT_MS).send()?;
        match read(&response) {
            Ok(_) => polled(&response.body),
            Err(refusal) if refusal.code == CONFLICT => {
                // One of this channel's from when the host had an address. Another program's is left alone, and so is one that a check
                // registered while this poll waited at Telegram: then the channel was polled all along.
                if is_polled_all_along(&channel) || !WebhookInfo::get()?.is_own() {
                    return Err(refusal.into());
                }
                webhook::remove()?;
                Ok(Polled::default())
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// Whether the channel's features said that it is polled when this poll began; else it received by webhook until the host lost its
/// address.
fn is_polled_all_along(channel: &Channel) -> bool {
    serde_json::from_str::<Value>(&channel.features).is_ok_and(|features| features["polling"] == true)
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    result: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Head {
    update_id: i64,
}

/// Each update as if it had been posted.
fn polled(body: &[u8]) -> Result<Polled, Fault> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| Fault::unavailable(format!("the answer: {error}")))?;
    let mut polled = Polled::default();
    let mut last = None;
    for update in answer.result {
        let id = serde_json::from_str::<Head>(update.get()).ok().map(|head| head.update_id);
        last = last.max(id);
        polled = polled.request(Raw::new(update.get()));
    }
    Ok(polled.cursor(last.map(|last| format!("{}@{}", last + 1, now_ms()))))
}

/// `ID@MILLISECONDS`, as long as it says something.
fn offset(cursor: &str, now: u64) -> Option<i64> {
    let (id, at) = cursor.split_once('@')?;
    let at: u64 = at.parse().ok()?;
    if now.saturating_sub(at) > CURSOR_LASTS_MS { None } else { id.parse().ok() }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_a_week_ago_says_nothing() {
        assert_eq!(offset("700@1000", 1000 + CURSOR_LASTS_MS), Some(700));
        assert_eq!(offset("700@1000", 1001 + CURSOR_LASTS_MS), None);
        assert_eq!(offset("nonsense", 0), None);
    }
}
