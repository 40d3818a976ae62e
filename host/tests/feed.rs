//! The event feed: streams that resume, and deliveries that a receiver can verify.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use reqwest::Method;
use sambung::auth::Role;
use sambung::feed::{Secret, sign};
use sambung::keys::EventId;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::common::{Options, TestHost, described, until};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

/// Reads `count` events of the feed.
async fn follow(host: &TestHost, token: &str, after: Option<&str>, count: usize) -> Vec<Event> {
    let mut request = host.client.get(host.url("/v1/events")).bearer_auth(token);
    if let Some(id) = after {
        request = request.header("last-event-id", id);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim_start().to_owned())
            };
            if let (Some(id), Some(kind), Some(data)) = (field("id:"), field("event:"), field("data:")) {
                events.push(Event { id, kind, data: serde_json::from_str(&data).unwrap() });
            }
            text = rest.to_owned();
        }
    }
    events
}

pub(crate) async fn web_chat(host: &TestHost, name: &str) -> Value {
    let settings = json!({"domain": ["https://toko.example"], "enabled": true});
    let (status, channel) =
        host.post("/v1/channels", json!({"plugin": "webchat", "name": name, "settings": settings})).await;
    assert_eq!(status, 201, "{channel}");
    channel
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let host = TestHost::start().await;
    web_chat(&host, "satu").await;
    let all = follow(&host, &host.token, Some("0"), 1).await;
    assert!(all.iter().all(|event| !event.kind.is_empty()));
    let last = all.last().unwrap().id.clone();
    let channel = web_chat(&host, "dua").await;
    let (mut seen, mut before) = (last.clone(), vec![last]);
    loop {
        // Each round resumes where the one before ended; nothing comes twice, and the new channel comes in the end.
        let more = follow(&host, &host.token, Some(&seen), 1).await;
        assert!(more.iter().all(|event| !before.contains(&event.id)));
        seen.clone_from(&more.last().unwrap().id);
        before.push(seen.clone());
        if more.iter().any(|event| event.kind == "channel.updated" && event.data["id"] == channel["id"]) {
            break;
        }
    }
}

#[tokio::test]
async fn an_event_shows_a_channel_as_the_api_shows_it_to_an_agent() {
    let host = TestHost::start().await;
    let channel = web_chat(&host, "satu").await;
    let address = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let agent = host.token_for("default", Role::Agent).await;
    let (_, shown) = host.call_as(&agent, Method::GET, &address, None).await;
    assert!(shown["embed"]["script"].as_str().unwrap().contains("widget.js"), "{shown}");
    let (_, me) = host.get("/v1/me").await;
    let feed = host.state.db.feed_after(me["workspace"]["id"].as_str().unwrap(), EventId::NONE, 1_000).await.unwrap();
    let told = feed.iter().rfind(|row| row.kind == "channel.updated").unwrap();
    assert_eq!(serde_json::from_str::<Value>(&told.data).unwrap(), shown);
}

#[tokio::test]
async fn an_id_that_is_not_of_this_feed_is_answered_with_a_reset() {
    let host = TestHost::start().await;
    web_chat(&host, "satu").await;
    let of_another = EventId::of_row(i64::MAX).to_string();
    let events = follow(&host, &host.token, Some(&of_another), 1).await;
    assert_eq!(events[0].kind, "reset");
    let newest = events[0].id.clone();
    assert_eq!(events[0].data["newest"], json!(newest));
    let bad = host.client.get(host.url("/v1/events")).bearer_auth(&host.token).header("last-event-id", "yesterday");
    assert_eq!(bad.send().await.unwrap().status(), 422);
}

#[tokio::test]
async fn a_stream_tells_only_of_its_own_workspace() {
    let host = TestHost::start().await;
    let stranger = host.token_for("other", Role::Admin).await;
    let mine = web_chat(&host, "milikku").await;
    let settings = json!({"domain": ["https://lain.example"], "enabled": true});
    let body = json!({"plugin": "webchat", "name": "milik orang", "settings": settings});
    let (status, theirs) = host.call_as(&stranger, Method::POST, "/v1/channels", Some(body)).await;
    assert_eq!(status, 201, "{theirs}");
    let seen = follow(&host, &stranger, Some("0"), 1).await;
    assert!(seen.iter().all(|event| event.data["id"] != mine["id"]));
    assert!(seen.iter().any(|event| event.data["id"] == theirs["id"]), "{seen:?}");
}

#[tokio::test]
async fn open_streams_are_bounded() {
    let host = TestHost::start_with(Options::default().set("FEED__STREAMS", 1)).await;
    let open = async || host.client.get(host.url("/v1/events")).bearer_auth(&host.token).send().await.unwrap();
    let first = open().await;
    assert_eq!(first.status(), 200);
    let second = open().await;
    assert_eq!(second.status(), 503);
    assert!(second.headers().contains_key("retry-after"));
    drop(first);
    until("the place is free again", async || open().await.status() == 200).await;
}

