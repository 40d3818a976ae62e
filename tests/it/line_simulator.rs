//! The simulator keeps to the documentation, so that what is proved against it means something.

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{Line, SECRET, Source, Stored, TOKEN, Trouble, message_event, redelivered, sign};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const KEY: &str = "123e4567-e89b-12d3-a456-426614174000";

async fn call(line: &Line, method: &str, path: &str, key: Option<&str>, body: Value) -> (u16, Value) {
    let mut request =
        http_client().request(method.parse().unwrap(), format!("{}{path}", line.address())).bearer_auth(TOKEN);
    if let Some(key) = key {
        request = request.header("x-line-retry-key", key);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

fn texts(texts: &[&str]) -> Value {
    texts.iter().map(|text| json!({ "type": "text", "text": text })).collect()
}

#[tokio::test]
async fn a_reply_token_is_good_once_and_not_when_it_is_old() {
    let line = Line::start().await;
    let token = line.issue_token(USER);
    let reply = |token: &str| json!({ "replyToken": token, "messages": texts(&["a", "b"]) });
    let (status, answer) = call(&line, "POST", "/v2/bot/message/reply", None, reply(&token)).await;
    assert_eq!((status, answer["sentMessages"].as_array().unwrap().len()), (200, 2));
    let old = line.issue_token(USER);
    line.expire_token(&old);
    for token in [token.as_str(), old.as_str(), "never issued"] {
        let (status, answer) = call(&line, "POST", "/v2/bot/message/reply", None, reply(token)).await;
        assert_eq!((status, &answer["message"]), (400, &json!("Invalid reply token")));
    }
    assert_eq!(line.deliveries().len(), 2);
    assert!(line.deliveries().iter().all(|delivery| delivery.reply && delivery.to == USER));
}

#[tokio::test]
async fn a_retry_key_delivers_once() {
    let line = Line::start().await;
    let body = json!({ "to": USER, "messages": texts(&["a"]) });
    let (first, sent) = call(&line, "POST", "/v2/bot/message/push", Some(KEY), body.clone()).await;
    let (second, again) = call(&line, "POST", "/v2/bot/message/push", Some(KEY), body).await;
    assert_eq!((first, second), (200, 409));
    assert_eq!(sent["sentMessages"], again["sentMessages"]);
    assert_eq!(line.deliveries().len(), 1);
}

#[tokio::test]
async fn a_reply_takes_no_retry_key_and_a_retry_key_is_a_uuid() {
    let line = Line::start().await;
    let reply = json!({ "replyToken": line.issue_token(USER), "messages": texts(&["a"]) });
    assert_eq!(call(&line, "POST", "/v2/bot/message/reply", Some(KEY), reply).await.0, 400);
    let push = json!({ "to": USER, "messages": texts(&["a"]) });
    assert_eq!(call(&line, "POST", "/v2/bot/message/push", Some("no uuid"), push).await.0, 400);
    assert!(line.deliveries().is_empty());
}

#[tokio::test]
async fn troubles_come_in_their_order_and_say_what_the_documentation_says() {
    let line = Line::start().await;
    line.trouble([
        Trouble::RateLimit,
        Trouble::MonthlyLimit,
        Trouble::ServerError,
        Trouble::Unauthorized,
        Trouble::ServerErrorAfterTaking,
    ]);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let body = json!({ "to": USER, "messages": texts(&["a"]) });
        statuses.push(call(&line, "POST", "/v2/bot/message/push", None, body).await.0);
    }
    assert_eq!(statuses, [429, 429, 500, 401, 500, 200]);
    assert_eq!(line.deliveries().len(), 2);
}

#[tokio::test]
async fn silence_after_taking_delivers_and_never_answers() {
    let line = Line::start().await;
    line.trouble([Trouble::SilenceAfterTaking]);
    let body = json!({ "to": USER, "messages": texts(&["a"]) });
    let waiting = call(&line, "POST", "/v2/bot/message/push", Some(KEY), body.clone());
    let delivered = async {
        while line.deliveries().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = waiting => panic!("an answer came"),
        () = delivered => {}
    }
    assert_eq!(call(&line, "POST", "/v2/bot/message/push", Some(KEY), body).await.0, 409);
}

#[tokio::test]
async fn a_body_over_the_limits_is_refused_with_its_place() {
    let line = Line::start().await;
    let long = "x".repeat(5001);
    let body = json!({ "to": USER, "messages": texts(&["a", &long, ""]) });
    let (status, answer) = call(&line, "POST", "/v2/bot/message/push", None, body).await;
    assert_eq!(status, 400);
    assert_eq!(answer["details"][0]["property"], "messages[1].text");
    assert_eq!(answer["details"][1]["property"], "messages[2].text");
    let six = json!({ "to": USER, "messages": texts(&["1", "2", "3", "4", "5", "6"]) });
    assert_eq!(call(&line, "POST", "/v2/bot/message/push", None, six).await.0, 400);
}

#[tokio::test]
async fn a_blocked_push_is_taken_and_shown_to_nobody() {
    let line = Line::start().await;
    line.block(USER);
    let body = json!({ "to": USER, "messages": texts(&["a"]) });
    assert_eq!(call(&line, "POST", "/v2/bot/message/push", None, body).await.0, 200);
    assert!(line.deliveries().is_empty());
}

#[tokio::test]
async fn a_wrong_token_is_refused_everywhere() {
    let line = Line::start().await;
    for path in ["/v2/bot/info", "/v2/bot/profile/U1", "/v2/bot/nothing"] {
        let request = http_client().get(format!("{}{path}", line.address())).bearer_auth("wrong");
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    assert_eq!(line.recorded().len(), 3);
}

#[tokio::test]
async fn a_video_is_prepared_between_two_questions() {
    let line = Line::start().await;
    line.content("1", Stored::Preparing("bytes".into(), "video/mp4"));
    line.content("2", Stored::Gone);
    assert_eq!(call(&line, "GET", "/v2/bot/message/1/content", None, Value::Null).await.0, 202);
    let transcoding = "/v2/bot/message/1/content/transcoding";
    assert_eq!(call(&line, "GET", transcoding, None, Value::Null).await.1["status"], "processing");
    assert_eq!(call(&line, "GET", transcoding, None, Value::Null).await.1["status"], "succeeded");
    assert_eq!(call(&line, "GET", "/v2/bot/message/1/content", None, Value::Null).await.0, 200);
    assert_eq!(call(&line, "GET", "/v2/bot/message/2/content", None, Value::Null).await.0, 410);
}

/// A receiver that answers 200 to what is signed and 401 to anything else, and hands on the bodies.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = mpsc::unbounded_channel();
    let app = Router::new().route(
        "/hooks/line/ch_1",
        post(move |headers: HeaderMap, body: Bytes| async move {
            if headers["x-line-signature"] != sign(SECRET, &body) {
                return axum::http::StatusCode::UNAUTHORIZED;
            }
            sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
            axum::http::StatusCode::OK
        }),
    );
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, bodies)
}

