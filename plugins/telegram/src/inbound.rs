//! From an update to what happened. A webhook brings one update, and so does each request of a poll.

use crate::place::{self, Place};
use crate::{Telegram, callback, message, service};
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, Message, Outcome, Reaction, Request, Subscription};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Channel, Content, Identity, Open, Target};

/// Updates that are no conversation's, with why they are left alone. They are not asked for, and come where somebody else asked.
const LEFT_ALONE: &[(&str, &str)] = &[
    ("guest_message", "a mention of the bot in a chat that it is not in"),
    ("message_reaction_count", "a count of anonymous reactions"),
    ("inline_query", "an inline query, which this channel does not answer"),
    ("chosen_inline_result", "a choice among inline results, which this channel does not offer"),
    ("shipping_query", "a question about an invoice, which this channel does not send"),
    ("pre_checkout_query", "a question about an invoice, which this channel does not send"),
    ("purchased_paid_media", "a purchase of media, which this channel does not sell"),
    ("poll", "the state of a poll"),
    ("poll_answer", "a vote in a poll"),
    ("chat_member", "a change of somebody's rights in a chat"),
    ("chat_join_request", "a request to join a chat, which its admins answer"),
    ("chat_boost", "a boost of a chat"),
    ("removed_chat_boost", "the end of a chat's boost"),
    ("managed_bot", "news about another bot"),
];

impl Inbound for Telegram {
    fn handle_webhook(request: Request, channel: Option<Channel>) -> Result<Outcome, String> {
        let update: Value = request.json()?;
        let id = update["update_id"].as_i64().ok_or("the body is no update: it has no update_id")?;
        let bot = channel.and_then(|channel| channel.account).ok_or("the channel does not know its bot yet")?;
        let kind = update.as_object().and_then(|fields| fields.keys().find(|field| *field != "update_id"));
        let Some(kind) = kind else { return Ok(Item::ignored("an update that holds nothing").into()) };
        let translation = Translation { bot: &bot, id: id.to_string(), kind, own: &update[kind] };
        Ok(translation.item().into())
    }
}

/// One update on its way.
struct Translation<'a> {
    bot: &'a str,
    id: String,
    kind: &'a str,
    own: &'a Value,
}

