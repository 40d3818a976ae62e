//! Connecting, checking, disconnecting.

use crate::support::{ADDRESS, OWN, own_app, signed_in};
use sambung_plugin_x::X;
use sambung_sdk::connection::{Account, ConnectStep, Connection, Health};
use sambung_sdk::http::Auth;
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Fault};

const API: &str = "https://api.x.com";
const EVENTS: [&str; 5] = ["dm.received", "dm.sent", "dm.read", "dm.indicate_typing", "chat.received"];

fn url(path: &str) -> String {
    format!("{API}{path}")
}

fn token(host: &Host) {
    host.expect("POST", url("/oauth2/token")).answer(200, json!({ "token_type": "bearer", "access_token": "AAAA" }));
}

fn me(host: &Host) {
    let me = json!({ "data": { "id": OWN, "name": "Toko", "username": "toko" } });
    host.expect("GET", url("/2/users/me")).answer(200, me);
}

fn webhooks(host: &Host, listed: Value) {
    host.expect("GET", url("/2/webhooks")).answer(200, json!({ "data": listed, "meta": { "result_count": 1 } }));
}

fn listed(valid: bool) -> Value {
    json!([{ "id": "5", "url": "https://elsewhere.example/x", "valid": true }, { "id": "7", "url": ADDRESS, "valid": valid }])
}

fn subscriptions(host: &Host, known: Value) {
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000"))
        .answer(200, json!({ "data": known, "meta": {} }));
}

fn all_known(webhook: &str) -> Value {
    let one = |(at, event): (usize, &&str)| json!({ "subscription_id": format!("9{at}"), "event_type": event, "filter": { "user_id": OWN }, "webhook_id": webhook });
    EVENTS.iter().enumerate().map(one).collect()
}

fn connected(channel: Channel) -> Account {
    X::register(Channel { account: Some(OWN.to_owned()), ..channel }).expect("it is registered").account
}

fn features(account: &Account) -> Value {
    serde_json::from_str(&account.features).unwrap()
}

/// Whose the keys are is found out before anything is registered.
#[test]
fn identifying_changes_nothing() {
    let host = Host::new();
    token(&host);
    me(&host);
    let step = X::identify(own_app(), None);
    assert!(matches!(&step, Ok(ConnectStep::Found(account)) if account.id == OWN), "{step:?}");
}

/// Another server of the same app took the messages: a check says so and takes nothing back.
#[test]
fn a_check_says_that_the_messages_are_delivered_elsewhere() {
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, listed(true));
    subscriptions(&host, all_known("5"));
    let health = X::check(own_app()).unwrap();
    assert_eq!(health.findings[0].code, "webhook-elsewhere");
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, listed(true));
    subscriptions(&host, all_known("gone"));
    for at in 0..EVENTS.len() {
        host.expect("PUT", url(&format!("/2/activity/subscriptions/9{at}"))).answer(200, json!({ "data": {} }));
    }
    assert_eq!(X::check(own_app()).unwrap().findings, [], "a webhook that is gone has nobody's messages");
}

/// What a registration that fails has changed by then is as it was before.
#[test]
fn a_registration_that_fails_leaves_everything_as_it_was() {
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, json!([{ "id": "5", "url": "https://elsewhere.example/x", "valid": true }]));
    host.expect("POST", url("/2/webhooks"))
        .answer(200, json!({ "data": { "id": "7", "url": ADDRESS, "valid": true } }));
    subscriptions(&host, json!([all_known("5")[0]]));
    host.expect("PUT", url("/2/activity/subscriptions/90")).answer(200, json!({ "data": {} }));
    host.expect("POST", url("/2/activity/subscriptions")).answer(200, json!({ "data": {} }));
    host.expect("POST", url("/2/activity/subscriptions")).answer(503, json!({ "title": "Service Unavailable" }));
    subscriptions(&host, json!([all_known("7")[0], all_known("7")[1]]));
    host.expect("PUT", url("/2/activity/subscriptions/90")).answer(200, json!({ "data": {} }));
    host.expect("DELETE", url("/2/activity/subscriptions/91")).answer(200, json!({ "data": {} }));
    host.expect("DELETE", url("/2/webhooks/7")).answer(200, json!({ "data": {} }));
    assert_eq!(X::register(own_app()).unwrap_err()[0].kind, "unavailable");
    let moved: Vec<Value> = host
        .requests()
        .iter()
        .filter(|request| request.method == "PUT")
        .map(|request| serde_json::from_slice(&request.body_bytes()).unwrap())
        .collect();
    assert_eq!(moved, [json!({ "webhook_id": "7" }), json!({ "webhook_id": "5" })]);
}

