//! Having an account's messages delivered to a webhook: by the X Activity API, one subscription for each kind of event, else
//! by the Account Activity API that it takes the place of, which delivers everything.

use crate::api::{Refusal, ask, to};
use crate::errors;
use crate::settings::Mode;
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

/// Subscribes an account's messages to a webhook; what is subscribed already stays.
///
/// # Errors
/// What X said last, where neither of its APIs will.
pub fn ensure(mode: Mode, webhook: &str, user: &str) -> Result<(), Fault> {
    match by_activity(mode, webhook, user) {
        Err(fault) if !passes(&fault) => by_account(mode, webhook),
        done => done,
    }
}

/// Whether trying again later may help.
fn passes(fault: &Fault) -> bool {
    matches!(fault.kind.as_str(), "unavailable" | "rate-limited")
}

fn by_activity(mode: Mode, webhook: &str, user: &str) -> Result<(), Fault> {
    let known = of_user(mode, user)?;
    for (event, needed) in EVENTS {
        let request = match known.iter().find(|known| known.event_type == event) {
            Some(known) if known.webhook_id.as_deref() == Some(webhook) => continue,
            Some(known) => to("PUT", &one(known)).bearer(mode.bearer()).json(&json!({ "webhook_id": webhook })),
            None => {
                let filter = json!({ "user_id": user });
                let body = json!({ "event_type": event, "filter": filter, "webhook_id": webhook });
                mode.as_user(to("POST", "/2/activity/subscriptions")).json(&body)
            }
        };
        match subscribed(&request) {
            Err(fault) if needed || passes(&fault) => return Err(fault),
            _ => {}
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
