//! From a delivery to what happened. Every entry of every list is an item of its own, and stands or falls alone.
//!
//! The Account Activity API names the account (`for_user_id`) beside lists of events; the X Activity API wraps one event of
//! a subscription (`data.event_type`). Messages have the same shape and the same ids in both, and in the look-up.

use crate::message::{self, Around, milliseconds};
use crate::{X, chat, polled};
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, Outcome, Request, Watermark};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Channel, Thread};

/// What the envelope has beside its events.
const AROUND: [&str; 4] = ["for_user_id", "users", "apps", "user_has_blocked"];
/// Lists that tell of posts and followers.
const OTHERS: [&str; 10] = [
    "tweet_create_events",
    "tweet_delete_events",
    "favorite_events",
    "follow_events",
    "unfollow_events",
    "block_events",
    "unblock_events",
    "mute_events",
    "unmute_events",
    "tweet_edit_events",
];

impl Inbound for X {
    fn handle_webhook(request: Request, channel: Option<Channel>) -> Result<Outcome, String> {
        let own = channel.as_ref().and_then(|channel| channel.account.as_deref());
        let body: Value = request.json()?;
        if request.recipe == "poll" {
            let own = own.ok_or("a channel that is asked for its messages has an account")?;
            return Ok(polled::items(&body, own, request.received_at).into_iter().collect());
        }
        let mut delivery = Delivery { own, received_at: request.received_at, items: Vec::new() };
        match &body["data"] {
            Value::Array(events) => {
                for (at, event) in events.iter().enumerate() {
                    delivery.activity(event, &format!("/data/{at}"));
                }
            }
            event @ Value::Object(_) => delivery.activity(event, "/data"),
            _ => delivery.account_activity(&body)?,
        }
        if delivery.items.is_empty() {
            delivery.items.push(Item::ignored("there is nothing in it"));
        }
        Ok(delivery.items.into_iter().collect())
    }
}

/// The items of one delivery.
struct Delivery<'a> {
    /// The account of the channel whose address it came to; none at an app's.
    own: Option<&'a str>,
    received_at: u64,
    items: Vec<Item>,
}

