//! From a provider's request, or a visitor's page, to a conversation: real components, real HTTP, a real database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use sambung_runtime::{CallError, CallFault, Usage};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::common::{Options, TestHost, read, until};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\x06\0\0\0";

/// A host with one channel of a provider whose simulator answers everything well, save files while `no_files`.
pub(crate) struct Shop {
    pub(crate) host: TestHost,
    pub(crate) channel: String,
    no_files: Arc<AtomicBool>,
}

async fn provider(no_files: Arc<AtomicBool>) -> String {
    let answer = move |request: Request| {
        let gone = no_files.load(Ordering::Relaxed);
        async move {
            let path = request.uri().path().to_owned();
            if path.contains("/message/") && gone {
                return (StatusCode::NOT_FOUND, axum::Json(json!({"message": "Not found"}))).into_response();
            }
            if path.contains("/message/") {
                return ([("content-type", "image/png")], PNG).into_response();
            }
            let body = match path.as_str() {
                "/v2/bot/info" => json!({"userId": "U0", "basicId": "@toko", "displayName": "Toko", "chatMode": "bot"}),
                "/v2/bot/channel/webhook/test" => {
                    json!({"success": true, "timestamp": "x", "statusCode": 200, "reason": "OK", "detail": "200"})
                }
                "/v2/bot/channel/webhook/endpoint" => {
                    json!({"endpoint": "https://chat.example/hooks/x", "active": true})
                }
                path if path.starts_with("/v2/bot/profile/") => json!({"userId": "U1", "displayName": "Sari"}),
                _ => json!({"type": "none", "totalUsage": 0}),
            };
            axum::Json(body).into_response()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    address
}

impl Shop {
    pub(crate) async fn open() -> Shop {
        Shop::open_with(Options::default()).await
    }

    async fn open_with(options: Options) -> Shop {
        let no_files = Arc::new(AtomicBool::new(false));
        let provider = provider(Arc::clone(&no_files)).await;
        let overrides =
            format!("{{ \"https://api.line.me\" = \"{provider}\", \"https://api-data.line.me\" = \"{provider}\" }}");
        let options = options.set("EGRESS__OVERRIDES", overrides).set("SERVER__PUBLIC_URL", "https://chat.example");
        let host = TestHost::start_with(options).await;
        let settings = json!({"channel_secret": SECRET, "channel_access_token": "token"});
        let (status, made) =
            host.post("/v1/channels", json!({"plugin": "line", "name": "Toko", "settings": settings})).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        Shop { host, channel: made["id"].as_str().unwrap().to_owned(), no_files }
    }

    pub(crate) async fn deliver(&self, body: &str) -> StatusCode {
        self.deliver_signed(body, &[sign(body)]).await
    }

    async fn deliver_signed(&self, body: &str, signatures: &[String]) -> StatusCode {
        let mut request = self.host.client.post(self.host.url(&format!("/hooks/line/{}", self.channel)));
        for signature in signatures {
            request = request.header("x-line-signature", signature);
        }
        request.body(body.to_owned()).send().await.unwrap().status()
    }

    async fn conversations(&self) -> Vec<Value> {
        let (status, page) = self.host.get("/v1/conversations").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["items"].as_array().unwrap().clone()
    }

    /// The messages of the only conversation, the newest first.
    async fn messages(&self) -> Vec<Value> {
        let conversations = self.conversations().await;
        let Some(conversation) = conversations.first() else { return Vec::new() };
        let id = conversation["id"].as_str().unwrap();
        let (_, page) = self.host.get(&format!("/v1/conversations/{id}/messages")).await;
        page["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn journal(&self, state: &str) -> Vec<Value> {
        let (_, page) = self.host.get(&format!("/v1/journal?state={state}")).await;
        page["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn until_settled(&self, rows: usize) {
        until("all requests are settled", async || {
            self.journal("settled").await.len() + self.journal("parked").await.len() == rows
        })
        .await;
    }
}

fn sign(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

fn event(id: &str, at: i64, message: Value) -> Value {
    json!({
        "type": "message", "webhookEventId": id, "deliveryContext": {"isRedelivery": false}, "timestamp": at,
        "source": {"type": "user", "userId": "U1"}, "replyToken": format!("r{id}"), "mode": "active", "message": message,
    })
}

fn text(id: &str, at: i64, words: &str) -> Value {
    event(id, at, json!({"type": "text", "id": id, "quoteToken": "q", "text": words}))
}

fn body(events: &[Value]) -> String {
    json!({"destination": "U0", "events": events}).to_string()
}

const AT: i64 = 1_700_000_000_000;

#[tokio::test]
async fn a_signed_request_is_acknowledged_and_shows_up_in_a_conversation() {
    let shop = Shop::open().await;
    assert_eq!(shop.deliver(&body(&[text("2", AT + 2, "kedua"), text("1", AT + 1, "pertama")])).await, StatusCode::OK);
    until("both messages are there", async || shop.messages().await.len() == 2).await;
    let messages = shop.messages().await;
    let words: Vec<_> = messages.iter().map(|message| message["content"]["text"].clone()).collect();
    assert_eq!(words, ["kedua", "pertama"], "in the order of the provider's time, the newest first");
    assert_eq!(messages[0]["direction"], "inbound");
    until("the person's name is looked up", async || shop.conversations().await[0]["contact"]["name"] == "Sari").await;
}

#[tokio::test]
async fn what_is_not_signed_well_is_refused_and_leaves_nothing() {
    let shop = Shop::open().await;
    let said = body(&[text("1", AT, "halo")]);
    for signatures in [vec![], vec!["AAAA".into()], vec![sign("other")], vec![sign(&said), sign(&said)]] {
        assert_eq!(shop.deliver_signed(&said, &signatures).await, StatusCode::UNAUTHORIZED, "{signatures:?}");
    }
    let (_, page) = shop.host.get("/v1/journal").await;
    assert_eq!(page["items"], json!([]));
}

#[tokio::test]
async fn whoever_sends_too_much_unsigned_is_told_to_wait_and_signed_requests_go_on() {
    let shop = Shop::open_with(Options::default().set("INGRESS__UNVERIFIED_PER_MINUTE", 3)).await;
    let said = body(&[text("1", AT, "halo")]);
    for _ in 0..3 {
        assert_eq!(shop.deliver_signed(&said, &[]).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(shop.deliver_signed(&said, &[]).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shop.deliver(&said).await, StatusCode::OK);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let shop = Shop::open_with(Options::default().set("INGRESS__MAX_BODY_BYTES", 1000)).await;
    let long = body(&[text("1", AT, &"x".repeat(1000))]);
    assert_eq!(shop.deliver(&long).await, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures_util::stream::iter((0..2).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 600])));
    let url = shop.host.url(&format!("/hooks/line/{}", shop.channel));
    let chunked = shop.host.client.post(url).body(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();
    assert_eq!(chunked.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// What the server answers to a request of which the body comes as it is given here, and then nothing.
async fn raw(
    host: &TestHost,
    from: u8,
    head: &str,
    body: &[u8],
) -> (TcpStream, impl AsyncFnOnce(&mut TcpStream) -> String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 66, from], 0))).unwrap();
    let mut stream = socket.connect(host.base.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap();
    stream
        .write_all(format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream.write_all(body).await.unwrap();
    let answer = async |stream: &mut TcpStream| {
        let mut said = vec![0; 1024];
        let read = stream.read(&mut said);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is answered").unwrap();
        String::from_utf8_lossy(&said[..read]).into_owned()
    };
    (stream, answer)
}

#[tokio::test]
async fn bodies_that_are_announced_and_do_not_come_keep_no_webhook_out() {
    let shop = Shop::open().await;
    let head = format!("POST /hooks/line/{}", shop.channel);
    let mut idle = Vec::new();
    for number in 0..80 {
        idle.push(raw(&shop.host, number % 4, &head, b"{").await.0);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shop.deliver(&body(&[text("1", AT, "halo")])).await, StatusCode::OK);
}

#[tokio::test]
async fn one_address_holds_its_share_of_the_memory_for_bodies_and_others_the_rest() {
    let shop = Shop::open_with(Options::default().set("INGRESS__BODY_BYTES_PER_ADDRESS", 200_000)).await;
    let head = format!("POST /hooks/line/{}", shop.channel);
    let (_held, _) = raw(&shop.host, 1, &head, &[b' '; 150_000]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (mut second, answer) = raw(&shop.host, 1, &head, &[b' '; 150_000]).await;
    let said = answer(&mut second).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.to_lowercase().contains("retry-after: "), "{said}");
    let (_other, _) = raw(&shop.host, 2, &head, &[b' '; 150_000]).await;
    assert_eq!(shop.deliver(&body(&[text("1", AT, "halo")])).await, StatusCode::OK);
}

#[tokio::test]
async fn what_no_recipe_takes_is_refused_before_its_body_is_read() {
    let shop = Shop::open().await;
    for head in [
        "POST /hooks/nobody/x".to_owned(),
        "POST /hooks/line/ch_00000000000000000000000000".to_owned(),
        format!("POST /hooks/line/{}/elsewhere", shop.channel),
        format!("PUT /hooks/line/{}", shop.channel),
    ] {
        let (mut stream, answer) = raw(&shop.host, 1, &head, b"{").await;
        let said = answer(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 404"), "{head}: {said}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_counts_as_unverified() {
    let options = Options::default().set("SERVER__BODY_GRACE_MS", 200).set("INGRESS__UNVERIFIED_PER_MINUTE", 2);
    let shop = Shop::open_with(options).await;
    let head = format!("POST /hooks/line/{}", shop.channel);
    for expected in ["408", "408", "429"] {
        let (mut stream, answer) = raw(&shop.host, 1, &head, b"{").await;
        let said = answer(&mut stream).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {expected}")), "{expected}: {said}");
    }
    assert_eq!(shop.deliver(&body(&[text("1", AT, "halo")])).await, StatusCode::OK);
}

#[tokio::test]
async fn calls_while_a_plugin_is_removed_do_not_count_against_the_provider() {
    let shop = Shop::open_with(Options::default().set("INGRESS__UNVERIFIED_PER_MINUTE", 2)).await;
    let said = body(&[text("1", AT, "halo")]);
    assert_eq!(shop.host.call(Method::DELETE, "/v1/plugins/line", None).await.0, StatusCode::NO_CONTENT);
    for _ in 0..5 {
        let answered = shop.deliver(&said).await;
        assert!(matches!(answered, StatusCode::NOT_FOUND | StatusCode::SERVICE_UNAVAILABLE), "{answered}");
    }
    let (_, wasm) =
        sambung_bundle::BUNDLED.iter().map(|plugin| (plugin.id, plugin.wasm)).find(|(id, _)| *id == "line").unwrap();
    let back =
        shop.host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm.to_vec());
    assert!(back.send().await.unwrap().status().is_success());
    assert_eq!(shop.deliver_signed(&said, &[]).await, StatusCode::UNAUTHORIZED, "it is not told to wait");
    assert_eq!(shop.deliver(&said).await, StatusCode::OK);
}

#[tokio::test]
async fn a_disk_without_room_makes_the_provider_come_again_and_reads_go_on() {
    let shop = Shop::open_with(Options::default().set("DATABASE__MIN_FREE_BYTES", i64::MAX)).await;
    assert_eq!(shop.deliver(&body(&[text("1", AT, "halo")])).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shop.conversations().await.len(), 0);
    assert_eq!(shop.journal("pending").await.len(), 0);
}

#[tokio::test]
async fn the_same_delivery_is_stored_once_one_after_another_and_at_once() {
    let shop = Shop::open().await;
    let said = body(&[text("1", AT, "sekali")]);
    let deliveries = (0..8).map(|_| shop.deliver(&said));
    let answers = futures_util::future::join_all(deliveries).await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
    assert_eq!(shop.deliver(&said).await, StatusCode::OK);
    shop.until_settled(9).await;
    assert_eq!(shop.messages().await.len(), 1);
    assert_eq!(shop.conversations().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_understood_is_parked_and_holds_nothing_back() {
    let shop = Shop::open().await;
    let source = json!({"type": "user", "userId": "Uodd"});
    let odd = json!({"type": "message", "webhookEventId": "odd", "timestamp": "never", "source": source, "message": 7});
    assert_eq!(shop.deliver("{\"destination\":").await, StatusCode::OK);
    assert_eq!(shop.deliver(&body(&[text("1", AT, "satu"), odd, text("2", AT + 1, "dua")])).await, StatusCode::OK);
    assert_eq!(shop.deliver(&body(&[text("3", AT + 2, "tiga")])).await, StatusCode::OK);
    shop.until_settled(3).await;
    assert_eq!(shop.messages().await.len(), 3);
    let parked = shop.journal("parked").await;
    assert_eq!(parked.len(), 2, "{parked:?}");
    let (whole, one) = (&parked[1], &parked[0]);
    assert!(whole["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{whole}");
    assert_eq!(one["items"][0]["index"], 1, "{one}");
    assert_eq!(one["items"][0]["outcome"], "parked");

    let replay = |id: &Value| format!("/v1/journal/{}/replay", id.as_str().unwrap());
    let (status, _) = shop.host.post(&replay(&one["id"]), json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    until("it was run again", async || {
        shop.journal("parked").await.iter().any(|row| row["id"] == one["id"] && row["replays"] == 1)
    })
    .await;
    assert_eq!(shop.messages().await.len(), 3, "what was stored is not stored again");
    let (status, _) = shop.host.post("/v1/journal/req_none/replay", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_event_without_an_id_is_parked_and_none_is_taken_for_its_repetition() {
    let host = crate::channels::host().await;
    let channel = crate::channels::connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let url = channel["webhook_url"].as_str().unwrap().replace(crate::channels::PUBLIC, &host.base);
    let key = channel["settings"]["hook_key"].as_str().unwrap();
    for _ in 0..2 {
        // This plugin takes the body as the id.
        let request = host.client.post(&url).header("x-hook-key", key).body("");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
    let parked = async || host.get("/v1/journal?state=parked").await.1["items"].as_array().unwrap().clone();
    until("both are parked", async || parked().await.len() == 2).await;
    let reason = parked().await[0]["items"][0]["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!(reason, "the plugin's translation is not complete: an event has no `id`", "{:?}", parked().await);
}

#[tokio::test]
async fn a_disabled_plugin_still_journals_and_a_removed_one_answers_404() {
    let shop = Shop::open().await;
    let (status, answer) = shop.host.post("/v1/plugins/line/disable", json!({})).await;
    assert!(status.is_success(), "{answer}");
    assert_eq!(shop.deliver(&body(&[text("1", AT, "tunggu")])).await, StatusCode::OK);
    assert_eq!(shop.deliver_signed("{}", &[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.journal("pending").await.len(), 1);
    let (status, answer) = shop.host.post("/v1/plugins/line/enable", json!({})).await;
    assert!(status.is_success(), "{answer}");
    until("it is translated", async || shop.messages().await.len() == 1).await;
    assert_eq!(
        shop.host.client.post(shop.host.url("/hooks/nobody/x")).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_file_is_fetched_or_shown_failed_with_its_reason_and_fetched_again() {
    let shop = Shop::open().await;
    shop.no_files.store(true, Ordering::Relaxed);
    let image = event("1", AT, json!({"type": "image", "id": "77", "contentProvider": {"type": "line"}}));
    assert_eq!(shop.deliver(&body(&[image])).await, StatusCode::OK);
    let state = async |wanted: &str| shop.messages().await.first().is_some_and(|one| one["content"]["state"] == wanted);
    until("the message shows that the file failed", async || state("failed").await).await;
    let content = shop.messages().await[0]["content"].clone();
    assert!(content["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{content}");
    shop.no_files.store(false, Ordering::Relaxed);
    let file = format!("/v1/media/{}", content["media_id"].as_str().unwrap());
    let (status, answer) = shop.host.post(&format!("{file}/fetch"), json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    until("the file is stored", async || state("stored").await).await;
    let bytes = shop.host.request(Method::GET, &file).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], PNG);
    let (status, _) = shop.host.post(&format!("{file}/fetch"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_erased_person_is_gone_from_conversation_people_and_journal() {
    let shop = Shop::open().await;
    assert_eq!(shop.deliver(&body(&[text("1", AT, "rahasia")])).await, StatusCode::OK);
    until("the message is there", async || shop.messages().await.len() == 1).await;
    let (_, people) = shop.host.get("/v1/contacts").await;
    let person = format!("/v1/contacts/{}", people["items"][0]["id"].as_str().unwrap());
    let (status, _) = shop.host.call(Method::DELETE, &person, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(shop.messages().await[0]["content"]["type"], "system");
    assert_eq!(shop.host.get("/v1/contacts").await.1["items"], json!([]));
    let row = shop.journal("settled").await[0]["id"].clone();
    let (_, row) = shop.host.get(&format!("/v1/journal/{}", row.as_str().unwrap())).await;
    assert_eq!(row["body"], "");
}

#[tokio::test]
async fn the_backlog_of_a_held_plugin_brings_no_erased_person_back() {
    let shop = Shop::open().await;
    assert_eq!(shop.deliver(&body(&[text("1", AT, "rahasia")])).await, StatusCode::OK);
    until("the message is there", async || shop.messages().await.len() == 1).await;
    let (_, people) = shop.host.get("/v1/contacts").await;
    let person = format!("/v1/contacts/{}", people["items"][0]["id"].as_str().unwrap());
    assert!(shop.host.post("/v1/plugins/line/disable", json!({})).await.0.is_success());
    let mut other = text("3", AT + 2, "dari Budi");
    other["source"]["userId"] = json!("U2");
    assert_eq!(shop.deliver(&body(&[text("2", AT + 1, "lagi"), other])).await, StatusCode::OK);
    assert_eq!(shop.host.call(Method::DELETE, &person, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(shop.journal("pending").await.len(), 1, "others' words are not lost");
    assert!(shop.host.post("/v1/plugins/line/enable", json!({})).await.0.is_success());
    shop.until_settled(2).await;
    let (_, people) = shop.host.get("/v1/contacts").await;
    assert_eq!(people["items"].as_array().unwrap().len(), 1, "only the other: {people}");
    let words = format!("{:?} {:?}", shop.conversations().await, shop.host.get("/v1/journal").await.1);
    assert!(!words.contains("lagi") && !words.contains("rahasia"), "{words}");
    let said = shop.conversations().await.into_iter().filter(|one| one["contact"]["id"] == people["items"][0]["id"]);
    assert_eq!(said.count(), 1);
    for row in shop.journal("settled").await {
        let (_, row) = shop.host.get(&format!("/v1/journal/{}", row["id"].as_str().unwrap())).await;
        assert_eq!(row["body"], "", "no raw copy is left");
    }
    // Whoever writes after that is somebody new.
    assert_eq!(shop.deliver(&body(&[text("4", AT + 3, "halo")])).await, StatusCode::OK);
    until("they are known again", async || {
        shop.host.get("/v1/contacts").await.1["items"].as_array().unwrap().len() == 2
    })
    .await;
}

/// A failed call of every kind is a finding until a call of the same kind succeeds.
#[tokio::test]
async fn findings_of_look_ups_and_files_go_when_these_work_again() {
    let shop = Shop::open().await;
    let (db, now) = (&shop.host.state.db, shop.host.state.clock.now());
    for (function, fault) in [("profiles.look-up", CallFault::Trap), ("media.resolve", CallFault::Cpu)] {
        let failed = CallError { fault, dispatched: false, function, words: String::new(), usage: Usage::default() };
        db.note_call_failure(&shop.channel, &failed, now).await.unwrap();
    }
    assert_eq!(db.findings(&shop.channel).await.unwrap().len(), 2);
    let image = event("1", AT, json!({"type": "image", "id": "77", "contentProvider": {"type": "line"}}));
    assert_eq!(shop.deliver(&body(&[image])).await, StatusCode::OK);
    until("nothing stands any more", async || db.findings(&shop.channel).await.unwrap().is_empty()).await;
}

/// A host with a web chat for one site.
async fn web_chat() -> (TestHost, String) {
    let host = TestHost::start().await;
    let settings = json!({"domain": ["https://shop.example"], "greeting": "Halo!"});
    let (status, made) =
        host.post("/v1/channels", json!({"plugin": "webchat", "name": "Toko", "settings": settings})).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let widget = format!("/widget/{}", made["id"].as_str().unwrap());
    (host, widget)
}

async fn session(host: &TestHost, widget: &str) -> Value {
    let opened =
        host.client.post(host.url(&format!("{widget}/sessions"))).header("origin", "https://shop.example").send().await;
    let opened = opened.unwrap();
    assert_eq!(opened.headers()["access-control-allow-origin"], "https://shop.example");
    assert!(!opened.headers().contains_key("access-control-allow-credentials"));
    read(opened).await.1
}

async fn write(host: &TestHost, widget: &str, token: &str, id: &str, words: &str) -> StatusCode {
    let body = json!({"id": id, "page": "https://shop.example/", "content": {"type": "text", "text": words}});
    let sent = host.client.post(host.url(&format!("{widget}/messages"))).bearer_auth(token).json(&body).send().await;
    sent.unwrap().status()
}

/// The ids and data of the first `most` entries of a stream.
async fn entries(host: &TestHost, widget: &str, token: &str, after: Option<&str>, most: usize) -> Vec<(String, Value)> {
    let mut request = host.client.get(host.url(&format!("{widget}/stream?token={token}")));
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut read = String::new();
    let mut found = Vec::new();
    while found.len() < most {
        read.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        while let Some((block, rest)) = read.split_once("\n\n") {
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
            };
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                found.push((id, serde_json::from_str(&data).unwrap()));
            }
            read = rest.to_owned();
        }
    }
    found
}

#[tokio::test]
async fn a_visitor_writes_and_sees_it_live_and_after_a_reload() {
    let (host, widget) = web_chat().await;
    let opened = session(&host, &widget).await;
    let token = opened["token"].as_str().unwrap();
    assert_eq!(opened["config"]["greeting"], "Halo!");
    assert_eq!(opened["config"]["name"], "Toko");
    assert_eq!(opened["config"].get("domain"), None, "only what the schema calls public");
    for (id, words) in [("a", "satu"), ("b", "dua"), ("a", "satu")] {
        assert_eq!(write(&host, &widget, token, id, words).await, StatusCode::ACCEPTED);
    }
    let all = entries(&host, &widget, token, None, 2).await;
    assert_eq!(all[0].1["content"]["text"], "satu");
    assert_eq!(all[1].1["from"], "visitor");
    let (live, sent) = tokio::join!(entries(&host, &widget, token, Some(&all[1].0), 1), async {
        write(&host, &widget, token, "c", "tiga").await
    });
    assert_eq!(sent, StatusCode::ACCEPTED);
    assert_eq!(live[0].1["content"]["text"], "tiga");
    until("the conversation has all three", async || {
        let (_, inbox) = host.get("/v1/conversations").await;
        let Some(id) = inbox["items"][0]["id"].as_str() else { return false };
        host.get(&format!("/v1/conversations/{id}/messages")).await.1["items"].as_array().unwrap().len() == 3
    })
    .await;
}

#[tokio::test]
async fn a_page_of_another_site_and_a_visitor_without_a_token_are_refused() {
    let (host, widget) = web_chat().await;
    let foreign = host.client.post(host.url(&format!("{widget}/sessions"))).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let asked = host.client.request(Method::OPTIONS, host.url(&format!("{widget}/messages")));
    let asked = asked.header("origin", "https://shop.example").send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::NO_CONTENT);
    assert_eq!(asked.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(write(&host, &widget, "nobody", "a", "x").await, StatusCode::UNAUTHORIZED);
    let stream = host.client.get(host.url(&format!("{widget}/stream?token=nobody"))).send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::UNAUTHORIZED);
    let script = host.client.get(host.url(&format!("{widget}/widget.js"))).send().await.unwrap();
    assert_eq!(script.status(), StatusCode::OK);
    assert_eq!(script.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_visitors_file_is_shown_by_its_owner_only() {
    let (host, widget) = web_chat().await;
    let (one, other) = (session(&host, &widget).await, session(&host, &widget).await);
    let token = one["token"].as_str().unwrap();
    let sent = host.client.post(host.url(&format!("{widget}/media?name=a.png"))).bearer_auth(token).body(PNG);
    let (status, file) = read(sent.header("content-type", "image/png").send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{file}");
    let show = async |token: &Value| {
        let body = json!({"id": "f", "content": {"type": "media", "media_id": file["media_id"]}});
        let url = host.url(&format!("{widget}/messages"));
        host.client.post(url).bearer_auth(token.as_str().unwrap()).json(&body).send().await.unwrap().status()
    };
    assert_eq!(show(&other["token"]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(show(&one["token"]).await, StatusCode::ACCEPTED);
}
