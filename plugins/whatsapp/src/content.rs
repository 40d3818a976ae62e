//! From one content to the body of a message, without whom it goes to.

use crate::api::Shape;
use crate::{interactive, template_use};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::{Content, Location, Media, MediaRef};

/// The kind and the object of a content: `{"type": kind, kind: object}`. `media` is the provider's id of an uploaded file,
/// for contents that have one.
///
/// # Errors
/// A kind of content that WhatsApp has no message for, or what does not fit, named by its place.
pub fn body(content: &Content, shape: Shape, uploaded: Option<&str>) -> Result<Value, SendError> {
    let (kind, object) = match content {
        Content::Text(text) if shape == Shape::Cloud => {
            ("text", json!({ "body": text.body, "preview_url": has_link(&text.body) }))
        }
        Content::Text(text) => ("text", json!({ "body": text.body })),
        Content::Media(media) => (kind(&media.file)?, media_object(media, uploaded)?),
        Content::Location(place) => ("location", location(place)),
        Content::ContactCards(cards) => ("contacts", contacts(cards)?),
        Content::Interactive(content) => ("interactive", interactive::object(content)?),
        Content::Template(template) => ("template", template_use::object(template, uploaded)?),
        other => {
            let words = format!("WhatsApp has no message of the kind {}", other.kind());
            return Err(SendError::new(SendFault::Invalid, words));
        }
    };
    let mut body = json!({ "type": kind });
    body[kind] = object;
    if shape == Shape::OnPremises && kind == "text" {
        body["preview_url"] = json!(matches!(content, Content::Text(text) if has_link(&text.body)));
    }
    Ok(body)
}

/// The file that must be uploaded before this content can be sent.
pub fn file(content: &Content) -> Option<MediaRef> {
    match content {
        Content::Media(media) => Some(media.file.clone()),
        Content::Template(template) => template_use::header_file(template),
        _ => None,
    }
}

fn has_link(text: &str) -> bool {
    text.contains("https://") || text.contains("http://")
}

fn kind(file: &MediaRef) -> Result<&'static str, SendError> {
    match file.kind.as_str() {
        "image" => Ok("image"),
        "video" | "animation" => Ok("video"),
        "audio" | "voice" => Ok("audio"),
        "document" => Ok("document"),
        "sticker" => Ok("sticker"),
        other => {
            Err(SendError::new(SendFault::Invalid, format!("WhatsApp has no message for files of the kind {other}")))
        }
    }
}

fn media_object(media: &Media, uploaded: Option<&str>) -> Result<Value, SendError> {
    let id = uploaded.ok_or_else(|| SendError::new(SendFault::Invalid, "a file without its bytes"))?;
    let mut object = json!({ "id": id });
    let kind = kind(&media.file)?;
    if let Some(caption) = media.caption.as_deref().filter(|caption| !caption.is_empty()) {
        if matches!(kind, "audio" | "sticker") {
            let words = format!("WhatsApp shows no caption with a file of the kind {}", media.file.kind);
            return Err(SendError::new(SendFault::Invalid, words).field("/caption"));
        }
        object["caption"] = json!(caption);
    }
    if let (Some(name), "document") = (&media.file.name, kind) {
        object["filename"] = json!(name);
    }
    Ok(object)
}

fn location(place: &Location) -> Value {
    let mut object = json!({ "latitude": place.latitude, "longitude": place.longitude });
    if let Some(name) = &place.name {
        object["name"] = json!(name);
    }
    if let Some(address) = &place.address {
        object["address"] = json!(address);
    }
    object
}

/// `wit/schemas/contact-cards.json` holds the cards in the provider's own shape.
fn contacts(cards: &str) -> Result<Value, SendError> {
    let cards: Value = json::read(cards)
        .map_err(|words| SendError::new(SendFault::Invalid, format!("the contact cards cannot be read: {words}")))?;
    let list = if cards.is_array() { cards.clone() } else { cards["contacts"].clone() };
    if list.as_array().is_none_or(Vec::is_empty) {
        return Err(SendError::new(SendFault::Invalid, "there is no contact card").field("/cards"));
    }
    Ok(list)
}
