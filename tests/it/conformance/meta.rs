//! Messenger and Instagram: the same signed batches in, and one request of the Send API for each content out.

use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Kit, Provider, Webhook};
use sambung_tests::providers::whatsapp::sign;
use serde_json::{Value, json};

use super::holds;
use super::samples::{file, identity, interactive, text, thread};

const ACCOUNT: &str = "17841405309211844";
const PERSON: &str = "1254459154682919";
const SECRET: &str = "the-app-secret-0123456789abcdef";
const SEND: &str = "/v25.0/me/messages";
const HOUR_MS: u64 = 3_600_000;

struct Meta {
    object: &'static str,
    scheme: &'static str,
    settings: fn() -> Value,
    files: &'static [(&'static str, &'static str)],
    proofs: fn() -> Vec<Proof>,
}

fn messenger() -> Meta {
    Meta {
        object: "page",
        scheme: "messenger-user",
        settings: || json!({ "mode": "token", "page_id": ACCOUNT, "access_token": "the-page-token-0123456789" }),
        files: &[
            ("image", "image/jpeg"),
            ("animation", "image/gif"),
            ("video", "video/mp4"),
            ("audio", "audio/mpeg"),
            ("voice", "audio/mp4"),
            ("document", "application/pdf"),
        ],
        proofs: || vec![profile(), typing(), app()],
    }
}

fn instagram() -> Meta {
    Meta {
        object: "instagram",
        scheme: "instagram-user",
        settings: || json!({ "mode": "token", "account_id": ACCOUNT, "access_token": "the-page-token-0123456789" }),
        files: &[
            ("image", "image/jpeg"),
            ("video", "video/mp4"),
            ("audio", "audio/mp4"),
            ("voice", "audio/mp4"),
            ("document", "application/pdf"),
        ],
        proofs: || vec![profile(), typing(), app()],
    }
}

fn takes(provider: &Provider) {
    provider.expect("POST", SEND).answer(200, json!({ "recipient_id": PERSON, "message_id": "m_AG5Hz2U" }));
}

fn profile() -> Proof {
    Proof {
        interface: "profiles",
        run: |kit| {
            Box::pin(async move {
                let scheme = format!("{}-user", kit.plugin().manifest().id);
                look_up(kit, &scheme).await
            })
        },
    }
}

async fn look_up(kit: &mut Kit, scheme: &str) -> Result<(), String> {
    kit.provider().expect("GET", format!("/v25.0/{PERSON}")).answer(200, json!({ "id": PERSON, "name": "Sari" }));
    let who = identity(scheme, ACCOUNT, PERSON);
    let found = kit.plugin().look_up(kit.caller(), kit.channel().clone(), who, None).await;
    match found.map(|done| done.value) {
        Ok(Ok(Some(person))) if person.name.as_deref() == Some("Sari") => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

fn typing() -> Proof {
    Proof {
        interface: "signals",
        run: |kit| {
            Box::pin(async move {
                kit.provider().expect("POST", SEND).answer(200, json!({ "recipient_id": PERSON }));
                let (caller, channel) = (kit.caller(), kit.channel().clone());
                let done = kit.plugin().signal(caller, channel, thread(PERSON), "typing".to_owned(), None).await;
                done.map_err(|error| error.to_string())?.value.map_err(|fault| format!("{fault:?}"))
            })
        },
    }
}

fn app() -> Proof {
    Proof {
        interface: "apps",
        run: |kit| {
            Box::pin(async move {
                kit.provider().expect("POST", "/v25.0/123/subscriptions").answer(200, json!({ "success": true }));
                let settings = json!({ "app_id": "123", "app_secret": SECRET });
                kit.register_app(&settings).await.map(drop).map_err(|error| error.to_string())
            })
        },
    }
}

impl Subject for Meta {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&(self.settings)()).unwrap();
        kit.secret("app_secret", SECRET);
    }

    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "sender": { "id": PERSON },
            "recipient": { "id": ACCOUNT },
            "timestamp": 1_767_225_599_000_u64 + u64::from(number),
            "message": { "mid": format!("m_{number:06}"), "text": text },
        })
    }

    fn unknown(&self) -> Value {
        json!({
            "sender": { "id": PERSON },
            "recipient": { "id": ACCOUNT },
            "timestamp": 1_767_225_599_900_u64,
            "hologram": { "depth": 3 },
        })
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/timestamp"]
    }

    /// An entry for each event, as several pages or moments make them.
    fn body(&self, events: &[Value]) -> Vec<u8> {
        let entry = |event: &Value| json!({ "id": ACCOUNT, "time": 1_767_225_600_000_u64, "messaging": [event] });
        let entries: Vec<Value> = events.iter().map(entry).collect();
        json!({ "object": self.object, "entry": entries }).to_string().into_bytes()
    }

    fn signed(&self, _kit: &Kit, body: &[u8]) -> Option<Webhook> {
        Some(Webhook::post(body).to_app().header("x-hub-signature-256", sign(SECRET, body)))
    }

    fn identifies(&self, provider: &Provider) {
        let me = json!({ "id": ACCOUNT, "name": "Toko", "instagram_business_account": { "id": ACCOUNT } });
        provider.expect("GET", "/v25.0/me").answer(200, me);
    }

    fn registers(&self, provider: &Provider, registering: Registering) {
        self.identifies(provider);
        let edge = format!("/v25.0/{ACCOUNT}/subscribed_apps");
        provider.expect("GET", edge.clone()).answer(200, json!({ "data": [] }));
        let (status, answer) = match registering {
            Registering::Taken => (200, json!({ "success": true })),
            Registering::Refused => (403, json!({ "error": { "message": "No permission", "code": 200 } })),
        };
        provider.expect("POST", edge).answer(status, answer);
    }

    fn script(&self, provider: &Provider, answer: Answer) {
        let refuses = |status, code: i64, message: &str| {
            let error = json!({ "error": { "message": message, "type": "OAuthException", "code": code } });
            provider.expect("POST", SEND).answer(status, error);
        };
        match answer {
            Answer::Takes => takes(provider),
            Answer::Unauthorized => refuses(400, 190, "Error validating access token: the session was invalidated."),
            // In whole minutes, in a header of usage.
            Answer::TooMany(_) => {
                let usage = json!({ ACCOUNT: [{ "type": "messenger", "estimated_time_to_regain_access": 60 }] });
                let request = provider.expect("POST", SEND);
                request.answer(400, json!({ "error": { "message": "Calls exceeded the rate limit", "code": 613 } }));
                request.header("x-business-use-case-usage", usage.to_string());
            }
            Answer::Broken => refuses(500, 2, "An unexpected error has occurred. Please retry your request later."),
            Answer::BreaksOff => {
                provider.expect("POST", SEND).breaks_off();
            }
        }
    }

    fn delay_ms(&self, _seconds: u32) -> Option<u64> {
        Some(HOUR_MS)
    }

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.rule = Some("customer-service".to_owned());
        outgoing.to = vec![identity(self.scheme, ACCOUNT, PERSON)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread(PERSON)
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let mut contents = vec![text("Halo"), interactive()];
        contents.extend(self.files.iter().map(|(kind, mime)| file(kit, kind, mime)));
        contents.into_iter().map(|content| Sample { content, script: takes }).collect()
    }

    fn proofs(&self) -> Vec<Proof> {
        (self.proofs)()
    }
}

#[tokio::test]
async fn messenger_conforms() {
    holds("messenger", messenger()).await;
}

#[tokio::test]
async fn instagram_conforms() {
    holds("instagram", instagram()).await;
}
