//! Buttons, lists, cards and stickers (`wit/schemas/interactive.json`) as LINE's templates and quick replies.
//!
//! A template where the words fit one; else a text with quick replies, which takes long texts and up to thirteen choices.

use crate::content::cut;
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use serde::Deserialize;

/// Buttons of a template, and of one card.
const BUTTONS: usize = 4;
const CARD_BUTTONS: usize = 3;
/// Cards of a carousel.
const CARDS: usize = 10;
/// Quick replies of a message.
const QUICK_REPLIES: usize = 13;
/// Characters of a template's text: without a title or image, and with one.
const TEMPLATE_TEXT: usize = 160;
const TITLED_TEXT: usize = 60;
const CARD_TEXT: usize = 120;
const TITLE: usize = 40;
/// What a device that cannot show a template shows instead.
const ALT_TEXT: usize = 400;

#[derive(Deserialize)]
#[serde(default)]
struct Interactive {
    kind: String,
    title: Option<String>,
    body: String,
    footer: Option<String>,
    buttons: Vec<Button>,
    sections: Vec<Section>,
    cards: Vec<Card>,
    package_id: String,
    sticker_id: String,
}

impl Default for Interactive {
    fn default() -> Self {
        Self {
            kind: "buttons".to_owned(),
            title: None,
            body: String::new(),
            footer: None,
            buttons: Vec::new(),
            sections: Vec::new(),
            cards: Vec::new(),
            package_id: String::new(),
            sticker_id: String::new(),
        }
    }
}

/// A choice that comes back as a postback, or a link.
#[derive(Deserialize)]
struct Button {
    #[serde(default)]
    id: Option<String>,
    #[serde(alias = "title")]
    label: String,
    #[serde(default)]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    rows: Vec<Button>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Card {
    title: Option<String>,
    body: String,
    image_url: Option<String>,
    buttons: Vec<Button>,
}

/// The message object of an interactive content.
///
/// # Errors
/// What does not fit any of LINE's, named by its place.
pub fn object(text: &str) -> Result<Value, SendError> {
    let content: Interactive =
        json::read(text).map_err(|words| invalid("", format!("the interactive content cannot be read: {words}")))?;
    match content.kind.as_str() {
        "sticker" => Ok(json!({
            "type": "sticker",
            "packageId": content.package_id,
            "stickerId": content.sticker_id,
        })),
        "cards" => carousel(&content),
        _ => buttons(&content),
    }
}

fn buttons(content: &Interactive) -> Result<Value, SendError> {
    let choices: Vec<&Button> =
        content.buttons.iter().chain(content.sections.iter().flat_map(|section| &section.rows)).collect();
    if choices.is_empty() {
        return Err(invalid("/buttons", "there is nothing to choose"));
    }
    let titled = content.title.as_ref().is_some_and(|title| !title.is_empty());
    let most = if titled { TITLED_TEXT } else { TEMPLATE_TEXT };
    let short_title = content.title.as_deref().is_none_or(|title| fits(title, TITLE));
    let simple = content.kind == "buttons" && content.footer.is_none();
    if simple && choices.len() <= BUTTONS && fits(&content.body, most) && short_title {
        let mut template = json!({
            "type": "buttons",
            "text": content.body,
            "actions": actions(&choices)?,
        });
        if titled {
            template["title"] = json!(content.title);
        }
        return Ok(in_message(&content.body, template));
    }
    with_quick_replies(content, &choices)
}

fn with_quick_replies(content: &Interactive, choices: &[&Button]) -> Result<Value, SendError> {
    if choices.len() > QUICK_REPLIES {
        let words = format!("LINE shows at most {QUICK_REPLIES} choices, and there are {}", choices.len());
        return Err(invalid("/sections", words));
    }
    let parts = [content.title.as_deref(), Some(content.body.as_str()), content.footer.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let items: Vec<Value> =
        actions(choices)?.into_iter().map(|action| json!({ "type": "action", "action": action })).collect();
    Ok(json!({ "type": "text", "text": parts.join("\n\n"), "quickReply": { "items": items } }))
}

fn carousel(content: &Interactive) -> Result<Value, SendError> {
    if content.cards.is_empty() || content.cards.len() > CARDS {
        return Err(invalid("/cards", format!("LINE shows from 1 to {CARDS} cards")));
    }
    let columns = content.cards.iter().map(column).collect::<Result<Vec<Value>, SendError>>()?;
    let alt = if content.body.is_empty() { &content.cards[0].body } else { &content.body };
    Ok(in_message(alt, json!({ "type": "carousel", "columns": columns })))
}

fn column(card: &Card) -> Result<Value, SendError> {
    let most = if card.title.is_some() || card.image_url.is_some() { TITLED_TEXT } else { CARD_TEXT };
    if card.buttons.is_empty() || card.buttons.len() > CARD_BUTTONS {
        return Err(invalid("/cards", format!("a card has from 1 to {CARD_BUTTONS} buttons")));
    }
    if !fits(&card.body, most) {
        return Err(invalid("/cards", format!("the text of such a card has at most {most} characters")));
    }
    let mut column = json!({
        "text": card.body,
        "actions": actions(&card.buttons.iter().collect::<Vec<_>>())?,
    });
    if let Some(title) = &card.title {
        column["title"] = json!(cut(title, TITLE));
    }
    if let Some(image) = &card.image_url {
        column["thumbnailImageUrl"] = json!(image);
    }
    Ok(column)
}

fn actions(buttons: &[&Button]) -> Result<Vec<Value>, SendError> {
    buttons.iter().map(|button| action(button)).collect()
}

fn action(button: &Button) -> Result<Value, SendError> {
    let label = &button.label;
    match (&button.url, &button.id) {
        (Some(url), _) => Ok(json!({ "type": "uri", "label": label, "uri": url })),
        (None, Some(id)) => Ok(json!({ "type": "postback", "label": label, "data": id, "displayText": label })),
        (None, None) => Err(invalid("/buttons", "a button needs an `id` or a `url`")),
    }
}

fn in_message(alt: &str, template: Value) -> Value {
    json!({ "type": "template", "altText": cut(alt, ALT_TEXT), "template": template })
}

fn fits(text: &str, units: usize) -> bool {
    !text.is_empty() && text.encode_utf16().count() <= units
}

fn invalid(field: &str, words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words).field(field)
}
