//! Asking for updates.

use sambung_plugin_telegram::Telegram;
use sambung_sdk::inbound::{Inbound, Request};
use sambung_sdk::json::json;
use sambung_sdk::polling::Polling;

use crate::spec;
use crate::support::{channel, host, message, method, ok, parameters, refusal, summary};

const CONFLICT: &str =
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

#[test]
fn each_update_is_a_request_and_the_next_poll_begins_behind_the_last() {
    let host = host();
    let mut second = message(json!({ "text": "dua" }));
    second["update_id"] = json!(502);
    host.expect("POST", method("getUpdates")).answer(200, ok(json!([message(json!({ "text": "satu" })), second])));
    let polled = Telegram::poll(channel(None), None).unwrap();
    assert!(parameters(&host, 0).get("offset").is_none());
    assert_eq!((polled.requests.len(), polled.again_after_ms), (2, 0));
    let outcome = Telegram::handle_webhook(Request::new("poll", polled.requests[1].body.clone()), Some(channel(None)));
    assert_eq!(summary(&outcome.unwrap()), "message text");
    host.expect("POST", method("getUpdates")).answer(200, ok(json!([])));
    let empty = Telegram::poll(channel(None), polled.cursor).unwrap();
    assert_eq!(parameters(&host, 1)["offset"], 503);
    assert!(empty.requests.is_empty() && empty.cursor.is_none(), "the cursor stays as it is");
    spec::hold(&host);
}

#[test]
fn an_update_that_cannot_be_read_holds_back_no_other() {
    let host = host();
    host.expect("POST", method("getUpdates"))
        .answer(200, ok(json!([{ "update_id": 9, "hologram": {} }, { "update_id": 10 }])));
    let polled = Telegram::poll(channel(None), None).unwrap();
    assert_eq!(polled.requests.len(), 2);
    assert!(polled.cursor.unwrap().starts_with("11@"));
}

#[test]
fn an_address_of_the_channel_s_own_gives_way_and_another_s_does_not() {
    let host = host();
    host.remember("webhook", "https://old.example/x");
    let info = |url: &str| ok(json!({ "url": url, "has_custom_certificate": false, "pending_update_count": 0 }));
    host.expect("POST", method("getUpdates")).answer(409, refusal(409, CONFLICT));
    host.expect("POST", method("getWebhookInfo")).answer(200, info("https://old.example/x"));
    host.expect("POST", method("deleteWebhook")).answer(200, ok(json!(true)));
    assert!(Telegram::poll(channel(None), None).unwrap().requests.is_empty());
    host.expect("POST", method("getUpdates")).answer(409, refusal(409, CONFLICT));
    host.expect("POST", method("getWebhookInfo")).answer(200, info("https://other.example/x"));
    let fault = Telegram::poll(channel(None), None).unwrap_err();
    assert_eq!((fault.kind.as_str(), fault.words.as_str()), ("unavailable", CONFLICT));
    spec::hold(&host);
}

#[test]
fn refusals_say_whether_to_ask_again() {
    let host = host();
    for (code, kind) in [(401, "unauthorized"), (429, "rate-limited"), (500, "unavailable")] {
        host.expect("POST", method("getUpdates")).answer(code, refusal(code, "words"));
        assert_eq!(Telegram::poll(channel(None), None).unwrap_err().kind, kind);
    }
    host.expect("POST", method("getUpdates")).fail("timeout", true);
    assert_eq!(Telegram::poll(channel(None), None).unwrap_err().kind, "unavailable");
}
