//! From one of LINE's messages to the shared vocabulary.

use crate::event::{FileMessage, LocationMessage, MessageHead, StickerMessage, TextMessage};
use sambung_sdk::inbound::Message;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, MediaRef, Target, Text, Thread};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is needed to refer to a message later.
#[derive(Default, Serialize, Deserialize)]
pub struct MessageContext {
    /// Quotes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_token: Option<String>,
    /// Marks it read, with all before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark_as_read_token: Option<String>,
}

/// Reads a message of any kind. One of a kind that this version does not know is there, unsupported, with everything LINE
/// said about it.
///
/// # Errors
/// The parser's words, where a known kind lacks what makes it one.
pub fn read(raw: &RawValue, thread: Thread) -> Result<Message, serde_json::Error> {
    let head: MessageHead = serde_json::from_str(raw.get())?;
    let mut message = Message::new(&head.id, thread);
    message.content.push(match head.kind.as_str() {
        "text" => text(serde_json::from_str(raw.get())?),
        kind @ ("image" | "video" | "audio" | "file") => {
            let file: FileMessage = serde_json::from_str(raw.get())?;
            message.group = file.image_set.as_ref().map(|set| set.id.clone());
            Content::media(media(kind, &head.id, file))
        }
        "location" => location(serde_json::from_str(raw.get())?),
        "sticker" => sticker(serde_json::from_str(raw.get())?),
        kind => Content::unsupported(
            kind,
            &serde_json::from_str::<Value>(raw.get())?,
            format!("A message that this version cannot show: {kind}"),
        ),
    });
    message.reply_to = head.quoted_message_id.map(Target::new);
    if head.quote_token.is_some() || head.mark_as_read_token.is_some() {
        let context = MessageContext { quote_token: head.quote_token, mark_as_read_token: head.mark_as_read_token };
        message = message.context(&context);
    }
    Ok(message)
}

fn text(message: TextMessage<'_>) -> Content {
    let format = format(&message);
    Content::Text(Text { body: message.text, format, ..Text::default() })
}

/// A file that LINE keeps is fetched by the message's id; any other by its own address.
fn media(kind: &str, id: &str, message: FileMessage) -> MediaRef {
    let kind = if kind == "file" { "document" } else { kind };
    let file = MediaRef::new(kind).name(message.file_name).bytes(message.file_size).duration_ms(message.duration);
    match message.content_provider {
        Some(provider) if provider.kind == "external" => match provider.original_content_url {
            Some(url) => file.url(url),
            None => file.reference(id),
        },
        _ => file.reference(id),
    }
}

fn location(message: LocationMessage) -> Content {
    let mut content = Content::location(message.latitude, message.longitude);
    if let Content::Location(location) = &mut content {
        location.name = message.title;
        location.address = message.address;
    }
    content
}

/// A sticker's picture is public; its address is not documented, but has been the same for years in public clients.
fn sticker(sticker: StickerMessage) -> Content {
    let url = format!(
        "https://stickershop.line-scdn.net/stickershop/v1/sticker/{}/android/sticker.png",
        sambung_sdk::http::encode(&sticker.sticker_id)
    );
    let mut file = MediaRef::new("sticker").url(url).mime("image/png".to_owned());
    file.extra.push(("sticker".to_owned(), json!(sticker).to_string()));
    Content::media_with_caption(file, sticker.text)
}

/// LINE's own emojis and mentions as ranges of the text (`wit/schemas/text-format.json`). LINE counts UTF-16 code units.
fn format(message: &TextMessage<'_>) -> Option<String> {
    let emojis = message.emojis.map(read_value).unwrap_or_default();
    let mention = message.mention.map(read_value).unwrap_or_default();
    let emojis = ranges(&emojis, "emoji");
    let mentions = ranges(&mention["mentionees"], "mention");
    let ranges: Vec<Value> = emojis.into_iter().chain(mentions).collect();
    (!ranges.is_empty()).then(|| json!({ "unit": "utf-16", "ranges": ranges }).to_string())
}

fn read_value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

fn ranges(list: &Value, kind: &str) -> Vec<Value> {
    let range = |entry: &Value| {
        json!({
            "kind": kind,
            "start": entry["index"],
            "length": entry["length"],
            "data": entry,
        })
    };
    list.as_array().into_iter().flatten().map(range).collect()
}
