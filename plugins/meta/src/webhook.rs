//! From a batch to its events. Each stands alone: one that cannot be read spoils no other, whichever account it is for.
//!
//! Events stand in `messaging`, or in `standby` while another app owns the conversation; what the app dashboard sends as a
//! test, and some products, stand as `changes`. One post may hold entries of many accounts.

use crate::{Network, event};
use sambung_sdk::inbound::{Item, Outcome, Request};
use sambung_sdk::json::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The entry of a test that somebody sends from the app dashboard.
const DASHBOARD: &str = "0";

#[derive(Deserialize)]
struct Batch<'a> {
    object: Option<String>,
    #[serde(borrow)]
    entry: Option<Vec<&'a RawValue>>,
    /// An event, or a list of entries, without the envelope around it.
    #[serde(borrow)]
    messaging: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Entry<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow)]
    messaging: Option<OneOrMany<'a>>,
    #[serde(borrow)]
    standby: Option<OneOrMany<'a>>,
    #[serde(borrow)]
    changes: Option<OneOrMany<'a>>,
}

/// Documented as a list of exactly one; both one and many are read.
struct OneOrMany<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for OneOrMany<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_else(|_| vec![raw])))
    }
}

/// Where an event stands, and for which account.
pub struct Place<'a> {
    /// The platform.
    pub network: &'a Network,
    /// The entry's account, where it names one.
    pub entry: &'a str,
    /// Whether another app owns the conversation just now.
    pub standby: bool,
}

/// The items of a request.
///
/// # Errors
/// The body is no JSON of a batch.
pub fn items(network: &Network, request: &Request) -> Result<Outcome, String> {
    let batch: Batch<'_> = request.json()?;
    if let Some(object) = batch.object.as_deref().filter(|object| *object != network.webhooks.object) {
        let words = format!(
            "this is about `{object}`, and {}'s webhooks are about `{}`",
            network.name, network.webhooks.object
        );
        return Ok(Item::failed(words).into());
    }
    let mut items = Vec::new();
    match (batch.entry, batch.messaging) {
        (Some(entries), _) => {
            for (at, raw) in entries.into_iter().enumerate() {
                entry(network, raw, &format!("/entry/{at}"), &mut items);
            }
        }
        (None, Some(bare)) => without_envelope(network, bare, &mut items),
        (None, None) => return Err("the body: neither `entry` nor `messaging` is in it".to_owned()),
    }
    Ok(items.into_iter().collect())
}

/// What was taken out of its envelope on the way: a list of entries, else events of no entry.
fn without_envelope(network: &Network, bare: &RawValue, items: &mut Vec<Item>) {
    let OneOrMany(parts) = serde_json::from_str(bare.get()).unwrap_or(OneOrMany(vec![bare]));
    for (at, raw) in parts.into_iter().enumerate() {
        let wrapped: Entry<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        if wrapped.messaging.is_some() || wrapped.standby.is_some() {
            entry(network, raw, &format!("/messaging/{at}"), items);
        } else {
            let place = Place { network, entry: "", standby: false };
            items.push(event::item(&place, raw).raw(format!("/messaging/{at}")));
        }
    }
}

fn entry(network: &Network, raw: &RawValue, pointer: &str, items: &mut Vec<Item>) {
    let entry: Entry<'_> = match serde_json::from_str(raw.get()) {
        Ok(entry) => entry,
        Err(error) => return items.push(Item::failed(format!("the entry cannot be read: {error}")).raw(pointer)),
    };
    let id = match &entry.id {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    };
    if id == DASHBOARD {
        return items.push(Item::ignored("a test from the app dashboard").raw(pointer));
    }
    let before = items.len();
    for (name, part, standby) in [("messaging", &entry.messaging, false), ("standby", &entry.standby, true)] {
        for (at, raw) in part.iter().flat_map(|part| &part.0).enumerate() {
            let place = Place { network, entry: &id, standby };
            items.push(event::item(&place, raw).raw(format!("{pointer}/{name}/{at}")));
        }
    }
    for (at, raw) in entry.changes.iter().flat_map(|part| &part.0).enumerate() {
        let place = Place { network, entry: &id, standby: false };
        items.push(change(&place, raw).raw(format!("{pointer}/changes/{at}")));
    }
    if items.len() == before {
        items.push(Item::ignored("the entry holds nothing").raw(pointer));
    }
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(default)]
    field: String,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

/// A change whose value is an event is that event; what else is posted about the account is none of a conversation's.
fn change(place: &Place<'_>, raw: &RawValue) -> Item {
    let change: Change<'_> = match serde_json::from_str(raw.get()) {
        Ok(change) => change,
        Err(error) => return Item::failed(format!("the change cannot be read: {error}")),
    };
    let is_message = change.field.starts_with("messag") || change.field == "standby";
    match change.value.filter(|_| is_message) {
        Some(value) => event::item(&Place { standby: change.field == "standby", ..*place }, value),
        None => Item::ignored(format!("a change of `{}`, which is no message", change.field)),
    }
}
