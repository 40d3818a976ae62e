//! Buttons and lists (`wit/schemas/interactive.json`) as a text with an inline keyboard, one button a row.

use crate::errors::invalid;
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::SendError;
use serde::Deserialize;

/// What a button carries back, in bytes.
const DATA_BYTES: usize = 64;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Interactive {
    kind: String,
    title: Option<String>,
    body: String,
    footer: Option<String>,
    buttons: Vec<Button>,
    sections: Vec<Section>,
    sticker_id: String,
}

#[derive(Deserialize)]
struct Button {
    id: Option<String>,
    #[serde(alias = "title")]
    label: String,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    rows: Vec<Button>,
}

/// The method and its parameters.
///
/// # Errors
/// What Telegram has nothing for, named by its place.
pub fn call(text: &str) -> Result<(&'static str, Value), SendError> {
    let content: Interactive =
        json::read(text).map_err(|words| invalid("", format!("the interactive content cannot be read: {words}")))?;
    match content.kind.as_str() {
        "" | "buttons" | "list" => Ok(("sendMessage", message(&content)?)),
        "sticker" if !content.sticker_id.is_empty() => Ok(("sendSticker", json!({ "sticker": content.sticker_id }))),
        "sticker" => Err(invalid("/sticker_id", "a sticker is named by its file id")),
        kind => Err(invalid("/kind", format!("Telegram has nothing like {kind}"))),
    }
}

fn message(content: &Interactive) -> Result<Value, SendError> {
    let mut rows = Vec::new();
    for (index, button) in content.buttons.iter().enumerate() {
        rows.push(json!([key(button, &format!("/buttons/{index}"))?]));
    }
    for (outer, section) in content.sections.iter().enumerate() {
        for (index, row) in section.rows.iter().enumerate() {
            rows.push(json!([key(row, &format!("/sections/{outer}/rows/{index}"))?]));
        }
    }
    if rows.is_empty() {
        return Err(invalid("/buttons", "there is nothing to choose"));
    }
    let title = content.title.as_deref().filter(|title| !title.is_empty());
    let parts = [title, Some(content.body.as_str()), content.footer.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let mut message = json!({ "text": parts.join("\n\n"), "reply_markup": { "inline_keyboard": rows } });
    if let Some(title) = title {
        let length = title.encode_utf16().count();
        message["entities"] = json!([{ "type": "bold", "offset": 0, "length": length }]);
    }
    Ok(message)
}

fn key(button: &Button, place: &str) -> Result<Value, SendError> {
    match (&button.url, &button.id) {
        (Some(url), _) => Ok(json!({ "text": button.label, "url": url })),
        (None, Some(id)) if (1..=DATA_BYTES).contains(&id.len()) => {
            Ok(json!({ "text": button.label, "callback_data": id }))
        }
        (None, Some(id)) => {
            let words = format!("a button carries back 1 to {DATA_BYTES} bytes, and this one {}", id.len());
            Err(invalid(&format!("{place}/id"), words))
        }
        (None, None) => Err(invalid(place, "a button needs an `id` or a `url`")),
    }
}
