//! Where files are.

use crate::support::{cloud, gateway};
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::http::Auth;
use sambung_sdk::json::json;
use sambung_sdk::media::{Media, Source};
use sambung_sdk::testing::Host;
use sambung_sdk::types::MediaRef;

#[test]
fn graph_gives_an_address_that_wants_the_same_token() {
    let host = Host::new();
    host.expect("GET", "https://graph.facebook.com/v25.0/77?phone_number_id=106540352242922")
        .answer(200, json!({ "url": "https://lookaside.fbsbx.com/x?mid=77", "id": "77" }));
    let source = WhatsApp::resolve(cloud(), MediaRef::new("image").reference("77")).unwrap();
    let Source::Fetch(request) = source else { panic!("not to be fetched") };
    assert_eq!(request.url, "https://lookaside.fbsbx.com/x?mid=77");
    assert!(matches!(request.auth, Auth::Bearer(name) if name == "access_token"));
}

#[test]
fn a_file_that_the_provider_forgot_is_gone() {
    let host = Host::new();
    let refusal = json!({ "error": { "message": "Unsupported get request", "code": 100, "error_subcode": 33 } });
    host.expect("GET", "https://graph.facebook.com/v25.0/77?phone_number_id=106540352242922").answer(400, refusal);
    let source = WhatsApp::resolve(cloud(), MediaRef::new("image").reference("77")).unwrap();
    assert!(matches!(source, Source::Gone(words) if words == "Unsupported get request"));
}

#[test]
fn a_gateway_hands_the_bytes_out_itself() {
    let host = Host::new();
    host.secret("token", "k");
    let file = MediaRef::new("voice").reference("77");
    let channel = gateway("https://wa.example.com/v1", "Authorization: Bearer");
    let Ok(Source::Fetch(request)) = WhatsApp::resolve(channel, file.clone()) else { panic!("not to be fetched") };
    assert_eq!(request.url, "https://wa.example.com/v1/media/77");
    host.expect("GET", "https://waba-v2.360dialog.io/77")
        .answer(200, json!({ "url": "https://lookaside.fbsbx.com/a/b?mid=77" }));
    let channel = gateway("https://waba-v2.360dialog.io", "D360-API-KEY");
    let Ok(Source::Fetch(request)) = WhatsApp::resolve(channel, file) else { panic!("not to be fetched") };
    assert_eq!(request.url, "https://waba-v2.360dialog.io/a/b?mid=77");
}
