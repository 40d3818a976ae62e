//! Having an account's messages delivered to a webhook: by the X Activity API, one subscription for each kind of event, else
//! by the Account Activity API that it takes the place of, which delivers everything.

use crate::api::{Refusal, ask, to};
use crate::errors;
use crate::settings::Mode;
use crate::webhooks::Ensured;
use sambung_sdk::http::{Request, encode};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Fault;
use serde::Deserialize;

/// What is subscribed to, and whether a channel is worth anything without it.
const EVENTS: [(&str, bool); 5] = [
    ("dm.received", true),
    ("dm.sent", false),
    ("dm.read", false),
    ("dm.indicate_typing", false),
    // Not to be read, but to be told of.
    ("chat.received", false),
];
/// The most that one page of subscriptions holds.
const PAGE: &str = "1000";
/// Pages that are looked through; an app has at most 150,000 subscriptions.
const PAGES: usize = 150;

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    data: Vec<Subscription>,
    #[serde(default)]
    meta: Value,
}

#[derive(Deserialize)]
struct Subscription {
    subscription_id: String,
    #[serde(default)]
    event_type: String,
    #[serde(default)]
    filter: Value,
    webhook_id: Option<String>,
}

/// What may be taken from where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// Messages that are delivered elsewhere are delivered here from now on.
    Anything,
    /// What is delivered elsewhere stays there.
    Nothing,
}

/// Where an account's messages are delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// To the webhook that was asked for.
    Here,
    /// To another webhook of the app.
    Elsewhere,
}

/// Subscribes an account's messages to a webhook; what is subscribed already stays.
///
/// # Errors
/// What X said last, where neither of its APIs will.
pub fn ensure(mode: Mode, webhook: &Ensured, user: &str, take: Take) -> Result<Delivered, Fault> {
    match by_activity(mode, webhook, user, take) {
        Err(fault) if !passes(&fault) => by_account(mode, &webhook.id).map(|()| Delivered::Here),
        done => done,
    }
}

/// Whether trying again later may help.
fn passes(fault: &Fault) -> bool {
    matches!(fault.kind.as_str(), "unavailable" | "rate-limited")
}

fn by_activity(mode: Mode, ensured: &Ensured, user: &str, take: Take) -> Result<Delivered, Fault> {
    let known = of_user(mode, user)?;
    let webhook = ensured.id.as_str();
    // What delivers to a webhook that is gone delivers nowhere.
    let is_elsewhere = |one: &Subscription| one.webhook_id.as_ref().is_some_and(|id| ensured.others.contains(id));
    let needed = |one: &&Subscription| EVENTS.iter().any(|(event, needed)| *needed && one.event_type == *event);
    if take == Take::Nothing && known.iter().filter(needed).any(is_elsewhere) {
        return Ok(Delivered::Elsewhere);
    }
    let mut changed = false;
    for (event, needed) in EVENTS {
        let request = match known.iter().find(|known| known.event_type == event) {
            Some(known) if known.webhook_id.as_deref() == Some(webhook) => continue,
            Some(known) if take == Take::Nothing && is_elsewhere(known) => continue,
            Some(known) => to_webhook(mode, known, webhook),
            None => {
                let filter = json!({ "user_id": user });
                let body = json!({ "event_type": event, "filter": filter, "webhook_id": webhook });
                mode.as_user(to("POST", "/2/activity/subscriptions")).json(&body)
            }
        };
        match subscribed(&request) {
            Ok(()) => changed = true,
            Err(fault) if needed || passes(&fault) => {
                // The first failure is reported, because it is what the admin can mend.
                if changed || passes(&fault) {
                    let _ = put_back(mode, webhook, user, &known);
                }
                return Err(fault);
            }
            Err(_) => {}
        }
    }
    Ok(Delivered::Here)
}

fn to_webhook(mode: Mode, subscription: &Subscription, webhook: &str) -> Request {
    to("PUT", &one(subscription)).bearer(mode.bearer()).json(&json!({ "webhook_id": webhook }))
}

/// Has an account's messages delivered as they were before.
fn put_back(mode: Mode, webhook: &str, user: &str, before: &[Subscription]) -> Result<(), Fault> {
    for now in of_user(mode, user)?.iter().filter(|now| now.webhook_id.as_deref() == Some(webhook)) {
        match before.iter().find(|before| before.subscription_id == now.subscription_id) {
            Some(Subscription { webhook_id: Some(other), .. }) if other != webhook => {
                subscribed(&to_webhook(mode, now, other))?;
            }
            Some(_) => {}
            None => gone(&to("DELETE", &one(now)).bearer(mode.bearer()))?,
        }
    }
    Ok(())
}

fn one(subscription: &Subscription) -> String {
    format!("/2/activity/subscriptions/{}", encode(&subscription.subscription_id))
}

fn by_account(mode: Mode, webhook: &str) -> Result<(), Fault> {
    let path = format!("/2/account_activity/webhooks/{}/subscriptions/all", encode(webhook));
    subscribed(&mode.as_user(to("POST", &path)).json(&json!({})))
}

fn subscribed(request: &Request) -> Result<(), Fault> {
    let response = request.send()?;
    let refusal = Refusal::of(&response);
    if response.is_success() || refusal.names("DuplicateSubscription") {
        return Ok(());
    }
    Err(errors::fault(&response))
}

/// The subscriptions of an account, whatever they deliver to.
fn of_user(mode: Mode, user: &str) -> Result<Vec<Subscription>, Fault> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES {
        let mut request = to("GET", "/2/activity/subscriptions").bearer(mode.bearer()).query("max_results", PAGE);
        if let Some(token) = &next {
            request = request.query("pagination_token", token);
        }
        let page: Listed = ask(&request)?.json().map_err(Fault::unavailable)?;
        found.extend(page.data.into_iter().filter(|one| one.filter["user_id"] == user));
        next = page.meta["next_token"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Ends what delivers an account's messages to a webhook, by both APIs.
///
/// # Errors
/// What X said first, when everything was tried.
pub fn end(mode: Mode, webhook: &str, user: &str) -> Result<(), Fault> {
    let ended = end_activity(mode, webhook, user);
    let path = format!("/2/account_activity/webhooks/{}/subscriptions/{}/all", encode(webhook), encode(user));
    let by_account = gone(&to("DELETE", &path).bearer(mode.bearer()));
    ended.and(by_account)
}

fn end_activity(mode: Mode, webhook: &str, user: &str) -> Result<(), Fault> {
    let ours = of_user(mode, user)?.into_iter().filter(|one| one.webhook_id.as_deref() == Some(webhook));
    // All are asked for; the first refusal is told.
    let ended: Vec<_> = ours.map(|one| gone(&to("DELETE", &self::one(&one)).bearer(mode.bearer()))).collect();
    ended.into_iter().collect()
}

/// Takes something away; what is not there is gone as well.
fn gone(request: &Request) -> Result<(), Fault> {
    let response = request.send()?;
    if response.is_success() || response.status == 404 || Refusal::of(&response).names("NotFound") {
        return Ok(());
    }
    Err(errors::fault(&response))
}
