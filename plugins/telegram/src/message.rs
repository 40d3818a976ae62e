//! From a `Message` to contents.

use crate::format;
use crate::place::Place;
use crate::{rich, service};
use sambung_sdk::inbound::Message;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Location, MediaRef, Open, Target, Text};

/// The message with everything that is said of it but its sender.
///
/// # Errors
/// What is missing, in words for people.
pub fn read(own: &Value, place: &Place) -> Result<Message, String> {
    let id = own["message_id"].as_i64().ok_or("a message without an id")?;
    let mut message = Message::new(place.message_id(id), place.thread());
    message.content = contents(own)?;
    message.group = own["media_group_id"].as_str().map(str::to_owned);
    // In a topic every message that answers no other is said to answer the topic's first.
    let answered = &own["reply_to_message"];
    if let Some(id) = answered["message_id"].as_i64().filter(|_| answered["forum_topic_created"].is_null()) {
        message.reply_to = Some(Target::new(place.message_id(id)));
    }
    if own["forward_origin"].is_object() {
        message.extra.push(("forwarded".to_owned(), "true".to_owned()));
    }
    if own["quote"]["text"].is_string() {
        message.extra.push(("quote".to_owned(), own["quote"]["text"].to_string()));
    }
    Ok(message)
}

/// What a message holds; at least one content.
///
/// # Errors
/// What is missing, in words for people.
pub fn contents(own: &Value) -> Result<Vec<Content>, String> {
    if let Some(text) = own["text"].as_str() {
        return Ok(words(text, &own["entities"]));
    }
    if own["rich_message"].is_object() {
        let contents = rich::contents(&own["rich_message"]);
        if !contents.is_empty() {
            return Ok(contents);
        }
    }
    if let Some(file) = file(own) {
        let mut contents = vec![captioned(file?, own)];
        if !own["photo"].is_null() && own["live_photo"].is_object() {
            contents.push(Content::media(media("video", &own["live_photo"])?));
        }
        return Ok(contents);
    }
    if let Some(content) = service::submitted(own) {
        return Ok(vec![content]);
    }
    if let Some(content) = simple(own) {
        return content.map(|content| vec![content]);
    }
    if let Some(line) = service::line(own) {
        return Ok(vec![Content::system(line)]);
    }
    Ok(vec![unknown(own)])
}

/// A text; one that a link to the bot wrote says where the conversation came from.
fn words(text: &str, entities: &Value) -> Vec<Content> {
    let body =
        Content::Text(Text { body: text.to_owned(), format: format::of_entities(text, entities), ..Text::default() });
    let payload = text.strip_prefix("/start ").map(str::trim).filter(|payload| !payload.is_empty());
    let referral =
        payload.map(|payload| Content::Referral(json!({ "source_type": "link", "ref": payload }).to_string()));
    referral.into_iter().chain([body]).collect()
}

/// The file of a message that is one. An animation is also a document, a live photo is also a photo, and a photo comes in
/// several sizes, the largest last.
fn file(own: &Value) -> Option<Result<MediaRef, String>> {
    if let Some(sizes) = own["photo"].as_array() {
        let largest = sizes.last().unwrap_or(&Value::Null);
        return Some(media("image", largest).map(|file| file.mime("image/jpeg".to_owned())));
    }
    let kinds = [
        ("animation", "animation"),
        ("live_photo", "video"),
        ("video", "video"),
        ("video_note", "video"),
        ("voice", "voice"),
        ("audio", "audio"),
        ("sticker", "sticker"),
        ("document", "document"),
    ];
    let (field, kind) = kinds.into_iter().find(|(field, _)| own[*field].is_object())?;
    let mut file = match media(kind, &own[field]) {
        Ok(file) => file,
        Err(words) => return Some(Err(words)),
    };
    match field {
        "video_note" => file.extra.push(("video-note".to_owned(), "true".to_owned())),
        "sticker" => sticker(&mut file, &own[field]),
        _ => {}
    }
    Some(Ok(file))
}

/// A file that Telegram keeps; a bot fetches it by its id.
pub fn media(kind: &str, own: &Value) -> Result<MediaRef, String> {
    let id = own["file_id"].as_str().ok_or_else(|| format!("a file of the kind {kind} without an id"))?;
    let edge = |name: &str| own[name].as_u64().and_then(|edge| u32::try_from(edge).ok());
    let text = |name: &str| own[name].as_str().map(str::to_owned);
    let mut file = MediaRef::new(kind)
        .reference(id)
        .mime(text("mime_type"))
        .name(text("file_name").or_else(|| text("title")))
        .bytes(own["file_size"].as_u64())
        .duration_ms(own["duration"].as_u64().and_then(|seconds| seconds.checked_mul(1000)));
    // A round video has one edge.
    file.width = edge("width").or_else(|| edge("length"));
    file.height = edge("height").or_else(|| edge("length"));
    Ok(file)
}

