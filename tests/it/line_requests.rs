//! Every request that the LINE plugin makes, held against LINE's published description; and every operation that its page
//! lists is made.

use std::collections::BTreeSet;

use sambung_plugin_line::Line;
use sambung_sdk::connection::Connection;
use sambung_sdk::http::{Auth, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::outbound::{Outbound, Outgoing};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::signals::Signals;
use sambung_sdk::testing::{Host, connect};
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Target, Thread};
use sambung_tests::fixtures;
use sambung_tests::openapi::{Call, Description};

const API: &str = "https://api.line.me/v2/bot";
const DATA: &str = "https://api-data.line.me/v2/bot/message/100006";
const ADDRESS: &str = "https://chat.example/hooks/line/ch_1";
const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const PAGE: &str = include_str!("../../plugins/line/README.md");

#[test]
fn every_request_fits_the_published_description_and_every_listed_operation_is_sent() {
    let test = "every_request_fits_the_published_description_and_every_listed_operation_is_sent";
    let Some(folder) = fixtures::folder(test, "line/openapi") else { return };
    let description = Description::read(&folder.join("messaging-api.yml"));
    let mut requests = connecting();
    requests.extend(sending());
    requests.extend(fetching());
    let sent: BTreeSet<String> = requests.iter().map(|request| operation(&description, request)).collect();
    assert_eq!(sent, listed(), "what was sent (left) and what the plugin's page lists (right)");
}

fn operation(description: &Description, request: &Request) -> String {
    let Auth::Bearer(secret) = &request.auth else { panic!("{} goes without its token", request.url) };
    assert_eq!(secret, "channel_access_token");
    let body = request.body_bytes();
    let call = Call { method: &request.method, url: &request.url, headers: &request.headers, body: &body };
    let shown = String::from_utf8_lossy(&body).into_owned();
    description.check(&call).unwrap_or_else(|misfit| panic!("{} {}\n{shown}\n{misfit}", request.method, request.url))
}

/// The first column of the page's table: `METHOD /path`.
fn listed() -> BTreeSet<String> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let operations: BTreeSet<String> =
        rows.map(|(operation, _)| operation.to_owned()).filter(|operation| operation.contains(" /v2/")).collect();
    assert!(!operations.is_empty(), "the plugin's page lists no operation");
    operations
}

fn channel() -> Channel {
    Channel { webhook_url: Some(ADDRESS.to_owned()), ..Channel::with_settings("ch_1", &json!({})) }
}

fn connecting() -> Vec<Request> {
    let host = Host::new();
    let info = json!({ "userId": "Ub", "basicId": "@b", "displayName": "B", "chatMode": "chat" });
    let tested = json!({ "success": true, "statusCode": 200, "reason": "OK", "detail": "200" });
    let endpoint = format!("{API}/channel/webhook/endpoint");
    host.expect("GET", format!("{API}/info")).answer(200, info.clone());
    host.expect("POST", format!("{API}/channel/webhook/test")).answer(200, tested.clone());
    host.expect("GET", format!("{API}/info")).answer(200, info.clone());
    host.expect("GET", endpoint.clone()).answer(404, json!({ "message": "Not found" }));
    host.expect("PUT", endpoint.clone()).answer(200, json!({}));
    host.expect("GET", endpoint.clone()).answer(200, json!({ "endpoint": ADDRESS, "active": true }));
    assert!(connect::<Line>(channel(), None).is_ok());

    host.expect("GET", format!("{API}/info")).answer(200, info);
    host.expect("GET", endpoint).answer(200, json!({ "endpoint": ADDRESS, "active": true }));
    host.expect("POST", format!("{API}/channel/webhook/test")).answer(200, tested);
    host.expect("GET", format!("{API}/message/quota")).answer(200, json!({ "type": "limited", "value": 200 }));
    host.expect("GET", format!("{API}/message/quota/consumption")).answer(200, json!({ "totalUsage": 3 }));
    assert!(Line::check(channel()).is_ok());
    assert!(Line::disconnect(channel()).is_ok());
    host.requests()
}

