//! From a batch to what happened: every message, status and change is an item of its own, and stands or falls alone.
//!
//! The Cloud API wraps values into entries and changes; gateways may post the bare value. Both are read wherever they come.

use crate::message::{Contact, Envelope, MessageError, contents, person, read, thread, time};
use crate::status::Status;
use crate::windows::CUSTOMER_SERVICE;
use crate::{WhatsApp, account, identity, template_news};
use sambung_sdk::inbound::{
    Event, Happening, Inbound, Item, Message, Notice, Opening, Outcome, Reaction, Request, Subscription,
};
use sambung_sdk::json::{Value, json, lenient, lenient_list};
use sambung_sdk::types::{Channel, Content, Open, Target, Thread};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    entry: Option<List<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default, deserialize_with = "text")]
    id: String,
    #[serde(default)]
    time: Value,
    #[serde(default, borrow)]
    changes: List<'a>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(default, deserialize_with = "lenient")]
    field: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(default, deserialize_with = "lenient")]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "lenient_list")]
    contacts: Vec<Contact>,
    #[serde(default, borrow)]
    messages: List<'a>,
    #[serde(default, borrow)]
    message_echoes: List<'a>,
    #[serde(default, borrow)]
    statuses: List<'a>,
    #[serde(default, borrow)]
    errors: List<'a>,
    #[serde(default, borrow)]
    groups: List<'a>,
    #[serde(default, borrow)]
    user_preferences: List<'a>,
    #[serde(default, borrow)]
    user_id_update: List<'a>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default, deserialize_with = "text")]
    phone_number_id: String,
}

/// The entries of a list, unread. What stands where a list is expected is its own only entry, so that it is told of.
#[derive(Default)]
struct List<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for List<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(match serde_json::from_str(raw.get()) {
            Ok(Some(entries)) => entries,
            Ok(None) => Vec::new(),
            Err(_) => vec![raw],
        }))
    }
}

/// An id, as text or as a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match lenient(deserializer)? {
        Value::String(id) => id,
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    })
}

impl Inbound for WhatsApp {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let batch: Batch<'_> = request.json()?;
        let mut items = Vec::new();
        match &batch.entry {
            Some(entries) => {
                for (at, raw) in entries.0.iter().enumerate() {
                    items.extend(entry(raw, &format!("/entry/{at}")));
                }
            }
            None => {
                let bare: &RawValue = request_value(&request)?;
                items.extend(Place { entry: None, pointer: String::new() }.messages("messages", bare));
            }
        }
        Ok(items.into_iter().collect())
    }
}

fn request_value(request: &Request) -> Result<&RawValue, String> {
    serde_json::from_slice(&request.body).map_err(|error| format!("the body: {error}"))
}

/// The items of one account's entry. A change that cannot be read spoils no other.
fn entry(raw: &RawValue, pointer: &str) -> Vec<Item> {
    let entry: Entry<'_> = match serde_json::from_str(raw.get()) {
        Ok(entry) => entry,
        Err(error) => return vec![Item::failed(format!("the entry cannot be read: {error}")).raw(pointer)],
    };
    let mut items = Vec::new();
    for (at, raw) in entry.changes.0.iter().enumerate() {
        let place = Place { entry: Some(&entry), pointer: format!("{pointer}/changes/{at}/value") };
        match serde_json::from_str::<Change<'_>>(raw.get()) {
            Ok(change) => items.extend(place.change(&change.field, change.value)),
            Err(error) => {
                let item = Item::failed(format!("the change cannot be read: {error}"));
                items.push(place.routed(item).raw(format!("{pointer}/changes/{at}")));
            }
        }
    }
    items
}

/// Where in the batch a value stands.
struct Place<'a> {
    entry: Option<&'a Entry<'a>>,
    pointer: String,
}

/// Whom the items of a value concern, and who is described in it.
pub struct Around<'a> {
    field: &'a str,
    /// The account's id, inside which business-scoped ids mean something.
    pub scope: &'a str,
    route: Option<&'a str>,
    contacts: &'a [Contact],
}

