//! From what a provider sent to what happened.

pub use crate::bindings::plugin::exports::sambung::channel::inbound::{
    Delivery, Event, Happening, IdentityChange, Item, ItemResult, Message, Notice, Opening, Outcome, Reaction, Request,
    Response, Subscription, Watermark,
};

use crate::json::{self, json};
use crate::types::{Channel, Content, Identity, Person, Target, Thread, empty};
use serde::{Deserialize, Serialize};

/// Translation of what comes in. Required of every plugin.
pub trait Inbound {
    /// Called for every journalled request, possibly ahead, in parallel and again. A function of its arguments: only `log`
    /// and `crypto` answer, the clock shows `request.received_at`, randomness is seeded. One result for each item of the
    /// batch, so that a bad item never holds back the others. `channel` is absent where several share the address.
    ///
    /// # Errors
    /// Why the request as a whole cannot be understood; it is parked and shown.
    fn handle_webhook(request: Request, channel: Option<Channel>) -> Result<Outcome, String>;
}

empty!(Request { recipe, method, path, query, headers, body, mail, received_at, extra });
empty!(Opening { rule, closes_at, token, extra });
empty!(Delivery { id, correlation, state, who, price, failure, extra });
empty!(Notice { level, code, words, link, copy, extra });
empty!(Outcome { items, answer, extra });

impl Request {
    /// A request for native tests of plugin logic.
    pub fn new(recipe: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { recipe: recipe.into(), method: "POST".to_owned(), body: body.into(), ..Self::default() }
    }

    /// Reads the body as JSON; the type may borrow from it.
    ///
    /// # Errors
    /// The parser's words, as `handle_webhook` may return them.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the body: {error}"))
    }

    /// The first header of this name (lower case) that the manifest kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Opening {
    /// Opens this window rule in the event's thread.
    pub fn new(rule: impl Into<String>) -> Self {
        Self { rule: rule.into(), ..Self::default() }
    }

    /// The provider's own end of the window, in milliseconds since 1970.
    pub fn closes_at(mut self, time: impl Into<Option<u64>>) -> Self {
        self.closes_at = time.into();
        self
    }

    /// The token that one send spends.
    pub fn token<T: Serialize + ?Sized>(mut self, token: &T) -> Self {
        self.token = Some(json::write(token));
        self
    }
}

impl Message {
    /// A message that somebody wrote to the business, without content yet, by the provider's id.
    pub fn new(id: impl Into<String>, thread: Thread) -> Self {
        Self {
            kind: "received".to_owned(),
            id: id.into(),
            thread,
            sender: None,
            content: Vec::new(),
            reply_to: None,
            group: None,
            context: None,
            correlation: None,
            extra: Vec::new(),
        }
    }

    /// The business wrote it by another way, or this host's own message came back.
    pub fn echo(mut self) -> Self {
        self.kind = "echo".to_owned();
        self
    }

    /// It is what the message of this id says from now on.
    pub fn edited(mut self) -> Self {
        self.kind = "edited".to_owned();
        self
    }

    /// Who wrote it.
    pub fn sender(mut self, person: impl Into<Person>) -> Self {
        self.sender = Some(person.into());
        self
    }

    /// Adds plain text.
    pub fn text(self, body: impl Into<String>) -> Self {
        self.content(Content::text(body))
    }

    /// Adds a content.
    pub fn content(mut self, content: Content) -> Self {
        self.content.push(content);
        self
    }

    /// The message it answers.
    pub fn reply_to(mut self, target: Target) -> Self {
        self.reply_to = Some(target);
        self
    }

    /// What the messages of one album share.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// What the plugin needs to refer to this message later.
    pub fn context<T: Serialize + ?Sized>(mut self, context: &T) -> Self {
        self.context = Some(json::write(context));
        self
    }

    /// What `send` put into its request from the attempt key, come back.
    pub fn correlation(mut self, correlation: impl Into<String>) -> Self {
        self.correlation = Some(correlation.into());
        self
    }
}

impl Delivery {
    /// The message of this id is "sent", "delivered", "read" or "failed".
    pub fn new(id: impl Into<String>, state: impl Into<String>) -> Self {
        Self { id: Some(id.into()), state: state.into(), ..Self::default() }
    }

    /// What `send` put into its request from the attempt key, come back.
    pub fn correlation(mut self, correlation: impl Into<Option<String>>) -> Self {
        self.correlation = correlation.into();
        self
    }

    /// Whom it concerns.
    pub fn who(mut self, who: Identity) -> Self {
        self.who = Some(who);
        self
    }

    /// What it cost, in the provider's words.
    pub fn price<T: Serialize + ?Sized>(mut self, price: &T) -> Self {
        self.price = Some(json::write(price));
        self
    }

    /// Why it failed: `schemas/failure.json`.
    pub fn failure<T: Serialize + ?Sized>(mut self, failure: &T) -> Self {
        self.failure = Some(json::write(failure));
        self
    }
}

impl Reaction {
    /// The set of emojis with which somebody reacts to a message from now on; empty: the reaction was taken back.
    pub fn new(message: Target, emojis: Vec<String>) -> Self {
        Self { message, thread: None, who: None, emojis, extra: Vec::new() }
    }

