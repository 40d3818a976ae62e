//! Buttons, lists, cards and stickers (`wit/schemas/interactive.json`) as quick replies and templates.
//!
//! A few choices are buttons where the platform has them under a text; more, and those of a long text, are quick replies;
//! links stand on buttons only.

use crate::Network;
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use serde::Deserialize;

/// "Quick replies": at most 13, and 20 characters on one.
const QUICK_REPLIES: usize = 13;
/// Characters on a quick reply and on a button.
const LABEL: usize = 20;
/// "Button template": at most 3 buttons under at most 640 characters.
const BUTTONS: usize = 3;
const BUTTON_TEXT: usize = 640;
/// "Generic template": at most 10 elements, 80 characters in a title and a subtitle.
const CARDS: usize = 10;
const CARD_TEXT: usize = 80;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Interactive {
    kind: Option<String>,
    title: Option<String>,
    body: String,
    footer: Option<String>,
    buttons: Vec<Button>,
    sections: Vec<Section>,
    cards: Vec<Card>,
    sticker_id: Option<String>,
}

#[derive(Deserialize)]
struct Button {
    id: Option<String>,
    #[serde(alias = "title")]
    label: String,
    url: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Section {
    rows: Vec<Button>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Card {
    title: Option<String>,
    body: String,
    image_url: Option<String>,
    buttons: Vec<Button>,
}

/// The `message` object of an interactive content.
///
/// # Errors
/// What does not fit, named by its place.
pub fn object(network: &Network, text: &str) -> Result<Value, SendError> {
    let content: Interactive =
        json::read(text).map_err(|words| invalid("", format!("the interactive content cannot be read: {words}")))?;
    match content.kind.as_deref() {
        Some("cards") => cards(&content.cards),
        Some("sticker") => sticker(network, &content),
        _ => choices(network, &content),
    }
}

fn sticker(network: &Network, content: &Interactive) -> Result<Value, SendError> {
    match content.sticker_id.as_deref() {
        Some("like_heart") if network.heart => Ok(json!({ "attachment": { "type": "like_heart" } })),
        Some(id) if !network.heart => Ok(json!({ "sticker_id": id })),
        _ => Err(invalid("/sticker_id", format!("{} has no such sticker", network.name))),
    }
}

fn choices(network: &Network, content: &Interactive) -> Result<Value, SendError> {
    let parts = [content.title.as_deref(), Some(content.body.as_str()), content.footer.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let text = parts.join("\n\n");
    if text.is_empty() {
        return Err(invalid("/body", format!("{} wants a text above the choices", network.name)));
    }
    let rows = content.sections.iter().enumerate().flat_map(|(section, one)| {
        one.rows.iter().enumerate().map(move |(at, row)| (format!("/sections/{section}/rows/{at}"), row))
    });
    let buttons = content.buttons.iter().enumerate().map(|(at, button)| (format!("/buttons/{at}"), button));
    let all: Vec<(String, &Button)> = buttons.chain(rows).collect();
    if all.is_empty() {
        return Err(invalid("/buttons", "there is nothing to choose"));
    }
    let links = all.iter().any(|(_, button)| button.url.is_some());
    let few = all.len() <= BUTTONS && content.sections.is_empty();
    if few && network.button_template && text.chars().count() <= BUTTON_TEXT {
        let payload = json!({ "template_type": "button", "text": text, "buttons": buttons_of(&all)? });
        return Ok(template(payload));
    }
    if links {
        if !few || network.button_template {
            let words = format!("links stand on at most {BUTTONS} buttons under a short text");
            return Err(invalid("/buttons", words));
        }
        let title = short("/body", &text, CARD_TEXT)?;
        return Ok(generic(vec![json!({ "title": title, "buttons": buttons_of(&all)? })]));
    }
    Ok(json!({ "text": text, "quick_replies": quick_replies(network, &all)? }))
}

fn quick_replies(network: &Network, all: &[(String, &Button)]) -> Result<Vec<Value>, SendError> {
    if all.len() > QUICK_REPLIES {
        let words = format!("{} shows at most {QUICK_REPLIES} choices, and there are {}", network.name, all.len());
        return Err(invalid(place_of(all), words));
    }
    let reply = |(place, button): &(String, &Button)| {
        let payload = button.id.as_deref().ok_or_else(|| invalid(place, "a choice needs an `id`"))?;
        let title = short(&format!("{place}/label"), &button.label, LABEL)?;
        Ok(json!({ "content_type": "text", "title": title, "payload": payload }))
    };
    all.iter().map(reply).collect()
}

fn place_of(all: &[(String, &Button)]) -> &'static str {
    if all.first().is_some_and(|(place, _)| place.starts_with("/sections")) { "/sections" } else { "/buttons" }
}

fn buttons_of(all: &[(String, &Button)]) -> Result<Vec<Value>, SendError> {
    let button = |(place, button): &(String, &Button)| {
        let title = short(&format!("{place}/label"), &button.label, LABEL)?;
        match (&button.url, &button.id) {
            (Some(url), _) => match url.strip_prefix("tel:") {
                Some(number) => Ok(json!({ "type": "phone_number", "title": title, "payload": number })),
                None => Ok(json!({ "type": "web_url", "title": title, "url": url })),
            },
            (None, Some(id)) => Ok(json!({ "type": "postback", "title": title, "payload": id })),
            (None, None) => Err(invalid(place, "a button needs an `id` or a `url`")),
        }
    };
    all.iter().map(button).collect()
}

fn cards(cards: &[Card]) -> Result<Value, SendError> {
    if cards.is_empty() || cards.len() > CARDS {
        return Err(invalid("/cards", format!("from 1 to {CARDS} cards, and there are {}", cards.len())));
    }
    let elements = cards.iter().enumerate().map(|(at, card)| element(at, card));
    Ok(generic(elements.collect::<Result<_, _>>()?))
}

fn element(at: usize, card: &Card) -> Result<Value, SendError> {
    let place = format!("/cards/{at}");
    if card.buttons.len() > BUTTONS {
        return Err(invalid(format!("{place}/buttons"), format!("a card has at most {BUTTONS} buttons")));
    }
    let body = short(&format!("{place}/body"), &card.body, CARD_TEXT)?;
    let mut element = match card.title.as_deref().filter(|title| !title.is_empty()) {
        Some(title) => json!({ "title": short(&format!("{place}/title"), title, CARD_TEXT)?, "subtitle": body }),
        None => json!({ "title": body }),
    };
    if let Some(image) = &card.image_url {
        element["image_url"] = json!(image);
    }
    let buttons: Vec<(String, &Button)> =
        card.buttons.iter().enumerate().map(|(at, button)| (format!("{place}/buttons/{at}"), button)).collect();
    if !buttons.is_empty() {
        element["buttons"] = json!(buttons_of(&buttons)?);
    }
    // An element of a title alone is refused.
    if element.as_object().is_some_and(|fields| fields.len() < 2) {
        return Err(invalid(place, "a card needs a title above its text, a picture or a button"));
    }
    Ok(element)
}

fn generic(elements: Vec<Value>) -> Value {
    template(json!({ "template_type": "generic", "elements": elements }))
}

fn template(payload: Value) -> Value {
    json!({ "attachment": { "type": "template", "payload": payload } })
}

fn short<'t>(place: &str, text: &'t str, most: usize) -> Result<&'t str, SendError> {
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(invalid(place, format!("from 1 to {most} characters, and there are {length}")));
    }
    Ok(text)
}

fn invalid(field: impl Into<String>, words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words).field(field)
}