/// Contents of every kind that the plugin sends.
fn contents() -> Vec<Content> {
    let file = |kind: &str| MediaRef::new(kind).blob("blob-1").bytes(1_000).name("report.pdf".to_owned());
    let buttons = |count: usize| {
        let mut buttons: Vec<Value> = (0..count).map(|n| json!({ "id": format!("b{n}"), "label": "Pick" })).collect();
        buttons.push(json!({ "url": "https://example.com", "label": "Open" }));
        buttons
    };
    let interactive = |value: Value| Content::Interactive(value.to_string());
    vec![
        Content::text("Halo 🙂"),
        Content::media_with_caption(file("image"), "look".to_owned()),
        Content::media(file("video")),
        Content::media(file("voice").duration_ms(3_000)),
        Content::media(file("audio")),
        Content::media_with_caption(file("document"), "read".to_owned()),
        Content::location(-6.2, 106.8),
        interactive(json!({ "kind": "buttons", "title": "T", "body": "Which?", "buttons": buttons(2) })),
        interactive(json!({ "kind": "buttons", "body": "Which?", "footer": "F", "buttons": buttons(7) })),
        interactive(json!({ "kind": "list", "body": "Which?", "sections": [{ "rows": buttons(3) }] })),
        interactive(json!({
            "kind": "cards",
            "cards": [{ "title": "T", "body": "B", "image_url": "https://example.com/i.png", "buttons": buttons(1) }],
        })),
        interactive(json!({ "kind": "sticker", "package_id": "446", "sticker_id": "1988" })),
    ]
}

fn sending() -> Vec<Request> {
    let mut requests = Vec::new();
    for (index, content) in contents().into_iter().enumerate() {
        for rule in ["reply-token", "push"] {
            let host = Host::new();
            let path = if rule == "push" { "push" } else { "reply" };
            let answer = json!({ "sentMessages": [{ "id": "1" }, { "id": "2" }] });
            host.expect("POST", format!("{API}/message/{path}")).answer(200, answer);
            let key = format!("123e4567-e89b-12d3-a456-{index:012}");
            let mut message = Outgoing::new(key, Thread::new(USER), content.clone());
            message.rule = Some(rule.to_owned());
            message.token = (rule == "reply-token").then(|| "\"token\"".to_owned());
            message.reply_to = Some(Target::new("9").context(&json!({ "quote_token": "q" })));
            let answers = Line::send(vec![message], channel());
            assert!(answers[0].is_ok(), "{content:?}: {answers:?}");
            requests.extend(host.requests());
        }
    }
    requests
}

fn fetching() -> Vec<Request> {
    let host = Host::new();
    let mut requests = Vec::new();
    host.expect("GET", format!("{DATA}/content/transcoding")).answer(200, json!({ "status": "succeeded" }));
    for kind in ["image", "video"] {
        match Line::resolve(channel(), MediaRef::new(kind).reference("100006")) {
            Ok(Source::Fetch(request)) => requests.push(request),
            other => panic!("nothing to fetch: {other:?}"),
        }
    }
    let profile = json!({ "userId": USER, "displayName": "LINE taro" });
    let places = [
        ("user", USER, "profile".to_owned()),
        ("group", "C1", "group/C1/member".to_owned()),
        ("room", "R1", "room/R1/member".to_owned()),
    ];
    for (kind, key, path) in places {
        host.expect("GET", format!("{API}/{path}/{USER}")).answer(200, profile.clone());
        let thread = Thread::new(key).context(&json!({ "kind": kind }));
        assert!(Line::look_up(channel(), Identity::new("line-user", "Ub", USER), Some(thread)).unwrap().is_some());
    }
    host.expect("POST", format!("{API}/chat/loading/start")).answer(202, json!({}));
    let user = || Thread::new(USER).context(&json!({ "kind": "user" }));
    assert!(Line::signal(channel(), user(), "typing".to_owned(), None).is_ok());
    host.expect("POST", format!("{API}/chat/markAsRead")).answer(200, json!({}));
    let read = Target::new("1").context(&json!({ "mark_as_read_token": "m" }));
    assert!(Line::signal(channel(), user(), "read".to_owned(), Some(read)).is_ok());
    requests.extend(host.requests());
    requests
}
