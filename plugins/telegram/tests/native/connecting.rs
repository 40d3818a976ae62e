//! Connecting by webhook and without one, and what is found about a channel.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::connection::{Account, ConnectStep, Connection};
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;

use crate::spec;
use crate::support::{channel, host, method, ok, parameters, refusal};

const ADDRESS: &str = "https://sambung.example/hooks/telegram/ch_1";
const ELSEWHERE: &str = "https://other.example/hook";

fn me(host: &Host) {
    let bot = json!({ "id": 7_000_001, "is_bot": true, "first_name": "Toko", "username": "toko_bot" });
    host.expect("POST", method("getMe")).answer(200, ok(bot));
}

fn info(host: &Host, own: Value) {
    let mut info = json!({ "url": ADDRESS, "has_custom_certificate": false, "pending_update_count": 0, "allowed_updates": [
        "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
        "edited_business_message", "deleted_business_messages", "message_reaction", "callback_query", "my_chat_member"] });
    for (name, value) in own.as_object().into_iter().flatten() {
        info[name] = value.clone();
    }
    host.expect("POST", method("getWebhookInfo")).answer(200, ok(info));
}

fn connected(address: Option<&str>) -> Account {
    Telegram::register(channel(address)).unwrap().account
}

/// What the account says about polling; null: nothing, so that it is polled where nobody can reach the host.
fn polling(account: &Account) -> Value {
    serde_json::from_str::<Value>(&account.features).unwrap()["polling"].clone()
}

#[test]
fn whose_the_token_is_is_found_out_without_a_change() {
    let host = host();
    me(&host);
    let step = Telegram::identify(channel(Some(ADDRESS)), None).unwrap();
    assert!(matches!(step, ConnectStep::Found(account) if account.id == "7000001"));
    spec::hold(&host);
}

#[test]
fn with_an_address_it_is_registered_with_a_secret_and_nothing_that_waits_is_dropped() {
    let host = host();
    me(&host);
    host.expect("POST", method("setWebhook")).answer(200, ok(json!(true)));
    let account = connected(Some(ADDRESS));
    assert_eq!((account.id.as_str(), account.name.as_str()), ("7000001", "Toko (@toko_bot)"));
    assert_eq!(polling(&account), Value::Null);
    let given = parameters(&host, 1);
    assert_eq!((&given["url"], &given["drop_pending_updates"]), (&json!(ADDRESS), &json!(false)));
    assert_eq!(given["secret_token"], "secret-webhook_secret-json");
    let kinds = given["allowed_updates"].as_array().unwrap();
    assert!(kinds.contains(&json!("message_reaction")), "Telegram leaves it out unless it is named");
    spec::hold(&host);
}

#[test]
fn without_an_address_what_waits_is_kept_and_the_host_asks_for_it() {
    let host = host();
    me(&host);
    host.expect("POST", method("deleteWebhook")).answer(200, ok(json!(true)));
    assert_eq!(polling(&connected(None)), true);
    assert_eq!(parameters(&host, 1), json!({ "drop_pending_updates": false }));
    spec::hold(&host);
}

#[test]
fn a_wrong_token_is_told_at_its_field_in_telegram_s_words() {
    for (code, words) in [(401, "Unauthorized"), (404, "Not Found")] {
        let host = host();
        host.expect("POST", method("getMe")).answer(code, refusal(code, words));
        let faults = Telegram::identify(channel(None), None).unwrap_err();
        assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("bot_token")));
        assert_eq!(faults[0].words, words);
    }
}

#[test]
fn what_is_not_the_token_s_fault_is_not_told_at_its_field() {
    let host = host();
    me(&host);
    let words = "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443";
    host.expect("POST", method("setWebhook")).answer(400, refusal(400, words));
    let faults = Telegram::register(channel(Some(ADDRESS))).unwrap_err();
    assert_eq!((faults[0].field.as_deref(), faults[0].code.as_deref()), (None, Some("webhook-refused")));
    host.expect("POST", method("getMe")).answer_bytes(502, "<html>");
    let faults = Telegram::register(channel(Some(ADDRESS))).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("unavailable", None));
    let limited = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 3",
        "parameters": { "retry_after": 3 } });
    host.expect("POST", method("getMe")).answer(429, limited);
    let faults = Telegram::register(channel(Some(ADDRESS))).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].retry_after_ms), ("rate-limited", Some(3_000)));
}

