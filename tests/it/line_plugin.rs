//! The LINE plugin's file as a host reads it, and its component in the real runtime.

use sambung_plugin_line::Line;
use sambung_runtime::contract::inbound::{Happening, ItemResult};
use sambung_runtime::manifest::{self, Manifest, settings};
use sambung_sdk::settings::Settings;
use sambung_testkit::{Kit, Webhook};
use sambung_tests::providers::line::{BOT, SECRET, body, sign};
use serde_json::{Value, json};

const MANIFEST: &str = include_str!("../../plugins/line/plugin.toml");

fn manifest() -> Manifest {
    manifest::read(MANIFEST).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_manifest_says_what_the_plugin_is_held_to() {
    let manifest = manifest();
    assert_eq!(manifest.id, "line");
    assert_eq!(manifest.limits.together, 5);
    assert!(manifest.limits.check_text(&"🙂".repeat(2500)).is_ok());
    assert!(manifest.limits.check_text(&format!("{}x", "🙂".repeat(2500))).is_err());
    let resend = manifest.resend.unwrap();
    assert_eq!(
        (resend.for_ms, resend.except_rules.as_slice()),
        (24 * 3600 * 1000, ["reply-token".to_owned()].as_slice())
    );
}

#[test]
fn the_form_can_be_drawn_and_an_empty_field_is_required() {
    for language in ["en", "id"] {
        let schema = Line::settings_schema("channel", language);
        settings::lint(&schema, &manifest()).unwrap_or_else(|faults| panic!("{faults:?}"));
        let faults = settings::validate(&schema, &json!({ "channel_secret": "", "channel_access_token": "t" }));
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].detail, "field is required");
    }
}

async fn kit() -> Kit {
    let line = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == "line").expect("the plugin is bundled");
    let mut kit = Kit::load(line.wasm).await.unwrap();
    kit.fill_in(&json!({ "channel_secret": SECRET, "channel_access_token": "t" })).unwrap();
    kit
}

fn text() -> Vec<u8> {
    body(&[json!({
        "type": "message",
        "mode": "active",
        "timestamp": 1_767_225_599_000_u64,
        "source": { "type": "user", "userId": "U4af4980629f1a2b3c4d5e6f708192a3b" },
        "webhookEventId": "01FZ74A0TDDPYRVKNK77XKC3ZR",
        "deliveryContext": { "isRedelivery": false },
        "replyToken": "757913772c4646b784d4b7ce46d12671",
        "message": { "type": "text", "id": "100001", "text": "Halo 🙂", "quoteToken": "q" },
    })])
}

#[tokio::test]
async fn the_component_translates_what_the_recipe_let_through() {
    let mut kit = kit().await;
    let body = text();
    let webhook = Webhook::post(body.clone()).header("x-line-signature", sign(SECRET, &body));
    let answer = kit.webhook(&webhook).await.unwrap();
    assert_eq!(answer.status, 200);
    let outcome = answer.outcome.unwrap();
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("no event") };
    let Happening::Message(message) = &events[0].what else { panic!("no message") };
    assert_eq!(message.sender.as_ref().unwrap().identities[0].scope, BOT);
}

#[tokio::test]
async fn what_is_not_signed_with_the_channel_secret_never_reaches_the_component() {
    let mut kit = kit().await;
    let body = text();
    let signature = sign("another secret", &body);
    for webhook in [
        Webhook::post(body.clone()),
        Webhook::post(body.clone()).header("x-line-signature", signature),
        Webhook::post(body.clone())
            .header("x-line-signature", sign(SECRET, &body))
            .header("x-line-signature", sign(SECRET, &body)),
        Webhook::post([&body[..], b" "].concat()).header("x-line-signature", sign(SECRET, &body)),
    ] {
        let answer = kit.webhook(&webhook).await.unwrap();
        assert_eq!((answer.status, answer.outcome), (401, None));
    }
}

#[tokio::test]
async fn the_verify_button_is_answered_and_leaves_nothing() {
    let mut kit = kit().await;
    let body = json!({ "destination": "xxxxxxxxxx", "events": [] }).to_string().into_bytes();
    let answer =
        kit.webhook(&Webhook::post(body.clone()).header("X-Line-Signature", sign(SECRET, &body))).await.unwrap();
    assert_eq!((answer.status, answer.outcome.unwrap().items.len()), (200, 0));
}

#[tokio::test]
async fn the_component_exports_what_the_manifest_s_readers_expect() {
    let kit = kit().await;
    let interfaces = kit.plugin().interfaces();
    assert!(interfaces.profiles && interfaces.media && interfaces.signals);
    assert!(!interfaces.templates && !interfaces.reconcile && !interfaces.apps && !interfaces.assets);
    let rules: Vec<&str> = kit.plugin().window_rules().iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(rules, ["reply-token", "push"]);
    let title =
        |language| kit.plugin().settings_schema("channel", language).map(|schema: &Value| schema["type"].clone());
    assert_eq!((title("en"), title("id")), (Some(json!("object")), Some(json!("object"))));
}

#[tokio::test]
async fn an_event_may_be_nested_as_deeply_as_a_reader_bears() {
    let mut kit = kit().await;
    for (depth, fails) in [(120, false), (10_000, true)] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let event = json!({ "type": "greatNewFeature", "deep": "?" }).to_string().replace("\"?\"", &nested);
        let body = format!(r#"{{"destination":"{BOT}","events":[{event}]}}"#).into_bytes();
        let webhook = Webhook::post(body.clone()).header("x-line-signature", sign(SECRET, &body));
        let outcome = kit.webhook(&webhook).await.unwrap().outcome.unwrap();
        assert_eq!(matches!(outcome.items[0].outcome, ItemResult::Failed(_)), fails, "{depth} levels");
    }
}
