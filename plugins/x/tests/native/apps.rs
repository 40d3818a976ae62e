//! The registered app.

use sambung_plugin_x::X;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::json::json;
use sambung_sdk::testing::Host;

const ADDRESS: &str = "https://sambung.example/hooks/x";

fn app(address: Option<&str>) -> App {
    App { id: "app_1".to_owned(), webhook_url: address.map(str::to_owned), settings: "{}".to_owned(), ..App::default() }
}

fn token(host: &Host) {
    host.expect("POST", "https://api.x.com/oauth2/token").answer(200, json!({ "access_token": "AAAA" }));
}

#[test]
fn saving_it_proves_the_keys_and_registers_the_address() {
    let host = Host::new();
    token(&host);
    host.expect("GET", "https://api.x.com/2/webhooks").answer(200, json!({ "data": [] }));
    host.expect("POST", "https://api.x.com/2/webhooks").answer(200, json!({ "data": { "id": "7" } }));
    let prepared = X::prepare(app(Some(ADDRESS))).unwrap();
    assert!(prepared.instructions.is_empty());
    assert_eq!(host.kept()[0].name, "app_bearer_token");
}

#[test]
fn a_wrong_key_is_told_and_a_missing_webhook_is_no_refusal() {
    let host = Host::new();
    host.expect("POST", "https://api.x.com/oauth2/token")
        .answer(403, json!({ "errors": [{ "code": 99, "message": "No." }] }));
    let faults = X::prepare(app(Some(ADDRESS))).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("consumer_key")));
    token(&host);
    host.expect("GET", "https://api.x.com/2/webhooks").answer(200, json!({ "data": [] }));
    host.expect("POST", "https://api.x.com/2/webhooks").answer(400, json!({ "title": "WebhookLimitExceeded" }));
    let prepared = X::prepare(app(Some(ADDRESS))).unwrap();
    assert!(prepared.instructions[0].text.contains("once a minute"), "{}", prepared.instructions[0].text);
    token(&host);
    assert_eq!(<X as Apps>::check(app(None)).unwrap()[0].code, "no-public-url");
}

#[test]
fn releasing_it_takes_its_address_back() {
    let host = Host::new();
    let listed = json!([{ "id": "5", "url": "https://elsewhere.example" }, { "id": "7", "url": ADDRESS }]);
    host.expect("GET", "https://api.x.com/2/webhooks").answer(200, json!({ "data": listed }));
    host.expect("DELETE", "https://api.x.com/2/webhooks/7").answer(200, json!({ "data": { "deleted": true } }));
    X::release(app(Some(ADDRESS))).unwrap();
}
