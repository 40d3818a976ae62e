//! What each bundled channel costs: its size, what a webhook of each kind takes in the sandbox (a fresh instance for every call and
//! every limit on), and the memory of a server with all of them loaded. Run with `cargo bench -p sambung-tests --bench plugins`.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sambung::mail::parse;
use sambung_bundle::BUNDLED;
use sambung_testkit::Kit;
use sambung_testkit::contract::inbound::{ItemResult, Request};
use sambung_testkit::contract::types::Envelope;
use sambung_tests::bench::process::resident;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};
use sambung_tests::server::{Program, Server};
use serde_json::{Value, json};

const CALLS: usize = 4_000;
/// Calls whose time is read together: shorter than a turn on a busy processor.
const TOGETHER: usize = 20;
/// Until a server that has started has nothing to do.
const SETTLES: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    head("component", &["KB"]);
    for plugin in BUNDLED {
        row(plugin.id, &[format!("{:.0}", plugin.wasm.len() as f64 / 1e3)]);
    }
    let all: usize = BUNDLED.iter().map(|plugin| plugin.wasm.len()).sum();
    row("all", &[format!("{:.0}", all as f64 / 1e3)]);

    head("handle-webhook in the sandbox", &["bytes", "least µs", "median µs"]);
    for plugin in BUNDLED {
        let mut kit = Kit::load(plugin.wasm).await.unwrap_or_else(|error| panic!("{}: {error}", plugin.id));
        kit.set_account(ACCOUNT);
        if plugin.id == "email" {
            let settings = json!({ "address": "support@example.com", "sending": "relay" });
            kit.fill_in(&settings).unwrap_or_else(|faults| panic!("{faults:?}"));
        }
        for (kind, recipe, body) in payloads(plugin.id) {
            let (body, mail) = match body {
                Value::String(raw) => (String::new(), Some(raw)),
                body => (body.to_string(), None),
            };
            let bytes = mail.as_ref().map_or(body.len(), String::len);
            let (least, middle) = timed(&kit, &request(recipe, &body, mail.as_deref())).await;
            let columns = [bytes.to_string(), format!("{least:.1}"), format!("{middle:.1}")];
            row(&format!("{}: {kind}", plugin.id), &columns);
        }
    }

    head("resident memory of a server at rest, started for the second time", &["MB"]);
    let mut at_rest = Vec::new();
    for (name, config) in [("without plugins", "[plugins]\nbundled = false\n"), ("with all that are bundled", "")] {
        let mut server = Server::start_as(Program::Itself, config).await;
        server.stop().await;
        server.spawn();
        server.ready().await;
        tokio::time::sleep(SETTLES).await;
        at_rest.push(resident(server.pid()) as f64 / 1e6);
        row(name, &[format!("{:.1}", at_rest[at_rest.len() - 1])]);
    }
    row("each", &[format!("{:.1}", (at_rest[1] - at_rest[0]) / BUNDLED.len() as f64)]);
}

/// A verified request; a mail comes parsed by the host.
fn request(recipe: &str, body: &str, mail: Option<&str>) -> Request {
    let envelope = || Envelope {
        sender: "dewi@example.org".to_owned(),
        recipients: vec!["support@inbound.example.com".to_owned()],
        extra: Vec::new(),
    };
    Request {
        recipe: recipe.to_owned(),
        method: "POST".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        mail: mail.map(|raw| parse(raw.as_bytes(), envelope(), Vec::new())),
        received_at: 1_780_000_000_000,
        extra: Vec::new(),
    }
}

/// The least disturbed and the median time of a call, in microseconds.
async fn timed(kit: &Kit, request: &Request) -> (f64, f64) {
    let call = async || {
        let done = kit.plugin().handle_webhook(kit.caller(), 1, request.clone(), Some(kit.channel().clone())).await;
        black_box(done).expect("a call").value.expect("a translation")
    };
    let outcome = call().await;
    let understood = outcome.items.iter().all(|item| matches!(item.outcome, ItemResult::Events(_)));
    assert!(understood && !outcome.items.is_empty(), "{outcome:?}");
    let mut times = Vec::new();
    for _ in 0..amount(CALLS) / TOGETHER {
        let began = Instant::now();
        for _ in 0..TOGETHER {
            call().await;
        }
        times.push(began.elapsed().as_secs_f64() * 1e6 / TOGETHER as f64);
    }
    (times.iter().copied().fold(f64::INFINITY, f64::min), median(&times))
}

const ACCOUNT: &str = "4337869213";
const WORDS: &str = "Apakah pesanan saya sudah dikirim?";

