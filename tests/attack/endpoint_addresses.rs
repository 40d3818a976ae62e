//! An admin of a workspace makes endpoints whose addresses lead to the server's own machine, so that deliveries ask services that
//! only the machine reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sambung_tests::api::until;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::arena::Arena;

/// Spellings of loopback and of what is next to it; `{port}` is where a service listens.
const ADDRESSES: &[&str] = &[
    "https://127.0.0.1:{port}/",
    "https://localhost:{port}/",
    "https://localhost.:{port}/",
    "https://127.1:{port}/",
    "https://2130706433:{port}/",
    "https://0x7f000001:{port}/",
    "https://0177.0.0.1:{port}/",
    "https://0.0.0.0:{port}/",
    "https://127.0.0.2:{port}/",
    "https://[::1]:{port}/",
    "https://[::]:{port}/",
    "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[::127.0.0.1]:{port}/",
    "https://[64:ff9b::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/",
    "https://①②⑦.⓪.⓪.①:{port}/",
    "https://127。0。0。1:{port}/",
    "https://169.254.169.254/latest/meta-data/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_an_address_leads_a_delivery_into_the_machine() {
    let arena = Arena::start("").await;
    let admin = arena.caller("attacker", "admin").await;
    let reached = Arc::new(AtomicUsize::new(0));
    let service = TcpListener::bind("[::]:0").await.unwrap();
    let port = service.local_addr().unwrap().port();
    let count = Arc::clone(&reached);
    let listening = tokio::spawn(async move {
        while service.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    until("the service is reached from here", async || (reached.load(Ordering::Relaxed) == 1).then_some(())).await;

    let impact = arena
        .under("endpoint_addresses", move || async move {
            let mut endpoints = Vec::new();
            let mut refused = 0;
            for address in ADDRESSES {
                let new = json!({ "url": address.replace("{port}", &port.to_string()), "types": [] });
                match admin.ask("POST", "/v1/endpoints", &new).await.unwrap() {
                    (201, made) => endpoints.push((*address, made["id"].as_str().unwrap().to_owned())),
                    (422, _) => refused += 1,
                    other => panic!("{address}: {other:?}"),
                }
            }
            // A channel is an event for every endpoint.
            let settings = json!({ "domain": ["https://toko.example"], "enabled": true });
            let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": settings });
            admin.expect(201, "POST", "/v1/channels", channel).await;
            let mut failed = 0;
            for (address, id) in &endpoints {
                let delivery = until(&format!("a delivery to {address} was tried"), async || {
                    let shown = admin.get(&format!("/v1/endpoints/{id}/deliveries")).await;
                    let tried = |one: &&Value| one["tries"].as_u64().is_some_and(|tries| tries > 0);
                    shown["items"].as_array()?.iter().find(tried).cloned()
                })
                .await;
                assert_ne!(delivery["state"], "delivered", "{address}: {delivery}");
                failed += 1;
            }
            (refused, failed)
        })
        .await;
    let (refused, failed) = impact.found;
    impact.print("addresses", format_args!("{refused:>9} refused, {failed} deliveries failed"));
    impact.assert_held();
    assert_eq!(reached.load(Ordering::Relaxed), 1, "a delivery reached the machine's own service");
    assert_eq!(refused + failed, ADDRESSES.len());
    listening.abort();
}
