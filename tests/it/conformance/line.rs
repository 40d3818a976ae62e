//! LINE: signed batches in, pushes out.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::media::Source;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::{Content, Thread};
use sambung_testkit::{Kit, Provider, Webhook};
use sambung_tests::providers::line::{BOT, SECRET, TOKEN, body, sign};
use serde_json::{Value, json};

use super::holds;
use super::samples::{file, identity, inbound_file, interactive, location, text, thread};

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const PUSH: &str = "/v2/bot/message/push";

pub struct Line;

fn takes(provider: &Provider) {
    provider
        .expect("POST", PUSH)
        .answer(200, json!({ "sentMessages": [{ "id": "461230966842064897", "quoteToken": "q" }] }));
}

fn whose(provider: &Provider) {
    provider.expect("GET", "/v2/bot/info").answer(200, json!({ "userId": BOT, "displayName": "Shop" }));
}

impl Subject for Line {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&json!({ "channel_secret": SECRET, "channel_access_token": TOKEN })).unwrap();
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "type": "message",
            "mode": "active",
            "timestamp": 1_767_225_599_000_u64 + u64::from(number),
            "source": { "type": "user", "userId": USER },
            "webhookEventId": format!("01FZ74A0TDDPYRVKNK77XK{number:04}"),
            "deliveryContext": { "isRedelivery": false },
            "replyToken": format!("757913772c4646b784d4b7ce46d1{number:04}"),
            "message": { "type": "text", "id": format!("10{number:04}"), "text": text, "quoteToken": "q" },
        })
    }

    fn unknown(&self) -> Value {
        let mut event = self.text(99, "");
        event["type"] = json!("hologram");
        event
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/replyToken", "/message/quoteToken", "/deliveryContext", "/mode"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        body(events)
    }

    fn signed(&self, _kit: &Kit, body: &[u8]) -> Option<Webhook> {
        Some(Webhook::post(body).header("x-line-signature", sign(SECRET, body)))
    }

    fn identifies(&self, provider: &Provider) {
        whose(provider);
        provider
            .expect("POST", "/v2/bot/channel/webhook/test")
            .answer(200, json!({ "success": true, "statusCode": 200 }));
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        whose(provider);
        let endpoint = "/v2/bot/channel/webhook/endpoint";
        provider.expect("GET", endpoint).answer(200, json!({ "endpoint": "https://before.example", "active": true }));
        let (status, answer) = match registering {
            Registering::Taken => (200, json!({})),
            Registering::Refused => (400, json!({ "message": "Invalid endpoint" })),
        };
        provider.expect("PUT", endpoint).answer(status, answer);
    }

    fn elsewhere(&self, provider: &Provider) -> bool {
        whose(provider);
        let other = json!({ "endpoint": "https://other.example", "active": true });
        provider.expect("GET", "/v2/bot/channel/webhook/endpoint").answer(200, other);
        provider.expect("GET", "/v2/bot/message/quota").answer(200, json!({ "type": "none" }));
        true
    }

    fn harmless(&self) -> Vec<(String, &'static str)> {
        vec![("POST /v2/bot/channel/webhook/test".to_owned(), "LINE calls an address and says what it answered")]
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let refuses = |status, message: &str| {
            provider.expect("POST", PUSH).answer(status, json!({ "message": message }));
        };
        match answer {
            Answer::Takes => takes(provider),
            Answer::Unauthorized => refuses(401, "Authentication failed. Confirm that the access token is valid."),
            Answer::TooMany(seconds) => {
                let request = provider.expect("POST", PUSH);
                request.answer(429, json!({ "message": "The API rate limit has been exceeded. Try again later." }));
                request.header("retry-after", seconds.to_string());
            }
            Answer::Broken => refuses(500, "Internal server error"),
            Answer::BreaksOff => {
                provider.expect("POST", PUSH).breaks_off();
            }
        }
    }

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.rule = Some("push".to_owned());
        outgoing.to = vec![identity("line-user", BOT, USER)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread(USER)
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let files = [
            ("image", "image/jpeg"),
            ("video", "video/mp4"),
            ("audio", "audio/mpeg"),
            ("voice", "audio/mp4"),
            ("document", "application/pdf"),
        ];
        let mut contents = vec![text("Halo"), location(), interactive()];
        contents.extend(files.map(|(kind, mime)| -> Content { file(kit, kind, mime) }));
        contents.into_iter().map(|content| Sample { content, script: takes }).collect()
    }

    fn proofs(&self) -> Vec<Proof> {
        vec![
            Proof {
                interface: "profiles",
                run: |kit| {
                    Box::pin(async move {
                        let path = format!("/v2/bot/profile/{USER}");
                        kit.provider()
                            .expect("GET", path)
                            .answer(200, json!({ "userId": USER, "displayName": "Taro" }));
                        let who = identity("line-user", BOT, USER);
                        let found = kit.plugin().look_up(kit.caller(), kit.channel().clone(), who, None).await;
                        match found.map(|done| done.value) {
                            Ok(Ok(Some(person))) if person.name.as_deref() == Some("Taro") => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "media",
                run: |kit| {
                    Box::pin(async move {
                        let asked =
                            kit.plugin().resolve(kit.caller(), kit.channel().clone(), inbound_file("image", "77"));
                        match asked.await.map(|done| done.value) {
                            Ok(Ok(Source::Fetch(request))) if request.url.ends_with("/77/content") => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "signals",
                run: |kit| {
                    Box::pin(async move {
                        kit.provider().expect("POST", "/v2/bot/chat/loading/start").answer(202, json!({}));
                        let (caller, channel) = (kit.caller(), kit.channel().clone());
                        let alone = Thread { context: Some(json!({ "kind": "user" }).to_string()), ..thread(USER) };
                        let done = kit.plugin().signal(caller, channel, alone, "typing".to_owned(), None).await;
                        done.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
                    })
                },
            },
        ]
    }
}

#[tokio::test]
async fn line_conforms() {
    holds("line", Line).await;
}