/// Kinds of payload with their recipe and body, shaped as the providers document them; a text is a mail.
fn payloads(plugin: &str) -> Vec<(&'static str, &'static str, Value)> {
    match plugin {
        "webchat" => {
            let content = json!({ "type": "text", "text": WORDS });
            vec![("text", "visitor", json!({ "visitor": "v1", "id": "m1", "name": "Ayu", "content": content }))]
        }
        "line" => vec![
            ("text", "events", line(&json!({ "type": "text", "id": "1", "quoteToken": "q", "text": WORDS }))),
            ("image", "events", line(&json!({ "type": "image", "id": "1", "contentProvider": { "type": "line" } }))),
        ],
        "whatsapp" => vec![
            ("text", "events", whatsapp("messages", &whatsapp_message("text", &json!({ "body": WORDS })))),
            ("image", "events", {
                let image = json!({ "id": "1", "mime_type": "image/jpeg", "sha256": "a", "caption": WORDS });
                whatsapp("messages", &whatsapp_message("image", &image))
            }),
            ("status", "events", {
                let status = json!({ "id": "wamid.1", "status": "delivered", "timestamp": "1780000000", "recipient_id": "628123" });
                whatsapp("statuses", &status)
            }),
        ],
        "messenger" => meta("page"),
        "instagram" => meta("instagram"),
        "telegram" => vec![
            ("text", "updates", telegram(&json!({ "text": WORDS }))),
            ("photo", "updates", {
                let size =
                    json!({ "file_id": "f", "file_unique_id": "u", "width": 1280, "height": 960, "file_size": 90000 });
                telegram(&json!({ "photo": [size], "caption": WORDS }))
            }),
        ],
        "email" => vec![
            ("text", "mail", json!(mail(&format!("{WORDS}\r\n")))),
            ("answer that quotes", "mail", json!(mail(&answer()))),
            ("as long as mail gets", "mail", json!(mail(&format!("{WORDS}\r\n> {WORDS}\r\n").repeat(14_000)))),
        ],
        "x" => vec![("text", "events", x(&json!({ "text": WORDS, "entities": { "urls": [] } })))],
        _ => Vec::new(),
    }
}

fn mail(body: &str) -> String {
    format!(
        "From: Dewi <dewi@example.org>\r\nTo: support@example.com\r\nSubject: Re: Pesanan 1001\r\n\
         Date: Fri, 29 May 2026 10:00:00 +0700\r\nMessage-ID: <a1@example.org>\r\n\
         In-Reply-To: <b2@example.com>\r\nReferences: <b1@example.com> <b2@example.com>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    )
}

fn answer() -> String {
    let quoted = format!("> {WORDS}\r\n").repeat(40);
    format!("{WORDS}\r\n\r\nOn Fri, 29 May 2026 at 09:00, Toko <support@example.com> wrote:\r\n{quoted}")
}

fn line(message: &Value) -> Value {
    let event = json!({
        "type": "message",
        "mode": "active",
        "timestamp": 1_780_000_000_000_u64,
        "webhookEventId": "01FZ74A0TDDPYRVKNK77XKC3ZR",
        "deliveryContext": { "isRedelivery": false },
        "replyToken": "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA",
        "source": { "type": "user", "userId": "U4af4980629b4d5f2a6c3b1d0e9f8a7b6" },
        "message": message,
    });
    json!({ "destination": "U8e742f61d673b39c7fff3cecb7536ef0", "events": [event] })
}

fn whatsapp_message(kind: &str, own: &Value) -> Value {
    json!({ "from": "6281230001111", "id": "wamid.HBgN", "timestamp": "1780000000", "type": kind, kind: own })
}

fn whatsapp(kind: &str, what: &Value) -> Value {
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": "106540352242922" },
        "contacts": [{ "profile": { "name": "Dewi" }, "wa_id": "6281230001111" }],
        kind: [what],
    });
    let change = json!({ "field": "messages", "value": value });
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "419561257915477", "changes": [change] }] })
}

fn meta(object: &str) -> Vec<(&'static str, &'static str, Value)> {
    let event = |name: &str, own: Value| {
        let event = json!({
            "sender": { "id": "1254459154682919" },
            "recipient": { "id": "17841405309211844" },
            "timestamp": 1_780_000_000_000_u64,
            name: own,
        });
        let entry = json!({ "id": "17841405309211844", "time": 1_780_000_000_000_u64, "messaging": [event] });
        json!({ "object": object, "entry": [entry] })
    };
    let picture = json!({ "type": "image", "payload": { "url": "https://scontent.xx.fbcdn.net/v/t1/a.jpg?oh=1" } });
    vec![
        ("text", "events", event("message", json!({ "mid": "m_1", "text": WORDS }))),
        ("image", "events", event("message", json!({ "mid": "m_1", "attachments": [picture] }))),
        ("reaction", "events", {
            let reaction = json!({ "mid": "m_1", "action": "react", "reaction": "love", "emoji": "❤" });
            event("reaction", reaction)
        }),
    ]
}

fn telegram(own: &Value) -> Value {
    let mut message = json!({
        "message_id": 1001,
        "date": 1_780_000_000,
        "from": { "id": 811_000_001, "is_bot": false, "first_name": "Dewi", "language_code": "id" },
        "chat": { "id": 811_000_001, "type": "private", "first_name": "Dewi" },
    });
    for (name, value) in own.as_object().into_iter().flatten() {
        message[name] = value.clone();
    }
    json!({ "update_id": 900_001, "message": message })
}

fn x(data: &Value) -> Value {
    let message = json!({
        "type": "message_create",
        "id": "1585321444547800001",
        "created_timestamp": "1780000000000",
        "message_create": {
            "target": { "recipient_id": "4337869213" },
            "sender_id": "3001969357",
            "source_app_id": "1",
            "message_data": data,
        },
    });
    json!({
        "for_user_id": "4337869213",
        "direct_message_events": [message],
        "users": { "3001969357": { "id": "3001969357", "name": "Sari", "screen_name": "sari" } },
    })
}
