//! From one event of a webhook to what happened. Every kind has its field in the event; the first that is known decides.

use crate::message::{self, Said};
use crate::referral;
use crate::webhook::Place;
use crate::windows::opened;
use crate::{USER_REF, user_ref_key};
use sambung_sdk::inbound::{Delivery, Event, Happening, Item, Message, Notice, Reaction, Subscription, Watermark};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Identity, Open, Person, Target, Thread};
use serde_json::value::RawValue;

/// Timestamps are milliseconds, as numbers or text. Test events have seconds, which as milliseconds lie in 1970.
const NO_MILLISECONDS: u64 = 100_000_000_000;
/// The fields of an event that say whose and when it is, and not what.
const AROUND: [&str; 4] = ["sender", "recipient", "timestamp", "prior_message"];

/// Milliseconds since 1970.
pub fn time(value: &Value) -> Option<u64> {
    let told = match value {
        Value::String(text) => text.parse::<u64>().ok()?,
        other => other.as_u64()?,
    };
    if told < NO_MILLISECONDS { told.checked_mul(1000) } else { Some(told) }
}

/// An id, which is text in most places and a number in some.
pub fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// One event, and whom it concerns.
pub struct Occurrence<'a> {
    /// The platform, the entry, and whether another app answers.
    pub place: &'a Place<'a>,
    /// The event as it was posted.
    pub value: &'a Value,
    /// Of the business.
    pub account: String,
    /// Of the other side; none where only a checkbox named it.
    pub person: Option<String>,
    /// When it happened, in milliseconds since 1970.
    pub time: Option<u64>,
    raw: &'a RawValue,
}

/// What an event becomes.
pub fn item(place: &Place<'_>, raw: &RawValue) -> Item {
    let value: Value = match serde_json::from_str(raw.get()) {
        Ok(value) => value,
        Err(error) => return Item::failed(format!("the event cannot be read: {error}")),
    };
    let echo = value["message"]["is_echo"] == true;
    let (sender, recipient) = (id(&value["sender"]["id"]), id(&value["recipient"]["id"]));
    let (business, person) = if echo { (sender, recipient) } else { (recipient, sender) };
    // Both sides of what an account tells itself are the account, and its ids there need not be the account's.
    let business = if is_self(&value) { None } else { business };
    // An entry's id is the person's in some postbacks and referrals: the account is the business's side of the event.
    let Some(account) = business.or_else(|| Some(place.entry.to_owned()).filter(|entry| !entry.is_empty())) else {
        return Item::failed("the event does not say which account it is for");
    };
    let time = time(&value["timestamp"]);
    let occurrence = Occurrence { place, value: &value, account: account.clone(), person, time, raw };
    let item = match occurrence.happened() {
        Ok(Told::Events(events)) => Item::events(events.into_iter().map(|event| occurrence.marked(event)).collect()),
        Ok(Told::Nothing(reason)) => Item::ignored(reason),
        Err(words) => Item::failed(words),
    };
    item.route(account)
}

/// Whether the account sent it to itself ("Self Messaging"): said of a message in it, of a postback beside it.
fn is_self(event: &Value) -> bool {
    event["is_self"] == true || event["message"]["is_self"] == true || event["postback"]["is_self"] == true
}

enum Told {
    Events(Vec<Event>),
    Nothing(String),
}

type Result<T> = std::result::Result<T, String>;
/// What the field of one kind becomes.
type Teller<'a> = fn(&Occurrence<'a>, &Value) -> Result<Told>;

fn one(event: Event) -> Result<Told> {
    Ok(Told::Events(vec![event]))
}