impl Delivery<'_> {
    /// Adds what is told about an account. At a channel's own address another account's news are nobody's here.
    fn add(&mut self, account: &str, pointer: String, item: Item) {
        let item = match self.own {
            Some(own) if own != account && !account.is_empty() => {
                Item::ignored(format!("it is for the account {account}, and this address is another's"))
            }
            _ => item,
        };
        let item = if account.is_empty() { item } else { item.route(account) };
        self.items.push(item.raw(pointer));
    }

    fn account_activity(&mut self, body: &Value) -> Result<(), String> {
        let fields = body.as_object().ok_or("the body is no object")?;
        let account = body["for_user_id"].as_str().unwrap_or_default();
        let around = Around { own: account, users: &body["users"], apps: &body["apps"], received_at: self.received_at };
        for (name, value) in fields.iter().filter(|(name, _)| !AROUND.contains(&name.as_str())) {
            if name == "user_event" {
                self.revoked(value, "/user_event");
                continue;
            }
            if name == "replay_job_status" {
                let state = value["job_state"].as_str().unwrap_or("told of");
                self.add(account, format!("/{name}"), Item::ignored(format!("a replay of missed events is {state}")));
                continue;
            }
            for (event, pointer) in each(value, &format!("/{name}")) {
                let item = match name.as_str() {
                    "direct_message_events" => created(&around, event),
                    "direct_message_mark_read_events" => read(&around, event),
                    "direct_message_indicate_typing_events" => typing(&around, event),
                    other if OTHERS.contains(&other) => not_a_message(other),
                    other => Item::ignored(format!("X tells of something that this version does not know: {other}")),
                };
                self.add(account, pointer, item);
            }
        }
        Ok(())
    }

    fn activity(&mut self, event: &Value, pointer: &str) {
        let payload = &event["payload"];
        let kind = event["event_type"].as_str().unwrap_or_default();
        // Events of encrypted conversations come without the subscription's filter.
        let named = event["filter"]["user_id"].as_str().or(payload["for_user_id"].as_str()).or(self.own);
        let account = named.or_else(|| chat::recipient(payload)).unwrap_or_default();
        let around =
            Around { own: account, users: &payload["users"], apps: &payload["apps"], received_at: self.received_at };
        let pointer = format!("{pointer}/payload");
        let (list, read_one): (&str, fn(&Around<'_>, &Value) -> Item) = match kind {
            "dm.received" | "dm.sent" => ("direct_message_events", created),
            "dm.read" => ("direct_message_mark_read_events", read),
            "dm.indicate_typing" => ("direct_message_indicate_typing_events", typing),
            "chat.received" => return self.add(account, pointer, chat::received(&around, event)),
            "oauth.revoke" => return self.revoked(payload, &pointer),
            "" => return self.add(account, pointer, Item::failed("an event without its type")),
            kind if kind.starts_with("chat.") => {
                let item = Item::ignored(format!("{kind}: encrypted conversations cannot be read here"));
                return self.add(account, pointer, item);
            }
            kind => return self.add(account, pointer, not_a_message(kind)),
        };
        // For reading and typing X publishes no example: the event may stand alone or in the older API's list.
        let (events, at) = match payload.get(list) {
            Some(events) => (events, format!("{pointer}/{list}")),
            None => (payload, pointer),
        };
        for (event, pointer) in each(events, &at) {
            self.add(account, pointer, read_one(&around, event));
        }
    }

    /// The account took the app's permission back; X ends its subscriptions by itself.
    fn revoked(&mut self, told: &Value, pointer: &str) {
        let revoke = told.get("revoke").unwrap_or(told);
        let account = revoke["source"]["user_id"].as_str().or(revoke["user_id"].as_str());
        let Some(account) = account else {
            let item = Item::failed("an account took its permission back, and X does not say which");
            return self.add("", pointer.to_owned(), item);
        };
        let at = revoke["date_time"].as_str().unwrap_or_default();
        let changed = json!({
            "kind": "access-revoked",
            "state": "unauthorized",
            "level": "error",
            "words": "The account took this app's permission back: nothing arrives and nothing can be sent. Connect again.",
            "data": told,
        });
        let event = Event::new(format!("revoke:{account}:{at}"), Happening::AccountChanged(changed.to_string()))
            .time(polled::milliseconds(at));
        self.add(account, pointer.to_owned(), Item::event(event));
    }
}

/// The entries of a list with their places; something alone is its own only entry.
fn each<'v>(value: &'v Value, pointer: &str) -> Vec<(&'v Value, String)> {
    match value {
        Value::Array(entries) => {
            entries.iter().enumerate().map(|(at, entry)| (entry, format!("{pointer}/{at}"))).collect()
        }
        entry => vec![(entry, pointer.to_owned())],
    }
}

fn not_a_message(kind: &str) -> Item {
    Item::ignored(format!("{kind}: only direct messages are read, not posts, mentions or followers"))
}

fn created(around: &Around<'_>, event: &Value) -> Item {
    match event["type"].as_str() {
        Some("message_create") | None => message::item(around, event),
        Some(kind) => Item::ignored(format!("X tells of a message something that this version does not know: {kind}")),
    }
}

/// Somebody read everything up to a message.
fn read(around: &Around<'_>, event: &Value) -> Item {
    let Some(reader) = event["sender_id"].as_str() else { return Item::failed("a reading without a reader") };
    if reader == around.own {
        return Item::ignored("the account itself read the conversation elsewhere");
    }
    let thread = Thread::new(reader);
    let time = milliseconds(&event["created_timestamp"]);
    let (id, read) = match (event["last_read_event_id"].as_str(), time) {
        (Some(last), _) => (last.to_owned(), Watermark::message(thread, "read", last)),
        (None, Some(time)) => (time.to_string(), Watermark::time(thread, "read", time)),
        (None, None) => return Item::failed("a reading that does not say up to where"),
    };
    Item::event(Event::new(format!("read:{reader}:{id}"), read).time(time))
}

fn typing(around: &Around<'_>, event: &Value) -> Item {
    let Some(who) = event["sender_id"].as_str() else { return Item::failed("typing without anybody who types") };
    if who == around.own {
        return Item::ignored("the account itself types elsewhere");
    }
    let time = milliseconds(&event["created_timestamp"]);
    let id = format!("typing:{who}:{}", time.unwrap_or(around.received_at));
    Item::event(Event::new(id, Happening::Typing(Thread::new(who))).time(time))
}
