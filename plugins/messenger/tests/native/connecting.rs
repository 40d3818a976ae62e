//! Connecting by a token or by signing in, looking after the page, and taking leave of it.

use crate::support::{FIELDS, GRAPH, PAGE, by_sign_in, by_token};
use sambung_plugin_messenger::Messenger;
use sambung_sdk::connection::{ConnectStep, Connection};
use sambung_sdk::http::Auth;
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::{Host, connect};
use sambung_sdk::types::Channel;

fn me() -> String {
    format!("{GRAPH}/me?fields=id%2Cname")
}

fn edge(page: &str) -> String {
    format!("{GRAPH}/{page}/subscribed_apps")
}

fn subscribing(page: &str) -> String {
    format!("{}?subscribed_fields={FIELDS}", edge(page))
}

fn pages() -> String {
    format!("{GRAPH}/me/accounts?fields=id%2Cname%2Ctasks&limit=100")
}

fn page(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "tasks": ["MESSAGING", "MODERATE"] })
}

fn refusal(code: i64, words: &str) -> Value {
    json!({ "error": { "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "A" } })
}

fn known(channel: Channel) -> Channel {
    Channel { account: Some(PAGE.to_owned()), ..channel }
}

#[test]
fn a_page_connects_by_its_token_and_is_subscribed() {
    let host = Host::new();
    for _ in 0..2 {
        host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    }
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [] }));
    host.expect("POST", subscribing(PAGE)).answer(200, json!({ "success": true }));
    let account = connect::<Messenger>(by_token(), None).unwrap().account;
    assert_eq!((account.id.as_str(), account.name.as_str()), (PAGE, "Toko"));
    let features: Value = serde_json::from_str(&account.features).unwrap();
    assert_eq!(features, json!({ "typing": true, "read": true, "human-agent": false }));
    assert!(host.requests().iter().all(|one| matches!(&one.auth, Auth::Bearer(name) if name == "access_token")));
}

/// With the app's secret every call proves to be the app's own. HMAC-SHA256 of "EAAtoken123" with "test_app_secret".
#[test]
fn calls_are_proved_with_the_apps_secret() {
    const PROOF: &str = "appsecret_proof=ebc1b8c0a6dcee2ee0b03ff5830bbbffa064cc145ec3cfcc3222721ac3a18d47";
    let host = Host::new();
    host.secret("app_secret", "test_app_secret").secret("access_token", "EAAtoken123");
    for _ in 0..2 {
        host.expect("GET", format!("{GRAPH}/me?{PROOF}&fields=id%2Cname"))
            .answer(200, json!({ "id": PAGE, "name": "Toko" }));
    }
    host.expect("GET", format!("{}?{PROOF}", edge(PAGE))).answer(200, json!({ "data": [] }));
    host.expect("POST", format!("{}?{PROOF}&subscribed_fields={FIELDS}", edge(PAGE)))
        .answer(200, json!({ "success": true }));
    assert!(connect::<Messenger>(by_token(), None).is_ok());
}

#[test]
fn a_refused_token_is_the_tokens_fault_in_the_providers_words() {
    let host = Host::new();
    host.expect("GET", me()).answer(401, refusal(190, "Error validating access token: Session has expired"));
    let faults = Messenger::identify(by_token(), None).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("access_token")));
    assert_eq!(faults[0].words, "Error validating access token: Session has expired");
}

#[test]
fn a_token_of_another_page_is_refused_and_names_it() {
    let host = Host::new();
    host.expect("GET", me()).answer(200, json!({ "id": "9", "name": "Other" }));
    let faults = Messenger::identify(by_token(), None).unwrap_err();
    assert_eq!(faults[0].field.as_deref(), Some("page_id"));
    assert!(faults[0].words.contains("9 (Other)"), "{}", faults[0].words);
}

#[test]
fn whoever_signed_in_chooses_among_the_pages_whose_messages_they_may_answer() {
    let host = Host::new();
    host.secret("user_token", "u");
    let analyst = json!({ "id": "7", "name": "Looks only", "tasks": ["ANALYZE"] });
    let first = json!({ "data": [page("1", "One"), analyst],
        "paging": { "cursors": { "after": "c1" }, "next": "https://…" } });
    host.expect("GET", pages()).answer(200, first.clone());
    host.expect("GET", format!("{}&after=c1", pages()))
        .answer(200, json!({ "data": [page("2", "Two")], "paging": { "cursors": { "after": "c2" } } }));
    let Ok(ConnectStep::Choose(choices)) = Messenger::identify(by_sign_in(), None) else { panic!("no choice") };
    let offered: Vec<&str> = choices.iter().map(|account| account.id.as_str()).collect();
    assert_eq!(offered, ["1", "2"]);

    host.expect("GET", pages()).answer(200, first);
    host.expect("GET", format!("{}&after=c1", pages())).answer(200, json!({ "data": [page("2", "Two")] }));
    host.expect("GET", format!("{GRAPH}/2?fields=access_token"))
        .answer(200, json!({ "access_token": "EAApage", "id": "2" }));
    for _ in 0..2 {
        host.expect("GET", me()).answer(200, json!({ "id": "2", "name": "Two" }));
    }
    host.expect("GET", edge("2")).answer(200, json!({ "data": [] }));
    host.expect("POST", subscribing("2")).answer(200, json!({ "success": true }));
    let answer = json!({ "choice": "2" }).to_string();
    let account = connect::<Messenger>(by_sign_in(), Some(answer)).unwrap().account;
    assert_eq!(account.id, "2");
    assert_eq!(serde_json::from_str::<Value>(&account.features).unwrap()["human-agent"], true);
    assert_eq!((host.kept()[0].name.as_str(), host.kept()[0].expires_at), ("page_token", None));
    let last = host.requests().pop().unwrap();
    assert!(matches!(last.auth, Auth::Bearer(name) if name == "page_token"), "the page speaks for itself");
}

