//! The channel of the SDK's tutorial, built as its page says and run as a host runs it.

#![forbid(unsafe_code)]

use sambung_testkit::contract::connection::ConnectStep;
use sambung_testkit::contract::inbound::{Happening, ItemResult};
use sambung_testkit::contract::outbound::SendFault;
use sambung_testkit::contract::types::{Content, Text};
use sambung_testkit::{Build, Kit, KitError, Webhook};
use serde_json::json;

/// HMAC-SHA256 of [`LETTERS`] under "s1gn", in hex: `printf '%s' "$LETTERS" | openssl dgst -sha256 -hmac s1gn`.
const SIGNATURE: &str = "56f74041180c7aaac9cf576ce6ff7f39b71c63d84a5aad965d60423922746640";
const LETTERS: &str = r#"{"letters":[{"id":"l1"},{"id":"l2","from":"p1","text":"Coo","sent_at":1767225600000}]}"#;

async fn kit() -> Kit {
    let pigeon = Build::package(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).example("pigeon").profile("plugin");
    let mut kit = Kit::load(pigeon.run().expect("it builds")).await.expect("it loads");
    kit.fill_in(&json!({"token": "t0ken", "signing_key": "s1gn"})).expect("the form is right");
    kit
}

fn signed() -> Webhook {
    Webhook::post(LETTERS).header("X-Pigeon-Signature", SIGNATURE)
}

#[tokio::test]
async fn the_tutorials_channel_connects_receives_and_answers() {
    let mut kit = kit().await;
    kit.provider().expect("GET", "/v1/loft").answer(200, json!({"id": "loft-7", "name": "Toko Burung"}));
    let step = kit.identify(None).await.expect("it is known");
    assert!(matches!(step, ConnectStep::Found(account) if account.name == "Toko Burung"));

    let answer = kit.webhook(&signed()).await.expect("no crash");
    assert_eq!((answer.status, answer.refused), (200, None));
    assert!(matches!(&answer.items()[0].outcome, ItemResult::Failed(words) if words.contains("from")));
    let event = answer.events()[0].clone();
    assert_eq!((event.opens[0].rule.as_str(), event.time), ("reply", Some(1_767_225_600_000)));
    let Happening::Message(message) = event.what else { panic!("{event:?}") };

    kit.provider().expect("POST", "/v1/letters").answer(200, json!({"id": "l3"}));
    let text = Content::Text(Text { body: "Coo coo".to_owned(), format: None, extra: Vec::new() });
    let receipt = kit.send(message.thread, text).await.expect("no crash").expect("it is taken");
    assert_eq!(receipt.ids, ["l3"]);

    let seen = kit.provider().seen();
    assert_eq!(seen[1].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(seen[1].host, "api.pigeon.example");
    assert_eq!(seen[1].json()["text"], "Coo coo");
}

#[tokio::test]
async fn a_webhook_that_is_not_the_providers_is_refused_before_the_plugin_sees_it() {
    let mut kit = kit().await;
    let forged = Webhook::post(LETTERS.replace("Coo", "Boo")).header("x-pigeon-signature", SIGNATURE);
    for webhook in [forged, Webhook::post(LETTERS), signed().header("x-pigeon-signature", SIGNATURE)] {
        let answer = kit.webhook(&webhook).await.expect("no crash");
        assert_eq!((answer.status, answer.outcome), (401, None));
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_missing_field_are_named() {
    let mut kit = kit().await;
    let faults = kit.fill_in(&json!({"token": ""})).expect_err("two fields are empty");
    assert!(faults.iter().all(|fault| fault.detail == "field is required") && faults.len() == 2, "{faults:?}");

    kit.provider().expect("GET", "/v1/loft").answer(401, json!("no such token"));
    let refused = kit.connect(None).await.expect_err("it is refused");
    assert!(matches!(&refused, KitError::Faults(faults) if faults[0].field.as_deref() == Some("token")), "{refused}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_the_letter_unknown() {
    let mut kit = kit().await;
    kit.provider().expect("POST", "/v1/letters").answer_bytes(200, "text/html", "<p>taken");
    let answer = kit.webhook(&signed()).await.expect("no crash");
    let Happening::Message(message) = answer.events()[0].what.clone() else { panic!("{answer:?}") };
    let error = kit.send(message.thread, message.content[0].clone()).await.expect("no crash").expect_err("unreadable");
    assert_eq!(error.fault, SendFault::Unknown);
}
