//! Real mail software on the other side: a Postfix of the test's own hands the host mail, takes its answers, and delivers them to
//! mailboxes that are read back.

mod bounces;
mod inward;
mod outward;
mod threads;

use std::net::SocketAddr;

use sambung_tests::api::{Api, until};
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postfix, Setup, deliver, free_address};
use serde_json::{Value, json};

/// Where customers write to.
const SHOP: &str = "support@shop.example";
/// A customer with a mailbox.
const SITI: &str = "siti@customer.example";

/// A Postfix that hands `in.example` to that address.
async fn postfix(test: &str, listener: SocketAddr, more: &str) -> Option<Postfix> {
    Postfix::start(test, &Setup { mailboxes: &[SITI], next: Some(("in.example", listener)), more }).await
}

/// The configuration of a host that takes mail there, and whose relay is this Postfix.
async fn config(listener: SocketAddr, postfix: &Postfix) -> String {
    let names = NameServer::start(&[]).await.address();
    format!(
        "[mail]\nlisten = '{listener}'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
        postfix.address().port()
    )
}

/// Connects a channel, to which Postfix forwards what customers write: its forwarding address.
async fn connect(api: &Api, postfix: &Postfix) -> String {
    let settings = json!({ "address": SHOP, "display_name": "Shop", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    postfix.forward(SHOP, &address);
    address
}

/// A Postfix, and a host behind it with a channel that a mail of this customer's connected: that mail's message.
async fn stage(test: &str, customer: &str, more: &str) -> Option<(Postfix, Host, Value)> {
    let listener = free_address();
    let postfix = postfix(test, listener, more).await?;
    let host = Host::start(&config(listener, &postfix).await).await;
    connect(host.api(), &postfix).await;
    deliver(postfix.address(), customer, SHOP, &mail(customer, "m1@customer.example", "Kapan sampai?")).await;
    let first = messages(host.api(), 1).await.remove(0);
    until("the first mail connects the channel", async || {
        (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())
    })
    .await;
    Some((postfix, host, first))
}

/// A mail of somebody's to the shop.
fn mail(from: &str, id: &str, text: &str) -> String {
    format!("From: Siti <{from}>\nTo: {SHOP}\nSubject: Pesanan\nMessage-ID: <{id}>\n\n{text}\n")
}

/// All messages, once there are so many.
async fn messages(api: &Api, count: usize) -> Vec<Value> {
    until(&format!("there are {count} messages"), async || {
        let messages = api.all_messages().await;
        (messages.len() == count).then_some(messages)
    })
    .await
}
