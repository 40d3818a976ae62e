//! X by an own app's four keys: signed batches in, requests signed with OAuth 1.0a out.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::media::Source;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::reconcile::{Lost, Verdict};
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, Provider, Webhook};
use serde_json::{Value, json};
use sha2::Sha256;

use super::holds;
use super::samples::{file, identity, inbound_file, interactive, text, thread};

const OWN: &str = "4337869213";
/// What the kit hands out for the channel.
const OWN_ADDRESS: &str = "https://sambung.example/hooks/x/ch_1";
const CUSTOMER: &str = "3001969357";
const SECRET: &str = "the-consumer-secret-0123456789";
const SEND: &str = "/2/dm_conversations/with/3001969357/messages";

struct X;

fn takes(provider: &Provider) {
    let taken =
        json!({ "data": { "dm_conversation_id": "3001969357-4337869213", "dm_event_id": "1585321444547837956" } });
    provider.expect("POST", SEND).answer(201, taken);
}

fn offers(provider: &Provider) {
    provider
        .expect("POST", "/1.1/direct_messages/events/new.json")
        .answer(200, json!({ "event": { "id": "1585321444547837957", "type": "message_create" } }));
}

fn uploads(provider: &Provider) {
    let id = json!({ "data": { "id": "1146654567674912769", "media_key": "7_1146654567674912769" } });
    provider.expect("POST", "/2/media/upload/initialize").answer(200, id.clone());
    provider.expect("POST", "/2/media/upload/1146654567674912769/append").answer(200, json!({}));
    provider.expect("POST", "/2/media/upload/1146654567674912769/finalize").answer(200, id);
    takes(provider);
}

fn events(text: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    json!({
        "data": [{
            "id": "1585321444547837958",
            "event_type": "MessageCreate",
            "sender_id": OWN,
            "text": text,
            "created_at": jiff(now),
            "dm_conversation_id": "3001969357-4337869213",
        }],
        "meta": { "result_count": 1 },
    })
}

/// RFC 3339 of milliseconds since 1970.
fn jiff(ms: i64) -> String {
    sambung::model::time::rfc3339(ms)
}

