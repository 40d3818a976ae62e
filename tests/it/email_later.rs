//! What a mail server is told while the host cannot take a mail, and that the mail is there once when it comes again.

use std::net::SocketAddr;

use sambung_tests::api::{Api, until};
use sambung_tests::providers::email::{Client, NameServer, free_address, with_file};
use sambung_tests::server::Server;
use serde_json::json;

const FROM: &str = "siti@customer.example";

/// A server with a channel: where it takes mail, and the channel's address.
async fn start(more: &str) -> (Server, SocketAddr, String) {
    let names = NameServer::start(&[]).await.address();
    let listener = free_address();
    let config = format!("[mail]\nlisten = '{listener}'\ndomain = 'in.example'\nresolver = '{names}'\n{more}");
    let server = Server::start(&config).await;
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = server.api().expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    (server, listener, address)
}

fn mail(id: &str, text: &str) -> String {
    format!("From: {FROM}\nMessage-ID: <{id}@customer.example>\n\n{text}\n")
}

/// Hands the same mail over until it is taken, as a mail server does.
async fn come_again(listener: SocketAddr, address: &str, mail: &str) {
    until("the mail is taken", async || {
        let answer = Client::welcome(listener).await.hand_over(FROM, address, mail).await;
        assert!(answer.starts_with("250 ") || answer.starts_with('4'), "{answer}");
        answer.starts_with("250 ").then_some(())
    })
    .await;
}

async fn is_there_once(api: &Api, id: &str) {
    let id = format!("{id}@customer.example");
    let count = async || {
        let all = api.all_messages().await;
        all.iter().filter(|message| message["content"]["message_id"] == id.as_str()).count()
    };
    until("it is there", async || (count().await > 0).then_some(())).await;
    api.translated().await;
    assert_eq!(count().await, 1, "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_full_mail_is_asked_to_come_again() {
    let (server, listener, address) = start("").await;
    let files = std::fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    let largest = files.filter(|file| file.is_file()).map(|file| file.len()).max().unwrap();
    server.limit_files(Some(largest + 100_000));
    let long = with_file(FROM, "m1@customer.example", 1_500_000);
    let answer = Client::welcome(listener).await.hand_over(FROM, &address, &long).await;
    assert!(answer.starts_with("451 4.3.0") && answer.contains("come again"), "{answer}");
    assert!(server.api().all("/v1/journal").await.is_empty());
    server.limit_files(None);
    come_again(listener, &address, &long).await;
    is_there_once(&server.api(), "m1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_cannot_be_written_mail_is_asked_to_come_again() {
    let (server, listener, address) = start("").await;
    let other = rusqlite::Connection::open(server.data().join("sambung.db")).unwrap();
    // Somebody else writes, and does not end.
    other.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let short = mail("m1", "Halo");
    let answer = Client::welcome(listener).await.hand_over(FROM, &address, &short).await;
    assert!(answer.starts_with("451 4.3.0") && answer.contains("come again"), "{answer}");
    other.execute_batch("ROLLBACK").unwrap();
    come_again(listener, &address, &short).await;
    is_there_once(&server.api(), "m1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_before_it_says_so_is_given_the_mail_again_and_has_it_once() {
    let (mut server, listener, address) = start("").await;
    let short = mail("m1", "Halo");
    let mut client = Client::welcome(listener).await;
    for line in [format!("MAIL FROM:<{FROM}>"), format!("RCPT TO:<{address}>"), "DATA".to_owned()] {
        client.say(&line).await;
    }
    client.write(format!("{}.\r\n", short.replace('\n', "\r\n")).as_bytes()).await;
    // Whatever of it is on disk: nobody heard that it is.
    server.kill().await;
    server.spawn();
    server.ready().await;
    come_again(listener, &address, &short).await;
    is_there_once(&server.api(), "m1").await;
}

/// All mails that arrive at a time share `mail.receiving_bytes`. What arrived counts, not what was announced.
#[tokio::test(flavor = "multi_thread")]
async fn more_bytes_than_there_is_room_for_are_asked_to_come_again() {
    let (server, listener, address) = start("max_bytes = 2000000\nreceiving_bytes = 2000000\n").await;
    let begin = async |size: usize| {
        let mut client = Client::welcome(listener).await;
        client.say(&format!("MAIL FROM:<{FROM}> SIZE={size}")).await;
        client.say(&format!("RCPT TO:<{address}>")).await;
        let answer = client.say("DATA").await;
        (client, answer)
    };
    let (mut large, answer) = begin(2_000_000).await;
    assert!(answer.starts_with("354 "), "{answer}");
    let whole = with_file(FROM, "m2@customer.example", 1_200_000).replace('\n', "\r\n");
    let (begun, rest) = whole.split_at(1_400_000);
    large.write(begun.as_bytes()).await;
    // All of it must have arrived: otherwise either of the two mails may be the one that finds no room.
    let more_than_is_left = 2_000_000 - begun.len();

    let long = with_file(FROM, "m1@customer.example", 800_000);
    until("what arrived of the large mail leaves no room", async || {
        let (_client, answer) = begin(more_than_is_left).await;
        answer.starts_with("452 4.3.1").then_some(())
    })
    .await;
    let (mut modest, answer) = begin(10).await;
    assert!(answer.starts_with("354 "), "{answer}");
    modest.write(format!("{}.\r\n", long.replace('\n', "\r\n")).as_bytes()).await;
    let answer = modest.answer().await;
    assert!(answer.starts_with("452 4.3.1"), "{answer}");
    assert!(modest.say("NOOP").await.starts_with("250 "), "the session goes on");

    large.write(format!("{rest}.\r\n").as_bytes()).await;
    assert!(large.answer().await.starts_with("250 "));
    come_again(listener, &address, &long).await;
    for id in ["m1", "m2"] {
        is_there_once(&server.api(), id).await;
    }
}
