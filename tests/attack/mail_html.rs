//! Strangers send mails with long HTML to one workspace's address, within seconds as many as their addresses may in a minute. HTML is
//! cleaned before it is stored, and an agent reads the conversations meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use sambung_tests::api::until;
use sambung_tests::providers::email::{Client, NameServer, free_address};
use serde_json::json;

use crate::arena::Arena;
use crate::outsider::{address, connect};
use crate::scale::{lasting, pick};

/// Strangers, each with an address of its own.
const STRANGERS: u8 = 8;
/// Mails of each; an address may hand over 120 in a minute.
const MAILS: usize = pick(20, 120);
/// Elements of a mail: 24 bytes each.
const ELEMENTS: usize = pick(2_000, 10_000);

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
            let sessions: Vec<_> =
                (0..STRANGERS).map(|stranger| tokio::spawn(write_mails(stranger, listener, to.clone()))).collect();
            let mut reads = 0;
            while sessions.iter().any(|session| !session.is_finished()) {
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
    assert!(taken > usize::from(STRANGERS), "mails are taken");
    let stored = async || admin.all_messages().await;
    until("every mail is a message", async || (stored().await.len() == taken).then_some(())).await;
    let stored = stored().await;
    assert!(stored.iter().all(|message| message["content"]["html"].as_str().unwrap().contains("<i>x</i>")));
    impact.assert_held();
}

/// Hands over mails, at the same distance from each other: how many were taken.
async fn write_mails(stranger: u8, listener: SocketAddr, to: String) -> usize {
    let line = format!("{}\n", "<i>x</i><script>x</script>".repeat(30));
    let html = line.repeat(ELEMENTS / 60);
    let from = format!("customer{stranger}@customer.example");
    let mut client = Client::of(connect(address(stranger), listener).await.unwrap());
    assert!(client.answer().await.starts_with("220 "));
    assert!(client.say("EHLO mx.sender.example").await.starts_with("250"));
    let mut due = tokio::time::interval(lasting() / u32::try_from(MAILS).unwrap());
    let mut taken = 0;
    for number in 0..MAILS {
        due.tick().await;
        let head = format!("From: {from}\nMessage-ID: <{stranger}-{number}@customer.example>\nMIME-Version: 1.0\n");
        let mail = format!("{head}Content-Type: text/html\n\n{html}");
        let answer = client.hand_over(&from, &to, &mail).await;
        assert!(answer.starts_with(['2', '4']), "{answer}");
        taken += usize::from(answer.starts_with('2'));
    }
    taken
}