    /// Whose it is.
    pub fn who(mut self, who: impl Into<Option<Person>>) -> Self {
        self.who = who.into();
        self
    }

    /// The conversation it belongs to.
    pub fn thread(mut self, thread: impl Into<Option<Thread>>) -> Self {
        self.thread = thread.into();
        self
    }
}

impl Watermark {
    /// Everything up to the message of this id is "delivered" or "read".
    pub fn message(thread: Thread, state: impl Into<String>, id: impl Into<String>) -> Self {
        Self { thread, state: state.into(), id: Some(id.into()), time: None, extra: Vec::new() }
    }

    /// Everything up to this time, in milliseconds since 1970, is "delivered" or "read".
    pub fn time(thread: Thread, state: impl Into<String>, milliseconds: u64) -> Self {
        Self { thread, state: state.into(), id: None, time: Some(milliseconds), extra: Vec::new() }
    }
}

impl Subscription {
    /// Somebody followed or left; `topic` is "channel" for that, else the provider's word.
    pub fn new(who: impl Into<Person>, topic: impl Into<String>, active: bool) -> Self {
        Self { thread: None, who: who.into(), topic: topic.into(), active, extra: Vec::new() }
    }

    /// The conversation it belongs to.
    pub fn thread(mut self, thread: Thread) -> Self {
        self.thread = Some(thread);
        self
    }
}

impl IdentityChange {
    /// Who was known by `old` is known by `new` from now on. `proof` is the provider's words.
    pub fn new(old: Vec<Identity>, new: Vec<Identity>, proof: impl Into<String>) -> Self {
        Self { old, new, proof: proof.into(), extra: Vec::new() }
    }

    /// Their conversation, by its new key with the old ones as aliases, where the key changed as well.
    pub fn thread(mut self, thread: &Thread) -> Self {
        let keys = json!({ "key": thread.key, "aliases": thread.aliases });
        self.extra.push(("thread".to_owned(), keys.to_string()));
        self
    }
}

impl Notice {
    /// Something the channel's admin should see: `level` is "info", "warning" or "error".
    pub fn new(level: impl Into<String>, code: impl Into<String>, words: impl Into<String>) -> Self {
        Self { level: level.into(), code: code.into(), words: words.into(), ..Self::default() }
    }
}

impl From<IdentityChange> for Happening {
    fn from(change: IdentityChange) -> Self {
        Self::IdentityChanged(change)
    }
}

impl From<Message> for Happening {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<Delivery> for Happening {
    fn from(delivery: Delivery) -> Self {
        Self::Delivery(delivery)
    }
}

impl From<Reaction> for Happening {
    fn from(reaction: Reaction) -> Self {
        Self::Reaction(reaction)
    }
}

impl From<Watermark> for Happening {
    fn from(watermark: Watermark) -> Self {
        Self::Watermark(watermark)
    }
}

impl From<Subscription> for Happening {
    fn from(subscription: Subscription) -> Self {
        Self::Subscription(subscription)
    }
}

impl From<Notice> for Happening {
    fn from(notice: Notice) -> Self {
        Self::Notice(notice)
    }
}

impl Event {
    /// `id` is the same for every delivery of the same event; how it is made is part of the plugin's compatibility.
    pub fn new(id: impl Into<String>, what: impl Into<Happening>) -> Self {
        Self { id: id.into(), time: None, what: what.into(), opens: Vec::new(), closes: Vec::new(), extra: Vec::new() }
    }

    /// The provider's time in milliseconds since 1970.
    pub fn time(mut self, milliseconds: impl Into<Option<u64>>) -> Self {
        self.time = milliseconds.into();
        self
    }

    /// A window that it opens in its thread.
    pub fn opens(mut self, opening: Opening) -> Self {
        self.opens.push(opening);
        self
    }

    /// A window rule that it closes there.
    pub fn closes(mut self, rule: impl Into<String>) -> Self {
        self.closes.push(rule.into());
        self
    }
}

impl Item {
    fn new(outcome: ItemResult) -> Self {
        Self { routes: Vec::new(), raw: None, outcome, extra: Vec::new() }
    }

    /// An item that is one event.
    pub fn event(event: Event) -> Self {
        Self::events(vec![event])
    }

    /// An item that is several events.
    pub fn events(events: Vec<Event>) -> Self {
        Self::new(ItemResult::Events(events))
    }

    /// Nothing to store, with the reason.
    pub fn ignored(reason: impl Into<String>) -> Self {
        Self::new(ItemResult::Ignored(reason.into()))
    }

    /// This item cannot be understood, with the reason; it is parked and shown.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::new(ItemResult::Failed(reason.into()))
    }

    /// An account id, or a route that `connect` reported, whom this concerns when the address is shared.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.routes.push(route.into());
        self
    }

    /// JSON Pointer of this item in the body.
    pub fn raw(mut self, pointer: impl Into<String>) -> Self {
        self.raw = Some(pointer.into());
        self
    }
}

impl FromIterator<Item> for Outcome {
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Self { items: items.into_iter().collect(), ..Self::default() }
    }
}

impl From<Item> for Outcome {
    fn from(item: Item) -> Self {
        std::iter::once(item).collect()
    }
}
