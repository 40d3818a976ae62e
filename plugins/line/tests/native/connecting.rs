//! Connecting and checking.

use sambung_plugin_line::Line;
use sambung_sdk::connection::Connection;
use sambung_sdk::json::{Value, json};
use sambung_sdk::settings::Settings;
use sambung_sdk::testing::{Host, connect};
use sambung_sdk::types::Channel;
use sambung_sdk::windows::Windows;

use crate::support::BOT;

const INFO: &str = "https://api.line.me/v2/bot/info";
const ENDPOINT: &str = "https://api.line.me/v2/bot/channel/webhook/endpoint";
const TEST: &str = "https://api.line.me/v2/bot/channel/webhook/test";
const QUOTA: &str = "https://api.line.me/v2/bot/message/quota";
const ADDRESS: &str = "https://chat.example/hooks/line/ch_1";

fn channel() -> Channel {
    Channel { webhook_url: Some(ADDRESS.to_owned()), ..Channel::with_settings("ch_1", &json!({})) }
}

fn info() -> Value {
    json!({
        "userId": BOT, "basicId": "@216ru", "displayName": "Example", "chatMode": "chat", "markAsReadMode": "manual",
    })
}

fn tested(success: bool, status: i32, reason: &str) -> Value {
    json!({
        "success": success, "timestamp": "2026-09-30T05:38:20.031Z", "statusCode": status, "reason": reason,
        "detail": status.to_string(),
    })
}

#[test]
fn connecting_names_the_account_and_registers_the_address() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("POST", TEST).answer(200, tested(true, 200, "OK"));
    host.expect("GET", INFO).answer(200, info());
    host.expect("GET", ENDPOINT).answer(404, json!({ "message": "Not found" }));
    host.expect("PUT", ENDPOINT).answer(200, json!({}));
    host.expect("GET", ENDPOINT).answer(200, json!({ "endpoint": ADDRESS, "active": false }));
    let connected = connect::<Line>(channel(), None).unwrap();
    let account = connected.account;
    assert_eq!((account.id.as_str(), account.name.as_str()), (BOT, "Example (@216ru)"));
    assert_eq!(connected.findings[0].code, "webhook-off", "the reminder is there from the beginning");
    for request in [1, 4] {
        assert_eq!(host.requests()[request].body_bytes(), format!(r#"{{"endpoint":"{ADDRESS}"}}"#).as_bytes());
    }
}

#[test]
fn an_address_that_is_registered_already_stays_and_one_that_may_have_been_taken_is_put_back() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("GET", ENDPOINT).answer(200, json!({ "endpoint": ADDRESS, "active": true }));
    // What is asked once it is registered may stay without an answer.
    host.expect("GET", ENDPOINT).answer(503, json!(null));
    let connected = Line::register(channel()).unwrap();
    assert_eq!((connected.account.id.as_str(), connected.findings.len()), (BOT, 0));
    host.expect("GET", INFO).answer(200, info());
    host.expect("GET", ENDPOINT).answer(200, json!({ "endpoint": "https://other.example", "active": true }));
    host.expect("PUT", ENDPOINT).answer(503, json!(null));
    host.expect("PUT", ENDPOINT).answer(200, json!({}));
    assert_eq!(Line::register(channel()).unwrap_err()[0].kind, "unavailable");
    let back = host.requests().pop().unwrap();
    assert_eq!(back.body_bytes(), br#"{"endpoint":"https://other.example"}"#);
}

#[test]
fn a_refused_token_is_told_in_the_provider_s_words_at_its_field() {
    let words = "Authentication failed due to the following reason: invalid token.";
    let host = Host::new();
    host.expect("GET", INFO).answer(401, json!({ "message": words }));
    let faults = Line::identify(channel(), None).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("channel_access_token")));
    assert_eq!(faults[0].words, words);
}

#[test]
fn a_wrong_channel_secret_shows_when_the_provider_calls_the_address() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("POST", TEST).answer(200, tested(false, 401, "ERROR_STATUS_CODE"));
    let faults = Line::identify(channel(), None).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("channel_secret")));
}

