//! From one inbound message object to contents, person and thread. Cloud API and On-Premises share the shape.

use crate::USER;
use sambung_sdk::inbound::Message;
use sambung_sdk::json::{Value, json, lenient, lenient_list};
use sambung_sdk::types::{Content, Identity, Location, MediaRef, Open, Person, Target, Thread};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The parts of a message that are the same for every kind. Everything else is read by kind, and a part of an unexpected shape
/// counts as absent.
#[derive(Deserialize)]
pub struct Envelope {
    /// The provider's id.
    pub id: String,
    /// The sender's number in digits; missing for people who do not show it.
    #[serde(default, deserialize_with = "digits")]
    pub from: String,
    /// The sender's business-scoped id.
    #[serde(default, deserialize_with = "lenient")]
    pub from_user_id: Option<String>,
    /// In an echo: who it went to.
    #[serde(default, deserialize_with = "digits")]
    pub to: String,
    /// In an echo: the recipient's business-scoped id.
    #[serde(default, deserialize_with = "lenient")]
    pub to_user_id: Option<String>,
    /// Seconds since 1970, as text.
    #[serde(default)]
    pub timestamp: Value,
    /// The kind, which names the field with the rest.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// What it answers, and how it was forwarded.
    #[serde(default, deserialize_with = "lenient")]
    pub context: Option<Context>,
    /// Where the conversation came from.
    #[serde(default, deserialize_with = "lenient")]
    pub referral: Option<Value>,
    /// Set in a group.
    #[serde(default, deserialize_with = "lenient")]
    pub group_id: Option<String>,
    /// Why an unsupported message cannot be shown.
    #[serde(default, deserialize_with = "lenient_list")]
    pub errors: Vec<MessageError>,
}

/// Digits of a phone number, which some gateways post as a number.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match lenient(deserializer)? {
        Value::String(digits) => digits,
        Value::Number(digits) => digits.to_string(),
        _ => String::new(),
    })
}

/// What a message refers to.
#[derive(Deserialize)]
pub struct Context {
    /// The quoted message.
    #[serde(default, deserialize_with = "lenient")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    forwarded: bool,
    #[serde(default, deserialize_with = "lenient")]
    frequently_forwarded: bool,
    #[serde(default, deserialize_with = "lenient")]
    referred_product: Option<Value>,
}

/// An error object.
#[derive(Deserialize)]
pub struct MessageError {
    /// The provider's code.
    #[serde(default, deserialize_with = "code")]
    pub code: i64,
    #[serde(default, deserialize_with = "lenient")]
    title: String,
    #[serde(default, deserialize_with = "lenient")]
    message: String,
    #[serde(default, deserialize_with = "lenient")]
    error_data: Option<ErrorData>,
    #[serde(default, deserialize_with = "lenient")]
    details: Option<String>,
}

/// A code as a number or its digits as text.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let told: Value = lenient(deserializer)?;
    Ok(told.as_i64().or_else(|| told.as_str()?.parse().ok()).unwrap_or_default())
}

#[derive(Deserialize)]
struct ErrorData {
    #[serde(default, deserialize_with = "lenient")]
    details: Option<String>,
}

impl MessageError {
    /// The provider's words, the most telling ones.
    pub fn words(&self) -> String {
        let details = self.error_data.as_ref().and_then(|data| data.details.as_deref()).or(self.details.as_deref());
        let title = if self.title.is_empty() { &self.message } else { &self.title };
        match details {
            Some(details) if !title.is_empty() && details != title => format!("{title}: {details}"),
            Some(details) => details.to_owned(),
            None => title.clone(),
        }
    }
}

/// Somebody whom `contacts` describes.
#[derive(Deserialize)]
pub struct Contact {
    #[serde(default, deserialize_with = "lenient")]
    wa_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    username: Option<String>,
}

