//! Contents to send: the examples of the published schemas, and files.

use sambung_testkit::contract::types::{Content, Identity, Location, Media, MediaRef, Text, Thread};
use sambung_testkit::{Blob, Kit};
use serde_json::Value;

/// The first example of a schema in `wit/schemas`, as JSON.
pub fn example(schema: &str) -> String {
    let schema: Value = serde_json::from_str(schema).unwrap();
    schema["examples"][0].to_string()
}

pub fn text(body: &str) -> Content {
    Content::Text(Text { body: body.to_owned(), format: None, extra: Vec::new() })
}

pub fn location() -> Content {
    let (name, address) = (Some("Monas".to_owned()), Some("Jakarta".to_owned()));
    Content::Location(Location { latitude: -6.2, longitude: 106.8, name, address, extra: Vec::new() })
}

pub fn interactive() -> Content {
    Content::Interactive(example(include_str!("../../../wit/schemas/interactive.json")))
}

pub fn contact_cards() -> Content {
    Content::ContactCards(example(include_str!("../../../wit/schemas/contact-cards.json")))
}

pub fn template() -> Content {
    Content::Template(example(include_str!("../../../wit/schemas/template-use.json")))
}

/// A file that the kit holds, with a caption where the kind takes one.
pub fn file(kit: &mut Kit, kind: &str, mime: &str) -> Content {
    let name = format!("sample.{}", mime.split('/').nth(1).unwrap_or("bin"));
    let blob = Blob { bytes: b"a few bytes".to_vec(), mime: Some(mime.to_owned()), name: Some(name.clone()) };
    let blob = kit.blob(blob);
    let file = MediaRef {
        kind: kind.to_owned(),
        blob: Some(blob),
        ref_: None,
        url: None,
        mime: Some(mime.to_owned()),
        name: Some(name),
        bytes: Some(11),
        width: Some(320),
        height: Some(240),
        duration_ms: Some(1_000),
        extra: Vec::new(),
    };
    Content::Media(Media { file, caption: None, extra: Vec::new() })
}

pub fn inbound_file(kind: &str, reference: &str) -> MediaRef {
    MediaRef {
        kind: kind.to_owned(),
        blob: None,
        ref_: Some(reference.to_owned()),
        url: None,
        mime: None,
        name: None,
        bytes: None,
        width: None,
        height: None,
        duration_ms: None,
        extra: Vec::new(),
    }
}

pub fn thread(key: &str) -> Thread {
    Thread { key: key.to_owned(), aliases: Vec::new(), joins: Vec::new(), context: None, extra: Vec::new() }
}

pub fn identity(scheme: &str, scope: &str, value: &str) -> Identity {
    Identity { scheme: scheme.to_owned(), scope: scope.to_owned(), value: value.to_owned(), extra: Vec::new() }
}