impl Translation<'_> {
    fn item(&self) -> Item {
        match self.kind {
            "message" | "channel_post" | "business_message" => self.message(),
            "edited_message" | "edited_channel_post" | "edited_business_message" => self.edited(),
            "deleted_business_messages" => self.deleted(),
            "message_reaction" => self.reaction(),
            "callback_query" => self.choice(),
            "my_chat_member" => self.membership(),
            "business_connection" => self.business(),
            kind => match LEFT_ALONE.iter().find(|(known, _)| *known == kind) {
                Some((_, reason)) => Item::ignored(*reason),
                None => self.kept(format!("Telegram sent an update of a kind that this version does not know: {kind}")),
            },
        }
    }

    fn message(&self) -> Item {
        let own = self.own;
        let Some(place) = Place::of(own) else { return Item::failed("a message without its chat") };
        let mut message = match message::read(own, &place) {
            Ok(message) => message,
            Err(words) => return Item::failed(words),
        };
        if let Some(moved) = migrated(own) {
            message.thread = moved;
        }
        message.sender = place::sender(self.bot, own);
        if let (Some(sender), Some(digits)) = (&mut message.sender, message::own_number(own)) {
            sender.identities.push(Identity::phone(digits));
        }
        if is_the_business(own, &place) {
            message.sender = None;
            return self.happened(message.echo());
        }
        self.happened(message)
    }

    fn edited(&self) -> Item {
        let own = self.own;
        let (Some(place), Some(id)) = (Place::of(own), own["message_id"].as_i64()) else {
            return Item::failed("an edited message without its chat or id");
        };
        match message::contents(own) {
            Ok(content) => {
                let mut message = Message::new(place.message_id(id), place.thread()).edited();
                message.content = content;
                self.happened(message)
            }
            Err(words) => Item::failed(words),
        }
    }

    fn deleted(&self) -> Item {
        let (Some(place), Some(ids)) = (Place::of(self.own), self.own["message_ids"].as_array()) else {
            return Item::failed("deleted messages without their chat or ids");
        };
        let events = ids.iter().filter_map(Value::as_i64).map(|id| {
            let target = Target::new(place.message_id(id));
            Event::new(format!("{}:{id}", self.id), Happening::Deleted(target))
        });
        Item::events(events.collect())
    }

    fn reaction(&self) -> Item {
        let own = self.own;
        let (Some(place), Some(id)) = (Place::of(own), own["message_id"].as_i64()) else {
            return Item::failed("a reaction without its chat or message");
        };
        let who = place::chat(self.bot, &own["actor_chat"]).or_else(|| place::user(self.bot, &own["user"]));
        let emojis = own["new_reaction"].as_array().into_iter().flatten().filter_map(emoji).collect();
        let message = Target::new(place.message_id(id));
        self.happened(Reaction::new(message, emojis).who(who).thread(place.thread()))
    }

    fn choice(&self) -> Item {
        match callback::read(self.bot, self.own) {
            Some(message) => self.happened(message),
            None => self.kept("A button was tapped that is in no chat of the bot's.".to_owned()),
        }
    }

    /// Somebody blocked or unblocked the bot, or it was put into a group or out of it.
    fn membership(&self) -> Item {
        let own = self.own;
        let Some(place) = Place::of(own) else { return Item::failed("a change of membership without its chat") };
        let there = |member: &Value| !matches!(member["status"].as_str(), Some("left" | "kicked") | None);
        let (before, now) = (there(&own["old_chat_member"]), there(&own["new_chat_member"]));
        if place.is_private() {
            let Some(who) = place::user(self.bot, &own["from"]) else {
                return Item::failed("a change of membership without its user");
            };
            return self.happened(Subscription::new(who, "channel", now).thread(place.thread()));
        }
        match (before, now) {
            (true, false) => {
                let line = format!("The bot was removed by {}.", service::name(&own["from"]));
                let id = format!("member:{}", self.id);
                self.happened(Message::new(id, place.thread()).content(Content::system(line)))
            }
            (false, true) => Item::ignored("the bot was put into a chat, which a message in the chat tells as well"),
            _ => Item::ignored("the bot's rights in a chat changed"),
        }
    }

    /// A business account let the bot answer for it, changed what it may, or took it back.
    fn business(&self) -> Item {
        let own = self.own;
        let enabled = own["is_enabled"] == true;
        let who = service::name(&own["user"]);
        let (state, level, words) = match (enabled, own["rights"]["can_reply"] == true) {
            (true, true) => ("enabled", "info", format!("The bot answers for the business account of {who}.")),
            (true, false) => {
                ("read-only", "warning", format!("The bot reads for {who}'s business account and may not answer."))
            }
            (false, _) => {
                ("disabled", "warning", format!("The bot no longer answers for the business account of {who}."))
            }
        };
        let change =
            json!({ "kind": "business-connection", "state": state, "level": level, "words": words, "data": own });
        self.happened(Happening::AccountChanged(change.to_string()))
    }

    fn kept(&self, line: String) -> Item {
        self.happened(Happening::Other(Open::new(self.kind, self.own, line)))
    }

    fn happened(&self, what: impl Into<Happening>) -> Item {
        let seconds = self.own["edit_date"].as_u64().or_else(|| self.own["date"].as_u64());
        let time = seconds.and_then(|seconds| seconds.checked_mul(1000));
        Item::event(Event::new(&self.id, what).time(time))
    }
}

/// The conversation of a group that became a supergroup, told in either of the two.
fn migrated(own: &Value) -> Option<sambung_sdk::types::Thread> {
    let here = own["chat"]["id"].as_i64()?;
    let (old, new) = match (own["migrate_to_chat_id"].as_i64(), own["migrate_from_chat_id"].as_i64()) {
        (Some(new), _) => (here, new),
        (None, Some(old)) => (old, here),
        (None, None) => return None,
    };
    Some(moved(old, new))
}

/// The conversation of a group that has another id now.
pub fn moved(old: i64, new: i64) -> sambung_sdk::types::Thread {
    Place::chat(new).thread().alias(Place::chat(old).key())
}

/// In a chat of a business account's, what the customer did not write the business wrote: by hand, or through a bot.
fn is_the_business(own: &Value, place: &Place) -> bool {
    place.business.is_some() && own["from"]["id"].as_i64().is_some_and(|from| from != place.chat)
}

/// One reaction. An emoji of somebody's own making is named by its id.
fn emoji(reaction: &Value) -> Option<String> {
    match reaction["type"].as_str()? {
        "emoji" => reaction["emoji"].as_str().map(str::to_owned),
        "custom_emoji" => reaction["custom_emoji_id"].as_str().map(|id| format!("custom:{id}")),
        other => Some(other.to_owned()),
    }
}