#[test]
fn four_keys_connect_the_account_register_the_address_and_subscribe_its_messages() {
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, json!([]));
    host.expect("POST", url("/2/webhooks"))
        .answer(200, json!({ "data": { "id": "7", "url": ADDRESS, "valid": true } }));
    subscriptions(&host, json!([]));
    for _ in EVENTS {
        host.expect("POST", url("/2/activity/subscriptions"))
            .answer(200, json!({ "data": { "subscription": { "subscription_id": "1" } } }));
    }
    let account = connected(own_app());
    assert_eq!((account.id.as_str(), account.name.as_str()), (OWN, "Toko (@toko)"));
    assert_eq!(features(&account), json!({ "polling": false, "interactive": true, "encrypted": false }));
    let requests = host.requests();
    assert!(matches!(&requests[0].auth, Auth::Basic(basic) if basic.user == "consumer_key"));
    assert!(matches!(&requests[1].auth, Auth::Oauth1(keys) if keys.token.as_deref() == Some("access_token")));
    assert!(matches!(&requests[3].auth, Auth::Bearer(name) if name == "own_bearer_token"));
    let body: Value = serde_json::from_slice(&requests[5].body_bytes()).unwrap();
    assert_eq!(body, json!({ "event_type": "dm.received", "filter": { "user_id": OWN }, "webhook_id": "7" }));
    assert!(matches!(&requests[5].auth, Auth::Oauth1(_)), "private events want the account's own word");
    assert_eq!(host.kept()[0].name, "own_bearer_token");
}

#[test]
fn what_is_there_already_is_used_again() {
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, listed(false));
    host.expect("PUT", url("/2/webhooks/7")).answer(200, json!({ "data": { "valid": true } }));
    let mut known = all_known("7");
    known[1]["webhook_id"] = json!("5");
    subscriptions(&host, known);
    host.expect("PUT", url("/2/activity/subscriptions/91")).answer(200, json!({ "data": {} }));
    assert_eq!(features(&connected(own_app()))["polling"], false);
}

/// Which key is wrong is told at its field, in X's words.
#[test]
fn a_refused_key_is_told_at_its_field() {
    let faults = |answer: fn(&Host)| -> Vec<Fault> {
        let host = Host::new();
        answer(&host);
        X::identify(own_app(), None).unwrap_err()
    };
    let wrong_key = faults(|host| {
        let words = json!({ "errors": [{ "code": 99, "message": "Unable to verify your credentials" }] });
        host.expect("POST", url("/oauth2/token")).answer(403, words);
    });
    assert_eq!((wrong_key[0].kind.as_str(), wrong_key[0].field.as_deref()), ("refused", Some("consumer_key")));
    assert_eq!(wrong_key[0].words, "Unable to verify your credentials");
    let wrong_token = faults(|host| {
        token(host);
        let words = json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" });
        host.expect("GET", url("/2/users/me")).answer(401, words);
    });
    assert_eq!((wrong_token[0].kind.as_str(), wrong_token[0].field.as_deref()), ("refused", Some("access_token")));
    let no_permission = faults(|host| {
        token(host);
        let me = json!({ "data": { "id": OWN, "name": "Toko", "username": "toko" } });
        host.expect("GET", url("/2/users/me")).answer(200, me).header("x-access-level", "read-write");
    });
    assert_eq!(no_permission[0].code.as_deref(), Some("no-message-permission"));
}

/// A limit or missing access is no reason not to connect: messages are asked for, and that is said with what it costs.
#[test]
fn without_a_webhook_the_host_asks_and_says_why() {
    type Scene = fn(&Host);
    let rows: [(&str, Scene); 4] = [
        ("webhook-limit", |host| {
            webhooks(host, json!([]));
            let words = json!({ "title": "WebhookLimitExceeded", "detail": "You have reached the limit of 1 webhook.", "status": 400 });
            host.expect("POST", url("/2/webhooks")).answer(400, words);
        }),
        ("webhook-unreachable", |host| {
            webhooks(host, json!([]));
            let words = json!({ "errors": [{ "message": "CrcValidationFailed: no answer" }] });
            host.expect("POST", url("/2/webhooks")).answer(400, words);
        }),
        ("webhook-no-access", |host| {
            let words = json!({ "title": "Client Forbidden", "detail": "Enroll first.", "type": "https://api.x.com/2/problems/client-forbidden" });
            host.expect("GET", url("/2/webhooks")).answer(403, words);
        }),
        ("subscription-refused", |host| {
            webhooks(host, listed(true));
            subscriptions(host, json!([]));
            host.expect("POST", url("/2/activity/subscriptions")).answer(403, json!({ "title": "Forbidden" }));
            let words = json!({ "title": "SubscriptionLimitExceeded", "detail": "Limit of 3." });
            host.expect("POST", url("/2/account_activity/webhooks/7/subscriptions/all")).answer(400, words);
        }),
    ];
    for (code, scene) in rows {
        let host = Host::new();
        token(&host);
        me(&host);
        scene(&host);
        let Health { findings, account, .. } = X::check(own_app()).unwrap();
        assert_eq!(features(&account.unwrap())["polling"], true, "{code}");
        assert_eq!(findings[0].code, code);
        assert!(findings[0].words.contains("$0.010") && findings[0].fix.is_some(), "{}", findings[0].words);
    }
    let host = Host::new();
    token(&host);
    me(&host);
    let hidden = Channel { webhook_url: None, ..own_app() };
    assert_eq!(X::check(hidden).unwrap().findings[0].code, "no-public-url");
}

