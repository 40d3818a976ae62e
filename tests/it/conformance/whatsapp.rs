//! WhatsApp on the Cloud API: signed batches in, one request for each content out.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::media::Source;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::{Target, Thread};
use sambung_testkit::{Kit, Provider, Webhook};
use sambung_tests::providers::whatsapp::sign;
use serde_json::{Value, json};

use super::holds;
use super::samples::{
    contact_cards, example, file, identity, inbound_file, interactive, location, template, text, thread,
};

const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "419561257915477";
const CUSTOMER: &str = "6281230001111";
const SECRET: &str = "the-app-secret-0123456789abcdef";

pub struct WhatsApp;

fn version(path: &str) -> String {
    format!("/v25.0/{path}")
}

fn takes(provider: &Provider) {
    let taken = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": CUSTOMER, "wa_id": CUSTOMER }],
        "messages": [{ "id": "wamid.HBgN" }],
    });
    provider.expect("POST", version(&format!("{NUMBER}/messages"))).answer(200, taken);
}

fn uploads(provider: &Provider) {
    provider.expect("POST", version(&format!("{NUMBER}/media"))).answer(200, json!({ "id": "4490709327384033" }));
    takes(provider);
}

impl Subject for WhatsApp {
    async fn fill_in(&self, kit: &mut Kit) {
        let settings = json!({
            "mode": "cloud",
            "phone_number_id": NUMBER,
            "business_account_id": ACCOUNT,
            "access_token": "the-access-token-0123456789",
        });
        kit.fill_in(&settings).unwrap();
        kit.secret("app_secret", SECRET);
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "from": CUSTOMER,
            "id": format!("wamid.{number:08}"),
            "timestamp": (1_780_000_000 + number).to_string(),
            "type": "text",
            "text": { "body": text },
        })
    }

    fn unknown(&self) -> Value {
        json!({ "from": CUSTOMER, "id": "wamid.hologram", "timestamp": "1780000009", "type": "hologram", "hologram": {} })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/timestamp"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550783881", "phone_number_id": NUMBER },
            "contacts": [{ "profile": { "name": "Dewi" }, "wa_id": CUSTOMER }],
            "messages": events,
        });
        let change = json!({ "field": "messages", "value": value });
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": ACCOUNT, "changes": [change] }] })
            .to_string()
            .into_bytes()
    }

    fn signed(&self, _kit: &Kit, body: &[u8]) -> Option<Webhook> {
        Some(Webhook::post(body).to_app().header("x-hub-signature-256", sign(SECRET, body)))
    }

    fn identifies(&self, provider: &Provider) {
        provider.expect("GET", version(NUMBER)).answer(200, json!({ "id": NUMBER, "verified_name": "Shop" }));
        provider
            .expect("GET", version(&format!("{ACCOUNT}/phone_numbers")))
            .answer(200, json!({ "data": [{ "id": NUMBER }] }));
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        self.identifies(provider);
        let (status, answer) = match registering {
            Registering::Taken => (200, json!({ "success": true })),
            Registering::Refused => (403, json!({ "error": { "message": "No permission", "code": 200 } })),
        };
        provider.expect("POST", version(&format!("{ACCOUNT}/subscribed_apps"))).answer(status, answer);
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let path = version(&format!("{NUMBER}/messages"));
        let refuses = |status, code: i64, message: &str| {
            let error = json!({ "error": { "message": message, "type": "OAuthException", "code": code } });
            provider.expect("POST", path.as_str()).answer(status, error);
        };
        match answer {
            Answer::Takes => takes(provider),
            Answer::Unauthorized => refuses(401, 190, "Invalid OAuth access token."),
            // It does not say for how long.
            Answer::TooMany(_) => refuses(429, 130_429, "(#130429) Rate limit hit"),
            Answer::Broken => refuses(500, 131_000, "(#131000) Something went wrong"),
            Answer::BreaksOff => {
                provider.expect("POST", path.as_str()).breaks_off();
            }
        }
    }

    fn delay_ms(&self, _seconds: u32) -> Option<u64> {
        None
    }

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.rule = Some("customer-service".to_owned());
        outgoing.to = vec![identity("phone", "", CUSTOMER)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread(CUSTOMER)
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

    fn proofs(&self) -> Vec<Proof> {
        vec![
            Proof {
                interface: "media",
                run: |kit| {
                    Box::pin(async move {
                        let address =
                            json!({ "url": "https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=77" });
                        kit.provider().expect("GET", version("77")).answer(200, address);
                        let asked =
                            kit.plugin().resolve(kit.caller(), kit.channel().clone(), inbound_file("image", "77"));
                        match asked.await.map(|done| done.value) {
                            Ok(Ok(Source::Fetch(request))) if request.url.ends_with("mid=77") => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "signals",
                run: |kit| {
                    Box::pin(async move {
                        let path = version(&format!("{NUMBER}/messages"));
                        kit.provider().expect("POST", path).answer(200, json!({ "success": true }));
                        let about = Target { id: "wamid.00000001".to_owned(), context: None, extra: Vec::new() };
                        let (caller, channel) = (kit.caller(), kit.channel().clone());
                        let thread = thread(CUSTOMER);
                        let done = kit.plugin().signal(caller, channel, thread, "read".to_owned(), Some(about)).await;
                        done.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
                    })
                },
            },
            Proof {
                interface: "templates",
                run: |kit| {
                    Box::pin(async move {
                        let listed = json!({ "data": [{
                            "id": "1",
                            "name": "order_sent",
                            "language": "id",
                            "status": "APPROVED",
                            "category": "UTILITY",
                            "components": [{ "type": "BODY", "text": "Halo {{1}}" }],
                        }] });
                        kit.provider()
                            .expect("GET", version(&format!("{ACCOUNT}/message_templates")))
                            .answer(200, listed);
                        let page = kit.plugin().list_templates(kit.caller(), kit.channel().clone(), None).await;
                        match page.map(|done| done.value) {
                            Ok(Ok(page)) if page.templates.len() == 1 && page.next.is_none() => Ok(()),
                            other => Err(format!("{other:?}")),
                        }
                    })
                },
            },
            Proof {
                interface: "template-authoring",
                run: |kit| {
                    Box::pin(async move {
                        let path = version(&format!("{ACCOUNT}/message_templates"));
                        let made = json!({ "id": "594425479261596", "status": "PENDING", "category": "UTILITY" });
                        kit.provider().expect("POST", path.as_str()).answer(200, made);
                        let new = example(include_str!("../../../wit/schemas/new-template.json"));
                        let made = kit.plugin().create_template(kit.caller(), kit.channel().clone(), new).await;
                        let template = match made.map(|done| done.value) {
                            Ok(Ok(template)) if template.contains("pending") => template,
                            other => return Err(format!("{other:?}")),
                        };
                        kit.provider().expect("DELETE", path.as_str()).answer(200, json!({ "success": true }));
                        let gone = kit.plugin().delete_template(kit.caller(), kit.channel().clone(), template).await;
                        gone.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
                    })
                },
            },
            Proof {
                interface: "apps",
                run: |kit| {
                    Box::pin(async move {
                        let path = version("123/subscriptions");
                        kit.provider().expect("POST", path).answer(200, json!({ "success": true }));
                        let settings = json!({ "app_id": "123", "app_secret": SECRET });
                        kit.register_app(&settings).await.map(drop).map_err(|error| error.to_string())
                    })
                },
            },
        ]
    }
}

#[tokio::test]
async fn whatsapp_conforms() {
    holds("whatsapp", WhatsApp).await;
}
