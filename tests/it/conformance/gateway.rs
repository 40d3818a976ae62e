//! WhatsApp by a provider's gateway: an address for each channel whose last part is a secret, and Cloud API bodies below the
//! gateway's own address.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::media::Source;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, Provider, Webhook};
use serde_json::{Value, json};

use super::holds;
use super::samples::{contact_cards, example, file, inbound_file, interactive, location, template, text};
use super::whatsapp::WhatsApp;

const PLACE: &str = "/configs/webhook";
const MEDIA: &str = "4490709327384033";

struct Gateway;

fn takes(provider: &Provider) {
    provider.expect("POST", "/messages").answer(200, json!({ "messages": [{ "id": "gBEGkYiEB1VXAglK1ZEqA1YKPrU" }] }));
}

fn uploads(provider: &Provider) {
    provider.expect("POST", "/media").answer(200, json!({ "id": MEDIA }));
    takes(provider);
}

impl Subject for Gateway {
    fn origins(&self) -> Vec<&'static str> {
        vec!["https://waba.gateway.example"]
    }

    async fn fill_in(&self, kit: &mut Kit) {
        let settings = json!({
            "mode": "gateway",
            "base_url": "https://waba.gateway.example",
            "token": "the-customers-token-0123456789",
            "auth_header": "D360-API-KEY",
        });
        kit.fill_in(&settings).unwrap();
    }

    fn text(&self, number: u32, text: &str) -> Value {
        WhatsApp.text(number, text)
    }

    fn unknown(&self) -> Value {
        WhatsApp.unknown()
    }

    fn optional(&self) -> Vec<&'static str> {
        WhatsApp.optional()
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        WhatsApp.body(events)
    }

    fn signed(&self, kit: &Kit, body: &[u8]) -> Option<Webhook> {
        let key = String::from_utf8(kit.secret_value("webhook_key").unwrap()).unwrap();
        Some(Webhook { path: format!("/{key}"), ..Webhook::post(body) })
    }

    /// A secret in the address, whatever the body is.
    fn signs_body(&self) -> bool {
        false
    }

    fn identifies(&self, provider: &Provider) {
        provider.expect("GET", PLACE).answer(200, json!({ "url": "https://before.example/h" }));
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        let (status, answer) = match registering {
            Registering::Taken => (200, json!({ "url": "https://chat.example" })),
            Registering::Refused => (403, json!({ "meta": { "developer_message": "No." } })),
        };
        provider.expect("POST", PLACE).answer(status, answer);
    }

    fn elsewhere(&self, provider: &Provider) -> bool {
        provider.expect("GET", PLACE).answer(200, json!({ "url": "https://other.example/h" }));
        true
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let refuses = |status, code: i64, message: &str| {
            let error = json!({ "error": { "message": message, "type": "OAuthException", "code": code } });
            provider.expect("POST", "/messages").answer(status, error);
        };
        match answer {
            Answer::Takes => takes(provider),
            Answer::Unauthorized => refuses(401, 190, "Invalid API key"),
            // It does not say for how long.
            Answer::TooMany(_) => refuses(429, 130_429, "(#130429) Rate limit hit"),
            Answer::Broken => refuses(500, 131_000, "(#131000) Something went wrong"),
            Answer::BreaksOff => {
                provider.expect("POST", "/messages").breaks_off();
            }
        }
    }

    fn delay_ms(&self, _seconds: u32) -> Option<u64> {
        None
    }

    fn prepared(&self, outgoing: Outgoing) -> Outgoing {
        WhatsApp.prepared(outgoing)
    }

    fn thread(&self) -> Thread {
        WhatsApp.thread()
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let files = [
            ("image", "image/jpeg"),
            ("video", "video/mp4"),
            ("audio", "audio/mpeg"),
            ("voice", "audio/ogg"),
            ("document", "application/pdf"),
            ("sticker", "image/webp"),
        ];
        let contents = [text("Halo"), location(), interactive(), contact_cards(), template()];
        let mut samples: Vec<Sample> = contents.into_iter().map(|content| Sample { content, script: takes }).collect();
        samples.extend(files.map(|(kind, mime)| Sample { content: file(kit, kind, mime), script: uploads }));
        samples
    }

    /// What a gateway has no call for says so.
    fn proofs(&self) -> Vec<Proof> {
        vec![
            Proof {
                interface: "media",
                run: |kit| {
                    Box::pin(async move {
                        let address = "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&hash=a";
                        kit.provider().expect("GET", format!("/{MEDIA}")).answer(200, json!({ "url": address }));
                        let asked =
                            kit.plugin().resolve(kit.caller(), kit.channel().clone(), inbound_file("image", MEDIA));
                        match asked.await.map(|done| done.value) {
                            Ok(Ok(Source::Fetch(request)))
                                if request.url.starts_with("https://waba.gateway.example/whatsapp_business/") =>
                            {
                                Ok(())
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
                        takes(kit.provider());
                        let about = Some(sambung_testkit::contract::types::Target {
                            id: "wamid.1".to_owned(),
                            context: None,
                            extra: Vec::new(),
                        });
                        let (caller, channel) = (kit.caller(), kit.channel().clone());
                        let done = kit.plugin().signal(caller, channel, WhatsApp.thread(), "read".to_owned(), about);
                        done.await.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
                    })
                },
            },
            Proof {
                interface: "templates",
                run: |kit| {
                    Box::pin(async move {
                        let page = kit.plugin().list_templates(kit.caller(), kit.channel().clone(), None).await;
                        match page.map(|done| done.value) {
                            Ok(Ok(page)) if page.templates.is_empty() && page.next.is_none() => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "template-authoring",
                run: |kit| {
                    Box::pin(async move {
                        let new = example(include_str!("../../../wit/schemas/new-template.json"));
                        let made = kit.plugin().create_template(kit.caller(), kit.channel().clone(), new).await;
                        match made.map(|done| done.value) {
                            Ok(Err(faults)) if faults.iter().all(|fault| !fault.words.is_empty()) => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof { interface: "apps", run: |_| Box::pin(async { Ok(()) }) },
        ]
    }
}

#[tokio::test]
async fn whatsapp_by_a_gateway_conforms() {
    holds("whatsapp", Gateway).await;
}
