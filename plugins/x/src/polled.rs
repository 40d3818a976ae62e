//! What the look-up of messages (`GET /2/dm_events`) answers, as what happened. Its messages have the webhooks' ids, so that
//! one which comes both ways is one.

use crate::content;
use crate::message::{Around, Parts};
use sambung_sdk::inbound::Item;
use sambung_sdk::json::{Value, json};
use serde_json::Map;

/// The items of a page, the oldest first: the API lists the newest first.
pub fn items(page: &Value, own: &str, received_at: u64) -> Vec<Item> {
    let includes = &page["includes"];
    let users = by_id(&includes["users"]);
    let around = Around { own, users: &users, apps: &Value::Null, received_at };
    let events = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let items = events.iter().enumerate().rev();
    items.map(|(at, event)| item(&around, event, includes).raw(format!("/data/{at}"))).collect()
}

fn item(around: &Around<'_>, event: &Value, includes: &Value) -> Item {
    match event["event_type"].as_str() {
        Some("MessageCreate") | None => {}
        Some(kind) => return Item::ignored(format!("{kind}: who comes to or leaves a group is not a message")),
    }
    let (Some(id), Some(sender)) = (event["id"].as_str(), event["sender_id"].as_str()) else {
        return Item::failed("a message without an id or a sender");
    };
    Parts {
        id,
        sender,
        recipient: None,
        conversation: event["dm_conversation_id"].as_str(),
        time: event["created_at"].as_str().and_then(milliseconds),
        app: None,
        content: content::of_event(event, includes),
    }
    .item(around)
}

/// The included people as the webhooks have them: a map by number.
fn by_id(users: &Value) -> Value {
    let users = users.as_array().map(Vec::as_slice).unwrap_or_default();
    users.iter().filter_map(|user| Some((user["id"].as_str()?.to_owned(), json!(user)))).collect::<Map<_, _>>().into()
}

/// Milliseconds since 1970 of `2026-07-24T21:23:23.000Z` or `2026-07-24T21:23:23+00:00`. The calendar is Howard Hinnant's
/// "days_from_civil".
pub fn milliseconds(stamp: &str) -> Option<u64> {
    let (date, time) = stamp.split_once('T')?;
    let (time, ahead) = zone(time)?;
    let mut date = date.split('-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.split(':').map(str::parse::<u64>);
    let (hours, minutes, seconds) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let thousandths: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (1970..=9999).contains(&year);
    if !is_date || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    // The year begins in March, so that the day which comes and goes is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let there = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + thousandths;
    there.checked_add_signed(-ahead * 60_000)
}

/// The clock without its zone, and how many minutes the zone is ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (clock, zone) = time.split_at(at);
    let (hours, minutes) = zone[1..].split_once(':')?;
    let ahead = hours.parse::<i64>().ok().filter(|hours| *hours < 24)? * 60 + minutes.parse::<i64>().ok()?;
    Some((clock, if zone.starts_with('-') { -ahead } else { ahead }))
}