/// Milliseconds since 1970, from seconds as text or number.
pub fn time(timestamp: &Value) -> Option<u64> {
    let seconds = match timestamp {
        Value::String(text) => text.parse::<u64>().ok()?,
        other => other.as_u64()?,
    };
    seconds.checked_mul(1000)
}

/// A person by number and business-scoped id, as `contacts` describes them. None: nobody is named.
pub fn person(number: &str, user: Option<&str>, scope: &str, contacts: &[Contact]) -> Option<Person> {
    let same = |contact: &&Contact| {
        let by_number = !number.is_empty() && contact.wa_id.as_deref() == Some(number);
        by_number || (user.is_some() && contact.user_id.as_deref() == user)
    };
    // A number may be written in two ways (Brazil, Mexico); a batch that describes one person means the sender.
    let contact = contacts.iter().find(same).or(match contacts {
        [only] => Some(only),
        _ => None,
    });
    let mut identities = Vec::new();
    let mut add = |identity: Identity| {
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    };
    if let Some(user) = user.or(contact.and_then(|contact| contact.user_id.as_deref())) {
        add(Identity::new(USER, scope, user));
    }
    for digits in [number, contact.and_then(|contact| contact.wa_id.as_deref()).unwrap_or_default()] {
        if !digits.is_empty() {
            add(Identity::phone(digits));
        }
    }
    let profile = contact.and_then(|contact| contact.profile.as_ref());
    let name = profile.and_then(|profile| profile.name.clone().or_else(|| profile.username.clone()));
    let mut person = Person { identities, name, ..Person::default() };
    if let Some(username) = profile.and_then(|profile| profile.username.as_ref()) {
        person.extra.push(("username".to_owned(), json!(username).to_string()));
    }
    (!person.identities.is_empty()).then_some(person)
}

/// The conversation: a group's, else the person's, by the best identity with the others as aliases, so that somebody who
/// takes a username stays in their conversation.
pub fn thread(group: Option<&str>, person: Option<&Person>) -> Option<Thread> {
    if let Some(group) = group {
        return Some(Thread::new(format!("group:{group}")));
    }
    let mut keys = person?.identities.iter().map(|identity| identity.value.clone());
    let mut thread = Thread::new(keys.next()?);
    thread.aliases = keys.collect();
    Some(thread)
}

/// The message with its contents.
///
/// # Errors
/// What is missing, in words for people.
pub fn read(envelope: &Envelope, raw: &RawValue, thread: Thread) -> Result<Message, String> {
    let fields: Value = raw.get().parse().map_err(|error: serde_json::Error| error.to_string())?;
    let mut message = Message::new(&envelope.id, thread);
    if let Some(referral) = &envelope.referral {
        message.content.push(Content::Referral(referral.to_string()));
    }
    message.content.extend(contents(envelope, &fields)?);
    if let Some(context) = &envelope.context {
        message.reply_to = context.id.as_ref().map(Target::new);
        for (name, set) in [("forwarded", context.forwarded), ("frequently-forwarded", context.frequently_forwarded)] {
            if set {
                message.extra.push((name.to_owned(), "true".to_owned()));
            }
        }
        if let Some(product) = &context.referred_product {
            message.extra.push(("referred-product".to_owned(), product.to_string()));
        }
    }
    Ok(message)
}

