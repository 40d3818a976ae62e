//! Buttons and lists (`wit/schemas/interactive.json`) as the provider's interactive messages.

use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use serde::Deserialize;

/// Reply buttons of a message (Cloud API, "Interactive reply buttons messages").
const BUTTONS: usize = 3;
/// Characters on a button, on the button that opens a list, and in a row's title and description.
const BUTTON_TITLE: usize = 20;
const ROW_TITLE: usize = 24;
const ROW_DESCRIPTION: usize = 72;
/// Rows of a list, over all sections (Cloud API, "Interactive list messages").
const ROWS: usize = 10;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Interactive {
    title: Option<String>,
    body: String,
    footer: Option<String>,
    /// What is written on the button that opens a list.
    button: Option<String>,
    buttons: Vec<Button>,
    sections: Vec<Section>,
}

#[derive(Deserialize)]
struct Button {
    id: Option<String>,
    #[serde(alias = "title")]
    label: String,
    description: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Section {
    title: Option<String>,
    rows: Vec<Button>,
}

/// The `interactive` object of an interactive content.
///
/// # Errors
/// What does not fit, named by its place.
pub fn object(text: &str) -> Result<Value, SendError> {
    let content: Interactive =
        json::read(text).map_err(|words| invalid("", format!("the interactive content cannot be read: {words}")))?;
    if content.body.is_empty() {
        return Err(invalid("/body", "WhatsApp wants a text above the choices"));
    }
    let (kind, action) = action(&content)?;
    let mut object = json!({ "type": kind, "body": { "text": content.body }, "action": action });
    if let Some(title) = &content.title {
        object["header"] = json!({ "type": "text", "text": title });
    }
    if let Some(footer) = &content.footer {
        object["footer"] = json!({ "text": footer });
    }
    Ok(object)
}

fn action(content: &Interactive) -> Result<(&'static str, Value), SendError> {
    match (content.buttons.as_slice(), content.sections.as_slice()) {
        ([], []) => Err(invalid("/buttons", "there is nothing to choose")),
        ([only], []) if only.url.is_some() => Ok(("cta_url", link(only)?)),
        (buttons, []) if buttons.len() <= BUTTONS => Ok(("button", replies(buttons)?)),
        (buttons, []) => {
            let rows = rows("/buttons", buttons)?;
            Ok(("list", json!({ "button": opener(content)?, "sections": [{ "rows": rows }] })))
        }
        ([], sections) => Ok(("list", list(content, sections)?)),
        _ => Err(invalid("/sections", "WhatsApp shows either buttons or a list")),
    }
}

fn link(button: &Button) -> Result<Value, SendError> {
    let label = short("/buttons/0/label", &button.label, BUTTON_TITLE)?;
    Ok(json!({ "name": "cta_url", "parameters": { "display_text": label, "url": button.url } }))
}

fn replies(buttons: &[Button]) -> Result<Value, SendError> {
    let mut replies = Vec::new();
    for (at, button) in buttons.iter().enumerate() {
        let Some(id) = &button.id else {
            let words = "WhatsApp shows a link only as the one button of a message";
            return Err(invalid(format!("/buttons/{at}"), words));
        };
        let title = short(format!("/buttons/{at}/label"), &button.label, BUTTON_TITLE)?;
        replies.push(json!({ "type": "reply", "reply": { "id": id, "title": title } }));
    }
    Ok(json!({ "buttons": replies }))
}

fn list(content: &Interactive, sections: &[Section]) -> Result<Value, SendError> {
    let count: usize = sections.iter().map(|section| section.rows.len()).sum();
    if count > ROWS {
        return Err(invalid("/sections", format!("WhatsApp shows at most {ROWS} rows, and there are {count}")));
    }
    let mut objects = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        let mut object = json!({ "rows": rows(&format!("/sections/{at}/rows"), &section.rows)? });
        match &section.title {
            Some(title) => object["title"] = json!(short(format!("/sections/{at}/title"), title, ROW_TITLE)?),
            None if sections.len() > 1 => {
                return Err(invalid(format!("/sections/{at}/title"), "each of several sections needs a title"));
            }
            None => {}
        }
        objects.push(object);
    }
    Ok(json!({ "button": opener(content)?, "sections": objects }))
}

fn rows(place: &str, rows: &[Button]) -> Result<Vec<Value>, SendError> {
    if rows.len() > ROWS {
        return Err(invalid(place, format!("WhatsApp shows at most {ROWS} rows, and there are {}", rows.len())));
    }
    let mut objects = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(id) = &row.id else {
            return Err(invalid(format!("{place}/{at}"), "a row of a list needs an `id`"));
        };
        let mut object = json!({ "id": id, "title": short(format!("{place}/{at}/label"), &row.label, ROW_TITLE)? });
        if let Some(description) = &row.description {
            object["description"] = json!(short(format!("{place}/{at}/description"), description, ROW_DESCRIPTION)?);
        }
        objects.push(object);
    }
    Ok(objects)
}

fn opener(content: &Interactive) -> Result<&str, SendError> {
    short("/button", content.button.as_deref().unwrap_or("…"), BUTTON_TITLE)
}

fn short(place: impl Into<String>, text: &str, most: usize) -> Result<&str, SendError> {
    let length = text.chars().count();
    if length == 0 || length > most {
        return Err(invalid(place, format!("from 1 to {most} characters, and there are {length}")));
    }
    Ok(text)
}

fn invalid(field: impl Into<String>, words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words).field(field)
}
