//! Plugins of which each breaks one promise of connecting: the suite names that one and no other.

use hmac::{Hmac, KeyInit, Mac};
use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject, conform};
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, Provider, Webhook};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};
use sha2::Sha256;

use super::samples::{text, thread};

struct Hooked;

impl Subject for Hooked {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&json!({})).unwrap();
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({ "id": format!("e{number}"), "time": 1_780_000_000_000_u64 + u64::from(number), "text": text })
    }

    fn unknown(&self) -> Value {
        json!({ "id": "e99", "hologram": {} })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/time"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        json!({ "events": events }).to_string().into_bytes()
    }

    fn signed(&self, kit: &Kit, body: &[u8]) -> Option<Webhook> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&kit.secret_value("hook_key").unwrap()).unwrap();
        mac.update(body);
        Some(Webhook::post(body).header("x-signature", hex::encode(mac.finalize().into_bytes())))
    }

    fn identifies(&self, provider: &Provider) {
        provider.expect("GET", "/me").answer(200, json!({ "id": "acme" }));
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        self.identifies(provider);
        provider.expect("PUT", "/live");
        let status = if registering == Registering::Taken { 200 } else { 403 };
        provider.expect("PUT", "/hook").answer(status, json!({}));
    }

    fn elsewhere(&self, provider: &Provider) -> bool {
        self.identifies(provider);
        provider.expect("GET", "/hook").answer(200, json!({ "url": "https://other.example/hook" }));
        true
    }

    fn asks_a_provider(&self) -> bool {
        false
    }

    fn script(&self, _provider: &Provider, _answer: Answer) {}

    fn thread(&self) -> Thread {
        thread("t1")
    }

    fn samples(&self, _kit: &mut Kit) -> Vec<Sample> {
        vec![Sample { content: text("Halo"), script: |_| {} }]
    }

    fn proofs(&self) -> Vec<Proof> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_plugin_that_breaks_one_promise_of_connecting_is_told_exactly_that() {
    for (guest, broken) in [
        ("hooked", None),
        ("identify_registers", Some("`identify` finds the account and changes nothing")),
        ("register_adds", Some("`register` twice is as once")),
        ("register_leaves_half", Some("a `register` that fails leaves the provider as it was")),
        ("register_ignores_address", Some("`register` tells the provider the channel's address")),
        ("check_hides", Some("`check` says that the provider delivers elsewhere")),
        ("check_takes_back", Some("`check` takes no address back")),
        ("hands_out_another", Some("the address that is handed out is one that events are accepted at")),
    ] {
        let report = conform(&Hooked, &sambung_guests::component(&target_folder(), guest)).await.unwrap();
        let wrong: Vec<_> = report.wrong().collect();
        let questions: Vec<&str> = wrong.iter().map(|(question, _)| *question).collect();
        assert_eq!(questions, broken.into_iter().collect::<Vec<_>>(), "{guest}: {wrong:#?}");
    }
}
