//! A server is stopped where it stands (SIGSTOP) and taken for dead: another starts over the same folder and takes over what it held.
//! Then the first goes on. Nothing is done twice, and what the first says late changes nothing that the other did.

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{connect_line, hook, leading};
use sambung_tests::providers::Meddling::{HoldsAfter, HoldsBefore};
use sambung_tests::providers::line::{self, Line, SECRET, Source, Stored, message_event};
use sambung_tests::server::Server;
use serde_json::{Value, json};

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

async fn with_channel(line: &Line) -> (Server, Value) {
    let server = Server::start(&leading(&line.overrides(), "")).await;
    let channel = connect_line(&server.api(), line).await;
    (server, channel)
}

/// Takes over from a server that is stopped, though not in the middle of a transaction, when no other could write.
async fn take_over(server: &Server) -> Server {
    let database = server.data().join("sambung.db");
    until("the server stands still between two transactions", async || {
        server.suspend();
        let other = rusqlite::Connection::open(&database).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        let free = other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").ok();
        if free.is_none() {
            server.resume();
        }
        free
    })
    .await;
    let mut heir = server.heir();
    heir.spawn();
    heir.ready().await;
    heir
}

/// The conversation once the customer has written.
async fn conversation(api: &Api, line: &Line, channel: &Value) -> String {
    assert_eq!(line.post_text(&hook(api, channel), USER, now_ms(), "Halo").await.unwrap(), 200);
    api.first_conversation().await["id"].as_str().unwrap().to_owned()
}

async fn status(api: &Api, message: &str) -> String {
    api.get(&format!("/v1/messages/{message}")).await["status"].as_str().unwrap().to_owned()
}

/// The call of the provider is under way while the server stands still: whether the provider has taken the message or not, it is sent
/// once, and what the first server hears late is believed, because a provider that took it took it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_being_sent_is_sent_once() {
    for what in [HoldsBefore, HoldsAfter] {
        let line = Line::start().await;
        let (server, channel) = with_channel(&line).await;
        let conversation = conversation(&server.api(), &line, &channel).await;
        let held = line.meddle("POST", "/v2/bot/message/reply", what);
        let message = server.api().reply(&conversation, "Baik").await;
        held.arrived().await;
        let heir = take_over(&server).await;
        let api = heir.api();
        until("the other server has judged the attempt", async || {
            (status(&api, &message).await != "sending").then_some(())
        })
        .await;
        server.resume();
        drop(held);
        until("it is sent", async || (status(&api, &message).await == "sent").then_some(())).await;
        let next = api.reply(&conversation, "Satu lagi").await;
        until("the next is sent", async || (status(&api, &next).await == "sent").then_some(())).await;
        assert_eq!(line.deliveries().len(), 2, "{what:?}: {:?}", line.deliveries());
        assert_eq!(status(&api, &message).await, "sent", "{what:?}");
    }
}

/// A file that the first server was fetching is the other's: that the first hears of no such file is not the other's failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_being_fetched_is_the_others() {
    let line = Line::start().await;
    line.content("700001", Stored::Ready(b"GIF89a".to_vec().into(), "image/gif"));
    let (server, channel) = with_channel(&line).await;
    let held = line.meddle("GET", "/v2/bot/message/700001/content", HoldsBefore);
    let image = json!({ "type": "image", "id": "700001", "contentProvider": { "type": "line" }, "quoteToken": "q" });
    let event = message_event(&line, Source::User(USER), now_ms(), image);
    assert_eq!(line.post(&hook(&server.api(), &channel), &[event]).await.unwrap(), 200);
    held.arrived().await;
    let of_the_heir = line.meddle("GET", "/v2/bot/message/700001/content", HoldsAfter);
    let heir = take_over(&server).await;
    let api = heir.api();
    of_the_heir.arrived().await;
    // The provider has the file no more for who asked first and has waited all the time.
    line.content("700001", Stored::Gone);
    server.resume();
    drop(held);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let state = async || {
        let messages = api.all_messages().await;
        let content = &messages.first()?["content"];
        Some((content["media_id"].as_str()?.to_owned(), content["state"].as_str()?.to_owned()))
    };
    assert_eq!(state().await.expect("the message is there").1, "pending", "the other is at it");
    drop(of_the_heir);
    let file = until("the other has fetched it", async || {
        state().await.filter(|(_, state)| state == "stored").map(|(id, _)| id)
    })
    .await;
    let bytes = api.request("GET", &format!("/v1/media/{file}")).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(&bytes[..], b"GIF89a");
}

/// A request with a key that the first server was doing is done by the other when it is repeated: once, and the first answers nothing
/// that contradicts it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_that_was_being_done_is_done_once() {
    let line = Line::start().await;
    let server = Server::start(&leading(&line.overrides(), "")).await;
    let api = server.api();
    line.reach_endpoint_at(&api.url(""));
    let form = json!({ "plugin": "line", "name": "Shop", "settings": {
        "channel_secret": SECRET, "channel_access_token": line::TOKEN } });
    let held = line.meddle("GET", "/v2/bot/info", HoldsBefore);
    let asked = tokio::spawn({
        let (api, form) = (api.clone(), form.clone());
        async move { api.ask_once("POST", "/v1/channels", &form, Some("connect-1")).await }
    });
    held.arrived().await;
    let heir = take_over(&server).await;
    let api = heir.api();
    line.reach_endpoint_at(&api.url(""));
    let (code, channel) = api.ask_once("POST", "/v1/channels", &form, Some("connect-1")).await.unwrap();
    assert_eq!(code, 201, "{channel}");
    server.resume();
    drop(held);
    if let Ok((code, late)) = asked.await.unwrap() {
        assert!(code >= 400 || late["id"] == channel["id"], "{code}: {late}");
    }
    let all = api.all("/v1/channels").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0]["id"], &all[0]["state"]), (&channel["id"], &json!("connected")));
    assert_eq!(line.endpoint().as_deref(), all[0]["webhook_url"].as_str());
}
