//! In: what Postfix forwards becomes a conversation, and what the host cannot take now waits at Postfix.

use sambung_tests::api::{Api, until};
use sambung_tests::providers::email::{Postfix, deliver, free_address, with_file};
use sambung_tests::server::Server;
use serde_json::Value;

use super::{SHOP, SITI, config, connect, mail, messages, postfix};

/// More than the database's log grows by before it is as large as it may be.
const LONG: usize = 1_500_000;

/// What Postfix keeps, once it was tried in vain: why.
async fn kept(postfix: &Postfix, words: &str) -> Value {
    until(&format!("Postfix keeps it: {words}\n{}", postfix.log()), async || {
        let queue = postfix.queue().await;
        let reason = queue.first()?["recipients"][0]["delay_reason"].clone();
        reason.as_str()?.contains(words).then_some(reason)
    })
    .await
}

async fn ids(api: &Api) -> Vec<String> {
    let messages = api.all_messages().await;
    let mut ids: Vec<String> =
        messages.iter().filter_map(|one| one["content"]["message_id"].as_str()).map(str::to_owned).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postfix_forwards_becomes_a_conversation_and_what_is_not_taken_comes_again_once() {
    let test = "what_postfix_forwards_becomes_a_conversation_and_what_is_not_taken_comes_again_once";
    let listener = free_address();
    let Some(postfix) = postfix(test, listener, "").await else { return };
    let mut server = Server::start(&config(listener, &postfix).await).await;
    let api = server.api();
    let forwarding = connect(&api, &postfix).await;

    deliver(postfix.address(), SITI, SHOP, &mail(SITI, "m1@customer.example", "Halo")).await;
    let first = messages(&api, 1).await.remove(0);
    assert_eq!((&first["from"]["name"], &first["content"]["subject"]), (&"Siti".into(), &"Pesanan".into()), "{first}");
    let envelope = &first["content"]["envelope"];
    assert_eq!(envelope["sender"], SITI, "{envelope}");
    assert_eq!(envelope["recipients"][0], forwarding.as_str(), "{envelope}");
    postfix.is_idle().await;

    // Nobody listens.
    server.kill().await;
    deliver(postfix.address(), SITI, SHOP, &mail(SITI, "m2@customer.example", "Sudah sampai?")).await;
    kept(&postfix, "refused").await;
    server.spawn();
    server.ready().await;
    messages(&api, 2).await;
    postfix.is_idle().await;

    // The disk is full.
    let files = std::fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    let largest = files.filter(|file| file.is_file()).map(|file| file.len()).max().unwrap();
    server.limit_files(Some(largest + 100_000));
    let long = with_file(SITI, "m3@customer.example", LONG);
    deliver(postfix.address(), SITI, SHOP, &long).await;
    let reason = kept(&postfix, "451").await;
    assert!(reason.as_str().unwrap().contains("it could not be stored"), "{reason}");
    assert_eq!(ids(&api).await.len(), 2, "nothing of it is there");
    server.limit_files(None);
    messages(&api, 3).await;
    postfix.is_idle().await;
    api.translated().await;
    let all = ["m1", "m2", "m3"].map(|id| format!("{id}@customer.example"));
    assert_eq!(ids(&api).await, all, "each is there once");
}
