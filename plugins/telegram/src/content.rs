//! From a content to the call that sends it: which method, which parameters, which file.

use crate::errors::invalid;
use crate::{format, interactive};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::SendError;
use sambung_sdk::types::{Content, Location, Media, MediaRef, Text};

/// One call, without where it goes.
pub struct Call<'a> {
    /// Of the Bot API.
    pub method: &'static str,
    /// JSON.
    pub parameters: Value,
    /// A file to be uploaded, by its parameter's name.
    pub file: Option<(&'static str, &'a MediaRef)>,
}

/// How a kind of file is sent: the method, and the parameter that is the file.
fn way(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "image" => ("sendPhoto", "photo"),
        "video" => ("sendVideo", "video"),
        "animation" => ("sendAnimation", "animation"),
        "audio" => ("sendAudio", "audio"),
        "voice" => ("sendVoice", "voice"),
        "document" => ("sendDocument", "document"),
        "sticker" => ("sendSticker", "sticker"),
        _ => return None,
    })
}

/// The call that sends a content.
///
/// # Errors
/// What Telegram has nothing for, named by its place.
pub fn call(content: &Content) -> Result<Call<'_>, SendError> {
    let (method, parameters) = match content {
        Content::Text(text) => ("sendMessage", words(text)?),
        Content::Media(media) => return with_file(media),
        Content::Location(location) => place(location),
        Content::ContactCards(cards) => ("sendContact", contact(cards)?),
        Content::Interactive(content) => interactive::call(content)?,
        other => return Err(invalid("", format!("Telegram has nothing for a content of the kind {}", other.kind()))),
    };
    Ok(Call { method, parameters, file: None })
}

fn words(text: &Text) -> Result<Value, SendError> {
    let mut parameters = json!({ "text": text.body });
    if let Some(format) = &text.format {
        let entities = format::to_entities(&text.body, format).map_err(|words| invalid("/format", words))?;
        parameters["entities"] = json!(entities);
    }
    Ok(parameters)
}

fn with_file(media: &Media) -> Result<Call<'_>, SendError> {
    let file = &media.file;
    let (method, parameter) = way(&file.kind)
        .ok_or_else(|| invalid("/file/kind", format!("Telegram has nothing for a file of the kind {}", file.kind)))?;
    let mut parameters = captioned(media)?;
    if method == "sendSticker" && !media.caption.as_deref().unwrap_or_default().is_empty() {
        return Err(invalid("/caption", "a sticker has no caption"));
    }
    measure(&mut parameters, file);
    Ok(Call { method, parameters, file: Some((parameter, file)) })
}

fn captioned(media: &Media) -> Result<Value, SendError> {
    let mut parameters = json!({});
    let Some(caption) = media.caption.as_deref().filter(|caption| !caption.is_empty()) else { return Ok(parameters) };
    parameters["caption"] = json!(caption);
    if let Some((_, format)) = media.extra.iter().find(|(name, _)| name == "format") {
        let entities = format::to_entities(caption, format).map_err(|words| invalid("/format", words))?;
        parameters["caption_entities"] = json!(entities);
    }
    Ok(parameters)
}

/// What Telegram would else have to find out, where it takes it.
fn measure(parameters: &mut Value, file: &MediaRef) {
    if matches!(file.kind.as_str(), "video" | "animation" | "audio" | "voice")
        && let Some(duration) = file.duration_ms
    {
        parameters["duration"] = json!(duration.div_ceil(1000));
    }
    if let (Some(width), Some(height), "video" | "animation") = (file.width, file.height, file.kind.as_str()) {
        parameters["width"] = json!(width);
        parameters["height"] = json!(height);
    }
}

/// A place with a name is a venue, which has both a title and an address.
fn place(location: &Location) -> (&'static str, Value) {
    let mut parameters = json!({ "latitude": location.latitude, "longitude": location.longitude });
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (name, address) = (given(&location.name), given(&location.address));
    let Some(title) = name.clone().or_else(|| address.clone()) else { return ("sendLocation", parameters) };
    parameters["title"] = json!(title);
    parameters["address"] = json!(address.or(name));
    ("sendVenue", parameters)
}

fn contact(cards: &str) -> Result<Value, SendError> {
    let cards: Value = json::read(cards).map_err(|words| invalid("", words))?;
    let card = match cards["contacts"].as_array().map(Vec::as_slice) {
        Some([card]) => card,
        _ => return Err(invalid("/contacts", "Telegram sends one contact card at a time")),
    };
    let phone = card["phones"][0]["phone"].as_str();
    let phone = phone.ok_or_else(|| invalid("/contacts/0/phones", "Telegram sends a contact by a phone number"))?;
    let name = &card["name"];
    let first = name["first_name"].as_str().or_else(|| name["formatted_name"].as_str()).unwrap_or(phone);
    let mut parameters = json!({ "phone_number": phone, "first_name": first });
    for (theirs, ours) in [("last_name", &name["last_name"]), ("vcard", &card["vcard"])] {
        if ours.is_string() {
            parameters[theirs] = ours.clone();
        }
    }
    Ok(parameters)
}

/// What may stand together in one album: photos with videos, documents alone, recordings alone.
pub fn album(content: &Content) -> Option<&'static str> {
    let Content::Media(media) = content else { return None };
    match media.file.kind.as_str() {
        "image" | "video" => Some("visual"),
        "document" => Some("document"),
        "audio" => Some("audio"),
        _ => None,
    }
}

/// A content as part of an album, with its file under this name.
///
/// # Errors
/// A caption's format is none of the schema's.
pub fn input_media(media: &Media, name: &str) -> Result<Value, SendError> {
    let mut input = captioned(media)?;
    let kind = if media.file.kind == "image" { "photo" } else { &media.file.kind };
    input["type"] = json!(kind);
    input["media"] = json!(format!("attach://{name}"));
    measure(&mut input, &media.file);
    Ok(input)
}