fn sticker(file: &mut MediaRef, own: &Value) {
    let moves = own["is_animated"] == true || own["is_video"] == true;
    let mime = match (own["is_animated"] == true, own["is_video"] == true) {
        (true, _) => "application/x-tgsticker",
        (false, true) => "video/webm",
        (false, false) => "image/webp",
    };
    file.mime = Some(mime.to_owned());
    if moves {
        file.extra.push(("animated".to_owned(), "true".to_owned()));
    }
    let which = json!({ "emoji": own["emoji"], "set_name": own["set_name"] });
    file.extra.push(("sticker".to_owned(), which.to_string()));
}

fn captioned(file: MediaRef, own: &Value) -> Content {
    let caption = own["caption"].as_str().map(str::to_owned);
    let format = caption.as_deref().and_then(|caption| format::of_entities(caption, &own["caption_entities"]));
    let mut content = Content::media_with_caption(file, caption);
    if let (Content::Media(media), Some(format)) = (&mut content, format) {
        media.extra.push(("format".to_owned(), format));
    }
    content
}

/// Contents that are no file and no text. A venue is also a location.
fn simple(own: &Value) -> Option<Result<Content, String>> {
    let kinds = ["venue", "location", "contact", "dice", "poll", "story", "game", "checklist", "paid_media", "invoice"];
    let kind = kinds.into_iter().find(|kind| own[*kind].is_object())?;
    let data = &own[kind];
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let told = |line: String| Ok(Content::Other(Open::new(kind, data, line)));
    Some(match kind {
        "venue" => location(&data["location"], Some(data)),
        "location" => location(data, None),
        "contact" => Ok(Content::ContactCards(json!({ "contacts": [card(data)] }).to_string())),
        "dice" => told(format!("{} {}", text("emoji"), data["value"])),
        "poll" => told(format!("Poll: {}", text("question"))),
        "story" => told("Shared a story.".to_owned()),
        "game" => told(format!("Game: {}", text("title"))),
        "checklist" => told(format!("Checklist: {}", text("title"))),
        "invoice" => told(format!("Invoice: {}", text("title"))),
        _ => told("Sent media that have to be paid for.".to_owned()),
    })
}

/// A place, with its name and address where it is a venue's.
pub fn location(own: &Value, venue: Option<&Value>) -> Result<Content, String> {
    let degrees = |name: &str| {
        let given = own[name].as_f64().or_else(|| own[name].as_str()?.parse().ok());
        given.ok_or_else(|| format!("a location without its {name}"))
    };
    let text = |name: &str| venue.and_then(|venue| venue[name].as_str()).map(str::to_owned);
    let mut location = Location {
        latitude: degrees("latitude")?,
        longitude: degrees("longitude")?,
        name: text("title"),
        address: text("address"),
        ..Location::default()
    };
    if !own["live_period"].is_null() {
        location.extra.push(("live-period".to_owned(), own["live_period"].to_string()));
    }
    Ok(Content::Location(location))
}

/// After `schemas/contact-cards.json`.
fn card(own: &Value) -> Value {
    let names = [own["first_name"].as_str(), own["last_name"].as_str()];
    let name: Vec<&str> = names.into_iter().flatten().collect();
    let mut card = json!({
        "name": { "formatted_name": name.join(" "), "first_name": own["first_name"] },
        "phones": [{ "phone": own["phone_number"] }],
    });
    if own["last_name"].is_string() {
        card["name"]["last_name"] = own["last_name"].clone();
    }
    if own["vcard"].is_string() {
        card["vcard"] = own["vcard"].clone();
    }
    if !own["user_id"].is_null() {
        card["user_id"] = own["user_id"].clone();
    }
    card
}

/// The digits of somebody's own number: Telegram names the user whose number a card holds.
pub fn own_number(own: &Value) -> Option<String> {
    let user = own["contact"]["user_id"].as_i64()?;
    let digits: String = own["contact"]["phone_number"].as_str()?.chars().filter(char::is_ascii_digit).collect();
    (own["from"]["id"].as_i64() == Some(user) && !digits.is_empty()).then_some(digits)
}

/// A message of a kind that this version does not know is there, with everything Telegram said.
fn unknown(own: &Value) -> Content {
    let kind = service::unknown_kind(own).unwrap_or("empty");
    Content::unsupported(kind, own, format!("A message that this version cannot show: {kind}"))
}