impl<'a> Occurrence<'a> {
    fn happened(&self) -> Result<Told> {
        let known: [(&str, Teller<'a>); 15] = [
            ("message", Self::message),
            ("postback", Self::postback),
            ("message_edit", Self::edit),
            ("reaction", Self::reaction),
            ("read", Self::read),
            ("delivery", Self::delivery),
            ("referral", Self::referral),
            ("optin", Self::optin),
            ("account_linking", Self::linking),
            ("pass_thread_control", Self::control),
            ("take_thread_control", Self::control),
            ("request_thread_control", Self::control),
            ("app_roles", Self::roles),
            ("policy_enforcement", Self::policy),
            ("policy-enforcement", Self::policy),
        ];
        if is_self(self.value) {
            return Ok(Told::Nothing("a note that the account wrote to itself".to_owned()));
        }
        let found = known.iter().find_map(|(kind, tell)| Some((self.value.get(*kind)?, tell)));
        match found {
            Some((own, tell)) => tell(self, own),
            None => self.unknown(),
        }
    }

    /// The person, with what a checkbox called them before they wrote; somebody who only tapped has no other name.
    pub fn sender(&self) -> Option<Person> {
        let network = self.place.network;
        if self.person.is_none() {
            return self.reference().map(|reference| Person::new(Identity::new(USER_REF, &self.account, reference)));
        }
        let mut person = Person::new(network.person(&self.account, self.person.as_deref()?));
        person.identities.extend(self.checkbox().map(|reference| Identity::new(USER_REF, &self.account, reference)));
        Some(person)
    }

    /// The person's conversation: their id is unique for the account, so it is the key.
    ///
    /// # Errors
    /// Nobody is named.
    pub fn thread(&self) -> Result<Thread> {
        let thread = match (self.person.as_deref(), self.reference()) {
            (Some(person), _) => Thread::new(person),
            (None, Some(reference)) => return Ok(Thread::new(user_ref_key(reference))),
            (None, None) => return Err("the event does not say who it is from".to_owned()),
        };
        Ok(match self.checkbox() {
            Some(reference) => thread.alias(user_ref_key(reference)),
            None => thread,
        })
    }

    /// Who sent it, where the platform does not tell their id ("messaging_postbacks").
    fn reference(&self) -> Option<&str> {
        self.value["sender"]["user_ref"].as_str().filter(|reference| !reference.is_empty())
    }

    fn checkbox(&self) -> Option<&str> {
        let prior = &self.value["prior_message"];
        prior["identifier"].as_str().filter(|_| prior["source"] == "checkbox_plugin")
    }

    /// An id for what has none of its own: the same for every delivery, since it is made of what was posted.
    pub fn stamp(&self, kind: &str) -> String {
        let person = self.person.as_deref().or(self.reference()).unwrap_or_default();
        format!("{kind}:{person}:{:016x}", fnv1a(self.raw.get().as_bytes()))
    }

    fn marked(&self, mut event: Event) -> Event {
        event.time = event.time.or(self.time);
        if self.place.standby {
            event.extra.push(("mode".to_owned(), json!("standby").to_string()));
        }
        event
    }

    fn message(&self, own: &Value) -> Result<Told> {
        let mid = own["mid"].as_str().filter(|mid| !mid.is_empty()).ok_or("a message without its id")?;
        if own["is_deleted"] == true {
            let event = Event::new(format!("deleted:{mid}"), Happening::Deleted(Target::new(mid)));
            return one(event);
        }
        let Said { content, reply_to, extra } = message::read(self.place.network, own);
        let mut said = Message::new(mid, self.thread()?);
        (said.content, said.reply_to, said.extra) = (content, reply_to, extra);
        if own["is_echo"] == true {
            let metadata = own["metadata"].as_str().filter(|text| self.place.network.metadata && !text.is_empty());
            said.correlation = metadata.map(str::to_owned);
            return one(Event::new(mid, said.echo()));
        }
        said.sender = self.sender();
        one(opened(Event::new(mid, said)))
    }

    /// A tapped button, menu entry or question of the start screen.
    fn postback(&self, own: &Value) -> Result<Told> {
        let label = own["title"].as_str().map(str::to_owned);
        let payload = own["payload"].as_str().or(label.as_deref()).ok_or("a postback without its payload")?;
        let id = own["mid"].as_str().map_or_else(|| self.stamp("postback"), str::to_owned);
        let mut said = Message::new(&id, self.thread()?);
        said.sender = self.sender();
        said.content.extend(own.get("referral").filter(|value| value.is_object()).map(referral::content));
        said.content.push(Content::choice(payload, label.clone()));
        one(opened(Event::new(id, said)))
    }

    fn edit(&self, own: &Value) -> Result<Told> {
        let mid = own["mid"].as_str().ok_or("an edit without the message's id")?;
        let number = match &own["num_edit"] {
            Value::String(text) => text.parse::<u64>().ok(),
            other => other.as_u64(),
        };
        if number == Some(0) {
            return Ok(Told::Nothing("the first version of a message, which comes as a message".to_owned()));
        }
        let Some(text) = own["text"].as_str() else {
            return Ok(Told::Nothing("an edit that does not say what the message is now".to_owned()));
        };
        let id = match number {
            Some(number) => format!("edit:{mid}:{number}"),
            None => format!("edit:{mid}:{}", self.stamp("at")),
        };
        one(Event::new(id, Message::new(mid, self.thread()?).text(text).edited()))
    }

    fn reaction(&self, own: &Value) -> Result<Told> {
        let mid = own["mid"].as_str().ok_or("a reaction without the message's id")?;
        let react = own["action"] != "unreact";
        let emojis = if react { vec![emoji(own)] } else { Vec::new() };
        let reaction = Reaction::new(Target::new(mid), emojis).who(self.sender()).thread(self.thread().ok());
        let event = Event::new(self.stamp(&format!("reaction:{mid}")), reaction);
        one(if react { opened(event) } else { event })
    }

    /// Everything until a time (`watermark`), or until a message.
    fn read(&self, own: &Value) -> Result<Told> {
        let (mid, watermark) = (own["mid"].as_str(), time(&own["watermark"]));
        match (mid, watermark) {
            (Some(mid), _) => {
                let read = Watermark::message(self.thread()?, "read", mid);
                one(Event::new(format!("read:{mid}"), read).time(watermark))
            }
            (None, Some(until)) => self.until("read", until),
            (None, None) => Err("it was read, and not until when".to_owned()),
        }
    }

    fn until(&self, state: &str, until: u64) -> Result<Told> {
        let id = format!("{state}:{}:{until}", self.person.as_deref().unwrap_or_default());
        one(Event::new(id, Watermark::time(self.thread()?, state, until)).time(until))
    }

    fn delivery(&self, own: &Value) -> Result<Told> {
        let mids = own["mids"].as_array().map(Vec::as_slice).unwrap_or_default();
        let at = time(&own["watermark"]);
        let events: Vec<Event> = mids
            .iter()
            .filter_map(Value::as_str)
            .map(|mid| {
                let mut delivery = Delivery::new(mid, "delivered");
                delivery.who = self.person.as_deref().map(|id| self.place.network.person(&self.account, id));
                Event::new(format!("delivered:{mid}"), delivery).time(at)
            })
            .collect();
        match at {
            _ if !events.is_empty() => Ok(Told::Events(events)),
            Some(until) => self.until("delivered", until),
            None => Err("something arrived, and neither what nor until when".to_owned()),
        }
    }

    /// Somebody opened the conversation by a link or an advertisement.
    fn referral(&self, own: &Value) -> Result<Told> {
        let id = self.stamp("referral");
        let mut said = Message::new(&id, self.thread()?).content(referral::content(own));
        said.sender = self.sender();
        one(opened(Event::new(id, said)))
    }

    /// Somebody agreed to be written to: by a button, by a checkbox on a page, or to a topic.
    fn optin(&self, own: &Value) -> Result<Told> {
        let topic = own["type"].as_str().unwrap_or("messages");
        let stopped = own["notification_messages_status"] == "STOP_NOTIFICATIONS";
        let (who, thread) = match (self.sender(), own["user_ref"].as_str()) {
            (Some(person), _) => (person, self.thread()?),
            (None, Some(reference)) => {
                let who = Identity::new(USER_REF, &self.account, reference);
                (Person::new(who), Thread::new(user_ref_key(reference)))
            }
            (None, None) => return Err("somebody agreed, and it does not say who".to_owned()),
        };
        let mut subscription = Subscription::new(who, topic, !stopped).thread(thread);
        subscription.extra.push(("data".to_owned(), own.to_string()));
        let event = Event::new(self.stamp("optin"), subscription);
        one(if stopped { event } else { opened(event) })
    }

    fn linking(&self, own: &Value) -> Result<Told> {
        let linked = own["status"] == "linked";
        self.line("linking", if linked { "Linked their account." } else { "Unlinked their account." })
    }

    /// The conversation goes from one app to another, or one asks for it.
    fn control(&self, own: &Value) -> Result<Told> {
        let of = |name: &str| id(&own[name]).unwrap_or_else(|| "unknown".to_owned());
        let line = if self.value.get("pass_thread_control").is_some() {
            format!("The conversation was handed to the app {}.", of("new_owner_app_id"))
        } else if self.value.get("take_thread_control").is_some() {
            format!("The conversation was taken from the app {}.", of("previous_owner_app_id"))
        } else {
            format!("The app {} asks for the conversation.", of("requested_owner_app_id"))
        };
        self.line("control", &line)
    }

    fn line(&self, kind: &str, line: &str) -> Result<Told> {
        let id = self.stamp(kind);
        let said = Message::new(&id, self.thread()?).content(Content::system(line));
        one(Event::new(id, said))
    }

    fn roles(&self, own: &Value) -> Result<Told> {
        let words = format!("{}: the roles of apps in conversations changed: {own}", self.place.network.name);
        one(Event::new(self.stamp("app-roles"), Notice::new("info", "app-roles", words)))
    }

    /// Meta blocks or unblocks the account.
    fn policy(&self, own: &Value) -> Result<Told> {
        let action = own["action"].as_str().unwrap_or("changed");
        let level = if action == "unblock" { "info" } else { "error" };
        let reason = own["reason"].as_str().unwrap_or_default();
        let words = format!("{}: {action} by Meta's policies. {reason}", self.place.network.name);
        let event = Event::new(self.stamp("policy"), Notice::new(level, "policy-enforcement", words.trim_end()));
        one(event)
    }

    fn unknown(&self) -> Result<Told> {
        let fields = self.value.as_object().ok_or("the event does not say what happened")?;
        let Some((kind, own)) = fields.iter().find(|(name, _)| !AROUND.contains(&name.as_str())) else {
            return Ok(Told::Nothing("the event says nothing".to_owned()));
        };
        let line = format!("{} sent something new: {kind}.", self.place.network.name);
        one(Event::new(self.stamp(kind), Happening::Other(Open::new(kind, own, line))))
    }
}

/// The emoji; where only its name is told, the one of that name.
fn emoji(own: &Value) -> String {
    if let Some(emoji) = own["emoji"].as_str().filter(|emoji| !emoji.is_empty()) {
        return emoji.to_owned();
    }
    let name = own["reaction"].as_str().unwrap_or("like");
    let known = match name {
        "smile" | "laugh" => "😆",
        "angry" => "😠",
        "sad" => "😢",
        "wow" => "😮",
        "love" => "❤️",
        "like" => "👍",
        "dislike" => "👎",
        other => other,
    };
    known.to_owned()
}

/// FNV-1a, 64 bits: a stable name for a text, not a protection (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