/// Where the newer API does not subscribe, the older one does.
#[test]
fn the_older_api_stands_in_for_the_newer() {
    let host = Host::new();
    token(&host);
    me(&host);
    webhooks(&host, listed(true));
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000")).answer(403, json!({ "title": "Forbidden" }));
    let words = json!({ "errors": [{ "message": "DuplicateSubscriptionFailed: Subscription already exists" }] });
    host.expect("POST", url("/2/account_activity/webhooks/7/subscriptions/all")).answer(400, words);
    assert_eq!(features(&connected(own_app()))["polling"], false);
}

/// A provider in trouble is no reason to ask from now on: connecting fails and can be tried again.
#[test]
fn trouble_that_passes_is_told_as_such() {
    let host = Host::new();
    token(&host);
    me(&host);
    let words = json!({ "title": "Too Many Requests", "detail": "Too Many Requests", "status": 429 });
    host.expect("GET", url("/2/webhooks")).answer(429, words).header("x-rate-limit-reset", "99999999999");
    let faults = X::register(own_app()).unwrap_err();
    assert_eq!(faults[0].kind, "rate-limited");
    assert!(faults[0].retry_after_ms.is_some_and(|after| after > 1_000_000));
}

#[test]
fn signing_in_uses_the_registered_app() {
    let host = Host::new();
    let faults = X::identify(signed_in(), None).unwrap_err();
    assert_eq!(faults[0].kind, "invalid");
    host.secret("app_bearer_token", "b");
    me(&host);
    let listed = json!([{ "id": "7", "url": "https://sambung.example/hooks/x", "valid": true }]);
    webhooks(&host, listed);
    subscriptions(&host, all_known("7"));
    let account = connected(signed_in());
    assert_eq!(features(&account)["interactive"], false);
    let auths: Vec<_> = host.requests().iter().map(|request| request.auth.clone()).collect();
    assert!(matches!(&auths[0], Auth::Bearer(name) if name == "user_token"));
    assert!(matches!(&auths[1], Auth::Bearer(name) if name == "app_bearer_token"));
}

#[test]
fn a_token_that_works_no_longer_is_unauthorized() {
    let host = Host::new();
    token(&host);
    let words = json!({ "errors": [{ "code": 89, "message": "Invalid or expired token." }] });
    host.expect("GET", url("/2/users/me")).answer(401, words);
    let fault = X::check(own_app()).unwrap_err();
    assert_eq!((fault.kind.as_str(), fault.words.as_str()), ("unauthorized", "Invalid or expired token."));
}

#[test]
fn disconnecting_ends_what_delivers_here_and_nothing_else() {
    let host = Host::new();
    webhooks(&host, listed(true));
    let mut known = all_known("7");
    known[2]["webhook_id"] = json!("5");
    subscriptions(&host, known);
    for id in [90, 91, 93, 94] {
        host.expect("DELETE", url(&format!("/2/activity/subscriptions/{id}")))
            .answer(200, json!({ "data": { "deleted": true } }));
    }
    let words = json!({ "title": "SubscriptionNotFound", "status": 400 });
    host.expect("DELETE", url(&format!("/2/account_activity/webhooks/7/subscriptions/{OWN}/all"))).answer(400, words);
    host.expect("DELETE", url("/2/webhooks/7")).answer(200, json!({ "data": { "deleted": true } }));
    X::disconnect(own_app()).unwrap();
}

/// The registered app's address serves other accounts.
#[test]
fn disconnecting_a_signed_in_account_leaves_the_address() {
    let host = Host::new();
    host.secret("app_bearer_token", "b");
    webhooks(&host, json!([{ "id": "7", "url": "https://sambung.example/hooks/x", "valid": true }]));
    subscriptions(&host, json!([]));
    host.expect("DELETE", url(&format!("/2/account_activity/webhooks/7/subscriptions/{OWN}/all")))
        .answer(200, json!({ "data": { "subscribed": false } }));
    X::disconnect(signed_in()).unwrap();
}