/// The contents of a message of this kind.
///
/// # Errors
/// What is missing, in words for people.
pub fn contents(envelope: &Envelope, fields: &Value) -> Result<Vec<Content>, String> {
    let kind = envelope.kind.as_str();
    let own = &fields[kind];
    let missing = || format!("a message of the kind {kind} without its {kind}");
    let content = match kind {
        "text" => Content::text(own["body"].as_str().ok_or_else(missing)?),
        "image" | "video" | "document" | "sticker" | "audio" | "voice" => media(kind, own).ok_or_else(missing)?,
        "location" => location(own).ok_or_else(missing)?,
        "contacts" if own.is_array() => Content::ContactCards(json!({ "contacts": own }).to_string()),
        "interactive" => interactive(own, envelope),
        "button" => {
            let label = own["text"].as_str().map(str::to_owned);
            let id = own["payload"].as_str().or(own["text"].as_str()).ok_or_else(missing)?;
            choice(id, label, envelope)
        }
        "order" => Content::Other(Open::new("order", own, order_line(own))),
        "system" => Content::system(own["body"].as_str().unwrap_or("Something about this conversation changed.")),
        "request_welcome" => Content::system("Opened the conversation for the first time."),
        "unsupported" | "unknown" | "ephemeral" => unsupported(envelope, fields),
        "" => return Err("a message without a kind".to_owned()),
        other => Content::Other(Open::new(
            other,
            fields,
            format!("Sent something new that this version cannot show: {other}."),
        )),
    };
    Ok(vec![content])
}

fn media(kind: &str, own: &Value) -> Option<Content> {
    let text = |name: &str| own[name].as_str().map(str::to_owned);
    let kind = if kind == "audio" && own["voice"].as_bool() == Some(true) { "voice" } else { kind };
    let mut file = MediaRef::new(kind).mime(text("mime_type")).name(text("filename"));
    match (text("id"), text("link")) {
        (Some(id), _) => file = file.reference(id),
        (None, Some(link)) => file = file.url(link),
        (None, None) => return None,
    }
    if let Some(digest) = text("sha256") {
        file.extra.push(("sha256".to_owned(), json!(digest).to_string()));
    }
    if own["animated"].as_bool() == Some(true) {
        file.extra.push(("animated".to_owned(), "true".to_owned()));
    }
    Some(Content::media_with_caption(file, text("caption")))
}

fn location(own: &Value) -> Option<Content> {
    let text = |name: &str| own[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let mut location = Location {
        latitude: own["latitude"].as_f64()?,
        longitude: own["longitude"].as_f64()?,
        name: text("name"),
        address: text("address"),
        ..Location::default()
    };
    if let Some(url) = text("url") {
        location.extra.push(("url".to_owned(), json!(url).to_string()));
    }
    Some(Content::Location(location))
}

fn choice(id: &str, label: Option<String>, envelope: &Envelope) -> Content {
    let mut content = Content::choice(id, label);
    if let Content::Choice(choice) = &mut content {
        choice.of = envelope.context.as_ref().and_then(|context| context.id.as_ref()).map(Target::new);
    }
    content
}

/// A tapped button or row, or a filled-in form.
fn interactive(own: &Value, envelope: &Envelope) -> Content {
    for kind in ["button_reply", "list_reply"] {
        if let Some(id) = own[kind]["id"].as_str() {
            let mut content = choice(id, own[kind]["title"].as_str().map(str::to_owned), envelope);
            if let (Content::Choice(choice), Some(description)) = (&mut content, own[kind]["description"].as_str()) {
                choice.extra.push(("description".to_owned(), json!(description).to_string()));
            }
            return content;
        }
    }
    let line = own["nfm_reply"]["body"].as_str().unwrap_or("Answered a form.");
    let kind = own["type"].as_str().unwrap_or("interactive");
    Content::Other(Open::new(kind, own, line))
}

fn order_line(own: &Value) -> String {
    let items = own["product_items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told: Vec<String> = items
        .iter()
        .map(|item| {
            let count = item["quantity"].as_u64().unwrap_or(1);
            format!("{count} × {}", item["product_retailer_id"].as_str().unwrap_or("?"))
        })
        .collect();
    format!("Ordered: {}", told.join(", "))
}

fn unsupported(envelope: &Envelope, fields: &Value) -> Content {
    let line = match envelope.errors.first().map(MessageError::words) {
        Some(words) if !words.is_empty() => words,
        _ => "WhatsApp does not say what is in this message.".to_owned(),
    };
    Content::unsupported(&envelope.kind, fields, line)
}
