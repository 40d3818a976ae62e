//! Connecting, and what is told of a refusal.

use crate::support::{ACCOUNT, NUMBER, cloud, gateway};
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::connection::{ConnectStep, Connected, Connection};
use sambung_sdk::http::Auth;
use sambung_sdk::json::json;
use sambung_sdk::testing::Host;

const GRAPH: &str = "https://graph.facebook.com/v25.0";

fn number_address() -> String {
    format!(
        "{GRAPH}/{NUMBER}?fields=display_phone_number%2Cverified_name%2Cquality_rating%2Ccode_verification_status%2Cname_status"
    )
}

#[test]
fn a_number_connects_and_its_account_is_subscribed() {
    let host = Host::new();
    let number = json!({ "id": NUMBER, "display_phone_number": "+62 812", "verified_name": "Toko" });
    host.expect("GET", number_address()).answer(200, number);
    host.expect("GET", format!("{GRAPH}/{ACCOUNT}/phone_numbers?limit=100"))
        .answer(200, json!({ "data": [{ "id": NUMBER }] }));
    host.expect("POST", format!("{GRAPH}/{ACCOUNT}/subscribed_apps")).answer(200, json!({ "success": true }));
    let Ok(ConnectStep::Connected(Connected { account, .. })) = WhatsApp::connect(cloud(), None) else {
        panic!("not connected")
    };
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
    let faults = WhatsApp::connect(cloud(), None).unwrap_err();
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
    let faults = WhatsApp::connect(cloud(), None).unwrap_err();
    assert_eq!(faults[0].field.as_deref(), Some("business_account_id"));
}

#[test]
fn a_gateway_is_told_the_address_with_its_own_header() {
    let host = Host::new();
    host.secret("token", "k");
    host.expect("POST", "https://waba-v2.360dialog.io/configs/webhook").answer(200, json!({}));
    let channel = gateway("https://waba-v2.360dialog.io/", "D360-API-KEY");
    let Ok(ConnectStep::Connected(Connected { account, .. })) = WhatsApp::connect(channel, None) else {
        panic!("not connected")
    };
    assert_eq!(account.id, "gateway:waba-v2.360dialog.io");
    let request = &host.requests()[0];
    assert_eq!(request.headers[0], ("D360-API-KEY".to_owned(), "secret-token-raw".to_owned()));
}

#[test]
fn an_on_premises_client_is_told_the_address_and_a_wrong_token_is_named() {
    let host = Host::new();
    host.secret("token", "k");
    let refusal = json!({ "errors": [{ "code": 1005, "title": "Access denied", "details": "Invalid credentials." }] });
    host.expect("PATCH", "https://wa.example.com/v1/settings/application").answer(401, refusal);
    let faults = WhatsApp::connect(gateway("https://wa.example.com/v1", "Authorization: Bearer"), None).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("token")));
    assert_eq!(faults[0].words, "Access denied: Invalid credentials.");
}

/// A gateway without a call for it is connected all the same, and the admin is told what to do.
#[test]
fn a_gateway_without_a_call_for_it_leaves_the_address_to_the_admin() {
    let host = Host::new();
    host.secret("token", "k");
    for _ in 0..2 {
        host.expect("POST", "https://wa.example.com/configs/webhook").answer(404, json!({}));
    }
    let channel = gateway("https://wa.example.com", "Authorization: Bearer");
    assert!(matches!(WhatsApp::connect(channel.clone(), None), Ok(ConnectStep::Connected(_))));
    let health = WhatsApp::check(channel.clone()).unwrap();
    assert_eq!(health.findings[0].code, "webhook-by-hand");
    assert_eq!(health.findings[0].fix.as_ref().unwrap().copy, channel.webhook_url);
}
