//! From what a visitor wrote to a message.

use crate::Webchat;
use sambung_sdk::json;
use sambung_sdk::prelude::*;
use serde::Deserialize;

/// What the host journals for a visitor's message.
#[derive(Deserialize)]
struct Written<'a> {
    /// The visitor's session.
    visitor: &'a str,
    /// The widget's own id of the message, the same whenever it is sent again.
    id: &'a str,
    /// What the visitor calls themselves.
    name: Option<String>,
    /// The address that they say they read mail at.
    email: Option<String>,
    /// Where they wrote it.
    page: Option<String>,
    content: json::Value,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Known {
    Text {
        text: String,
    },
    Media {
        media_id: String,
        kind: Option<String>,
        mime: Option<String>,
        name: Option<String>,
        bytes: Option<u64>,
        caption: Option<String>,
    },
}

impl Inbound for Webchat {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        if request.recipe != "visitor" {
            return Err(format!("no visitor writes through {}", request.recipe));
        }
        Ok(translate(request.json()?).into())
    }
}

fn translate(written: Written<'_>) -> Item {
    if written.id.is_empty() || written.visitor.is_empty() {
        return Item::failed("a message without an id or a visitor");
    }
    let content = match content(written.content) {
        Ok(content) => content,
        Err(empty) => return Item::ignored(empty),
    };
    let mut person = Person::new(Identity::new("visitor", "", written.visitor)).name(written.name);
    // Anybody can claim an address, so it holds for this visitor only, and joins nothing with the owner of the mailbox.
    person.identities.extend(written.email.map(|email| Identity::new("email", written.visitor, email)));
    let mut message = Message::new(written.id, Thread::new(written.visitor)).sender(person).content(content);
    if let Some(page) = written.page {
        message.extra.push(("page".to_owned(), json::write(&page)));
    }
    Item::event(Event::new(written.id, message))
}

fn content(written: Value) -> Result<Content, &'static str> {
    match Known::deserialize(&written) {
        Ok(Known::Text { text }) if text.trim().is_empty() => Err("an empty text"),
        Ok(Known::Text { text }) => Ok(Content::text(text)),
        Ok(Known::Media { media_id, kind, mime, name, bytes, caption }) => {
            let kind = kind.unwrap_or_else(|| kind_of(mime.as_deref()).to_owned());
            let file = MediaRef::new(kind).blob(media_id).mime(mime).name(name).bytes(bytes);
            Ok(Content::media_with_caption(file, caption))
        }
        Err(_) => {
            let kind = written["type"].as_str().unwrap_or("unknown").to_owned();
            let line = format!("A message that this version cannot show ({kind})");
            Ok(Content::unsupported(kind, &written, line))
        }
    }
}

fn kind_of(mime: Option<&str>) -> &'static str {
    match mime.and_then(|mime| mime.split('/').next()) {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sambung_sdk::inbound::ItemResult;

    fn outcome(body: &Value) -> Result<Outcome, String> {
        Webchat::handle_webhook(Request::new("visitor", body.to_string()), None)
    }

    fn message(body: &Value) -> Message {
        let outcome = outcome(body).expect("the body is understood");
        let [item] = outcome.items.as_slice() else {
            panic!("{outcome:?}");
        };
        let ItemResult::Events(events) = &item.outcome else {
            panic!("{item:?}");
        };
        let Happening::Message(message) = &events[0].what else {
            panic!("{events:?}");
        };
        assert_eq!(events[0].id, message.id);
        message.clone()
    }

    fn written(content: Value) -> Value {
        json!({"visitor": "v1", "id": "m1", "name": null, "page": "https://shop.example/", "content": content})
    }

    #[test]
    fn a_visitors_text_is_a_message_of_the_visitors_thread() {
        let message = message(&written(json!({"type": "text", "text": "Halo 👋"})));
        assert_eq!(message.thread.key, "v1");
        assert_eq!(message.content, [Content::text("Halo 👋")]);
        let sender = message.sender.expect("the visitor is the sender");
        assert_eq!(sender.identities, [Identity::new("visitor", "", "v1")]);
        assert_eq!(message.extra, [("page".to_owned(), "\"https://shop.example/\"".to_owned())]);
    }

    #[test]
    fn an_address_that_a_visitor_claims_is_of_this_visitor_only() {
        let mut body = written(json!({"type": "text", "text": "Halo"}));
        body["name"] = json!("Sari");
        body["email"] = json!("sari@shop.example");
        let sender = message(&body).sender.expect("the visitor is the sender");
        assert_eq!(sender.name.as_deref(), Some("Sari"));
        let claimed = Identity::new("email", "v1", "sari@shop.example");
        assert_eq!(sender.identities, [Identity::new("visitor", "", "v1"), claimed]);
    }

    #[test]
    fn a_file_keeps_the_hosts_name_for_its_bytes() {
        let content = json!({"type": "media", "media_id": "med_1", "mime": "image/png"});
        let message = message(&written(content));
        let Content::Media(media) = &message.content[0] else {
            panic!("{message:?}");
        };
        assert_eq!(media.file.blob.as_deref(), Some("med_1"));
        assert_eq!(media.file.kind, "image");
    }

    #[test]
    fn a_kind_of_a_newer_widget_is_kept_and_shown() {
        let message = message(&written(json!({"type": "drawing", "strokes": [1, 2]})));
        let Content::Unsupported(open) = &message.content[0] else {
            panic!("{message:?}");
        };
        assert_eq!(open.kind, "drawing");
        assert!(open.data.contains("strokes"));
    }

    #[test]
    fn an_empty_text_is_ignored_with_its_reason() {
        let outcome = outcome(&written(json!({"type": "text", "text": " "}))).expect("understood");
        let ignored = ItemResult::Ignored("an empty text".to_owned());
        assert_eq!(outcome.items[0].outcome, ignored);
    }

    #[test]
    fn what_is_no_json_is_refused_whole() {
        let refused = Webchat::handle_webhook(Request::new("visitor", "{\"visitor\":"), None);
        assert!(refused.expect_err("half a body").starts_with("the body: EOF"));
    }
}
