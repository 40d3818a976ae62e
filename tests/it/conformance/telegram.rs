//! Telegram by webhook: one update in each request, a method for each content.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::media::Source;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, Provider, Webhook};
use sambung_tests::providers::telegram::{BOT, TOKEN};
use serde_json::{Value, json};

use super::holds;
use super::samples::{contact_cards, file, identity, inbound_file, interactive, location, text, thread};

const CUSTOMER: &str = "811000001";

struct Telegram;

fn method(name: &str) -> String {
    format!("/bot{TOKEN}/{name}")
}

fn sent() -> Value {
    let chat = json!({ "id": 811_000_001, "type": "private", "first_name": "Dewi" });
    json!({ "ok": true, "result": { "message_id": 77, "date": 1_780_000_000, "chat": chat } })
}

/// The script of a provider that takes this method.
macro_rules! takes {
    ($method:literal) => {
        |provider: &Provider| {
            provider.expect("POST", method($method)).answer(200, sent());
        }
    };
}

impl Subject for Telegram {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&json!({ "bot_token": TOKEN })).unwrap();
        kit.set_account(BOT);
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "update_id": 900_000 + number,
            "message": {
                "message_id": 1_000 + number,
                "date": 1_780_000_000 + number,
                "from": { "id": 811_000_001, "is_bot": false, "first_name": "Dewi", "language_code": "id" },
                "chat": { "id": 811_000_001, "type": "private", "first_name": "Dewi" },
                "text": text,
            },
        })
    }

    fn unknown(&self) -> Value {
        json!({ "update_id": 900_999, "hologram": { "depth": 3 } })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/message/from/language_code", "/message/chat/first_name"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        events[0].to_string().into_bytes()
    }

    fn batches(&self) -> bool {
        false
    }

    fn signed(&self, kit: &Kit, body: &[u8]) -> Option<Webhook> {
        let secret = kit.secret_value("webhook_secret").map(|value| String::from_utf8(value).unwrap());
        Some(Webhook::post(body).header("x-telegram-bot-api-secret-token", secret.unwrap_or_default()))
    }

    /// A word in a header, whatever the body is.
    fn signs_body(&self) -> bool {
        false
    }

    fn identifies(&self, provider: &Provider) {
        let bot = json!({ "id": 7_000_001, "is_bot": true, "first_name": "Toko", "username": "toko_bot" });
        provider.expect("POST", method("getMe")).answer(200, json!({ "ok": true, "result": bot }));
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        self.identifies(provider);
        let (status, answer) = match registering {
            Registering::Taken => (200, json!({ "ok": true, "result": true })),
            Registering::Refused => (400, json!({ "ok": false, "error_code": 400, "description": "Bad webhook" })),
        };
        provider.expect("POST", method("setWebhook")).answer(status, answer);
    }

    fn elsewhere(&self, provider: &Provider) -> bool {
        self.identifies(provider);
        let info = json!({ "ok": true, "result": { "url": "https://other.example/h", "pending_update_count": 0 } });
        provider.expect("POST", method("getWebhookInfo")).answer(200, info);
        true
    }

    fn harmless(&self) -> Vec<(String, &'static str)> {
        let reads = "every method of the Bot API is posted; this one reads";
        ["getMe", "getWebhookInfo"].map(|name| (format!("POST {}", method(name)), reads)).to_vec()
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let refuses = |status: u16, words: &str, parameters: Value| {
            let refusal = json!({ "ok": false, "error_code": status, "description": words, "parameters": parameters });
            provider.expect("POST", method("sendMessage")).answer(status, refusal);
        };
        match answer {
            Answer::Takes => takes!("sendMessage")(provider),
            Answer::Unauthorized => refuses(401, "Unauthorized", json!({})),
            Answer::TooMany(seconds) => {
                let words = format!("Too Many Requests: retry after {seconds}");
                refuses(429, &words, json!({ "retry_after": seconds }));
            }
            Answer::Broken => refuses(502, "Bad Gateway", json!({})),
            Answer::BreaksOff => {
                provider.expect("POST", method("sendMessage")).breaks_off();
            }
        }
    }

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.to = vec![identity("telegram-user", BOT, CUSTOMER)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread(CUSTOMER)
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        vec![
            Sample { content: text("Halo"), script: takes!("sendMessage") },
            Sample { content: location(), script: takes!("sendVenue") },
            Sample { content: contact_cards(), script: takes!("sendContact") },
            Sample { content: interactive(), script: takes!("sendMessage") },
            Sample { content: file(kit, "image", "image/jpeg"), script: takes!("sendPhoto") },
            Sample { content: file(kit, "video", "video/mp4"), script: takes!("sendVideo") },
            Sample { content: file(kit, "animation", "image/gif"), script: takes!("sendAnimation") },
            Sample { content: file(kit, "audio", "audio/mpeg"), script: takes!("sendAudio") },
            Sample { content: file(kit, "voice", "audio/ogg"), script: takes!("sendVoice") },
            Sample { content: file(kit, "document", "application/pdf"), script: takes!("sendDocument") },
            Sample { content: file(kit, "sticker", "image/webp"), script: takes!("sendSticker") },
        ]
    }

    fn proofs(&self) -> Vec<Proof> {
        vec![
            Proof {
                interface: "profiles",
                run: |kit| {
                    Box::pin(async move {
                        let chat = json!({ "id": 811_000_001, "type": "private", "first_name": "Dewi" });
                        let photos = json!({ "total_count": 0, "photos": [] });
                        for (name, result) in [("getChat", chat), ("getUserProfilePhotos", photos)] {
                            let answer = json!({ "ok": true, "result": result });
                            kit.provider().expect("POST", method(name)).answer(200, answer);
                        }
                        let who = identity("telegram-user", BOT, CUSTOMER);
                        let found = kit.plugin().look_up(kit.caller(), kit.channel().clone(), who, None).await;
                        match found.map(|done| done.value) {
                            Ok(Ok(Some(person))) if person.name.as_deref() == Some("Dewi") => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "media",
                run: |kit| {
                    Box::pin(async move {
                        let found = json!({ "ok": true, "result": { "file_id": "f", "file_path": "photos/1.jpg" } });
                        kit.provider().expect("POST", method("getFile")).answer(200, found);
                        let asked =
                            kit.plugin().resolve(kit.caller(), kit.channel().clone(), inbound_file("image", "f"));
                        match asked.await.map(|done| done.value) {
                            Ok(Ok(Source::Fetch(request))) if request.url.ends_with("/photos/1.jpg") => {
                                let told = format!("the token stands in {}", request.url);
                                if request.url.contains(TOKEN) { Err(told) } else { Ok(()) }
                            }
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "signals",
                run: |kit| {
                    Box::pin(async move {
                        kit.provider()
                            .expect("POST", method("sendChatAction"))
                            .answer(200, json!({ "ok": true, "result": true }));
                        let (caller, channel) = (kit.caller(), kit.channel().clone());
                        let done =
                            kit.plugin().signal(caller, channel, thread(CUSTOMER), "typing".to_owned(), None).await;
                        done.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
                    })
                },
            },
            Proof {
                interface: "polling",
                run: |kit| {
                    Box::pin(async move {
                        let updates =
                            json!({ "ok": true, "result": [Telegram.text(1, "one"), Telegram.text(2, "two")] });
                        kit.provider().expect("POST", method("getUpdates")).answer(200, updates);
                        let polled = kit.plugin().poll(kit.caller(), kit.channel().clone(), None).await;
                        match polled.map(|done| done.value) {
                            Ok(Ok(polled)) if polled.requests.len() == 2 => match polled.cursor {
                                Some(cursor) if cursor.starts_with("900003@") => Ok(()),
                                other => Err(format!("the cursor {other:?}")),
                            },
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
        ]
    }
}

#[tokio::test]
async fn telegram_conforms() {
    holds("telegram", Telegram).await;
}
