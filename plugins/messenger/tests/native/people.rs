//! What is told of people, and to them beside messages.

use crate::support::{GRAPH, PAGE, PERSON, by_token};
use sambung_plugin_messenger::Messenger;
use sambung_sdk::json::{Value, json};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::signals::Signals;
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Identity, Person, Thread};

const FIELDS: &str = "fields=first_name%2Clast_name%2Cname%2Cprofile_pic%2Clocale";

fn looked_up(host: &Host, status: u16, answer: Value) -> Result<Option<Person>, sambung_sdk::types::Fault> {
    host.expect("GET", format!("{GRAPH}/{PERSON}?{FIELDS}")).answer(status, answer);
    Messenger::look_up(by_token(), Identity::new("messenger-user", PAGE, PERSON), None)
}

#[test]
fn a_profile_has_a_name_and_a_picture() {
    let host = Host::new();
    let told = json!({ "first_name": "Ana", "last_name": "Sari", "profile_pic": "https://x/y.jpg", "locale": "id_ID" });
    let person = looked_up(&host, 200, told).unwrap().unwrap();
    assert_eq!(person.name.as_deref(), Some("Ana Sari"));
    assert_eq!(person.avatar.unwrap().url.as_deref(), Some("https://x/y.jpg"));
    assert_eq!(person.extra, [("language".to_owned(), "\"id_ID\"".to_owned())]);
}

/// Without the app's access to profiles the answer is empty; accounts of phone numbers have none; others are another page's.
#[test]
fn who_is_not_told_stays_without_a_name() {
    let host = Host::new();
    assert!(looked_up(&host, 200, json!({ "id": PERSON })).unwrap().is_none());
    for (code, subcode) in [(100, 2_018_218), (100, 33), (200, 0), (230, 0)] {
        let refusal = json!({ "error": { "message": "no", "code": code, "error_subcode": subcode } });
        assert!(looked_up(&host, 400, refusal).unwrap().is_none(), "{code}");
    }
    let later = json!({ "error": { "message": "later", "code": 2 } });
    assert_eq!(looked_up(&host, 500, later).unwrap_err().kind, "unavailable");
}

#[test]
fn typing_and_reading_are_shown() {
    let host = Host::new();
    for (kind, action) in [("typing", "typing_on"), ("read", "mark_seen")] {
        host.expect("POST", format!("{GRAPH}/me/messages")).answer(200, json!({ "recipient_id": PERSON }));
        Messenger::signal(by_token(), Thread::new(PERSON), kind.to_owned(), None).unwrap();
        let body: Value = serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap();
        assert_eq!(body, json!({ "recipient": { "id": PERSON }, "sender_action": action }));
    }
    Messenger::signal(by_token(), Thread::new(PERSON), "acknowledge".to_owned(), None).unwrap();
    Messenger::signal(by_token(), Thread::new("user_ref:box-1"), "typing".to_owned(), None).unwrap();
}
