//! Where a message stands: a chat, a topic in it, or a chat of a business account that the bot answers for.

use crate::{CHAT, USER};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Identity, Person, Thread};
use serde::{Deserialize, Serialize};

/// What is needed to answer; a thread's context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Of a user: positive. Of a group or channel: negative.
    pub chat: i64,
    /// A topic of a forum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<i64>,
    /// A topic of a channel's direct messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_topic: Option<i64>,
    /// The connection to the business account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business: Option<String>,
}

impl Place {
    /// Of a message. `message_thread_id` alone is also given to answers in a group without topics.
    pub fn of(message: &Value) -> Option<Self> {
        let topic = message["message_thread_id"].as_i64().filter(|_| message["is_topic_message"] == true);
        Some(Self {
            chat: message["chat"]["id"].as_i64()?,
            topic,
            direct_topic: message["direct_messages_topic"]["topic_id"].as_i64(),
            business: message["business_connection_id"].as_str().map(str::to_owned),
        })
    }

    /// A chat as a whole.
    pub fn chat(chat: i64) -> Self {
        Self { chat, ..Self::default() }
    }

    /// The conversation's key.
    pub fn key(&self) -> String {
        let mut key = self.scope();
        for (mark, topic) in [("topic", self.topic), ("direct", self.direct_topic)] {
            if let Some(topic) = topic {
                key.push_str(&format!("/{mark}:{topic}"));
            }
        }
        key
    }

    /// Inside what Telegram's message ids mean anything.
    fn scope(&self) -> String {
        match &self.business {
            Some(connection) => format!("business:{connection}:{}", self.chat),
            None => self.chat.to_string(),
        }
    }

    /// A message's id, unique in the channel.
    pub fn message_id(&self, id: i64) -> String {
        format!("{}:{id}", self.scope())
    }

    /// Telegram's id of a message of this chat; none where it is another chat's.
    pub fn own_message(&self, id: &str) -> Option<i64> {
        id.strip_prefix(&self.scope())?.strip_prefix(':')?.parse().ok()
    }

    /// The conversation.
    pub fn thread(&self) -> Thread {
        Thread::new(self.key()).context(self)
    }

    /// Of a conversation: by its context, else by its key.
    pub fn of_thread(thread: &Thread) -> Option<Self> {
        thread.read_context().or_else(|| thread.key.parse().ok().map(Self::chat))
    }

    /// Gives a call the parameters that lead here.
    pub fn address(&self, body: &mut Value) {
        body["chat_id"] = json!(self.chat);
        for (name, topic) in [("message_thread_id", self.topic), ("direct_messages_topic_id", self.direct_topic)] {
            if let Some(topic) = topic {
                body[name] = json!(topic);
            }
        }
        if let Some(connection) = &self.business {
            body["business_connection_id"] = json!(connection);
        }
    }

    /// Whether it is one person's chat.
    pub fn is_private(&self) -> bool {
        self.chat > 0
    }
}

/// A user, as `User` describes them.
pub fn user(bot: &str, user: &Value) -> Option<Person> {
    let id = user["id"].as_i64()?;
    let names = [user["first_name"].as_str(), user["last_name"].as_str()];
    let name: Vec<&str> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
    let mut person = Person::new(Identity::new(USER, bot, id.to_string()));
    person.name = (!name.is_empty()).then(|| name.join(" "));
    for (name, value) in [("username", &user["username"]), ("language", &user["language_code"])] {
        if value.is_string() {
            person.extra.push((name.to_owned(), value.to_string()));
        }
    }
    Some(person)
}

/// A chat that writes as itself.
pub fn chat(bot: &str, chat: &Value) -> Option<Person> {
    let id = chat["id"].as_i64()?;
    let mut person = Person::new(Identity::new(CHAT, bot, id.to_string()));
    person.name = chat["title"].as_str().map(str::to_owned);
    if chat["username"].is_string() {
        person.extra.push(("username".to_owned(), chat["username"].to_string()));
    }
    Some(person)
}

/// Who wrote a message: a chat that writes as itself, else the user.
pub fn sender(bot: &str, message: &Value) -> Option<Person> {
    chat(bot, &message["sender_chat"]).or_else(|| user(bot, &message["from"]))
}