/// What arrived at the receiver.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone, Default)]
pub(crate) struct Receiver {
    arrived: Arc<Mutex<Vec<Arrived>>>,
    /// Answers to come; 204 when there is none.
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    pub(crate) async fn start() -> (Receiver, String) {
        let receiver = Receiver::default();
        let app = Router::new().fallback(receive).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, address)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.arrived.lock().unwrap().push(Arrived { headers, body });
    let mut answers = receiver.answers.lock().unwrap();
    if answers.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::from_u16(answers.remove(0)).unwrap() }
}

fn header<'a>(arrived: &'a Arrived, name: &str) -> &'a str {
    arrived.headers[name].to_str().unwrap()
}

/// Whether one of the signatures is this secret's.
fn verifies(arrived: &Arrived, secret: &str) -> bool {
    let (id, timestamp) = (header(arrived, "webhook-id"), header(arrived, "webhook-timestamp").parse().unwrap());
    let expected = sign([&Secret::read(secret).unwrap()], id, timestamp, &arrived.body);
    header(arrived, "webhook-signature").split(' ').any(|given| given == expected)
}

struct Story {
    host: TestHost,
    receiver: Receiver,
    endpoint: Value,
}

const URL: &str = "https://hooks.toko.example/sambung";

impl Story {
    async fn begin(types: Value) -> Story {
        let (receiver, address) = Receiver::start().await;
        let overrides = format!("{{ \"https://hooks.toko.example\" = \"{address}\" }}");
        let host = TestHost::start_with(Options::default().set("EGRESS__OVERRIDES", overrides)).await;
        let (status, endpoint) = host.post("/v1/endpoints", json!({"url": URL, "types": types})).await;
        assert_eq!(status, 201, "{endpoint}");
        Story { host, receiver, endpoint }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/endpoints/{}{rest}", self.endpoint["id"].as_str().unwrap())
    }

