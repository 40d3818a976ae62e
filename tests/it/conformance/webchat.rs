//! Web chat: visitors write through the host, and nobody else is asked.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::inbound::Outcome;
use sambung_testkit::contract::inbound::Request;
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, KitError, Provider, Webhook};
use serde_json::{Value, json};

use super::holds;
use super::samples::{file, text, thread};

struct WebChat;

impl Subject for WebChat {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&json!({})).unwrap();
        kit.connect(None).await.unwrap();
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "visitor": "v1",
            "id": format!("m{number}"),
            "name": "Ayu",
            "page": "https://shop.example/",
            "content": { "type": "text", "text": text },
        })
    }

    fn unknown(&self) -> Value {
        json!({ "visitor": "v1", "id": "m9", "content": { "type": "hologram", "depth": 3 } })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/name", "/page"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        events[0].to_string().into_bytes()
    }

    fn batches(&self) -> bool {
        false
    }

    fn signed(&self, _kit: &Kit, _body: &[u8]) -> Option<Webhook> {
        None
    }

    async fn deliver(&self, kit: &mut Kit, body: &[u8]) -> Result<Outcome, KitError> {
        let request = Request {
            recipe: "visitor".to_owned(),
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.to_vec(),
            mail: None,
            received_at: kit.time(),
            extra: Vec::new(),
        };
        kit.translate(request).await
    }

    fn identifies(&self, _provider: &Provider) {}

    fn registers(&self, _provider: &Provider, _registering: Registering) {}

    fn registers_at_provider(&self) -> bool {
        false
    }

    fn script(&self, _provider: &Provider, _answer: Answer) {}

    fn asks_a_provider(&self) -> bool {
        false
    }

    fn thread(&self) -> Thread {
        thread("v1")
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let files = [
            ("image", "image/png"),
            ("video", "video/mp4"),
            ("audio", "audio/mpeg"),
            ("voice", "audio/ogg"),
            ("document", "application/pdf"),
        ];
        let mut contents = vec![text("Halo")];
        contents.extend(files.map(|(kind, mime)| file(kit, kind, mime)));
        contents.into_iter().map(|content| Sample { content, script: |_| {} }).collect()
    }

    fn proofs(&self) -> Vec<Proof> {
        vec![Proof {
            interface: "assets",
            run: |kit| {
                Box::pin(async move {
                    match kit.plugin().assets().iter().any(|asset| asset.path == "widget.js") {
                        true => Ok(()),
                        false => Err("there is no widget.js".to_owned()),
                    }
                })
            },
        }]
    }
}

#[tokio::test]
async fn web_chat_conforms() {
    holds("webchat", WebChat).await;
}
