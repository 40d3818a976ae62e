//! From one message object to its contents.

use crate::{Network, attachment, referral};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Target};

/// What a message says, and what it answers.
pub struct Said {
    /// In the order in which people see it.
    pub content: Vec<Content>,
    /// The message it answers.
    pub reply_to: Option<Target>,
    /// What it asks about, as the contract names it.
    pub extra: Vec<(String, String)>,
}

/// Reads a message object.
pub fn read(network: &Network, own: &Value) -> Said {
    let mut content = Vec::new();
    let mut extra = Vec::new();
    match own.get("referral").filter(|value| value.is_object()) {
        Some(asked) if asked["product"].is_object() => {
            extra.push(("referred-product".to_owned(), asked["product"].to_string()));
        }
        Some(came) => content.push(referral::content(came)),
        None => {}
    }
    let story = &own["reply_to"]["story"];
    if story.is_object() {
        content.extend(story_contents(story));
    }
    let text = own["text"].as_str().filter(|text| !text.is_empty());
    match (own["quick_reply"]["payload"].as_str(), text) {
        (Some(payload), label) => content.push(Content::choice(payload, label.map(str::to_owned))),
        (None, Some(text)) => content.push(Content::text(text)),
        (None, None) => {}
    }
    content.extend(attachment::contents(network, &own["attachments"]));
    let reply_to = own["reply_to"]["mid"].as_str().map(Target::new);
    if content.is_empty() {
        let line = format!("{} does not say what is in this message.", network.name);
        content.push(Content::unsupported("message", own, line));
    }
    Said { content, reply_to, extra }
}

/// The story that a message answers. Its picture is gone after a day, so it is fetched with the message.
fn story_contents(story: &Value) -> Vec<Content> {
    let referral = json!({ "source_type": "story", "source_id": story["id"], "source_url": story["url"] });
    let mut contents = vec![Content::Referral(referral.to_string())];
    contents.extend(story["url"].as_str().filter(|url| attachment::is_file(url)).map(attachment::picture));
    contents
}
