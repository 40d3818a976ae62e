//! From one content to LINE's message objects.

use crate::interactive;
use crate::message::MessageContext;
use sambung_sdk::json::{Value, json};
use sambung_sdk::media_host;
use sambung_sdk::outbound::{Outgoing, SendError, SendFault};
use sambung_sdk::types::{Content, Location, Media, MediaRef};

/// How long a file stays at its published address. LINE's apps fetch a file when somebody looks at the message, and the
/// reference does not say for how long LINE keeps a copy.
const PUBLISHED_MS: u64 = 30 * 24 * 3600 * 1000;
/// A preview image has at most 1 MB (Messaging API reference, image message).
const PREVIEW_BYTES: u64 = 1_000_000;
/// Large enough to be sharp in a chat's width on a phone.
const PREVIEW_EDGE: u32 = 1024;
/// A location's title and address have at most 100 characters.
const LOCATION_CHARACTERS: usize = 100;

/// The objects that show a content, in order: a file with a caption is two.
///
/// # Errors
/// A kind of content that LINE has no object for, or a file that cannot be published.
pub fn objects(message: &Outgoing) -> Result<Vec<Value>, SendError> {
    let mut objects = match &message.content {
        Content::Text(text) => vec![text_object(&text.body)],
        Content::Media(media) => media_objects(media)?,
        Content::Location(location) => vec![location_object(location)],
        Content::Interactive(interactive) => vec![interactive::object(interactive)?],
        other => {
            let words = format!("LINE has no message of the kind {}", other.kind());
            return Err(SendError::new(SendFault::Invalid, words));
        }
    };
    quote(message, &mut objects);
    Ok(objects)
}

fn text_object(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// Quotes the message that is answered, where LINE gave a token for it. Only texts and stickers can quote.
fn quote(message: &Outgoing, objects: &mut [Value]) {
    let context = message.reply_to.as_ref().and_then(|target| target.read_context::<MessageContext>());
    let Some(token) = context.and_then(|context| context.quote_token) else { return };
    let quoting = objects.iter_mut().find(|object| object["type"] == "text" || object["type"] == "sticker");
    if let Some(object) = quoting {
        object["quoteToken"] = json!(token);
    }
}

fn media_objects(media: &Media) -> Result<Vec<Value>, SendError> {
    let file = &media.file;
    let blob = file.blob.as_deref().ok_or_else(|| invalid("a file without its bytes"))?;
    let url = media_host::publish(blob, PUBLISHED_MS).map_err(invalid)?;
    let object = match file.kind.as_str() {
        "image" => json!({
            "type": "image",
            "originalContentUrl": url,
            "previewImageUrl": preview(file, blob, &url)?,
        }),
        "video" => json!({
            "type": "video",
            "originalContentUrl": url,
            "previewImageUrl": preview(file, blob, &url)?,
        }),
        "audio" | "voice" if file.duration_ms.is_some() => json!({
            "type": "audio",
            "originalContentUrl": url,
            "duration": file.duration_ms,
        }),
        // LINE has no message for a file: a text with its address, which it makes a link of. An audio file whose length is
        // not known goes this way too, since LINE asks for the length.
        _ => return Ok(vec![text_object(&link(media, &url))]),
    };
    let caption = media.caption.as_deref().filter(|caption| !caption.is_empty());
    Ok(std::iter::once(object).chain(caption.map(text_object)).collect())
}

fn link(media: &Media, url: &str) -> String {
    let lines = [media.caption.as_deref(), media.file.name.as_deref(), Some(url)];
    let lines: Vec<&str> = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// The address of a small image of the file. Where the host makes none (of a video), the file's own stands in: LINE's apps
/// show a blank frame with a play button then.
fn preview(file: &MediaRef, blob: &str, url: &str) -> Result<String, SendError> {
    let preview = media_host::preview(blob, PREVIEW_EDGE, PREVIEW_BYTES).map_err(invalid)?;
    match preview.and_then(|preview| preview.blob) {
        Some(preview) => media_host::publish(&preview, PUBLISHED_MS).map_err(invalid),
        None if file.kind == "image" && file.bytes.is_some_and(|bytes| bytes > PREVIEW_BYTES) => {
            Err(invalid("no preview of at most 1 MB could be made of the image"))
        }
        None => Ok(url.to_owned()),
    }
}

/// LINE asks for a title and an address; what is missing is told by what is there.
fn location_object(location: &Location) -> Value {
    let degrees = format!("{}, {}", location.latitude, location.longitude);
    let name = location.name.as_deref().filter(|name| !name.is_empty());
    let address = location.address.as_deref().filter(|address| !address.is_empty());
    let title = name.or(address).unwrap_or(&degrees);
    json!({
        "type": "location",
        "title": cut(title, LOCATION_CHARACTERS),
        "address": cut(address.unwrap_or(&degrees), LOCATION_CHARACTERS),
        "latitude": location.latitude,
        "longitude": location.longitude,
    })
}

/// The first characters of a text, counted as LINE counts (UTF-16 code units), with an ellipsis where some are missing.
pub fn cut(text: &str, units: usize) -> String {
    if text.encode_utf16().count() <= units {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|character| {
        used += character.len_utf16();
        used <= units
    });
    kept.chain(std::iter::once('…')).collect()
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