    async fn deliveries(&self) -> Vec<Value> {
        self.host.get(&self.path("/deliveries")).await.1["items"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_delivery_is_signed_and_carries_the_event() {
    let story = Story::begin(json!(["channel.updated"])).await;
    let channel = web_chat(&story.host, "satu").await;
    until("it is delivered", async || !story.receiver.arrived().is_empty()).await;
    let arrived = &story.receiver.arrived()[0];
    assert!(verifies(arrived, story.endpoint["secret"].as_str().unwrap()));
    let body: Value = serde_json::from_slice(&arrived.body).unwrap();
    assert_eq!(body["type"], "channel.updated");
    assert_eq!(body["data"]["id"], channel["id"]);
    assert!(body["timestamp"].is_string());
    assert!(!header(arrived, "webhook-id").contains('.'));
    let (_, shown) = story.host.get(&story.path("")).await;
    assert_eq!(shown["secret"], Value::Null, "the secret is shown once");
}

#[tokio::test]
async fn a_rotated_secret_is_signed_beside_the_old_one() {
    let story = Story::begin(json!(["channel.updated"])).await;
    let (status, rotated) = story.host.post(&story.path("/rotate"), json!({})).await;
    assert_eq!(status, 200, "{rotated}");
    assert_ne!(rotated["secret"], story.endpoint["secret"]);
    web_chat(&story.host, "satu").await;
    until("it is delivered", async || !story.receiver.arrived().is_empty()).await;
    let arrived = &story.receiver.arrived()[0];
    assert!(verifies(arrived, rotated["secret"].as_str().unwrap()));
    assert!(verifies(arrived, story.endpoint["secret"].as_str().unwrap()));
    assert_eq!(header(arrived, "webhook-signature").split(' ').count(), 2);
}

#[tokio::test]
async fn a_failed_delivery_waits_for_its_next_try_and_can_be_replayed_under_its_id() {
    let story = Story::begin(json!(["channel.updated"])).await;
    story.receiver.answer(&[302]);
    web_chat(&story.host, "satu").await;
    until("a try failed", async || story.deliveries().await.iter().any(|delivery| delivery["status"] == 302)).await;
    let failed = story.deliveries().await.into_iter().find(|delivery| delivery["status"] == 302).unwrap();
    assert_eq!(failed["state"], "pending", "a redirect is a failure, and it is tried again");
    assert_eq!(failed["tries"], 1);
    let (status, _) = story.host.post(&story.path("/replay"), json!({"delivery": failed["id"]})).await;
    assert_eq!(status, 202);
    let delivered = async || {
        let all = story.deliveries().await;
        all.iter().any(|delivery| delivery["id"] == failed["id"] && delivery["state"] == "delivered")
    };
    until("it is delivered at last", delivered).await;
    let same =
        story.receiver.arrived().iter().filter(|arrived| header(arrived, "webhook-id") == failed["event_id"]).count();
    assert_eq!(same, 2);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled() {
    let story = Story::begin(json!(["channel.updated"])).await;
    story.receiver.answer(&[410]);
    web_chat(&story.host, "satu").await;
    until("it is disabled", async || story.host.get(&story.path("")).await.1["enabled"] == false).await;
    let (_, endpoint) = story.host.get(&story.path("")).await;
    assert!(endpoint["disabled_reason"].as_str().unwrap().contains("410"));
    let (status, enabled) = story.host.call(Method::PATCH, &story.path(""), Some(json!({"enabled": true}))).await;
    assert_eq!((status.as_u16(), &enabled["disabled_reason"]), (200, &Value::Null));
}

#[tokio::test]
async fn an_endpoint_of_a_private_address_is_never_dialled() {
    let (receiver, address) = Receiver::start().await;
    let host = TestHost::start().await;
    let (status, problem) = host.post("/v1/endpoints", json!({"url": address, "types": ["nonsense"]})).await;
    assert_eq!(status, 422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "address and type at once: {problem}");
    let url = address.replace("http://", "https://");
    let (status, endpoint) = host.post("/v1/endpoints", json!({"url": url})).await;
    assert_eq!(status, 201, "{endpoint}");
    web_chat(&host, "satu").await;
    let path = format!("/v1/endpoints/{}/deliveries", endpoint["id"].as_str().unwrap());
    let refused = async || {
        let (_, page) = host.get(&path).await;
        page["items"][0]["error"].as_str().is_some_and(|error| error.contains("override"))
    };
    until("the address is refused", refused).await;
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn endpoints_are_for_admins_of_their_workspace() {
    let story = Story::begin(json!([])).await;
    let agent = story.host.token_for("default", Role::Agent).await;
    let stranger = story.host.token_for("other", Role::Admin).await;
    assert_eq!(story.host.call_as(&agent, Method::GET, "/v1/endpoints", None).await.0, 403);
    for (method, rest) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/rotate"), (Method::GET, "/deliveries")]
    {
        assert_eq!(story.host.call_as(&stranger, method, &story.path(rest), None).await.0, 404);
    }
    assert_eq!(story.host.call(Method::DELETE, &story.path(""), None).await.0, 204);
    assert_eq!(story.host.get(&story.path("")).await.0, 404);
}

/// Vectors that were computed apart from this program.
#[test]
fn signatures_agree_with_the_published_vectors() {
    let test = "signatures_agree_with_the_published_vectors";
    let Some(folder) = sambung_tests::fixtures::folder(test, "standard-webhooks") else { return };
    let text = std::fs::read_to_string(folder.join("vectors.json")).unwrap();
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let mut checked = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let headers = &case["headers"];
        let (Some(id), Some(time)) = (headers["webhook-id"].as_str(), headers["webhook-timestamp"].as_str()) else {
            continue;
        };
        if case["valid"] != true {
            continue;
        }
        let given: Vec<&str> = headers["webhook-signature"].as_str().unwrap().split(' ').collect();
        let body = case["body_utf8"].as_str().unwrap().as_bytes();
        let signs = case["verifier_secrets"].as_array().unwrap().iter().any(|secret| {
            let secret = Secret::read(secret.as_str().unwrap()).unwrap();
            given.contains(&sign([&secret], id, time.parse().unwrap(), body).as_str())
        });
        assert!(signs, "{}", case["name"]);
        checked += 1;
    }
    assert!(checked >= 3, "the vectors were read");
}

/// An event holds the resource as the API describes it.
#[tokio::test]
async fn every_event_is_a_resource_as_it_is_described() {
    let mut story = super::outbound::Story::begin().await;
    let answer = story.text("Baik").await;
    story.becomes(&answer, "sent").await;
    story.customer_writes("Terima kasih").await;
    let host = &story.host;
    let channel = format!("/v1/channels/{}", story.channel);
    host.post(&format!("{channel}/check"), json!({})).await;
    host.call(Method::PATCH, &channel, Some(json!({"paused": true}))).await;
    host.post(&format!("/v1/conversations/{}/read", story.conversation), json!({})).await;
    let workspace = host.get("/v1/me").await.1["workspace"]["id"].as_str().unwrap().to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for row in host.state.db.feed_after(&workspace, EventId::NONE, 1_000).await.unwrap() {
        let schema = match row.kind.as_str() {
            "message.created" | "message.updated" => "Message",
            "conversation.updated" => "Conversation",
            "channel.updated" => "Channel",
            // Told when the server starts.
            "plugin.updated" => continue,
            other => panic!("{other} is not expected here"),
        };
        let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
        let faults = described::faults(&reference, &serde_json::from_str(&row.data).unwrap());
        assert!(faults.is_empty(), "{}: {faults:#?}\n{}", row.kind, row.data);
        seen.insert(row.kind);
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}
