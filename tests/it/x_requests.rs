//! Every request that the X plugin makes, held against the published description; and every operation that its page lists is
//! made.

use std::collections::BTreeSet;

use sambung_plugin_x::X;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::connection::Connection;
use sambung_sdk::http::{Auth, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::outbound::{Outbound, Outgoing};
use sambung_sdk::polling::Polling;
use sambung_sdk::profiles::Profiles;
use sambung_sdk::reconcile::{Lost, Reconcile};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Thread};
use sambung_tests::fixtures;
use sambung_tests::openapi::{Call, Description, Misfit};

const API: &str = "https://api.x.com";
const OWN: &str = "4337869213";
const CUSTOMER: &str = "3001969357";
const ADDRESS: &str = "https://sambung.example/hooks/x/ch_1";
const PAGE: &str = include_str!("../../plugins/x/README.md");
const FIELDS: &str = "event_types=MessageCreate&dm_event.fields=id%2Ctext%2Cevent_type%2Ccreated_at%2Cdm_conversation_id%2Cattachments%2Centities&expansions=sender_id%2Cattachments.media_keys&user.fields=name%2Cusername%2Cprofile_image_url&media.fields=media_key%2Ctype%2Curl%2Cvariants%2Cwidth%2Cheight%2Cduration_ms";

/// In no published description: application-only authentication, and the older API's messages.
const UNPUBLISHED: [&str; 2] = ["/oauth2/token", "/1.1/direct_messages/events/new.json"];

#[test]
fn every_request_fits_the_published_description_and_every_listed_operation_is_sent() {
    let test = "x_requests::every_request_fits_the_published_description_and_every_listed_operation_is_sent";
    let Some(folder) = fixtures::folder(test, "x-twitter/openapi") else { return };
    let description = Description::read(&folder.join("x-api-v2-openapi-2.167.json"));
    let mut misfits = Vec::new();
    let mut sent = BTreeSet::new();
    for request in requests() {
        let path = request.url.strip_prefix(API).unwrap_or_else(|| panic!("{} is not the API's", request.url));
        if UNPUBLISHED.contains(&path) {
            sent.insert(format!("{} {path}", request.method));
            continue;
        }
        match check(&description, &request) {
            Ok(operation) => {
                authorized(&description, &operation, &request);
                sent.insert(operation);
            }
            Err(misfit) => misfits.push(format!("{} {}\n{misfit}", request.method, request.url)),
        }
    }
    assert!(misfits.is_empty(), "{}", misfits.join("\n\n"));
    assert_eq!(sent, listed(), "what was sent (left) and what the plugin's page lists (right)");
}

fn check(description: &Description, request: &Request) -> Result<String, Misfit> {
    let bytes = request.body_bytes();
    let multipart = request.headers.iter().any(|(_, value)| value.starts_with("multipart/form-data"));
    let body = if multipart { json!({ "segment_index": 0, "media": "bytes" }).to_string().into_bytes() } else { bytes };
    let call = Call { method: &request.method, url: &request.url, headers: &[], body: &body };
    description.check(&call)
}

/// Whoever asks is somebody that the operation knows.
fn authorized(description: &Description, operation: &str, request: &Request) {
    let scheme = match &request.auth {
        Auth::Oauth1(_) => "UserToken",
        Auth::Bearer(name) if name == "user_token" => "OAuth2UserToken",
        Auth::Bearer(_) => "BearerToken",
        other => panic!("{operation} goes with {other:?}"),
    };
    let allowed = description.security(operation);
    assert!(allowed.iter().any(|known| known == scheme), "{operation} takes {allowed:?}, not {scheme}");
}

/// The first column of the page's table.
fn listed() -> BTreeSet<String> {
    let cells = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |")).map(|(cell, _)| cell);
    let operations: BTreeSet<String> = cells.filter(|cell| cell.contains(" /")).map(str::to_owned).collect();
    assert!(!operations.is_empty(), "the plugin's page lists no operation");
    operations
}

fn channel(mode: &str) -> Channel {
    let mut channel = Channel::with_settings("ch_1", &json!({ "mode": mode }));
    channel.account = Some(OWN.to_owned());
    channel.webhook_url = Some(ADDRESS.to_owned());
    channel
}

fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for mode in ["own-app", "sign-in"] {
        let mut note = |host: Host| requests.extend(host.requests());
        note(connecting(mode));
        note(disconnecting(mode));
        note(asking(mode));
        for content in contents(mode) {
            note(sending(mode, &content));
        }
    }
    requests.extend(registering().requests());
    requests.extend(file());
    requests
}

fn url(path: &str) -> String {
    format!("{API}{path}")
}

fn token(host: &Host) {
    host.expect("POST", url("/oauth2/token")).answer(200, json!({ "access_token": "AAAA" }));
}

/// Registers, validates, subscribes by both APIs and moves a subscription.
fn connecting(mode: &str) -> Host {
    let host = Host::new();
    host.secret("app_bearer_token", "b");
    let me = json!({ "data": { "id": OWN, "name": "Toko", "username": "toko" } });
    let listed = |valid: bool| json!({ "data": [{ "id": "7", "url": ADDRESS, "valid": valid }] });
    let begin = |webhooks: Value| {
        if mode == "own-app" {
            token(&host);
        }
        host.expect("GET", url("/2/users/me")).answer(200, me.clone());
        host.expect("GET", url("/2/webhooks")).answer(200, webhooks);
    };
    begin(json!({ "data": [] }));
    host.expect("POST", url("/2/webhooks")).answer(200, json!({ "data": { "id": "7" } }));
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000")).answer(200, json!({ "data": [] }));
    host.expect("POST", url("/2/activity/subscriptions")).answer(403, json!({ "title": "Forbidden" }));
    host.expect("POST", url("/2/account_activity/webhooks/7/subscriptions/all"))
        .answer(200, json!({ "data": { "subscribed": true } }));
    assert!(X::register(channel(mode)).is_ok());
    begin(listed(false));
    host.expect("PUT", url("/2/webhooks/7")).answer(200, json!({ "data": { "valid": true } }));
    let filter = json!({ "user_id": OWN });
    let known = json!([{ "subscription_id": "9", "event_type": "dm.received", "filter": filter, "webhook_id": "5" }]);
    let meta = json!({ "next_token": "page-of-subscriptions" });
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000"))
        .answer(200, json!({ "data": known, "meta": meta }));
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000&pagination_token=page-of-subscriptions"))
        .answer(200, json!({ "data": [] }));
    host.expect("PUT", url("/2/activity/subscriptions/9")).answer(200, json!({ "data": {} }));
    for _ in 0..4 {
        host.expect("POST", url("/2/activity/subscriptions")).answer(200, json!({ "data": {} }));
    }
    let checked = <X as Connection>::check(channel(mode));
    assert!(checked.as_ref().is_ok_and(|health| health.findings.is_empty()), "{checked:?}");
    host
}

fn disconnecting(mode: &str) -> Host {
    let host = Host::new();
    host.expect("GET", url("/2/webhooks"))
        .answer(200, json!({ "data": [{ "id": "7", "url": ADDRESS, "valid": true }] }));
    let known = json!([{ "subscription_id": "9", "event_type": "dm.received", "filter": { "user_id": OWN }, "webhook_id": "7" }]);
    host.expect("GET", url("/2/activity/subscriptions?max_results=1000")).answer(200, json!({ "data": known }));
    host.expect("DELETE", url("/2/activity/subscriptions/9")).answer(200, json!({ "data": { "deleted": true } }));
    host.expect("DELETE", url(&format!("/2/account_activity/webhooks/7/subscriptions/{OWN}/all")))
        .answer(200, json!({}));
    if mode == "own-app" {
        host.expect("DELETE", url("/2/webhooks/7")).answer(200, json!({ "data": { "deleted": true } }));
    }
    assert!(X::disconnect(channel(mode)).is_ok());
    host
}

fn registering() -> Host {
    let host = Host::new();
    let app = || App {
        id: "app_1".to_owned(),
        webhook_url: Some(ADDRESS.to_owned()),
        settings: "{}".to_owned(),
        ..App::default()
    };
    token(&host);
    host.expect("GET", url("/2/webhooks")).answer(200, json!({ "data": [] }));
    host.expect("POST", url("/2/webhooks")).answer(200, json!({ "data": { "id": "7" } }));
    assert!(X::prepare(app()).is_ok());
    host.expect("GET", url("/2/webhooks")).answer(200, json!({ "data": [{ "id": "7", "url": ADDRESS }] }));
    host.expect("DELETE", url("/2/webhooks/7")).answer(200, json!({ "data": { "deleted": true } }));
    assert!(X::release(app()).is_ok());
    host
}