/// Signing in again in place takes the page that the channel was, and no other.
#[test]
fn signing_in_again_reaches_the_same_page_or_says_that_it_does_not() {
    let host = Host::new();
    host.secret("user_token", "u");
    host.expect("GET", pages()).answer(200, json!({ "data": [page("1", "One"), page(PAGE, "Toko")] }));
    host.expect("GET", format!("{GRAPH}/{PAGE}?fields=access_token")).answer(200, json!({ "access_token": "EAApage" }));
    for _ in 0..2 {
        host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    }
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [] }));
    host.expect("POST", subscribing(PAGE)).answer(200, json!({ "success": true }));
    assert!(connect::<Messenger>(known(by_sign_in()), None).is_ok());
    host.expect("GET", pages()).answer(200, json!({ "data": [page("1", "One")] }));
    let faults = Messenger::identify(known(by_sign_in()), None).unwrap_err();
    assert!(faults[0].words.contains(PAGE), "{}", faults[0].words);
}

#[test]
fn a_sign_in_that_reaches_no_page_says_so_and_one_that_was_not_made_too() {
    let host = Host::new();
    assert_eq!(Messenger::identify(by_sign_in(), None).unwrap_err()[0].kind, "unauthorized");
    host.secret("user_token", "u");
    host.expect("GET", pages()).answer(200, json!({ "data": [] }));
    assert!(Messenger::identify(by_sign_in(), None).unwrap_err()[0].words.contains("no page"));
}

/// Another platform of the same app may have asked for fields of the same page: they stay.
#[test]
fn what_is_delivered_already_stays() {
    let host = Host::new();
    for _ in 0..2 {
        host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    }
    host.expect("GET", edge(PAGE))
        .answer(200, json!({ "data": [{ "id": "1", "subscribed_fields": ["feed", "messages"] }] }));
    host.expect("POST", format!("{}%2Cfeed", subscribing(PAGE))).answer(200, json!({ "success": true }));
    assert!(connect::<Messenger>(by_token(), None).is_ok());
    let all: Vec<String> = FIELDS.split("%2C").map(str::to_owned).collect();
    let with_feed: Vec<&str> = all.iter().map(String::as_str).chain(["feed"]).collect();
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [{ "subscribed_fields": with_feed }] }));
    host.expect("POST", format!("{}?subscribed_fields=feed", edge(PAGE))).answer(200, json!({ "success": true }));
    Messenger::disconnect(known(by_token())).unwrap();
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [{ "subscribed_fields": all }] }));
    host.expect("DELETE", edge(PAGE)).answer(200, json!({ "success": true }));
    Messenger::disconnect(known(by_token())).unwrap();
}

/// After an hour of failing webhooks Meta ends the page's subscription.
#[test]
fn a_page_that_is_no_longer_subscribed_is_subscribed_again_and_the_admin_is_told() {
    let host = Host::new();
    host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [] }));
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [] }));
    host.expect("POST", subscribing(PAGE)).answer(200, json!({ "success": true }));
    let health = Messenger::check(known(by_token())).unwrap();
    assert_eq!((health.findings[0].code.as_str(), health.findings[0].level.as_str()), ("unsubscribed", "warning"));
    assert_eq!(health.account.unwrap().id, PAGE);

    let all: Vec<&str> = FIELDS.split("%2C").collect();
    host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    host.expect("GET", edge(PAGE)).answer(200, json!({ "data": [{ "subscribed_fields": all }] }));
    assert!(Messenger::check(known(by_token())).unwrap().findings.is_empty());
}

#[test]
fn a_token_that_ended_needs_attention_and_one_that_lost_a_permission_says_which() {
    let host = Host::new();
    for code in [190, 102] {
        host.expect("GET", me()).answer(400, refusal(code, "ended"));
        assert_eq!(Messenger::check(known(by_token())).unwrap_err().kind, "unauthorized");
    }
    host.expect("GET", me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    host.expect("GET", edge(PAGE)).answer(403, refusal(200, "Requires pages_manage_metadata permission"));
    let health = Messenger::check(known(by_token())).unwrap();
    assert_eq!(health.findings[0].code, "permission-lost");
    assert_eq!(health.findings[0].words, "Requires pages_manage_metadata permission");
    host.expect("GET", me()).answer(500, refusal(2, "later"));
    assert_eq!(Messenger::check(known(by_token())).unwrap_err().kind, "unavailable");
}