impl Place<'_> {
    fn change(&self, field: &str, value: &RawValue) -> Vec<Item> {
        match field {
            "message_template_status_update"
            | "message_template_quality_update"
            | "message_template_components_update"
            | "template_category_update" => vec![self.template_changed(field, value)],
            "account_update"
            | "account_review_update"
            | "account_alerts"
            | "phone_number_quality_update"
            | "phone_number_name_update"
            | "business_capability_update"
            | "security" => vec![self.account_changed(field, value)],
            _ => self.messages(field, value),
        }
    }

    /// The account's id, inside which business-scoped ids mean something.
    fn scope(&self) -> &str {
        self.entry.map_or("", |entry| entry.id.as_str())
    }

    fn messages(&self, field: &str, raw: &RawValue) -> Vec<Item> {
        let value: Messages<'_> = match serde_json::from_str(raw.get()) {
            Ok(value) => value,
            Err(error) => return vec![self.routed(Item::failed(format!("the {field} cannot be read: {error}")))],
        };
        let around = Around {
            field,
            scope: self.scope(),
            route: value
                .metadata
                .as_ref()
                .map(|metadata| metadata.phone_number_id.as_str())
                .filter(|id| !id.is_empty()),
            contacts: &value.contacts,
        };
        let mut items = Vec::new();
        let mut each = |name: &str, raws: &List<'_>, read: &dyn Fn(&Around<'_>, &RawValue) -> Item| {
            for (at, raw) in raws.0.iter().enumerate() {
                let item = read(&around, raw).raw(format!("{}/{name}/{at}", self.pointer));
                items.push(match around.route {
                    Some(route) => item.route(route),
                    None => self.routed(item),
                });
            }
        };
        each("messages", &value.messages, &message);
        each("message_echoes", &value.message_echoes, &echo);
        each("statuses", &value.statuses, &status);
        each("errors", &value.errors, &error);
        each("groups", &value.groups, &group);
        each("user_preferences", &value.user_preferences, &preference);
        each("user_id_update", &value.user_id_update, &identity::updated);
        if items.is_empty() {
            items.push(self.routed(self.kept(field, raw)));
        }
        items
    }

    /// A change that has no number goes to every number of the account.
    fn routed(&self, item: Item) -> Item {
        match self.entry {
            Some(entry) if !entry.id.is_empty() => item.route(account::route(&entry.id)),
            _ => item,
        }
    }

    fn template_changed(&self, field: &str, raw: &RawValue) -> Item {
        let value = match read_value(raw) {
            Ok(value) => value,
            Err(words) => return self.routed(Item::failed(words).raw(self.pointer.clone())),
        };
        self.of_account(field, raw, Happening::TemplateChanged(template_news::changed(value).to_string()))
    }

    fn account_changed(&self, field: &str, raw: &RawValue) -> Item {
        let value = match read_value(raw) {
            Ok(value) => value,
            Err(words) => return self.routed(Item::failed(words).raw(self.pointer.clone())),
        };
        let word = value["event"].as_str().or(value["decision"].as_str()).unwrap_or(field);
        let changed = json!({
            "kind": field.replace('_', "-"),
            "state": word.to_lowercase(),
            "words": format!("WhatsApp: {} ({word})", field.replace('_', " ")),
            "data": value,
        });
        self.of_account(field, raw, Happening::AccountChanged(changed.to_string()))
    }

    fn kept(&self, field: &str, raw: &RawValue) -> Item {
        let value = match read_value(raw) {
            Ok(value) => value,
            Err(words) => return Item::failed(words).raw(self.pointer.clone()),
        };
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            return Item::ignored("there is nothing in it");
        }
        let open = Open::new(field, &value, format!("WhatsApp sent something new: {field}."));
        let time = self.time();
        Item::event(Event::new(self.id(field, raw), Happening::Other(open)).time(time)).raw(self.pointer.clone())
    }

    fn of_account(&self, field: &str, raw: &RawValue, what: Happening) -> Item {
        let event = Event::new(self.id(field, raw), what).time(self.time());
        self.routed(Item::event(event).raw(self.pointer.clone()))
    }

    fn time(&self) -> Option<u64> {
        self.entry.and_then(|entry| time(&entry.time))
    }

    /// Changes carry no id of their own: the account, its time and what is said make one.
    fn id(&self, field: &str, raw: &RawValue) -> String {
        let entry = self.entry.map(|entry| (entry.id.as_str(), entry.time.to_string()));
        let (account, time) = entry.unwrap_or_default();
        format!("{field}:{account}:{time}:{:016x}", fnv1a(raw.get().as_bytes()))
    }
}

