//! From a webhook's events to what happened: one item for each, so that one that cannot be read holds back no other.

use crate::event::{Envelope, Event, Members, Membership, Postback, Source};
use crate::message;
use crate::windows::REPLY_TOKEN;
use crate::{Line, SCHEME};
use sambung_sdk::inbound::{
    Event as Happened, Happening, Inbound, Item, Message, Opening, Outcome, Request, Subscription,
};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Channel, Content, Identity, Open, Person, Target, Thread};
use serde_json::value::RawValue;

/// Who the two events of the console's old Verify button say they come from (as recorded by many public bots).
const NOBODY: &str = "Udeadbeefdeadbeefdeadbeefdeadbeef";
/// Their reply tokens.
const NO_TOKENS: [&str; 2] = ["00000000000000000000000000000000", "ffffffffffffffffffffffffffffffff"];
/// The token of a redelivered event is of no use later than this after the event.
const REDELIVERED_TOKEN_MS: u64 = 20 * 60_000;

impl Inbound for Line {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let envelope: Envelope<'_> = request.json()?;
        let items = envelope.events.iter().enumerate().map(|(index, raw)| {
            let item = match serde_json::from_str::<Event<'_>>(raw.get()) {
                Ok(event) => Translation::new(&envelope.destination, &event, raw, request.received_at).item(),
                Err(error) => Item::failed(format!("the event cannot be read: {error}")),
            };
            item.raw(format!("/events/{index}"))
        });
        Ok(items.collect())
    }
}

/// One event on its way.
struct Translation<'a> {
    account: &'a str,
    event: &'a Event<'a>,
    raw: &'a RawValue,
    received_at: u64,
    thread: Option<Thread>,
    sender: Option<Person>,
}

impl<'a> Translation<'a> {
    fn new(account: &'a str, event: &'a Event<'a>, raw: &'a RawValue, received_at: u64) -> Self {
        let source = event.source.as_ref();
        Self {
            account,
            event,
            raw,
            received_at,
            thread: source.and_then(thread),
            sender: source.and_then(|source| person(account, source)),
        }
    }

    fn item(&self) -> Item {
        if self.is_verification() {
            return Item::ignored("the console's Verify button sent it; nobody wrote it");
        }
        match self.event.kind.as_str() {
            "message" => self.message(),
            "messageEdited" => self.edited(),
            "unsend" => self.unsend(),
            "follow" => self.subscription("channel", true),
            "unfollow" => self.subscription("channel", false),
            "memberJoined" => self.members(self.event.joined.as_ref(), true),
            "memberLeft" => self.members(self.event.left.as_ref(), false),
            "membership" => self.membership(),
            "postback" => self.postback(),
            "join" => self.in_thread(Content::system("The account joined the group.")),
            "leave" => self.in_thread(Content::system("The account left the group.")),
            "videoPlayComplete" => self.told("A video that the account sent was watched to its end."),
            "beacon" => self.beacon(),
            "accountLink" => self.linked(),
            "botSuspended" => self.account_changed("error", "suspended", "LINE suspended the account."),
            "botResumed" => self.account_changed("info", "active", "LINE lifted the account's suspension."),
            "activated" => self.account_changed("info", "active", "This channel now controls the chat."),
            "deactivated" => self.account_changed("warning", "standby", "Another channel now controls the chat."),
            "module" => self.kept("A module channel was attached to or detached from the account."),
            "delivery" => self.kept("A LINE notification message was delivered."),
            unknown => self.unknown(unknown),
        }
    }

    fn is_verification(&self) -> bool {
        let user = self.event.source.as_ref().and_then(|source| source.user_id.as_deref());
        let token = self.event.reply_token.as_deref();
        user == Some(NOBODY) || token.is_some_and(|token| NO_TOKENS.contains(&token))
    }

    fn message(&self) -> Item {
        let Some(raw) = self.event.message else {
            return Item::failed("a message event without its message");
        };
        let Some(thread) = self.thread.clone() else {
            return self.kept("A message from a place that this plugin does not know.");
        };
        match message::read(raw, thread) {
            Ok(mut message) => {
                message.sender = self.sender.clone();
                self.happened(message)
            }
            Err(words) => Item::failed(format!("the message cannot be read: {words}")),
        }
    }