#[tokio::test]
async fn webhooks_are_signed_batched_and_delivered_again() {
    let line = Line::start().await;
    let (base, mut bodies) = receiver().await;
    let address = format!("{base}/hooks/line/ch_1");
    let text = json!({ "type": "text", "text": "a" });
    let first = message_event(&line, Source::User(USER), 1, text.clone());
    let second = message_event(&line, Source::Group("C1", USER), 2, text);
    assert_eq!(line.post(&address, &[first.clone(), second]).await.unwrap(), 200);
    assert_eq!(line.post(&address, &[redelivered(&first)]).await.unwrap(), 200);
    let batch = bodies.recv().await.unwrap();
    assert_eq!(batch["events"].as_array().unwrap().len(), 2);
    assert_ne!(batch["events"][0]["webhookEventId"], batch["events"][1]["webhookEventId"]);
    let again = bodies.recv().await.unwrap();
    assert_eq!(again["events"][0]["webhookEventId"], batch["events"][0]["webhookEventId"]);
    assert_eq!(again["events"][0]["deliveryContext"]["isRedelivery"], true);
}

#[tokio::test]
async fn the_test_of_an_address_says_what_it_answered() {
    let line = Line::start().await;
    let (base, _bodies) = receiver().await;
    let public = "https://chat.example/hooks/line/ch_1";
    assert_eq!(call(&line, "GET", "/v2/bot/channel/webhook/endpoint", None, Value::Null).await.0, 404);
    call(&line, "PUT", "/v2/bot/channel/webhook/endpoint", None, json!({ "endpoint": public })).await;
    assert_eq!(line.endpoint().as_deref(), Some(public));
    let test = async |path: &str| {
        let body = json!({ "endpoint": format!("https://chat.example{path}") });
        call(&line, "POST", "/v2/bot/channel/webhook/test", None, body).await.1
    };
    assert_eq!(test("/hooks/line/ch_1").await["reason"], "COULD_NOT_CONNECT");
    line.reach_endpoint_at(&base);
    assert_eq!(test("/hooks/line/ch_1").await["success"], true);
    assert_eq!(test("/hooks/line/other").await["statusCode"], 404);
}

#[test]
fn a_signature_is_the_published_one() {
    let body = br#"{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}"#;
    assert_eq!(sign("SECRET", b"{}"), "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA=");
    assert_eq!(sign(SECRET, body), "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=");
}