/// The whole value. What is nested too deeply, or holds a number or a text that JSON cannot express, is told of and not emptied.
fn read_value(raw: &RawValue) -> Result<Value, String> {
    serde_json::from_str(raw.get()).map_err(|error| format!("the value cannot be read: {error}"))
}

/// FNV-1a, 64 bits: a stable name for a text, not a protection (<http://www.isthe.com/chongo/tech/comp/fnv/>).
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn message(around: &Around<'_>, raw: &RawValue) -> Item {
    let envelope: Envelope = match serde_json::from_str(raw.get()) {
        Ok(envelope) => envelope,
        Err(error) => return Item::failed(format!("the message cannot be read: {error}")),
    };
    if envelope.id.is_empty() {
        return Item::failed("a message without an id");
    }
    match translate(around, &envelope, raw) {
        Ok(event) => Item::event(event),
        Err(words) => Item::failed(words),
    }
}

fn translate(around: &Around<'_>, envelope: &Envelope, raw: &RawValue) -> Result<Event, String> {
    let fields = read_value(raw)?;
    let own = &fields[envelope.kind.as_str()];
    let sender = person(&envelope.from, envelope.from_user_id.as_deref(), around.scope, around.contacts);
    let thread = thread(envelope.group_id.as_deref(), sender.as_ref()).ok_or("a message without a sender");
    let what: Happening = match envelope.kind.as_str() {
        "reaction" => reacted(own)?.who(sender).thread(thread?).into(),
        "edit" => {
            let mut message = edit(own, thread?)?;
            message.sender = sender;
            message.into()
        }
        "revoke" => revoked(own)?,
        "system" if identity::CHANGES.iter().any(|kind| own["type"] == *kind) => {
            identity::changed(around.scope, envelope, own)?
        }
        _ => {
            let mut message = read(envelope, raw, thread?)?;
            message.sender = sender;
            message.into()
        }
    };
    let written = matches!(what, Happening::Message(_) | Happening::Reaction(_));
    let event = Event::new(&envelope.id, what).time(time(&envelope.timestamp));
    let opens = written && !matches!(envelope.kind.as_str(), "system" | "request_welcome");
    Ok(if opens { event.opens(Opening::new(CUSTOMER_SERVICE)) } else { event })
}

fn reacted(own: &Value) -> Result<Reaction, String> {
    let about = own["message_id"].as_str().ok_or("a reaction without the message's id")?;
    let emoji = own["emoji"].as_str().filter(|emoji| !emoji.is_empty());
    Ok(Reaction::new(Target::new(about), emoji.map(str::to_owned).into_iter().collect()))
}

fn edit(own: &Value, thread: Thread) -> Result<Message, String> {
    let about = own["original_message_id"].as_str().ok_or("an edit without the message's id")?;
    let mut message = Message::new(about, thread).edited();
    message.content = edited(&own["message"])?;
    Ok(message)
}

fn revoked(own: &Value) -> Result<Happening, String> {
    let about = own["original_message_id"].as_str().ok_or("a deletion without the message's id")?;
    Ok(Happening::Deleted(Target::new(about)))
}

