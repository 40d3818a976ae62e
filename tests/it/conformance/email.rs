//! E-mail: parsed by the host and handed over by it. What a mail server answers is asked of the plugin itself, since none of it
//! is HTTP.

use sambung::mail;
use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject};
use sambung_testkit::contract::inbound::Outcome;
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::{Content, Envelope, Mail, Thread};
use sambung_testkit::{Kit, KitError, Provider, Webhook};
use serde_json::{Value, json};

use super::holds;
use super::samples::{file, identity, text, thread};

const SHOP: &str = "support@shop.example";
const SITI: &str = "siti@customer.example";

struct Email;

/// As the host parses it.
fn parsed(raw: &[u8]) -> Mail {
    let envelope =
        Envelope { sender: SITI.to_owned(), recipients: vec!["box@in.example".to_owned()], extra: Vec::new() };
    mail::parse(raw, envelope, Vec::new())
}

impl Subject for Email {
    async fn fill_in(&self, kit: &mut Kit) {
        kit.fill_in(&json!({ "address": SHOP, "display_name": "Shop", "sending": "relay" })).unwrap();
        kit.set_account(SHOP);
        kit.connect(None).await.unwrap();
    }

    /// The headers of a mail, and its body under the empty name.
    fn text(&self, number: u32, text: &str) -> Value {
        json!({
            "From": format!("Siti <{SITI}>"),
            "To": SHOP,
            "Subject": "Pesanan",
            "Date": format!("Mon, 05 Jan 2026 07:{number:02}:00 +0700"),
            "Message-ID": format!("<m{number}@customer.example>"),
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
            "": text,
        })
    }

    /// A report of a kind that no standard knows yet.
    fn unknown(&self) -> Value {
        let mut mail =
            self.text(99, "--b\r\n\r\nSee below.\r\n--b\r\nContent-Type: message/hologram\r\n\r\nDepth: 3\r\n--b--");
        mail["Content-Type"] = json!("multipart/report; report-type=hologram; boundary=b");
        mail
    }

    fn optional(&self) -> Vec<&'static str> {
        vec!["/To", "/Subject", "/Date", "/Message-ID", "/MIME-Version", "/Content-Type"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        let fields = events[0].as_object().unwrap();
        let header = |(name, value): (&String, &Value)| format!("{name}: {}\r\n", value.as_str().unwrap());
        let head: String = fields.iter().filter(|(name, _)| !name.is_empty()).map(header).collect();
        format!("{head}\r\n{}\r\n", fields[""].as_str().unwrap()).into_bytes()
    }

    fn batches(&self) -> bool {
        false
    }

    fn signed(&self, _kit: &Kit, _body: &[u8]) -> Option<Webhook> {
        None
    }

    async fn deliver(&self, kit: &mut Kit, body: &[u8]) -> Result<Outcome, KitError> {
        kit.mail(parsed(body)).await
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

    fn prepared(&self, mut outgoing: Outgoing) -> Outgoing {
        outgoing.to = vec![identity("email", "", SITI)];
        outgoing
    }

    fn thread(&self) -> Thread {
        thread("m1@customer.example")
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let files = [
            ("image", "image/png"),
            ("video", "video/mp4"),
            ("audio", "audio/mpeg"),
            ("voice", "audio/ogg"),
            ("animation", "image/gif"),
            ("document", "application/pdf"),
        ];
        let written = parsed(b"Subject: Penawaran\r\n\r\nHalo\r\n");
        let mut contents = vec![text("Halo"), Content::Mail(Mail { envelope: None, headers: Vec::new(), ..written })];
        contents.extend(files.map(|(kind, mime)| file(kit, kind, mime)));
        contents.into_iter().map(|content| Sample { content, script: |_| {} }).collect()
    }

    fn proofs(&self) -> Vec<Proof> {
        Vec::new()
    }
}

#[tokio::test]
async fn email_conforms() {
    holds("email", Email).await;
}
