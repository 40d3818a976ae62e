//! What is told of people, the app, and the forms.

use crate::support::{ACCOUNT, GRAPH, OWN, PERSON, channel};
use sambung_plugin_instagram::Instagram;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::json::{Value, json};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::settings::Settings;
use sambung_sdk::signals::Signals;
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Identity, Thread};

#[test]
fn a_profile_is_asked_where_the_account_is_and_a_missing_name_is_the_username() {
    let host = Host::new();
    for (mode, base) in [("token", GRAPH), ("instagram-token", OWN)] {
        host.expect("GET", format!("{base}/{PERSON}?fields=name%2Cusername%2Cprofile_pic"))
            .answer(200, json!({ "name": null, "username": "ana", "profile_pic": null }));
        let who = Identity::new("instagram-user", ACCOUNT, PERSON);
        let person = Instagram::look_up(channel(mode), who, None).unwrap().unwrap();
        assert_eq!(person.name.as_deref(), Some("ana"));
        assert_eq!(person.extra, [("username".to_owned(), "\"ana\"".to_owned())]);
    }
}

#[test]
fn somebody_who_did_not_agree_or_blocked_stays_without_a_name() {
    let host = Host::new();
    for code in [230, 9010] {
        let refusal = json!({ "error": { "message": "User consent is required", "code": code } });
        host.expect("GET", format!("{OWN}/{PERSON}?fields=name%2Cusername%2Cprofile_pic")).answer(400, refusal);
        let who = Identity::new("instagram-user", ACCOUNT, PERSON);
        assert!(Instagram::look_up(channel("instagram-token"), who, None).unwrap().is_none());
    }
}

#[test]
fn reading_is_shown() {
    let host = Host::new();
    host.expect("POST", format!("{OWN}/me/messages")).answer(200, json!({}));
    Instagram::signal(channel("instagram-token"), Thread::new(PERSON), "read".to_owned(), None).unwrap();
    let body: Value = serde_json::from_slice(&host.requests()[0].body_bytes()).unwrap();
    assert_eq!(body["sender_action"], "mark_seen");
}

#[test]
fn saving_an_app_registers_its_address_for_instagram() {
    let host = Host::new();
    host.secret("app_secret", "s").secret("verify_token", "v");
    host.expect("POST", format!("{GRAPH}/123/subscriptions?access_token=123%7Csecret-app_secret-url"))
        .answer(200, json!({ "success": true }));
    let app = App {
        id: "app_1".to_owned(),
        webhook_url: Some("https://sambung.example/hooks/instagram".to_owned()),
        settings: json!({ "app_id": "123" }).to_string(),
        ..App::default()
    };
    Instagram::prepare(app).unwrap();
    let body: Value = serde_json::from_slice(&host.requests()[0].body_bytes()).unwrap();
    assert_eq!(body["object"], "instagram");
}

/// Every way has its own fields, and each secret stands in one of them.
#[test]
fn the_form_asks_for_what_a_way_needs() {
    let form = Instagram::settings_schema("channel", "id");
    let secrets: Vec<Vec<&str>> = form["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| {
            let fields = branch["properties"].as_object().unwrap().values();
            fields.filter_map(|field| field["x-secret"].as_str()).collect()
        })
        .collect();
    assert_eq!(secrets, [vec![], vec![], vec!["access_token"], vec!["instagram_access_token"]]);
    let app = Instagram::settings_schema("app", "en");
    assert_eq!(app["required"], json!(["app_id", "app_secret"]), "signing in with Instagram is a choice");
}
