//! Choices under a message. Only the older API has them, and only for tokens of an own app.

use crate::api::{Refusal, to};
use crate::errors::{Meaning, meaning, send_error};
use crate::outbound::accepted;
use crate::settings::Mode;
use sambung_sdk::http::Response;
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::outbound::{Receipt, SendError, SendFault};
use serde::Deserialize;

/// Whether channels of an own app offer choices. The older API's page is not to be had any more, so this is the one place to
/// change if X takes the call away.
pub const QUICK_REPLIES: bool = true;
/// Choices under one message.
const OPTIONS: usize = 20;
/// Characters of what explains a choice.
const DESCRIPTION: usize = 72;

/// The parts of `schemas/interactive.json` that X has something for.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Interactive {
    title: Option<String>,
    body: String,
    footer: Option<String>,
    buttons: Vec<Button>,
    sections: Vec<Section>,
    cards: Vec<Value>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default)]
    rows: Vec<Button>,
}

#[derive(Deserialize)]
struct Button {
    id: Option<String>,
    #[serde(alias = "title")]
    label: String,
    description: Option<String>,
}

/// Sends a text with choices.
///
/// # Errors
/// What does not fit, named by its place, or what X said.
pub fn send(content: &str, person: &str, mode: Mode) -> Result<Receipt, SendError> {
    let data = message_data(content)?;
    let message = json!({ "target": { "recipient_id": person }, "message_data": data });
    let body = json!({ "event": { "type": "message_create", "message_create": message } });
    let response = mode.as_user(to("POST", "/1.1/direct_messages/events/new.json")).json(&body).send()?;
    accepted(&response, |answer| answer["event"]["id"].as_str().map(str::to_owned), refused)
}

/// An app without the older API still has the newer one, so that nothing but this message is held back.
fn refused(response: &Response) -> SendError {
    let refusal = Refusal::of(response);
    if meaning(&refusal, response.status) != Meaning::Forbidden {
        return send_error(response);
    }
    let words = format!("X does not let this app send choices; send a text instead. X said: {}", refusal.words);
    SendError { fault: SendFault::Invalid, words, scope: "message".to_owned(), ..send_error(response) }
}

fn message_data(content: &str) -> Result<Value, SendError> {
    let content: Interactive =
        json::read(content).map_err(|words| invalid("", format!("the interactive content cannot be read: {words}")))?;
    if !content.cards.is_empty() {
        return Err(invalid("/cards", "X has no cards"));
    }
    let in_sections = content.sections.iter().flat_map(|section| &section.rows);
    let options = content.buttons.iter().chain(in_sections).map(option).collect::<Result<Vec<_>, _>>()?;
    if options.is_empty() || options.len() > OPTIONS {
        return Err(invalid(
            "/buttons",
            format!("X shows from 1 to {OPTIONS} choices, and there are {}", options.len()),
        ));
    }
    Ok(json!({ "text": content.text(), "quick_reply": { "type": "options", "options": options } }))
}

impl Interactive {
    fn text(&self) -> String {
        let parts = [self.title.as_deref(), Some(self.body.as_str()), self.footer.as_deref()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}

/// The text of a message with choices, as it arrives.
pub fn text(content: &str) -> Option<String> {
    json::read::<Interactive>(content).ok().map(|content| content.text())
}

fn option(button: &Button) -> Result<Value, SendError> {
    let Some(id) = &button.id else {
        return Err(invalid("/buttons", "X has no buttons with links; write the link into the text"));
    };
    let mut option = json!({ "label": button.label, "metadata": id });
    if let Some(description) = button.description.as_deref().filter(|description| !description.is_empty()) {
        if description.chars().count() > DESCRIPTION {
            return Err(invalid("/buttons", format!("what explains a choice has at most {DESCRIPTION} characters")));
        }
        option["description"] = json!(description);
    }
    Ok(option)
}

fn invalid(field: &str, words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words).field(field)
}