fn edited(message: &Value) -> Result<Vec<Content>, String> {
    let mut whole = message.clone();
    if let Some(fields) = whole.as_object_mut() {
        fields.entry("id").or_insert_with(|| json!(""));
    }
    let envelope: Envelope =
        serde_json::from_value(whole).map_err(|error| format!("the edit cannot be read: {error}"))?;
    contents(&envelope, message)
}

/// What the business wrote, changed or took back in its own app.
fn echo(around: &Around<'_>, raw: &RawValue) -> Item {
    let envelope: Envelope = match serde_json::from_str(raw.get()) {
        Ok(envelope) => envelope,
        Err(error) => return Item::failed(format!("the echo cannot be read: {error}")),
    };
    if envelope.id.is_empty() {
        return Item::failed("an echo without an id");
    }
    match echoed(around, &envelope, raw) {
        Ok(what) => Item::event(Event::new(&envelope.id, what).time(time(&envelope.timestamp))),
        Err(words) => Item::failed(words),
    }
}

fn echoed(around: &Around<'_>, envelope: &Envelope, raw: &RawValue) -> Result<Happening, String> {
    let fields = read_value(raw)?;
    let own = &fields[envelope.kind.as_str()];
    let to = person(&envelope.to, envelope.to_user_id.as_deref(), around.scope, around.contacts);
    let thread = thread(envelope.group_id.as_deref(), to.as_ref()).ok_or("an echo without a recipient");
    Ok(match envelope.kind.as_str() {
        "revoke" => revoked(own)?,
        "edit" => edit(own, thread?)?.into(),
        "reaction" => reacted(own)?.thread(thread?).into(),
        _ => read(envelope, raw, thread?)?.echo().into(),
    })
}

fn status(around: &Around<'_>, raw: &RawValue) -> Item {
    match serde_json::from_str::<Status>(raw.get()) {
        Ok(status) => status.item(around.scope),
        Err(error) => Item::failed(format!("the status cannot be read: {error}")),
    }
}

/// Something that the provider could not do for the number, not for one message.
fn error(around: &Around<'_>, raw: &RawValue) -> Item {
    match serde_json::from_str::<MessageError>(raw.get()) {
        Ok(error) => {
            let id = format!("error:{}:{:016x}", around.route.unwrap_or_default(), fnv1a(raw.get().as_bytes()));
            Item::event(Event::new(id, Notice::new("warning", format!("error-{}", error.code), error.words())))
        }
        Err(error) => Item::failed(format!("the error cannot be read: {error}")),
    }
}

fn group(around: &Around<'_>, raw: &RawValue) -> Item {
    let value = match read_value(raw) {
        Ok(value) => value,
        Err(words) => return Item::failed(words),
    };
    let group = value["group_id"].as_str().unwrap_or_default();
    let line = format!("The group changed: {}.", around.field.replace('_', " "));
    let id = format!("{}:{group}:{:016x}", around.field, fnv1a(raw.get().as_bytes()));
    let open = Open::new(around.field, &value, line);
    Item::event(Event::new(id, Happening::Other(open)).time(time(&value["timestamp"])))
}

/// Somebody stopped or resumed marketing messages.
fn preference(around: &Around<'_>, raw: &RawValue) -> Item {
    let value = match read_value(raw) {
        Ok(value) => value,
        Err(words) => return Item::failed(words),
    };
    let digits = value["wa_id"].as_str().unwrap_or_default();
    let Some(who) = person(digits, value["user_id"].as_str(), around.scope, around.contacts) else {
        return Item::failed("a preference without a person");
    };
    let active = value["value"].as_str() != Some("stop");
    let topic = value["category"].as_str().unwrap_or("marketing_messages");
    let id = format!("preference:{digits}:{:016x}", fnv1a(raw.get().as_bytes()));
    let thread = thread(None, Some(&who));
    let mut subscription = Subscription::new(who, topic, active);
    subscription.thread = thread;
    Item::event(Event::new(id, subscription).time(time(&value["timestamp"])))
}
