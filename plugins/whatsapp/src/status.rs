//! What became of a message that the business sent.

use crate::errors;
use crate::message::{MessageError, time};
use crate::windows::{CUSTOMER_SERVICE, FREE_ENTRY_POINT};
use crate::{USER, errors::Meaning};
use sambung_sdk::inbound::{Delivery, Event, Happening, Item, Notice, Opening};
use sambung_sdk::json::{Value, lenient, lenient_list};
use sambung_sdk::types::{Identity, Target};
use serde::Deserialize;

/// States of a call (Calling API, "Call status webhook").
const CALLS: [&str; 3] = ["RINGING", "ACCEPTED", "REJECTED"];

/// One status object.
#[derive(Deserialize)]
pub struct Status {
    id: String,
    status: String,
    #[serde(default)]
    timestamp: Value,
    /// "call" where it is about a call.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default)]
    recipient_id: Value,
    #[serde(default, deserialize_with = "lenient")]
    recipient_user_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    recipient_participant_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    biz_opaque_callback_data: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    conversation: Option<Conversation>,
    pricing: Option<Value>,
    #[serde(default, deserialize_with = "lenient_list")]
    errors: Vec<MessageError>,
}

#[derive(Deserialize)]
struct Conversation {
    expiration_timestamp: Option<Value>,
    origin: Option<Origin>,
}

#[derive(Deserialize)]
struct Origin {
    #[serde(rename = "type")]
    kind: String,
}

impl Status {
    /// What happened. `scope` is inside what a business-scoped id means anything.
    pub fn item(&self, scope: &str) -> Item {
        if self.kind.as_deref() == Some("call") || CALLS.contains(&self.status.as_str()) {
            return Item::ignored(format!("the state of a call, which is no message: {}", self.status));
        }
        let state = match self.status.as_str() {
            "sent" => "sent",
            "delivered" => "delivered",
            "read" | "played" => "read",
            "failed" => "failed",
            "deleted" => return self.event(Happening::Deleted(Target::new(&self.id))),
            "warning" => {
                let words = self.errors.first().map(MessageError::words).unwrap_or_default();
                return self.event(Notice::new("warning", "message-warning", words).into());
            }
            other => return Item::failed(format!("a status that this version does not know: {other}")),
        };
        let mut delivery = Delivery::new(&self.id, state).correlation(self.biz_opaque_callback_data.clone());
        if let Some(who) = self.who(scope) {
            delivery = delivery.who(who);
        }
        if let Some(price) = &self.pricing {
            delivery = delivery.price(price);
        }
        let error = self.errors.first();
        if state == "failed" {
            let (code, words) = error.map_or((0, String::new()), |error| (error.code, error.words()));
            delivery = delivery.failure(&errors::failure(code, &words));
        }
        self.event(delivery.into())
    }

    fn event(&self, what: Happening) -> Item {
        // The same message has one status of each kind, in a group one of each member.
        let whose = self.recipient_participant_id.as_deref().unwrap_or_default();
        let id = format!("status:{}:{}:{whose}", self.id, self.status);
        let mut event = Event::new(id, what).time(time(&self.timestamp));
        if let Some(opening) = self.free_entry_point() {
            event = event.opens(opening);
        }
        if self.errors.iter().any(|error| errors::meaning(error.code, 400) == Meaning::WindowClosed) {
            event = event.closes(CUSTOMER_SERVICE);
        }
        Item::event(event)
    }

    /// An advertisement began the conversation: templates are free until the provider's own end.
    fn free_entry_point(&self) -> Option<Opening> {
        let conversation = self.conversation.as_ref()?;
        let kind = conversation.origin.as_ref()?.kind.as_str();
        let ends = time(conversation.expiration_timestamp.as_ref()?)?;
        let free = matches!(kind, "referral_conversion" | "free_entry_point");
        free.then(|| Opening::new(FREE_ENTRY_POINT).closes_at(ends))
    }

    fn who(&self, scope: &str) -> Option<Identity> {
        if let Some(user) = &self.recipient_user_id {
            return Some(Identity::new(USER, scope, user));
        }
        let digits = match &self.recipient_id {
            Value::String(digits) => digits.clone(),
            Value::Number(digits) => digits.to_string(),
            _ => return None,
        };
        (!digits.is_empty()).then(|| Identity::phone(digits))
    }
}
