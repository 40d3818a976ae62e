//! Connecting by the linked page or by the account itself, looking after it, and taking leave of it.

use crate::support::{ACCOUNT, GRAPH, OWN, channel};
use sambung_plugin_instagram::Instagram;
use sambung_sdk::connection::{ConnectStep, Connection};
use sambung_sdk::http::Auth;
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::{Host, connect};
use sambung_sdk::types::Channel;

const PAGE: &str = "1067280970047460";
const LINKED: &str = "instagram_business_account%7Bid%2Cusername%2Cname%7D";
const OWN_FIELDS: &str = "messages%2Cmessaging_postbacks%2Cmessaging_seen%2Cmessage_reactions%2Cmessage_edit";

fn page_me() -> String {
    format!("{GRAPH}/me?fields=id%2Cname%2C{LINKED}")
}

fn own_me() -> String {
    format!("{OWN}/me?fields=user_id%2Cusername%2Cname")
}

fn page_edge() -> String {
    format!("{GRAPH}/{PAGE}/subscribed_apps")
}

fn own_edge() -> String {
    format!("{OWN}/me/subscribed_apps")
}

fn page_of(account: Value) -> Value {
    json!({ "id": PAGE, "name": "Toko", "instagram_business_account": account })
}

fn linked() -> Value {
    json!({ "id": ACCOUNT, "username": "toko", "name": "Toko Kita" })
}

fn own() -> Value {
    json!({ "id": "2433", "user_id": ACCOUNT, "username": "toko", "name": "Toko Kita" })
}

fn refusal(code: i64, words: &str) -> Value {
    json!({ "error": { "message": words, "type": "OAuthException", "code": code } })
}

fn known(channel: Channel) -> Channel {
    Channel { account: Some(ACCOUNT.to_owned()), ..channel }
}

fn is_by(auth: &Auth, secret: &str) -> bool {
    matches!(auth, Auth::Bearer(name) if name == secret)
}

#[test]
fn an_account_connects_by_its_pages_token() {
    let host = Host::new();
    for _ in 0..2 {
        host.expect("GET", page_me()).answer(200, page_of(linked()));
    }
    host.expect("GET", page_edge()).answer(200, json!({ "data": [] }));
    host.expect("POST", format!("{}?subscribed_fields=feed", page_edge())).answer(200, json!({ "success": true }));
    let account = connect::<Instagram>(channel("token"), None).unwrap().account;
    assert_eq!((account.id.as_str(), account.name.as_str()), (ACCOUNT, "Toko Kita (@toko)"));
    assert!(host.requests().iter().all(|one| is_by(&one.auth, "access_token")));
}

#[test]
fn an_account_connects_by_its_own_token_at_its_own_address() {
    let host = Host::new();
    for _ in 0..2 {
        host.expect("GET", own_me()).answer(200, own());
    }
    host.expect("GET", own_edge()).answer(200, json!({ "data": [] }));
    host.expect("POST", format!("{}?subscribed_fields={OWN_FIELDS}", own_edge()))
        .answer(200, json!({ "success": true }));
    let account = connect::<Instagram>(channel("instagram-token"), None).unwrap().account;
    assert_eq!(account.id, ACCOUNT, "the id that webhooks name, and not the app's word for it");
    assert!(host.requests().iter().all(|one| is_by(&one.auth, "instagram_access_token")));
}

#[test]
fn a_refused_token_is_its_fields_fault_in_the_providers_words() {
    let host = Host::new();
    for (mode, address, field) in
        [("token", page_me(), "access_token"), ("instagram-token", own_me(), "instagram_access_token")]
    {
        host.expect("GET", address).answer(400, refusal(190, "Invalid OAuth access token"));
        let faults = Instagram::identify(channel(mode), None).unwrap_err();
        assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some(field)));
        assert_eq!(faults[0].words, "Invalid OAuth access token");
    }
}

