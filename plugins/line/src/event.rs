//! The shapes of a webhook's body, as far as the translation reads them.
//!
//! Every field but an event's type is optional: what LINE leaves out of an old or a new kind of event, or writes in a shape that
//! this version does not expect, must not keep the rest from being read. What belongs to one kind alone stays raw until the kind
//! is known.

use sambung_sdk::json::{Value, lenient, lenient_list};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of a webhook.
#[derive(Deserialize)]
pub struct Envelope<'a> {
    /// The account's own user id.
    #[serde(default)]
    pub destination: String,
    /// Empty when LINE only asks whether the address answers.
    #[serde(borrow)]
    pub events: Vec<&'a RawValue>,
}

/// What every event has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<'a> {
    /// "message", "follow", …
    #[serde(rename = "type")]
    pub kind: String,
    /// "standby": another module of the account answers for it now.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default, deserialize_with = "lenient")]
    pub timestamp: Option<u64>,
    /// Where it happened.
    #[serde(default, deserialize_with = "lenient")]
    pub source: Option<Source>,
    /// The same for every delivery of the event (a ULID).
    #[serde(default, deserialize_with = "lenient")]
    pub webhook_event_id: Option<String>,
    /// Whether LINE delivers it again.
    #[serde(default, deserialize_with = "lenient")]
    pub delivery_context: Option<DeliveryContext>,
    /// Of events that can be answered.
    #[serde(default, deserialize_with = "lenient")]
    pub reply_token: Option<String>,
    /// With "message".
    #[serde(borrow)]
    pub message: Option<&'a RawValue>,
    /// With "unsend".
    #[serde(default, deserialize_with = "lenient")]
    pub unsend: Option<Unsend>,
    /// With "follow".
    #[serde(default, deserialize_with = "lenient")]
    pub follow: Option<Follow>,
    /// With "postback".
    #[serde(default, deserialize_with = "lenient")]
    pub postback: Option<Postback>,
    /// With "memberJoined".
    #[serde(default, deserialize_with = "lenient")]
    pub joined: Option<Members>,
    /// With "memberLeft".
    #[serde(default, deserialize_with = "lenient")]
    pub left: Option<Members>,
    /// With "membership".
    #[serde(default, deserialize_with = "lenient")]
    pub membership: Option<Membership>,
    /// With "beacon".
    #[serde(default, deserialize_with = "lenient")]
    pub beacon: Option<Beacon>,
    /// With "accountLink".
    #[serde(default, deserialize_with = "lenient")]
    pub link: Option<Link>,
}

/// A user, a group or a room (a group of the old kind).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// "user", "group", "room".
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub kind: String,
    /// Absent in a group where the member did not consent.
    #[serde(default, deserialize_with = "lenient")]
    pub user_id: Option<String>,
    /// Of a group.
    #[serde(default, deserialize_with = "lenient")]
    pub group_id: Option<String>,
    /// Of a room.
    #[serde(default, deserialize_with = "lenient")]
    pub room_id: Option<String>,
}

/// How an event was delivered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryContext {
    /// Not for the first time.
    #[serde(default, deserialize_with = "lenient")]
    pub is_redelivery: bool,
}

/// A message that its author took back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsend {
    /// Which.
    pub message_id: String,
}

/// Somebody added the account as a friend.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Follow {
    /// They had blocked it.
    #[serde(default, deserialize_with = "lenient")]
    pub is_unblocked: bool,
}

/// Somebody tapped a button with data.
#[derive(Deserialize)]
pub struct Postback {
    /// What the button carries.
    pub data: String,
    /// A picked date, or the rich menu that was switched to.
    #[serde(default, deserialize_with = "lenient")]
    pub params: Option<Value>,
}

/// People who came or went.
#[derive(Deserialize)]
pub struct Members {
    /// Users.
    #[serde(default, deserialize_with = "lenient_list")]
    pub members: Vec<Source>,
}

/// A paid membership of the account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// "joined", "left", "renewed".
    #[serde(rename = "type")]
    pub kind: String,
    /// Which membership.
    #[serde(default, deserialize_with = "lenient")]
    pub membership_id: Option<Value>,
}

/// Somebody near a beacon.
#[derive(Default, Deserialize)]
pub struct Beacon {
    /// "enter", "stay" (each time that some seconds passed near it), "banner" (its banner was tapped).
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub kind: String,
}

/// An account of the business's that somebody wanted to link with theirs.
#[derive(Default, Deserialize)]
pub struct Link {
    /// "ok", "failed".
    #[serde(default, deserialize_with = "lenient")]
    pub result: String,
}

/// What every message has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageHead {
    /// Unique in the account.
    pub id: String,
    /// "text", "image", …
    #[serde(rename = "type")]
    pub kind: String,
    /// To quote it.
    #[serde(default, deserialize_with = "lenient")]
    pub quote_token: Option<String>,
    /// To mark it read.
    #[serde(default, deserialize_with = "lenient")]
    pub mark_as_read_token: Option<String>,
    /// The message it quotes.
    #[serde(default, deserialize_with = "lenient")]
    pub quoted_message_id: Option<String>,
}

/// A text.
#[derive(Deserialize)]
pub struct TextMessage<'a> {
    /// As it is shown; an emoji of LINE's stands as a word in brackets.
    pub text: String,
    /// LINE's own emojis.
    #[serde(borrow)]
    pub emojis: Option<&'a RawValue>,
    /// Who is mentioned.
    #[serde(borrow)]
    pub mention: Option<&'a RawValue>,
}

/// An image, a video, an audio recording or a file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileMessage {
    /// Absent for files: LINE keeps them.
    #[serde(default, deserialize_with = "lenient")]
    pub content_provider: Option<ContentProvider>,
    /// In milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    pub duration: Option<u64>,
    /// The album it belongs to.
    #[serde(default, deserialize_with = "lenient")]
    pub image_set: Option<ImageSet>,
    /// Of a file.
    #[serde(default, deserialize_with = "lenient")]
    pub file_name: Option<String>,
    /// In bytes.
    #[serde(default, deserialize_with = "lenient")]
    pub file_size: Option<u64>,
}

/// Who keeps the bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentProvider {
    /// "line" or "external".
    #[serde(rename = "type", default, deserialize_with = "lenient")]
    pub kind: String,
    /// Of what is kept elsewhere.
    #[serde(default, deserialize_with = "lenient")]
    pub original_content_url: Option<String>,
}

/// Images sent at once.
#[derive(Deserialize)]
pub struct ImageSet {
    /// What they share.
    pub id: String,
}

/// A place.
#[derive(Deserialize)]
pub struct LocationMessage {
    /// Its name.
    #[serde(default, deserialize_with = "lenient")]
    pub title: Option<String>,
    /// In words.
    #[serde(default, deserialize_with = "lenient")]
    pub address: Option<String>,
    /// Degrees.
    pub latitude: f64,
    /// Degrees.
    pub longitude: f64,
}

/// A sticker.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StickerMessage {
    /// Where it belongs.
    #[serde(default, deserialize_with = "lenient")]
    pub package_id: String,
    /// The sticker, unique over all packages.
    pub sticker_id: String,
    /// "STATIC", "ANIMATION", …
    #[serde(default, deserialize_with = "lenient")]
    pub sticker_resource_type: String,
    /// What somebody wrote on a message sticker.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it shows, in words of LINE's.
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}
