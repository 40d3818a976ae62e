//! Answers leave over TLS: from the first byte and by STARTTLS, with an authority of the operator's, and with nobody else.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, Secured, deliver};
use serde_json::{Value, json};

/// A host whose relay this is; trusted by the tests' authority where `trusted`.
async fn start(postbox: &Postbox, host: &str, security: &str, trusted: bool) -> Host {
    let names = NameServer::start(&[]).await.address();
    let authority = if trusted { Postbox::authority().display().to_string() } else { String::new() };
    Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n[mail.relay]\nhost = '{host}'\n\
         port = {}\nsecurity = '{security}'\nuser = 'shop'\npassword = 'right'\nca_file = '{authority}'\n",
        postbox.address().port()
    ))
    .await
}

fn form() -> Value {
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    json!({ "plugin": "email", "name": "Support", "settings": settings })
}

/// A message of a customer's: its conversation.
async fn conversation(host: &Host) -> String {
    let channel = host.api().expect(201, "POST", "/v1/channels", form()).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    let mail = "From: siti@customer.example\nMessage-ID: <m1@c>\n\nHalo\n";
    deliver(host.mail(), "siti@customer.example", address, mail).await;
    let conversation = host.api().first_conversation().await["id"].as_str().unwrap().to_owned();
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    conversation
}

const WAYS: [(Secured, &str); 2] = [(Secured::Tls, "tls"), (Secured::StartTls, "starttls")];

#[tokio::test(flavor = "multi_thread")]
async fn answers_leave_over_tls_in_both_ways_and_the_password_with_them() {
    for (secured, word) in WAYS {
        for name in ["localhost", "127.0.0.1"] {
            let postbox = Postbox::start_secured(secured).await;
            postbox.ask_for("shop", "right");
            let host = start(&postbox, name, word, true).await;
            let conversation = conversation(&host).await;
            let sent = host.api().reply(&conversation, "Besok.").await;
            host.api().message_when(&sent, "sent").await;
            assert_eq!(postbox.taken().len(), 1, "{word} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_the_words_say_so() {
    for (secured, word) in WAYS {
        let postbox = Postbox::start_secured(secured).await;
        let host = start(&postbox, "localhost", word, false).await;
        let refused = host.api().expect(422, "POST", "/v1/channels", form()).await;
        assert!(refused.to_string().contains("UnknownIssuer"), "{word}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_tls_is_told_nothing() {
    let postbox = Postbox::start().await;
    postbox.ask_for("shop", "right");
    let host = start(&postbox, "localhost", "starttls", true).await;
    let refused = host.api().expect(422, "POST", "/v1/channels", form()).await;
    assert!(refused.to_string().contains("STARTTLS"), "{refused}");
    assert!(!postbox.said().iter().any(|line| line.starts_with("AUTH")), "{:?}", postbox.said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_shows_another_certificate_gets_no_mail() {
    for (secured, word) in WAYS {
        let postbox = Postbox::start_secured(secured).await;
        postbox.ask_for("shop", "right");
        let host = start(&postbox, "localhost", word, true).await;
        let conversation = conversation(&host).await;
        postbox.show_another_certificate();
        let waits = host.api().reply(&conversation, "Besok.").await;
        let message = until("it was tried", async || {
            let message = host.api().get(&format!("/v1/messages/{waits}")).await;
            (message["attempts"][0]["error"].is_object()).then_some(message)
        })
        .await;
        assert!(message["attempts"][0]["error"].to_string().contains("certificate"), "{word}: {message}");
        assert_ne!(message["status"], "sent", "{word}");
        assert!(postbox.taken().is_empty(), "{word}");
    }
}