#[test]
fn a_token_of_another_account_and_a_page_without_one_are_refused() {
    let host = Host::new();
    let meant =
        Channel::with_settings("ch_1", &json!({ "mode": "instagram-token", "account_id": "17841400000000009" }));
    host.expect("GET", own_me()).answer(200, own());
    assert_eq!(Instagram::identify(meant, None).unwrap_err()[0].field.as_deref(), Some("account_id"));
    host.expect("GET", page_me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    let faults = Instagram::identify(channel("token"), None).unwrap_err();
    assert!(faults[0].words.contains("Toko is linked to no professional Instagram account"), "{}", faults[0].words);
}

/// Whoever signed in with Facebook is offered the accounts of their pages; pages without one are left away.
#[test]
fn the_accounts_of_a_persons_pages_are_offered_and_the_chosen_ones_page_speaks() {
    let host = Host::new();
    host.secret("user_token", "u");
    let pages = format!("{GRAPH}/me/accounts?fields=id%2Cname%2Ctasks%2C{LINKED}&limit=100");
    let other = json!({ "id": "8", "name": "Two", "tasks": ["MESSAGING"], "instagram_business_account": { "id": "17841400000000002", "username": "two" } });
    let listed = json!({ "data": [page_of(linked()), other, { "id": "7", "name": "None", "tasks": ["MESSAGING"] }] });
    host.expect("GET", pages.clone()).answer(200, listed.clone());
    let Ok(ConnectStep::Choose(choices)) = Instagram::identify(channel("sign-in"), None) else { panic!("no choice") };
    let offered: Vec<(&str, &str)> = choices.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
    assert_eq!(offered, [(ACCOUNT, "Toko Kita (@toko)"), ("17841400000000002", "@two")]);

    host.expect("GET", pages).answer(200, listed);
    host.expect("GET", format!("{GRAPH}/{PAGE}?fields=access_token")).answer(200, json!({ "access_token": "EAApage" }));
    for _ in 0..2 {
        host.expect("GET", page_me()).answer(200, page_of(linked()));
    }
    host.expect("GET", page_edge())
        .answer(200, json!({ "data": [{ "subscribed_fields": ["messages", "message_echoes"] }] }));
    host.expect("POST", format!("{}?subscribed_fields=feed%2Cmessages%2Cmessage_echoes", page_edge()))
        .answer(200, json!({ "success": true }));
    let answer = json!({ "choice": ACCOUNT }).to_string();
    assert_eq!(connect::<Instagram>(channel("sign-in"), Some(answer)).unwrap().account.id, ACCOUNT);
    assert_eq!(host.kept()[0].name, "page_token");
    assert!(is_by(&host.requests().last().unwrap().auth, "page_token"));
}

#[test]
fn an_account_that_signed_in_with_instagram_needs_no_page() {
    let host = Host::new();
    assert_eq!(Instagram::identify(channel("instagram-sign-in"), None).unwrap_err()[0].kind, "unauthorized");
    host.secret("instagram_token", "i").secret("app_secret", "s");
    for _ in 0..2 {
        host.expect("GET", own_me()).answer(200, own());
    }
    host.expect("GET", own_edge()).answer(200, json!({ "data": [] }));
    host.expect("POST", format!("{}?subscribed_fields={OWN_FIELDS}", own_edge()))
        .answer(200, json!({ "success": true }));
    assert!(connect::<Instagram>(channel("instagram-sign-in"), None).is_ok());
    assert!(host.requests().iter().all(|one| is_by(&one.auth, "instagram_token")));
}

#[test]
fn what_ended_is_asked_for_again_and_what_was_lost_is_told() {
    let host = Host::new();
    host.expect("GET", own_me()).answer(200, own());
    host.expect("GET", own_edge()).answer(200, json!({ "data": [] }));
    host.expect("GET", own_edge()).answer(200, json!({ "data": [] }));
    host.expect("POST", format!("{}?subscribed_fields={OWN_FIELDS}", own_edge()))
        .answer(200, json!({ "success": true }));
    let health = Instagram::check(known(channel("instagram-token"))).unwrap();
    assert_eq!(health.findings[0].code, "unsubscribed");
    host.expect("GET", page_me()).answer(200, json!({ "id": PAGE, "name": "Toko" }));
    assert_eq!(Instagram::check(known(channel("token"))).unwrap().findings[0].code, "not-linked");
    host.expect("GET", page_me()).answer(400, refusal(190, "ended"));
    assert_eq!(Instagram::check(known(channel("token"))).unwrap_err().kind, "unauthorized");
}

/// Messenger's channel of the same page and app goes on.
#[test]
fn disconnecting_takes_back_the_accounts_own_and_leaves_the_pages() {
    let host = Host::new();
    host.expect("GET", page_me()).answer(200, page_of(linked()));
    host.expect("GET", page_edge()).answer(200, json!({ "data": [{ "subscribed_fields": ["feed", "messages"] }] }));
    host.expect("POST", format!("{}?subscribed_fields=messages", page_edge())).answer(200, json!({ "success": true }));
    Instagram::disconnect(known(channel("token"))).unwrap();
    host.expect("GET", own_me()).answer(200, own());
    host.expect("GET", own_edge())
        .answer(200, json!({ "data": [{ "subscribed_fields": ["messages", "message_edit"] }] }));
    host.expect("DELETE", own_edge()).answer(200, json!({ "success": true }));
    Instagram::disconnect(known(channel("instagram-token"))).unwrap();
}
