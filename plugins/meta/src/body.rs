//! From one content to the `message` object of the Send API, without whom it goes to.

use crate::{Network, interactive};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::{Content, Media};

/// The message object. `url` is the public address of a file that the platform fetches; a file that goes along with the
/// request has none.
///
/// # Errors
/// A kind of content that the platform has no message for, or what does not fit, named by its place.
pub fn object(network: &Network, content: &Content, url: Option<&str>) -> Result<Value, SendError> {
    match content {
        Content::Text(text) => Ok(json!({ "text": text.body })),
        Content::Media(media) => file(network, media, url),
        Content::Interactive(content) => interactive::object(network, content),
        other => Err(invalid(format!("{} has no message of the kind {}", network.name, other.kind()))),
    }
}

/// No text goes along with a file (Send API, "attachment").
fn file(network: &Network, media: &Media, url: Option<&str>) -> Result<Value, SendError> {
    if media.caption.as_deref().is_some_and(|caption| !caption.is_empty()) {
        let words = format!("{} shows no caption with a file: send the text as another content", network.name);
        return Err(invalid(words).field("/caption"));
    }
    let kind = match media.file.kind.as_str() {
        "image" | "sticker" | "animation" => "image",
        "video" => "video",
        "audio" | "voice" => "audio",
        "document" => "file",
        other => return Err(invalid(format!("{} has no message for files of the kind {other}", network.name))),
    };
    let payload = url.map_or_else(|| json!({ "is_reusable": false }), |url| json!({ "url": url }));
    Ok(json!({ "attachment": { "type": kind, "payload": payload } }))
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