impl Subject for X {
    fn origins(&self) -> Vec<&'static str> {
        vec!["https://ton.twitter.com"]
    }

    async fn fill_in(&self, kit: &mut Kit) {
        let settings = json!({
            "mode": "own-app",
            "consumer_key": "the-consumer-key-0123456789",
            "consumer_secret": SECRET,
            "access_token": "4337869213-theAccessToken",
            "access_token_secret": "the-access-token-secret",
        });
        kit.fill_in(&settings).unwrap();
        kit.set_account(OWN);
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "type": "message_create",
            "id": format!("15853214445478{number:05}"),
            "created_timestamp": (1_767_225_599_000_u64 + u64::from(number)).to_string(),
            "message_create": {
                "target": { "recipient_id": OWN },
                "sender_id": CUSTOMER,
                "source_app_id": "1",
                "message_data": { "text": text, "entities": { "urls": [] } },
            },
        })
    }

    fn unknown(&self) -> Value {
        json!({ "type": "hologram_create", "id": "1585321444547899999", "created_timestamp": "1767225599900" })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/created_timestamp", "/message_create/source_app_id", "/message_create/message_data/entities"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        json!({
            "for_user_id": OWN,
            "direct_message_events": events,
            "users": { CUSTOMER: { "id": CUSTOMER, "name": "Sari", "screen_name": "sari" } },
        })
        .to_string()
        .into_bytes()
    }

    fn signed(&self, _kit: &Kit, body: &[u8]) -> Option<Webhook> {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body);
        let signature = format!("sha256={}", STANDARD.encode(mac.finalize().into_bytes()));
        Some(Webhook::post(body).header("x-twitter-webhooks-signature", signature))
    }

    fn identifies(&self, provider: &Provider) {
        provider.expect("POST", "/oauth2/token").answer(200, json!({ "token_type": "bearer", "access_token": "AAAA" }));
        let me = json!({ "data": { "id": OWN, "name": "Toko", "username": "toko" } });
        provider.expect("GET", "/2/users/me").answer(200, me);
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        self.identifies(provider);
        provider.expect("GET", "/2/webhooks").answer(200, json!({ "data": [] }));
        provider.expect("POST", "/2/webhooks").answer(200, json!({ "data": { "id": "7" } }));
        let subscriptions = "/2/activity/subscriptions";
        provider.expect("GET", subscriptions).answer(200, json!({ "data": [] }));
        match registering {
            Registering::Taken => (0..5).for_each(|_| {
                provider.expect("POST", subscriptions).answer(200, json!({ "data": {} }));
            }),
            Registering::Refused => {
                provider.expect("POST", subscriptions).answer(503, json!({ "title": "Service Unavailable" }));
                provider.expect("GET", subscriptions).answer(200, json!({ "data": [] }));
                provider.expect("DELETE", "/2/webhooks/7").answer(200, json!({ "data": { "deleted": true } }));
            }
        }
    }

    fn elsewhere(&self, provider: &Provider) -> bool {
        self.identifies(provider);
        let hooks = json!({ "data": [{ "id": "7", "url": OWN_ADDRESS, "valid": true }, { "id": "8", "url": "https://other.example", "valid": true }] });
        provider.expect("GET", "/2/webhooks").answer(200, hooks);
        let other = json!({ "subscription_id": "1", "event_type": "dm.received", "filter": { "user_id": OWN }, "webhook_id": "8" });
        provider.expect("GET", "/2/activity/subscriptions").answer(200, json!({ "data": [other] }));
        true
    }

    fn harmless(&self) -> Vec<(String, &'static str)> {
        vec![("POST /oauth2/token".to_owned(), "exchanges the app's key and secret for a token")]
    }

    fn undoes(&self) -> Vec<(String, String)> {
        vec![("POST /2/webhooks".to_owned(), "DELETE /2/webhooks/7".to_owned())]
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let refuses = |status: u16, title: &str| {
            let problem = json!({ "title": title, "detail": title, "status": status, "type": "about:blank" });
            provider.expect("POST", SEND).answer(status, problem);
        };
        match answer {
            Answer::Takes => takes(provider),
            Answer::Unauthorized => refuses(401, "Unauthorized"),
            Answer::TooMany(seconds) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
                let request = provider.expect("POST", SEND);
                request.answer(429, json!({ "title": "Too Many Requests", "detail": "Too Many Requests" }));
                request.header("x-rate-limit-remaining", "0");
                request.header("x-rate-limit-reset", (now + u64::from(seconds)).to_string());
            }
            Answer::Broken => refuses(503, "Service Unavailable"),
            Answer::BreaksOff => {
                provider.expect("POST", SEND).breaks_off();
            }
        }
    }

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.to = vec![identity("x-user", "", CUSTOMER)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread(CUSTOMER)
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let files = [("image", "image/jpeg"), ("animation", "image/gif"), ("video", "video/mp4")];
        let mut samples =
            vec![Sample { content: text("Halo"), script: takes }, Sample { content: interactive(), script: offers }];
        samples.extend(files.map(|(kind, mime)| Sample { content: file(kit, kind, mime), script: uploads }));
        samples
    }

    fn proofs(&self) -> Vec<Proof> {
        vec![
            Proof {
                interface: "profiles",
                run: |kit| {
                    Box::pin(async move {
                        let person = json!({ "data": { "id": CUSTOMER, "name": "Sari", "username": "sari" } });
                        kit.provider().expect("GET", format!("/2/users/{CUSTOMER}")).answer(200, person);
                        let who = identity("x-user", "", CUSTOMER);
                        let found = kit.plugin().look_up(kit.caller(), kit.channel().clone(), who, None).await;
                        match found.map(|done| done.value) {
                            Ok(Ok(Some(person))) if person.name.as_deref() == Some("Sari") => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "media",
                run: |kit| {
                    Box::pin(async move {
                        let address = "https://ton.twitter.com/1.1/ton/data/dm/1/2/a.jpg";
                        let asked =
                            kit.plugin().resolve(kit.caller(), kit.channel().clone(), inbound_file("image", address));
                        match asked.await.map(|done| done.value) {
                            Ok(Ok(Source::Fetch(request))) if request.url == address => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "polling",
                run: |kit| {
                    Box::pin(async move {
                        kit.provider().expect("GET", "/2/dm_events").answer(200, events("Halo"));
                        let polled = kit.plugin().poll(kit.caller(), kit.channel().clone(), None).await;
                        match polled.map(|done| done.value) {
                            Ok(Ok(polled)) if polled.requests.len() == 1 && polled.cursor.is_some() => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "reconcile",
                run: |kit| {
                    Box::pin(async move {
                        let path = format!("/2/dm_conversations/with/{CUSTOMER}/dm_events");
                        kit.provider().expect("GET", path).answer(200, events("Halo"));
                        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
                        let attempt = X.prepared(kit.outgoing(thread(CUSTOMER), text("Halo")));
                        let lost = Lost { attempt, at, extra: Vec::new() };
                        let asked = kit.plugin().reconcile(kit.caller(), kit.channel().clone(), vec![lost]).await;
                        match asked.map(|done| done.value).as_deref() {
                            Ok([Ok(Verdict::Sent(receipt))]) if receipt.ids == ["1585321444547837958"] => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "apps",
                run: |kit| {
                    Box::pin(async move {
                        kit.provider()
                            .expect("POST", "/oauth2/token")
                            .answer(200, json!({ "access_token": "AAAA-app-bearer" }));
                        kit.provider().expect("GET", "/2/webhooks").answer(200, json!({ "data": [] }));
                        kit.provider()
                            .expect("POST", "/2/webhooks")
                            .answer(200, json!({ "data": { "id": "1", "valid": true } }));
                        let settings = json!({
                            "consumer_key": "k",
                            "consumer_secret": SECRET,
                            "client_id": "c",
                            "client_secret": "s",
                        });
                        kit.register_app(&settings).await.map(drop).map_err(|error| error.to_string())
                    })
                },
            },
        ]
    }
}

#[tokio::test]
async fn x_conforms() {
    holds("x", X).await;
}