    /// What a message of a group says from now on. Edits may arrive in any order: the one of the largest timestamp counts, which
    /// the host sees to.
    fn edited(&self) -> Item {
        let Some(raw) = self.event.message else {
            return Item::failed("an edit without its message");
        };
        let Some(thread) = self.thread.clone() else {
            return self.kept("A message was edited in a place that this plugin does not know.");
        };
        match message::read(raw, thread) {
            Ok(mut message) => {
                message.sender = self.sender.clone();
                self.happened(message.edited())
            }
            Err(words) => Item::failed(format!("the edit cannot be read: {words}")),
        }
    }

    fn beacon(&self) -> Item {
        match self.event.beacon.as_ref().map_or("", |beacon| beacon.kind.as_str()) {
            "enter" => self.told("Came near a beacon."),
            "stay" => self.told("Stays near a beacon."),
            "banner" => self.told("Tapped a beacon's banner."),
            "" => self.told("Something happened at a beacon."),
            kind => self.told(&format!("Something happened at a beacon: {kind}.")),
        }
    }

    fn linked(&self) -> Item {
        match self.event.link.as_ref().map_or("", |link| link.result.as_str()) {
            "ok" => self.told("Linked the LINE account with the business's own."),
            "failed" => self.told("The LINE account could not be linked with the business's own."),
            _ => self.told(
                "Wanted to link the LINE account with the business's own; LINE does not say whether it was linked.",
            ),
        }
    }

    fn unsend(&self) -> Item {
        match &self.event.unsend {
            Some(unsend) => self.happened(Happening::Deleted(Target::new(&unsend.message_id))),
            None => Item::failed("an unsend event without the message's id"),
        }
    }

    fn postback(&self) -> Item {
        let Some(Postback { data, params }) = &self.event.postback else {
            return Item::failed("a postback event without its data");
        };
        let mut content = Content::choice(data, None);
        if let (Content::Choice(choice), Some(params)) = (&mut content, params) {
            choice.extra.push(("params".to_owned(), json!(params).to_string()));
        }
        self.in_thread(content)
    }

    fn subscription(&self, topic: &str, active: bool) -> Item {
        match &self.sender {
            Some(who) => self.happened(self.subscribed(who.clone(), topic, active)),
            None => self.kept("Somebody whom LINE does not name followed or left."),
        }
    }

    fn members(&self, members: Option<&Members>, active: bool) -> Item {
        let Some(Members { members }) = members.filter(|members| !members.members.is_empty()) else {
            return Item::failed("an event about members that names none");
        };
        let events: Vec<Happened> = members
            .iter()
            .filter_map(|member| person(self.account, member))
            .map(|who| {
                let id = format!("{}:{}", self.id(), who.identities[0].value);
                self.finish(id, self.subscribed(who, "member", active).into())
            })
            .collect();
        if events.is_empty() {
            return self.kept("Somebody whom LINE does not name joined or left the group.");
        }
        Item::events(events)
    }

    fn membership(&self) -> Item {
        let (Some(Membership { kind, membership_id }), Some(who)) = (&self.event.membership, &self.sender) else {
            return Item::failed("a membership event without its membership or its user");
        };
        let mut subscription = self.subscribed(who.clone(), "membership", kind != "left");
        subscription.extra.push(("type".to_owned(), json!(kind).to_string()));
        subscription.extra.push(("membership_id".to_owned(), json!(membership_id).to_string()));
        self.happened(subscription)
    }

    fn subscribed(&self, who: Person, topic: &str, active: bool) -> Subscription {
        let mut subscription = Subscription::new(who, topic, active);
        subscription.thread = self.thread.clone();
        if let Some(follow) = &self.event.follow {
            let unblocked = json!(follow.is_unblocked).to_string();
            subscription.extra.push(("unblocked".to_owned(), unblocked));
        }
        subscription
    }

    /// Something that a person did without writing, told in the conversation.
    fn told(&self, line: &str) -> Item {
        self.open(line).map_or_else(Item::failed, |open| self.in_thread(Content::Other(open)))
    }

    /// What can be answered stands in the conversation; anything else is kept.
    fn unknown(&self, kind: &str) -> Item {
        let line = format!("LINE sent an event of a kind that this version does not know: {kind}");
        if self.event.reply_token.is_some() { self.told(&line) } else { self.kept(&line) }
    }

