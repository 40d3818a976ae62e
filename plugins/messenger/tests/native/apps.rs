//! The Meta app.

use sambung_plugin_messenger::Messenger;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;

const SUBSCRIPTIONS: &str =
    "https://graph.facebook.com/v25.0/123/subscriptions?access_token=123%7Csecret-app_secret-url";
const ADDRESS: &str = "https://sambung.example/hooks/messenger";

fn app() -> App {
    App {
        id: "app_1".to_owned(),
        webhook_url: Some(ADDRESS.to_owned()),
        settings: json!({ "app_id": "123" }).to_string(),
        ..App::default()
    }
}

fn host() -> Host {
    let host = Host::new();
    host.secret("app_secret", "s").secret("verify_token", "v");
    host
}

#[test]
fn saving_an_app_registers_its_address_without_seeing_a_secret() {
    let host = host();
    host.expect("POST", SUBSCRIPTIONS).answer(200, json!({ "success": true }));
    Messenger::prepare(app()).unwrap();
    let body: Value = serde_json::from_slice(&host.requests()[0].body_bytes()).unwrap();
    assert_eq!((&body["object"], &body["callback_url"]), (&json!("page"), &json!(ADDRESS)));
    assert_eq!(body["verify_token"], "secret-verify_token-json");
    assert!(body["fields"].as_str().unwrap().contains("message_echoes"));
}

#[test]
fn a_wrong_app_secret_is_its_fields_fault_and_an_unknown_app_the_ids() {
    let host = host();
    for (code, field) in [(190, "app_secret"), (100, "app_id")] {
        let refusal = json!({ "error": { "message": "no", "type": "OAuthException", "code": code } });
        host.expect("POST", SUBSCRIPTIONS).answer(400, refusal);
        assert_eq!(Messenger::prepare(app()).unwrap_err()[0].field.as_deref(), Some(field));
    }
}

#[test]
fn an_address_that_is_another_and_fields_that_are_not_told_are_found() {
    let host = host();
    let told = |address: &str, fields: Value| json!({ "data": [{ "object": "page", "callback_url": address, "active": true, "fields": fields }] });
    host.expect("GET", SUBSCRIPTIONS).answer(200, told("https://old.example", json!([])));
    assert_eq!(<Messenger as Apps>::check(app()).unwrap()[0].code, "webhook-elsewhere");
    host.expect("GET", SUBSCRIPTIONS).answer(200, told(ADDRESS, json!([{ "name": "messages", "version": "v25.0" }])));
    assert_eq!(<Messenger as Apps>::check(app()).unwrap()[0].code, "webhook-fields");
    host.expect("GET", SUBSCRIPTIONS).answer(200, told(ADDRESS, json!([])));
    assert!(<Messenger as Apps>::check(app()).unwrap().is_empty());
}

#[test]
fn an_app_that_is_removed_takes_its_address_back() {
    let host = host();
    host.expect("DELETE", format!("{SUBSCRIPTIONS}&object=page")).answer(200, json!({ "success": true }));
    Messenger::release(app()).unwrap();
}

#[test]
fn a_host_without_a_public_address_says_what_is_missing() {
    let _host = host();
    let prepared = Messenger::prepare(App { webhook_url: None, ..app() }).unwrap();
    assert!(prepared.instructions[0].text.contains("server.public_url"));
}
