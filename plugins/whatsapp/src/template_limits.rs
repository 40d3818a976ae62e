//! What the provider takes of a new template ("Message templates", "Components"), so that every fault is told at once and at
//! its place. What only the provider can judge it says itself.

use crate::templates::{MOST_OF_CODE, blanks};
use sambung_sdk::json::Value;
use sambung_sdk::types::Fault;

const MOST_OF_NAME: usize = 512;
const MOST_OF_HEADER: usize = 60;
const MOST_OF_BODY: usize = 1024;
const MOST_OF_FOOTER: usize = 60;
const MOST_OF_LABEL: usize = 25;
const MOST_OF_URL: usize = 2000;
const MOST_OF_PHONE: usize = 20;
const MOST_BUTTONS: usize = 10;
/// How many of a kind there may be.
const MOST_OF_KIND: [(&str, usize); 3] = [("url", 2), ("phone", 1), ("copy-code", 1)];
/// An authentication template's text is the provider's own and cannot be given ("Authentication templates").
const CATEGORIES: [&str; 2] = ["utility", "marketing"];
/// What a file may be that shows what will stand in the header ("Resumable Upload API", `file_type`).
const SAMPLES: [(&str, &[&str]); 3] =
    [("image", &["image/jpeg", "image/png"]), ("video", &["video/mp4"]), ("document", &["application/pdf"])];

/// Every fault of a new template, each with its place.
pub fn faults(template: &Value) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    let name = template["name"].as_str().unwrap_or_default();
    faults.longest("/name", name, MOST_OF_NAME);
    if !is_word(name) {
        faults.note("/name", "a name has small letters, digits and underscores only");
    }
    if !template["category"].as_str().is_some_and(|category| CATEGORIES.contains(&category)) {
        faults.note(
            "/category",
            "the category is `utility` or `marketing`; templates for authentication are made in WhatsApp Manager",
        );
    }
    faults.header(&template["header"]);
    let body = template["body"]["text"].as_str().unwrap_or_default();
    faults.longest("/body/text", body, MOST_OF_BODY);
    faults.names("/body/text", body);
    if let Some(footer) = template["footer"].as_str() {
        faults.longest("/footer", footer, MOST_OF_FOOTER);
        if !blanks(footer).is_empty() {
            faults.note("/footer", "a footer has no blanks");
        }
    }
    faults.buttons(template["buttons"].as_array().map(Vec::as_slice).unwrap_or_default());
    faults.0
}

/// What a blank or a template may be called.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

struct Faults(Vec<Fault>);

impl Faults {
    fn note(&mut self, place: impl Into<String>, words: impl Into<String>) {
        self.0.push(Fault::new("invalid", words).field(place.into()));
    }

    fn longest(&mut self, place: &str, text: &str, most: usize) {
        let length = text.chars().count();
        if length > most {
            self.note(place, format!("at most {most} characters, and these are {length}"));
        }
    }

    fn names(&mut self, place: &str, text: &str) {
        for name in blanks(text).into_iter().filter(|name| !is_word(name)) {
            self.note(place, format!("the blank `{name}`: small letters, digits and underscores only"));
        }
    }

    fn header(&mut self, header: &Value) {
        let Some(kind) = header["kind"].as_str() else { return };
        if kind == "text" {
            let text = header["text"].as_str().unwrap_or_default();
            self.longest("/header/text", text, MOST_OF_HEADER);
            self.names("/header/text", text);
            if blanks(text).len() > 1 {
                self.note("/header/text", "a header has one blank at most");
            }
        } else if let Some((_, types)) = SAMPLES.iter().find(|(known, _)| *known == kind) {
            let mime = header["example"]["mime"].as_str().unwrap_or("nothing known");
            if !types.contains(&mime) {
                let words = format!(
                    "for a header of the kind {kind} the example is {}, and this is {mime}",
                    types.join(" or ")
                );
                self.note("/header/example/media_id", words);
            }
        } else if kind != "location" {
            self.note("/header/kind", "a header is `text`, `image`, `video`, `document` or `location`");
        }
    }

    fn buttons(&mut self, buttons: &[Value]) {
        if buttons.len() > MOST_BUTTONS {
            self.note("/buttons", format!("at most {MOST_BUTTONS} buttons, and these are {}", buttons.len()));
        }
        for (kind, most) in MOST_OF_KIND {
            if buttons.iter().filter(|button| button["kind"] == kind).count() > most {
                self.note("/buttons", format!("at most {most} of the kind `{kind}`"));
            }
        }
        for (at, button) in buttons.iter().enumerate() {
            let place = |name: &str| format!("/buttons/{at}/{name}");
            let text = |name: &str| button[name].as_str().unwrap_or_default();
            self.longest(&place("label"), text("label"), MOST_OF_LABEL);
            match text("kind") {
                "quick-reply" => {}
                "url" => {
                    self.longest(&place("url"), text("url"), MOST_OF_URL);
                    if blanks(text("url")).len() > 1 || (text("url").contains("{{") && !text("url").ends_with("}}")) {
                        self.note(place("url"), "an address has one blank at most, at its end");
                    }
                }
                "phone" => self.longest(&place("phone"), text("phone"), MOST_OF_PHONE),
                "copy-code" => self.longest(&place("example"), text("example"), MOST_OF_CODE),
                _ => self.note(place("kind"), "a button is `quick-reply`, `url`, `phone` or `copy-code`"),
            }
        }
    }
}