    fn account_changed(&self, level: &str, state: &str, words: &str) -> Item {
        let data = match self.data() {
            Ok(data) => data,
            Err(words) => return Item::failed(words),
        };
        let change = json!({ "kind": "state", "level": level, "state": state, "words": words, "data": data });
        self.happened(Happening::AccountChanged(change.to_string()))
    }

    fn in_thread(&self, content: Content) -> Item {
        let Some(thread) = self.thread.clone() else {
            return self.kept("Something happened in a place that this plugin does not know.");
        };
        let mut message = Message::new(self.id(), thread).content(content);
        message.sender = self.sender.clone();
        self.happened(message)
    }

    fn kept(&self, line: &str) -> Item {
        self.open(line).map_or_else(Item::failed, |open| self.happened(Happening::Other(open)))
    }

    fn open(&self, line: &str) -> Result<Open, String> {
        Ok(Open::new(&self.event.kind, &self.data()?, line))
    }

    /// The whole event. What is nested too deeply for a reader of it is not handed on.
    fn data(&self) -> Result<Value, String> {
        serde_json::from_str(self.raw.get()).map_err(|error| format!("the event cannot be read: {error}"))
    }

    fn happened(&self, what: impl Into<Happening>) -> Item {
        Item::event(self.finish(self.id(), what.into()))
    }

    fn finish(&self, id: String, what: Happening) -> Happened {
        let mut event = Happened::new(id, what).time(self.event.timestamp);
        if let Some(token) = self.usable_token() {
            event = event.opens(Opening::new(REPLY_TOKEN).token(token));
        }
        if matches!(self.event.kind.as_str(), "unfollow" | "leave") {
            event = event.closes(REPLY_TOKEN);
        }
        if self.is_standby() {
            event.extra.push(("mode".to_owned(), json!("standby").to_string()));
        }
        event
    }

    /// In standby another module of the account answers, so a token is none of this channel's.
    fn is_standby(&self) -> bool {
        self.event.mode.as_deref() == Some("standby")
    }

    fn usable_token(&self) -> Option<&str> {
        let token = self.event.reply_token.as_deref()?;
        let redelivered = self.event.delivery_context.as_ref().is_some_and(|context| context.is_redelivery);
        let age = self.received_at.saturating_sub(self.event.timestamp.unwrap_or(self.received_at));
        let spent = redelivered && age > REDELIVERED_TOKEN_MS;
        (!self.is_standby() && !spent).then_some(token)
    }

    /// LINE's id of the event. Events recorded before LINE gave them one are named by what they are about.
    fn id(&self) -> String {
        if let Some(id) = &self.event.webhook_event_id {
            return id.clone();
        }
        let place = self.thread.as_ref().map_or("", |thread| &thread.key);
        let about = message_id(self.event.message)
            .or_else(|| self.event.unsend.as_ref().map(|unsend| unsend.message_id.clone()))
            .unwrap_or_default();
        format!("{}:{}:{place}:{about}", self.event.kind, self.event.timestamp.unwrap_or_default())
    }
}

fn message_id(raw: Option<&RawValue>) -> Option<String> {
    let message: Value = serde_json::from_str(raw?.get()).ok()?;
    Some(message.get("id")?.as_str()?.to_owned())
}

/// The conversation: a user's, a group's or a room's. Its context says which, since profiles of members are asked for by the
/// group, and the typing animation exists for users alone.
fn thread(source: &Source) -> Option<Thread> {
    let (key, kind) = match source.kind.as_str() {
        "group" => (source.group_id.as_ref()?, "group"),
        "room" => (source.room_id.as_ref()?, "room"),
        "user" => (source.user_id.as_ref()?, "user"),
        _ => return None,
    };
    Some(Thread::new(key).context(&ThreadContext { kind: kind.to_owned() }))
}

/// What a thread's context holds.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct ThreadContext {
    /// "user", "group" or "room".
    pub kind: String,
}

fn person(account: &str, source: &Source) -> Option<Person> {
    let user = source.user_id.as_ref()?;
    Some(Person::new(Identity::new(SCHEME, account, user)))
}
