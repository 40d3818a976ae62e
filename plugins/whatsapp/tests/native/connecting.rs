//! Connecting, and what is told of a refusal.

use crate::support::{ACCOUNT, NUMBER, cloud, gateway};
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::connection::{ConnectStep, Connection};
use sambung_sdk::http::Auth;
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::{Host, connect};

const GRAPH: &str = "https://graph.facebook.com/v25.0";

fn number_address() -> String {
    format!(
        "{GRAPH}/{NUMBER}?fields=display_phone_number%2Cverified_name%2Cquality_rating%2Ccode_verification_status%2Cname_status"
    )
}

#[test]
fn a_number_connects_and_its_account_is_subscribed() {
    let host = Host::new();
    for _ in 0..2 {
        let number = json!({ "id": NUMBER, "display_phone_number": "+62 812", "verified_name": "Toko" });
        host.expect("GET", number_address()).answer(200, number);
        host.expect("GET", format!("{GRAPH}/{ACCOUNT}/phone_numbers?limit=100"))
            .answer(200, json!({ "data": [{ "id": NUMBER }] }));
    }
    host.expect("POST", format!("{GRAPH}/{ACCOUNT}/subscribed_apps")).answer(200, json!({ "success": true }));
    let account = connect::<WhatsApp>(cloud(), None).unwrap().account;
    assert_eq!((account.id.as_str(), account.name.as_str()), (NUMBER, "Toko (+62 812)"));
    assert_eq!(account.routes, [format!("waba:{ACCOUNT}")]);
    assert!(
        host.requests().iter().all(|request| matches!(&request.auth, Auth::Bearer(name) if name == "access_token"))
    );
}

#[test]
fn a_refused_token_is_the_tokens_fault_in_the_providers_words() {
    let host = Host::new();
    let refusal =
        json!({ "error": { "message": "Invalid OAuth access token.", "type": "OAuthException", "code": 190 } });
    host.expect("GET", number_address()).answer(401, refusal);
    let faults = WhatsApp::identify(cloud(), None).unwrap_err();
    assert_eq!(faults[0].kind, "refused");
    assert_eq!(faults[0].field.as_deref(), Some("access_token"));
    assert_eq!(faults[0].words, "Invalid OAuth access token.");
}

#[test]
fn a_number_of_another_account_is_refused() {
    let host = Host::new();
    host.expect("GET", number_address()).answer(200, json!({ "id": NUMBER }));
    host.expect("GET", format!("{GRAPH}/{ACCOUNT}/phone_numbers?limit=100"))
        .answer(200, json!({ "data": [{ "id": "9" }] }));
    let faults = WhatsApp::identify(cloud(), None).unwrap_err();
    assert_eq!(faults[0].field.as_deref(), Some("business_account_id"));
}

#[test]
fn a_gateway_is_told_the_address_with_its_own_header() {
    let host = Host::new();
    host.secret("token", "k");
    host.expect("GET", "https://waba-v2.360dialog.io/configs/webhook")
        .answer(200, json!({ "url": "https://before.example" }));
    host.expect("POST", "https://waba-v2.360dialog.io/configs/webhook").answer(200, json!({}));
    let channel = gateway("https://waba-v2.360dialog.io/", "D360-API-KEY");
    let account = connect::<WhatsApp>(channel.clone(), None).unwrap().account;
    assert!(account.id.starts_with("gateway:waba-v2.360dialog.io:"), "{}", account.id);
    for request in host.requests() {
        assert_eq!(request.headers[0], ("D360-API-KEY".to_owned(), "secret-token-raw".to_owned()));
    }
    let told: Value = serde_json::from_slice(&host.requests()[1].body_bytes()).unwrap();
    assert_eq!(told["url"].as_str(), channel.webhook_url.as_deref());
}

/// Two customers of one provider are two accounts; one customer's channel stays the account that it is with a new token.
#[test]
fn a_gateways_account_is_its_token_and_not_its_address() {
    let id = |token: &str, before: Option<&str>| {
        let host = Host::new();
        host.secret("token", token);
        host.expect("GET", "https://waba-v2.360dialog.io/configs/webhook").answer(200, json!({}));
        let mut channel = gateway("https://waba-v2.360dialog.io", "D360-API-KEY");
        channel.account = before.map(str::to_owned);
        match WhatsApp::identify(channel, None) {
            Ok(ConnectStep::Found(account)) => account.id,
            other => panic!("{other:?}"),
        }
    };
    assert_ne!(id("one", None), id("two", None));
    assert_eq!(id("one", None), id("one", None));
    assert_eq!(id("two", Some("gateway:x:1")), "gateway:x:1");
    assert!(!id("a-long-token", None).contains("a-long-token"));
}

#[test]
fn an_on_premises_client_is_told_the_address_and_a_wrong_token_is_named() {
    let host = Host::new();
    host.secret("token", "k");
    let refusal = json!({ "errors": [{ "code": 1005, "title": "Access denied", "details": "Invalid credentials." }] });
    host.expect("GET", "https://wa.example.com/v1/settings/application").answer(401, refusal);
    let channel = gateway("https://wa.example.com/v1", "Authorization: Bearer");
    let faults = WhatsApp::identify(channel.clone(), None).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("token")));
    assert_eq!(faults[0].words, "Access denied: Invalid credentials.");
    host.expect("PATCH", "https://wa.example.com/v1/settings/application").answer(200, json!({}));
    WhatsApp::register(channel).unwrap();
}

/// A gateway without a call for it is connected all the same, and the admin is told what to do.
#[test]
fn a_gateway_without_a_call_for_it_leaves_the_address_to_the_admin() {
    let host = Host::new();
    host.secret("token", "k");
    for method in ["GET", "POST", "GET"] {
        host.expect(method, "https://wa.example.com/configs/webhook").answer(404, json!({}));
    }
    let channel = gateway("https://wa.example.com", "Authorization: Bearer");
    let connected = connect::<WhatsApp>(channel.clone(), None).unwrap();
    assert_eq!(connected.findings[0].code, "webhook-by-hand");
    let health = WhatsApp::check(channel.clone()).unwrap();
    assert_eq!(health.findings[0].code, "webhook-by-hand");
    assert_eq!(health.findings[0].fix.as_ref().unwrap().copy, channel.webhook_url);
}

/// A check compares and changes nothing; the secret in the address comes back hidden.
#[test]
fn a_check_says_that_a_gateway_posts_elsewhere_and_leaves_it() {
    let host = Host::new();
    host.secret("token", "k");
    let channel = gateway("https://wa.example.com/v1", "Authorization: Bearer");
    let own = channel.webhook_url.clone().unwrap();
    let hidden = format!("{}/***", own.rsplit_once('/').unwrap().0);
    for (told, found) in [
        (own.as_str(), None),
        (&hidden, None),
        ("https://other.example/h/***", Some("webhook-elsewhere")),
        ("", Some("webhook-elsewhere")),
    ] {
        let settings = json!({ "settings": { "application": { "webhooks": { "url": told } } } });
        host.expect("GET", "https://wa.example.com/v1/settings/application").answer(200, settings.clone());
        let findings = WhatsApp::check(channel.clone()).unwrap().findings;
        assert_eq!(findings.first().map(|finding| finding.code.as_str()), found, "{told}");
        host.expect("GET", "https://wa.example.com/v1/settings/application").answer(200, settings);
        if found.is_none() {
            host.expect("DELETE", "https://wa.example.com/v1/settings/application").answer(200, json!({}));
        }
        WhatsApp::disconnect(channel.clone()).unwrap();
    }
}