#[test]
fn an_address_that_cannot_be_reached_yet_keeps_nobody_from_connecting() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("POST", TEST).answer(200, tested(false, 0, "COULD_NOT_CONNECT"));
    assert!(Line::identify(channel(), None).is_ok());
}

#[test]
fn without_a_public_address_there_is_nothing_to_connect_to() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    let faults = Line::identify(Channel::default(), None).unwrap_err();
    assert!(faults[0].words.contains("server.public_url"));
}

fn findings(endpoint: &Value, test: Option<Value>) -> Vec<String> {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("GET", ENDPOINT).answer(200, endpoint.clone());
    if let Some(test) = test {
        host.expect("POST", TEST).answer(200, test);
    }
    host.expect("GET", QUOTA).answer(200, json!({ "type": "none" }));
    Line::check(channel()).unwrap().findings.into_iter().map(|finding| finding.code).collect()
}

#[test]
fn a_check_finds_what_keeps_messages_from_arriving() {
    let on = json!({ "endpoint": ADDRESS, "active": true });
    let none: [&str; 0] = [];
    assert_eq!(findings(&on, Some(tested(true, 200, "OK"))), none);
    assert_eq!(findings(&on, Some(tested(false, 0, "COULD_NOT_CONNECT"))), ["webhook-unreachable"]);
    assert_eq!(findings(&on, Some(tested(false, 401, "ERROR_STATUS_CODE"))), ["wrong-secret"]);
    assert_eq!(findings(&json!({ "endpoint": ADDRESS, "active": false }), None), ["webhook-off"]);
    assert_eq!(findings(&json!({ "endpoint": "https://other.example", "active": true }), None), ["webhook-elsewhere"]);
}

#[test]
fn a_check_says_that_webhooks_are_off_and_where_to_turn_them_on() {
    let host = Host::new();
    host.expect("GET", INFO).answer(200, info());
    host.expect("GET", ENDPOINT).answer(200, json!({ "endpoint": ADDRESS, "active": false }));
    host.expect("GET", QUOTA).answer(200, json!({ "type": "limited", "value": 200 }));
    host.expect("GET", format!("{QUOTA}/consumption")).answer(200, json!({ "totalUsage": 200 }));
    let findings = Line::check(channel()).unwrap().findings;
    let fix = findings[0].fix.as_ref().unwrap();
    assert!(fix.text.contains("Use webhook") && fix.link.is_some());
    assert_eq!(findings[1].code, "quota-used");
}

#[test]
fn a_token_that_stopped_working_is_unauthorized() {
    let host = Host::new();
    host.expect("GET", INFO).answer(401, json!({ "message": "Authentication failed" }));
    assert_eq!(Line::check(channel()).unwrap_err().kind, "unauthorized");
    host.expect("GET", INFO).answer(503, json!(null));
    assert_eq!(Line::check(channel()).unwrap_err().kind, "unavailable");
}

#[test]
fn the_form_asks_for_two_secrets_in_both_languages() {
    for language in ["en", "id"] {
        let schema = Line::settings_schema("channel", language);
        assert_eq!(schema["required"], json!(["channel_secret", "channel_access_token"]));
        assert_eq!(schema["properties"]["channel_secret"]["x-locked"], true);
        assert_eq!(schema["properties"]["channel_access_token"]["x-secret"], "channel_access_token");
    }
    let help =
        |language| Line::settings_schema("channel", language)["properties"]["channel_secret"]["description"].clone();
    assert_ne!(help("en"), help("id"));
}

#[test]
fn the_free_reply_comes_before_the_paid_push() {
    let rules = Line::window_rules();
    assert_eq!((rules[0].id.as_str(), rules[0].uses, rules[0].lasts_ms), ("reply-token", Some(1), Some(60_000)));
    assert_eq!(rules[0].counts_from, "receipt");
    assert_eq!((rules[1].id.as_str(), rules[1].opens_by.as_str()), ("push", "always"));
    assert_eq!((rules[0].cost.as_deref(), rules[1].cost.as_deref()), (Some("free"), Some("quota")));
}