/// People, messages by look-up, and what became of one.
fn asking(mode: &str) -> Host {
    let host = Host::new();
    host.expect("GET", url(&format!("/2/users/{CUSTOMER}?user.fields=name%2Cusername%2Cprofile_image_url")))
        .answer(200, json!({ "data": { "id": CUSTOMER, "name": "Sari" } }));
    assert!(X::look_up(channel(mode), Identity::new("x-user", "", CUSTOMER), None).is_ok());
    host.expect("GET", url(&format!("/2/dm_events?max_results=20&{FIELDS}"))).answer(200, json!({ "data": [] }));
    host.expect("GET", url(&format!("/2/dm_events?max_results=20&{FIELDS}&pagination_token=page-of-messages-1")))
        .answer(200, json!({ "data": [] }));
    assert!(X::poll(channel(mode), None).is_ok());
    let place = json!({ "seen": "1", "newest": "2", "page": "page-of-messages-1" }).to_string();
    assert!(X::poll(channel(mode), Some(place)).is_ok());
    for (place, thread) in [(format!("with/{CUSTOMER}"), CUSTOMER), ("15850".to_owned(), "group:15850")] {
        host.expect("GET", url(&format!("/2/dm_conversations/{place}/dm_events?max_results=20&{FIELDS}")))
            .answer(200, json!({ "data": [] }));
        let attempt = Outgoing::new("key-1", Thread::new(thread), Content::text("hi"));
        assert!(X::reconcile(channel(mode), vec![Lost { attempt, at: 1, extra: Vec::new() }])[0].is_ok());
    }
    host
}

fn contents(mode: &str) -> Vec<Content> {
    let file = |kind: &str, mime: &str| MediaRef::new(kind).blob("blob-1").bytes(5 << 20).mime(mime.to_owned());
    let mut contents = vec![
        Content::text("Halo 🙂"),
        Content::media_with_caption(file("image", "image/png"), "look".to_owned()),
        Content::media(file("image", "image/webp")),
        Content::media(file("animation", "image/gif")),
        Content::media(file("video", "video/quicktime")),
        Content::media(file("video", "video/mp4")),
    ];
    if mode == "own-app" {
        let choices = json!({ "body": "Which?", "buttons": [{ "id": "1", "label": "This" }] });
        contents.push(Content::Interactive(choices.to_string()));
    }
    contents
}

fn sending(mode: &str, content: &Content) -> Host {
    let host = Host::new();
    let sent = json!({ "data": { "dm_event_id": "133" }, "event": { "id": "133" } });
    let threads = [(format!("with/{CUSTOMER}"), CUSTOMER), ("15850".to_owned(), "group:15850")];
    let interactive = matches!(content, Content::Interactive(_));
    for (place, thread) in threads.iter().take(if interactive { 1 } else { 2 }) {
        if matches!(content, Content::Media(_)) {
            let processing = json!({ "id": "55", "processing_info": { "state": "pending", "check_after_secs": 0 } });
            host.expect("POST", url("/2/media/upload/initialize")).answer(200, json!({ "data": { "id": "55" } }));
            for _ in 0..2 {
                host.expect("POST", url("/2/media/upload/55/append")).answer(200, json!({ "data": {} }));
            }
            host.expect("POST", url("/2/media/upload/55/finalize")).answer(200, json!({ "data": processing }));
            host.expect("GET", url("/2/media/upload?command=STATUS&media_id=55"))
                .answer(200, json!({ "data": { "id": "55" } }));
        }
        let address = match interactive {
            true => url("/1.1/direct_messages/events/new.json"),
            false => url(&format!("/2/dm_conversations/{place}/messages")),
        };
        host.expect("POST", address).answer(201, sent.clone());
        let mut message = Outgoing::new("key-1", Thread::new(*thread), content.clone());
        message.to = vec![Identity::new("x-user", "", CUSTOMER)];
        let answers = X::send(vec![message], channel(mode));
        assert!(answers[0].is_ok(), "{content:?}: {answers:?}");
    }
    host
}

/// A signed-in account's file; that of an own app is at the file server, which no description tells of.
fn file() -> Option<Request> {
    let file = MediaRef::new("image").reference("https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg");
    match X::resolve(channel("sign-in"), file) {
        Ok(Source::Fetch(request)) => Some(request),
        other => panic!("not to be fetched: {other:?}"),
    }
}
