//! Erasing a person whose requests hold nothing that names them as it is written elsewhere: a request is theirs because it brought
//! their messages.

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{Host, hook, with_line};
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{Line, SECRET, Source, body, message_event, sign};
use serde_json::{Value, json};

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const MESSAGE: &str = "468789577898262530";

/// The text as JSON may write it too.
fn escaped(text: &str) -> String {
    text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
}

/// Writes as the person, whose ids stand nowhere in the request's bytes as they are.
async fn write(line: &Line, address: &str) {
    let text = json!({ "type": "text", "id": MESSAGE, "text": "Rahasia", "quoteToken": "q" });
    let event = message_event(line, Source::User(USER), now_ms(), text);
    let said =
        String::from_utf8(body(&[event])).unwrap().replace(USER, &escaped(USER)).replace(MESSAGE, &escaped(MESSAGE));
    let post = http_client().post(address).header("x-line-signature", sign(SECRET, said.as_bytes())).body(said);
    assert_eq!(post.send().await.unwrap().status().as_u16(), 200);
}

fn bodies(host: &Host) -> Vec<String> {
    let db = rusqlite::Connection::open(host.data().join("sambung.db")).unwrap();
    let mut query = db.prepare("SELECT CAST(body AS TEXT) FROM raw_requests").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

async fn person(api: &Api) -> String {
    let contacts = until("the person is there", async || api.all("/v1/contacts").await.pop()).await;
    contacts["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_that_brought_a_message_goes_with_its_person_whatever_its_bytes_are() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    write(&line, &hook(api, &channel)).await;
    let person = person(api).await;
    api.translated().await;
    assert!(bodies(&host).iter().any(|body| body.contains("Rahasia") && !body.contains(USER)), "{:?}", bodies(&host));
    api.expect(204, "DELETE", &format!("/v1/contacts/{person}"), Value::Null).await;
    assert!(!bodies(&host).concat().contains("Rahasia"), "{:?}", bodies(&host));
}

/// It waits for its translation when its person is erased, so it is marked and emptied afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_to_be_replayed_goes_with_its_person_too() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    write(&line, &hook(api, &channel)).await;
    let person = person(api).await;
    api.translated().await;
    api.expect(200, "POST", "/v1/plugins/line/disable", Value::Null).await;
    let row = api.all("/v1/journal").await.remove(0)["id"].clone();
    api.expect(202, "POST", &format!("/v1/journal/{}/replay", row.as_str().unwrap()), json!({})).await;
    api.expect(204, "DELETE", &format!("/v1/contacts/{person}"), Value::Null).await;
    // After its dedupe keys are gone the replay would bring the message back.
    rusqlite::Connection::open(host.data().join("sambung.db")).unwrap().execute("DELETE FROM dedupe", []).unwrap();
    api.expect(200, "POST", "/v1/plugins/line/enable", Value::Null).await;
    api.translated().await;
    until("the raw copy is empty", async || (!bodies(&host).concat().contains("Rahasia")).then_some(())).await;
    let all = json!([api.all("/v1/contacts").await, api.all_messages().await]).to_string();
    assert!(!all.contains("Rahasia"), "{all}");
}
