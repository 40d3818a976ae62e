//! The Meta app.

use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;

fn app() -> App {
    App {
        id: "app_1".to_owned(),
        webhook_url: Some("https://sambung.example/hooks/whatsapp".to_owned()),
        settings: json!({ "app_id": "123" }).to_string(),
        ..App::default()
    }
}

const SUBSCRIPTIONS: &str =
    "https://graph.facebook.com/v25.0/123/subscriptions?access_token=123%7Csecret-app_secret-url";

#[test]
fn saving_an_app_registers_its_address_without_seeing_a_secret() {
    let host = Host::new();
    host.secret("app_secret", "s").secret("verify_token", "v");
    host.expect("POST", SUBSCRIPTIONS).answer(200, json!({ "success": true }));
    WhatsApp::prepare(app()).unwrap();
    let body: Value = serde_json::from_slice(&host.requests()[0].body_bytes()).unwrap();
    assert_eq!(body["callback_url"], "https://sambung.example/hooks/whatsapp");
    assert_eq!(body["verify_token"], "secret-verify_token-json");
    assert!(body["fields"].as_str().unwrap().starts_with("messages,"));
}

#[test]
fn an_address_that_is_another_and_fields_that_are_not_told_are_found() {
    let host = Host::new();
    host.secret("app_secret", "s");
    let told = |address: &str| json!({ "data": [{ "object": "whatsapp_business_account", "callback_url": address, "active": true, "fields": [{ "name": "messages", "version": "v25.0" }] }] });
    host.expect("GET", SUBSCRIPTIONS).answer(200, told("https://old.example"));
    assert_eq!(WhatsApp::check(app()).unwrap()[0].code, "webhook-elsewhere");
    host.expect("GET", SUBSCRIPTIONS).answer(200, told("https://sambung.example/hooks/whatsapp"));
    let findings = WhatsApp::check(app()).unwrap();
    assert_eq!(findings[0].code, "webhook-fields");
    assert!(findings[0].words.contains("account_update") && !findings[0].words.contains(" messages,"), "{findings:?}");
}
