//! Without a public address: the host asks.

use std::collections::HashMap;
use std::time::Duration;

use sambung_tests::api::until;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::telegram::{TOKEN, Telegram, private};
use sambung_tests::server::Server;
use serde_json::{Value, json};

use super::{CUSTOMER, connect, path_of, shown, texts, unreachable};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_both_ways_on_a_machine_that_nobody_can_reach() {
    let telegram = Telegram::start().await;
    telegram.register(Some("https://old.example/hook"));
    telegram.writes(CUSTOMER, "sebelum");
    let host = Host::start(&unreachable(&telegram)).await;
    let api = host.api();
    let channel = connect(api).await;
    assert_eq!((telegram.webhook(), &channel["webhook_url"]), (None, &Value::Null));
    telegram.writes(CUSTOMER, "Halo");
    for text in ["satu", "dua", "tiga"] {
        telegram.writes(CUSTOMER, text);
    }
    assert_eq!(texts(&shown(api, 5).await), ["sebelum", "Halo", "satu", "dua", "tiga"], "each once and in order");
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let reply = api.reply(&conversation, "Halo juga").await;
    api.message_when(&reply, "sent").await;
    let offer = json!({ "message_id": 1, "date": 1, "chat": { "id": CUSTOMER, "type": "private" } });
    let choice = json!({ "id": "cb9", "from": { "id": CUSTOMER, "first_name": "Dewi" }, "message": offer, "data": "ya", "chat_instance": "1" });
    telegram.happens("callback_query", choice);
    until("the choice is acknowledged", async || (telegram.acknowledged() == ["cb9"]).then_some(())).await;
    until("everything is confirmed", async || (telegram.pending() == (0, 0)).then_some(())).await;
    assert_eq!(telegram.conflicts(), 0, "one poll at a time");
    let quiet = telegram.calls("getUpdates");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(telegram.calls("getUpdates"), quiet, "it waits at the provider and does not ask again and again");
    assert!(telegram.recorded().iter().any(|one| one.url.contains(TOKEN)), "the token stood in the address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_paused_or_disconnected_is_not_polled_and_loses_nothing() {
    let telegram = Telegram::start().await;
    let host = Host::start(&unreachable(&telegram)).await;
    let api = host.api();
    let channel = connect(api).await;
    telegram.writes(CUSTOMER, "satu");
    shown(api, 1).await;
    until("it is confirmed", async || (telegram.pending().0 == 0).then_some(())).await;
    api.expect(200, "PATCH", &path_of(&channel), json!({ "paused": true })).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    telegram.writes(CUSTOMER, "dua");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((shown(api, 1).await.len(), telegram.pending().0), (1, 1), "it waits at the provider");
    api.expect(200, "PATCH", &path_of(&channel), json!({ "paused": false })).await;
    assert_eq!(texts(&shown(api, 2).await), ["satu", "dua"]);
    api.expect(204, "DELETE", &path_of(&channel), Value::Null).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    telegram.writes(CUSTOMER, "tiga");
    connect(api).await;
    assert_eq!(texts(&shown(api, 3).await), ["satu", "dua", "tiga"]);
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_taken_back_ends_polling_until_there_is_another() {
    let telegram = Telegram::start().await;
    let host = Host::start(&unreachable(&telegram)).await;
    let api = host.api();
    let channel = connect(api).await;
    telegram.writes(CUSTOMER, "satu");
    shown(api, 1).await;
    telegram.revoke();
    let refused = until("it needs attention", async || {
        let channel = api.get(&path_of(&channel)).await;
        (channel["state"] == "needs_attention").then_some(channel)
    })
    .await;
    assert!(refused["findings"].to_string().contains("Unauthorized"), "{refused}");
    let asked = telegram.calls("getUpdates");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(telegram.calls("getUpdates"), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_s_address_is_shown_and_left_alone_until_somebody_reconnects() {
    let telegram = Telegram::start().await;
    let host = Host::start(&unreachable(&telegram)).await;
    let api = host.api();
    let channel = connect(api).await;
    until("it is polled", async || (telegram.calls("getUpdates") > 0).then_some(())).await;
    telegram.register(Some("https://other.example/hook"));
    let found = until("the conflict is shown", async || {
        let channel = api.get(&path_of(&channel)).await;
        channel["findings"].as_array()?.iter().find(|finding| finding["code"] == "poll-refused").cloned()
    })
    .await;
    assert!(found["words"].as_str().unwrap().contains("webhook is active"), "{found}");
    assert!(telegram.webhook().is_some());
    telegram.writes(CUSTOMER, "menunggu");
    api.expect(200, "POST", &format!("{}/reconnect", path_of(&channel)), json!({})).await;
    assert_eq!(texts(&shown(api, 1).await), ["menunggu"]);
    until("the finding is gone", async || {
        api.get(&path_of(&channel)).await["findings"].as_array()?.is_empty().then_some(())
    })
    .await;
}

/// Killed between fetching and committing, and between committing and confirming, whenever that is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_update_is_one_message_whenever_the_process_is_killed() {
    const KILLS: u32 = 8;
    const CUSTOMERS: i64 = 5;
    let telegram = Telegram::start().await;
    let mut server = Server::start(&unreachable(&telegram)).await;
    connect(&server.api()).await;
    let mut written = 0;
    for kill in 0..KILLS {
        server.ready().await;
        let until = tokio::time::Instant::now() + Duration::from_millis(u64::from(150 + kill * 90));
        while tokio::time::Instant::now() < until {
            written += 1;
            let own = json!({ "text": format!("text {written}") });
            telegram.happens("message", private(CUSTOMER + written % CUSTOMERS, own));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.kill().await;
        server.spawn();
    }
    server.ready().await;
    let api = server.api();
    until("every update is confirmed", async || (telegram.pending().0 == 0).then_some(())).await;
    api.translated().await;
    assert!(api.all("/v1/journal?state=parked").await.is_empty());
    let mut found: HashMap<String, u32> = HashMap::new();
    for message in api.all_messages().await {
        *found.entry(message["content"]["text"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    let lost: Vec<_> =
        (1..=written).map(|number| format!("text {number}")).filter(|text| !found.contains_key(text)).collect();
    assert!(lost.is_empty() && twice.is_empty(), "lost: {lost:?}, twice: {twice:?}");
    assert!(written > i64::from(KILLS) * 5, "there was hardly any load: {written}");
}

/// The server is started again, reached by providers or not.
async fn again(server: &mut Server, config: &str) {
    server.stop().await;
    std::fs::write(server.data().with_file_name("config.toml"), config).unwrap();
    server.spawn();
    server.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gets_an_address_or_loses_it_loses_no_message() {
    let telegram = Telegram::start().await;
    let (without, with) = (unreachable(&telegram), leading(&telegram.overrides(), ""));
    let mut server = Server::start(&without).await;
    let api = server.api();
    let channel = connect(&api).await;
    let check = format!("{}/check", path_of(&channel));
    telegram.writes(CUSTOMER, "satu");
    shown(&api, 1).await;

    again(&mut server, &with).await;
    telegram.reach_endpoint_at(&api.url(""));
    telegram.writes(CUSTOMER, "dua");
    shown(&api, 2).await;
    assert_eq!(telegram.webhook(), None, "it is polled until the address is registered");
    api.expect(200, "POST", &check, Value::Null).await;
    let shows = api.get(&path_of(&channel)).await;
    assert!(telegram.webhook().is_some(), "the check registers the address: {shows}");
    telegram.writes(CUSTOMER, "tiga");
    assert_eq!(telegram.deliver().await, 200);
    shown(&api, 3).await;

    again(&mut server, &without).await;
    telegram.writes(CUSTOMER, "empat");
    assert_eq!(texts(&shown(&api, 4).await), ["satu", "dua", "tiga", "empat"]);
    assert_eq!(
        (telegram.webhook(), telegram.pending().1),
        (None, 0),
        "its own address gave way, and nothing was dropped"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_polled_after_a_restore_before_it_is_released() {
    let telegram = Telegram::start().await;
    let mut old = Server::start(&unreachable(&telegram)).await;
    connect(&old.api()).await;
    telegram.writes(CUSTOMER, "satu");
    shown(&old.api(), 1).await;
    let apart = tempfile::tempdir().unwrap();
    let file = apart.path().join("backup").display().to_string();
    assert!(old.run(&["backup", &file]).await.status.success());
    let key = old.data().join("master.key").display().to_string();
    old.kill().await;
    let mut new = old.elsewhere();
    assert!(new.run(&["restore", &file, "--key", &key]).await.status.success());
    telegram.writes(CUSTOMER, "dua");
    let before = telegram.calls("getUpdates");
    new.spawn();
    new.ready().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(telegram.calls("getUpdates"), before, "the old server may still run");
    assert!(new.run(&["release"]).await.status.success());
    assert_eq!(texts(&shown(&new.api(), 2).await), ["satu", "dua"]);
}
