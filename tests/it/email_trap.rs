//! A plugin that traps while it sends a mail: what may have left is unknown and is never sent again; what has not left is not
//! taken for sent.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};

/// A host with a relay and the guest that traps when it is told to; its conversation.
async fn start(postbox: &Postbox) -> (Host, String) {
    let names = NameServer::start(&[]).await.address();
    let config = format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n[outbound]\nunknown_wait_ms = 100\n",
        postbox.address().port()
    );
    let host = Host::start(&config).await;
    let guest = sambung_guests::component(&target_folder(), "mails");
    let upload = host.api().request("POST", "/v1/plugins").header("content-type", "application/wasm").body(guest);
    let answer = upload.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let channel = json!({ "plugin": "mails", "name": "Mails", "settings": {} });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    deliver(host.mail(), "siti@customer.example", address, "From: siti@customer.example\n\nHalo\n").await;
    let conversation = host.api().first_conversation().await["id"].as_str().unwrap().to_owned();
    (host, conversation)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_traps_after_the_mail_has_left_makes_it_unknown_and_it_is_not_sent_again() {
    let postbox = Postbox::start().await;
    let (host, conversation) = start(&postbox).await;
    let api = host.api();
    let trapped = api.reply(&conversation, "after").await;
    let unknown = api.message_when(&trapped, "unknown").await;
    assert_eq!(postbox.taken().len(), 1, "it has left");
    assert_eq!(unknown["attempts"].as_array().unwrap().len(), 1, "{unknown}");
    api.expect(409, "POST", &format!("/v1/messages/{trapped}/retry"), Value::Null).await;

    // What is written afterwards leaves, and only that.
    let next = api.reply(&conversation, "fine").await;
    api.message_when(&next, "sent").await;
    let taken = postbox.taken();
    assert!(taken.len() == 2 && taken[1].raw.contains("fine"), "{taken:?}");
    let still = api.get(&format!("/v1/messages/{trapped}")).await;
    assert_eq!((&still["status"], still["attempts"].as_array().unwrap().len()), (&json!("unknown"), 1), "{still}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_traps_before_the_mail_has_left_is_tried_again_and_nothing_counts_as_sent() {
    let postbox = Postbox::start().await;
    let (host, conversation) = start(&postbox).await;
    let api = host.api();
    let trapped = api.reply(&conversation, "before").await;
    let message = until("it was tried twice", async || {
        let message = api.get(&format!("/v1/messages/{trapped}")).await;
        (message["attempts"].as_array()?.len() == 2).then_some(message)
    })
    .await;
    assert!(matches!(message["status"].as_str(), Some("queued" | "sending")), "{message}");
    assert!(message["attempts"][0].to_string().contains("trap"), "{message}");
    assert!(postbox.taken().is_empty());
}
