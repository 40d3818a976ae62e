//! Erasing a person who wrote by mail: nothing of them stays in the journal, however their address was written.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, deliver};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_sender_is_in_no_raw_mail_and_a_replay_brings_nobody_back() {
    let names = NameServer::start(&[]).await.address();
    let host =
        Host::start(&format!("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n")).await;
    let api = host.api();
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel =
        api.expect(201, "POST", "/v1/channels", json!({ "plugin": "email", "name": "S", "settings": settings })).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    // Neither says its id, so that only the address names the person; the second is not shown, since a program wrote it.
    let mails = [
        "From: Siti <Siti.Aminah@Customer.EXAMPLE>\nTo: support@shop.example\n\nRahasia\n",
        "From: SITI.AMINAH@customer.example\nTo: support@shop.example\nAuto-Submitted: auto-replied\n\nSaya sedang pergi\n",
        "From: Siti <\n \"Siti.Aminah\"@Customer.EXAMPLE>\nTo: support@shop.example\n\nJuga rahasia\n",
        "From: Budi <budi@customer.example>\nTo: support@shop.example\n\nHalo\n",
    ];
    for mail in mails {
        deliver(host.mail(), "bounce@customer.example", address, mail).await;
    }
    api.translated().await;
    let contacts = until("both people are there", async || {
        let contacts = api.all("/v1/contacts").await;
        (contacts.len() >= 2).then_some(contacts)
    })
    .await;
    let theirs = |contact: &Value| contact.to_string().to_lowercase().contains("siti");
    for contact in contacts.iter().filter(|contact| theirs(contact)) {
        api.expect(204, "DELETE", &format!("/v1/contacts/{}", contact["id"].as_str().unwrap()), Value::Null).await;
    }
    let db = rusqlite::Connection::open(host.data().join("sambung.db")).unwrap();
    let raw = || -> Vec<String> {
        let mut query = db.prepare("SELECT CAST(body AS TEXT) || headers FROM raw_requests").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(raw().len(), 1, "{:?}", raw());
    assert!(raw()[0].contains("budi@customer.example"), "others' mails stay");

    // After its dedupe keys are gone a replay would bring the person back, if there were anything to replay.
    rusqlite::Connection::open(host.data().join("sambung.db")).unwrap().execute("DELETE FROM dedupe", []).unwrap();
    for row in api.all("/v1/journal").await {
        let id = row["id"].as_str().unwrap();
        api.ask("POST", &format!("/v1/journal/{id}/replay"), &json!({})).await.unwrap();
    }
    api.translated().await;
    let all = json!([api.all("/v1/contacts").await, api.all_messages().await, api.all("/v1/journal").await]);
    assert!(!all.to_string().to_lowercase().contains("siti"), "{all}");
    assert!(!all.to_string().contains("ahasia"), "{all}");
}