fn found(host: &Host, own: Value, address: Option<&str>) -> Vec<(String, String)> {
    me(host);
    info(host, own);
    let health = Telegram::check(channel(address)).unwrap();
    spec::hold(host);
    health.findings.into_iter().map(|finding| (finding.code, finding.words)).collect()
}

#[test]
fn what_keeps_updates_away_is_found_with_telegram_s_words() {
    let host = host();
    assert!(found(&host, json!({}), Some(ADDRESS)).is_empty());
    let failing =
        json!({ "pending_update_count": 3, "last_error_date": 1, "last_error_message": "Connection refused" });
    let findings = found(&host, failing, Some(ADDRESS));
    assert_eq!(findings[0].0, "webhook-failing");
    assert!(findings[0].1.contains("Connection refused") && findings[0].1.contains('3'), "{findings:?}");
    // An error that is over is none.
    assert!(found(&host, json!({ "last_error_message": "Connection refused" }), Some(ADDRESS)).is_empty());
    assert_eq!(found(&host, json!({ "pending_update_count": 100 }), Some(ADDRESS))[0].0, "updates-waiting");
    let stolen = found(&host, json!({ "url": ELSEWHERE }), Some(ADDRESS));
    assert!(stolen[0].0 == "webhook-elsewhere" && stolen[0].1.contains(ELSEWHERE), "{stolen:?}");
}

#[test]
fn an_address_that_is_lost_moved_or_incomplete_is_registered_again() {
    for own in
        [json!({ "url": "" }), json!({ "url": "https://old.example/x" }), json!({ "allowed_updates": ["message"] })]
    {
        let host = host();
        host.remember("webhook", "https://old.example/x");
        me(&host);
        info(&host, own);
        host.expect("POST", method("setWebhook")).answer(200, ok(json!(true)));
        let health = Telegram::check(channel(Some(ADDRESS))).unwrap();
        assert!(health.findings.is_empty());
        assert_eq!(polling(&health.account.unwrap()), Value::Null);
        assert_eq!(host.remembered("webhook").unwrap(), ADDRESS.as_bytes());
    }
}

#[test]
fn a_host_that_lost_its_address_is_polled_again_and_somebody_else_s_address_is_left() {
    let host = host();
    host.remember("webhook", ADDRESS);
    me(&host);
    info(&host, json!({}));
    host.expect("POST", method("deleteWebhook")).answer(200, ok(json!(true)));
    assert_eq!(polling(&Telegram::check(channel(None)).unwrap().account.unwrap()), true);
    let findings = found(&host, json!({ "url": ELSEWHERE }), None);
    assert_eq!(findings[0].0, "webhook-elsewhere");
}

#[test]
fn a_token_that_was_revoked_is_a_matter_for_a_person() {
    let host = host();
    host.expect("POST", method("getMe")).answer(401, refusal(401, "Unauthorized"));
    let fault = Telegram::check(channel(Some(ADDRESS))).unwrap_err();
    assert_eq!((fault.kind.as_str(), fault.field.as_deref()), ("unauthorized", Some("bot_token")));
}

#[test]
fn disconnecting_takes_the_address_back_and_no_other() {
    let host = host();
    info(&host, json!({}));
    host.expect("POST", method("deleteWebhook")).answer(200, ok(json!(true)));
    Telegram::disconnect(channel(Some(ADDRESS))).unwrap();
    assert_eq!(parameters(&host, 1), json!({ "drop_pending_updates": false }));
    info(&host, json!({ "url": ELSEWHERE }));
    Telegram::disconnect(channel(Some(ADDRESS))).unwrap();
    info(&host, json!({ "url": "" }));
    Telegram::disconnect(channel(None)).unwrap();
    spec::hold(&host);
}
