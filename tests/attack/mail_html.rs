//! Strangers write mails with a megabyte of HTML to one workspace's address, as fast as they are taken. HTML is cleaned before it is
//! stored, and shown to whoever reads the conversation.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sambung_tests::api::until;
use sambung_tests::providers::email::{Client, NameServer, free_address};
use serde_json::json;

use crate::arena::Arena;
use crate::outsider::{address, connect};
use crate::scale::{lasting, pick};

/// Sessions at a time.
const SESSIONS: u8 = 4;
/// Elements of a mail.
const ELEMENTS: usize = pick(8_000, 64_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_of_html_in_mails_hold_up_nobody() {
    let names = NameServer::start(&[]).await.address();
    let listener = free_address();
    let arena =
        Arena::start(&format!("[mail]\nlisten = '{listener}'\ndomain = 'in.example'\nresolver = '{names}'\n")).await;
    let admin = arena.caller("attacker", "admin").await;
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = admin.expect(201, "POST", "/v1/channels", channel).await;
    let to = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();

    let reader = admin.clone();
    let impact = arena
        .under("mail_html", move || async move {
            let read_until = Instant::now() + lasting();
            let sessions: Vec<_> =
                (0..SESSIONS).map(|session| tokio::spawn(write_mails(session, listener, to.clone()))).collect();
            let mut reads = 0;
            while Instant::now() < read_until {
                let conversations = reader.all("/v1/conversations").await;
                for conversation in &conversations {
                    let id = conversation["id"].as_str().unwrap();
                    reader.get(&format!("/v1/conversations/{id}/messages")).await;
                    reads += 1;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let mut taken = 0;
            for session in sessions {
                taken += session.await.unwrap();
            }
            (taken, reads)
        })
        .await;
    let (taken, reads) = impact.found;
    impact.print("mails", format_args!("{taken:>9} taken; conversations were read {reads} times"));
    assert!(taken > 0, "a mail was taken");
    let stored = async || admin.all_messages().await;
    until("every mail is a message", async || (stored().await.len() == taken).then_some(())).await;
    let stored = stored().await;
    assert!(stored.iter().all(|message| message["content"]["html"].as_str().unwrap().contains("<i>x</i>")));
    impact.assert_held();
}

/// Hands over mails until time is up, from one address after the other: how many were taken.
async fn write_mails(session: u8, listener: SocketAddr, to: String) -> usize {
    let line = format!("{}\n", "<i>x</i><script>x</script>".repeat(30));
    let html = line.repeat(ELEMENTS / 60);
    let (mut taken, mut number, until) = (0, 0, Instant::now() + lasting());
    for from in (session * 50..).take(50) {
        let mut client = Client::of(connect(address(from), listener).await.unwrap());
        assert!(client.answer().await.starts_with("220 "));
        assert!(client.say("EHLO mx.sender.example").await.starts_with("250"));
        // An address that hands over more mails than it may is told so, and then cut off.
        loop {
            if Instant::now() > until {
                return taken;
            }
            let from = format!("customer{session}@customer.example");
            let id = format!("{session}-{number}@customer.example");
            let mail =
                format!("From: {from}\nMessage-ID: <{id}>\nMIME-Version: 1.0\nContent-Type: text/html\n\n{html}");
            number += 1;
            let answer = client.hand_over(&from, &to, &mail).await;
            assert!(answer.is_empty() || answer.starts_with(['2', '4']), "{answer}");
            taken += usize::from(answer.starts_with('2'));
            if answer.is_empty() {
                break;
            }
        }
    }
    taken
}
