//! The bundled web chat, through the kit: the component that the host will run, not its Rust code.

#![forbid(unsafe_code)]

use sambung_bundle::BUNDLED;
use sambung_testkit::contract::inbound::{Happening, ItemResult};
use sambung_testkit::contract::types::{Content, Text, Thread};
use sambung_testkit::{Blob, Kit, KitError, Webhook};
use serde_json::json;

async fn kit() -> Kit {
    let webchat = BUNDLED.iter().find(|plugin| plugin.id == "webchat").expect("web chat is bundled");
    Kit::load(webchat.wasm).await.expect("web chat loads")
}

fn text(body: &str) -> Content {
    Content::Text(Text { body: body.to_owned(), format: None, extra: Vec::new() })
}

fn thread(key: &str) -> Thread {
    Thread { key: key.to_owned(), aliases: Vec::new(), joins: Vec::new(), context: None, extra: Vec::new() }
}

#[tokio::test]
async fn a_visitor_writes_and_reads_the_reply() {
    let mut kit = kit().await;
    kit.fill_in(&json!({"domain": ["https://shop.example"], "color": "#0a7f3f"})).expect("the form is right");
    let connected = kit.connect(None).await.expect("it connects");
    assert_eq!(connected.account.id, "ch_1");

    let written =
        json!({"visitor": "v1", "id": "m1", "name": "Ayu", "page": null, "content": {"type": "text", "text": "Halo"}});
    let outcome = kit.visitor(&written).await.expect("it is translated");
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("{outcome:?}") };
    let Happening::Message(message) = &events[0].what else { panic!("{events:?}") };
    assert_eq!(message.content, [text("Halo")]);
    assert_eq!(message.sender.as_ref().and_then(|person| person.name.as_deref()), Some("Ayu"));

    let receipt = kit.send(message.thread.clone(), text("Selamat pagi")).await.expect("no crash").expect("it is sent");
    let (visitor, entry) = &kit.visitor_entries()[0];
    assert_eq!(visitor, "v1");
    assert_eq!(entry["id"], receipt.ids[0].as_str());
    assert_eq!(entry["content"]["text"], "Selamat pagi");
    assert!(entry["at"].as_u64().expect("milliseconds") > kit.time(), "sending reads the real clock");
}

#[tokio::test]
async fn a_file_reaches_the_visitor_by_an_address_of_its_own() {
    let mut kit = kit().await;
    let blob = kit.blob(Blob { bytes: b"png".to_vec(), mime: Some("image/png".to_owned()), name: None });
    let file = sambung_testkit::contract::types::MediaRef {
        kind: "image".to_owned(),
        blob: Some(blob.clone()),
        ref_: None,
        url: None,
        mime: Some("image/png".to_owned()),
        name: None,
        bytes: Some(3),
        width: None,
        height: None,
        duration_ms: None,
        extra: Vec::new(),
    };
    let media = sambung_testkit::contract::types::Media { file, caption: None, extra: Vec::new() };
    kit.send(thread("v1"), Content::Media(media)).await.expect("no crash").expect("it is sent");
    assert_eq!(kit.published()[0].0, blob);
    assert_eq!(kit.visitor_entries()[0].1["content"]["url"], format!("https://files.example/{blob}"));
}

#[tokio::test]
async fn a_form_with_faults_is_refused_field_by_field() {
    let mut kit = kit().await;
    let faults =
        kit.fill_in(&json!({"domain": ["a b"], "color": "red", "colour": "#ffffff"})).expect_err("three faults");
    let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers.len(), 3, "{faults:?}");
    assert!(pointers.iter().any(|pointer| pointer.ends_with("colour")), "{faults:?}");
}

#[tokio::test]
async fn a_text_far_larger_than_the_first_memory_comes_out_whole() {
    let mut kit = kit().await;
    // Escapes make the parser copy piece by piece into a buffer that grows.
    let long = "Halo \"dunia\" 👋\n".repeat(60_000);
    let written = json!({"visitor": "v1", "id": "m1", "content": {"type": "text", "text": long}});
    let outcome = kit.visitor(&written).await.expect("it is translated");
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("it is a message") };
    let Happening::Message(message) = &events[0].what else { panic!("it is a message") };
    assert!(message.content == [text(&long)], "the text changed on its way");
}

#[tokio::test]
async fn nobody_reaches_web_chat_by_a_webhook() {
    let mut kit = kit().await;
    let answer = kit.webhook(&Webhook::post("{}")).await.expect("no crash");
    assert_eq!((answer.status, answer.outcome), (404, None));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_parked_with_the_parsers_words() {
    let mut kit = kit().await;
    let error = kit.visitor(&json!({"visitor": "v1"})).await.expect_err("fields are missing");
    assert!(matches!(&error, KitError::Parked(words) if words.contains("missing field")), "{error}");
}

#[tokio::test]
async fn the_widget_is_among_the_files_and_both_languages_have_a_form() {
    let kit = kit().await;
    let widget = kit.plugin().assets().iter().find(|asset| asset.path == "widget.js").expect("the widget");
    assert!(widget.content_type.starts_with("text/javascript"));
    let title = |language| {
        kit.plugin().settings_schema("channel", language).map(|schema| &schema["properties"]["domain"]["title"])
    };
    assert_eq!(title("en"), Some(&json!("Sites")));
    assert_eq!(title("id"), Some(&json!("Situs")));
    assert!(kit.plugin().window_rules().is_empty());
}
