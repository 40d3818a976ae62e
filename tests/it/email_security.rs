//! STARTTLS, and what the host establishes about where a mail comes from.

use std::path::Path;
use std::sync::Arc;

use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;
use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{Client, NameServer, deliver};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};

/// A key pair made for these tests, in PKCS 8, and its public half as DKIM publishes it.
const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEIAInhoR9rkC4u+CYf/Dp6BmcahUak88voFWXTjNzXu3K";
pub(crate) const PUBLIC: &str = "v=DKIM1; k=ed25519; p=iDnZX6sy+aRsOzZeKBF+JBr1ofB0Sc2JTXMbU6hqFws=";

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/providers/email/tls"))
}

async fn channel(host: &Host) -> String {
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    channel["settings"]["forwarding_address"].as_str().unwrap().to_owned()
}

/// The mail with a signature of this domain's.
pub(crate) fn signed(domain: &str, mail: &str) -> String {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.decode(PRIVATE).unwrap();
    let key = Ed25519Key::from_pkcs8_maybe_unchecked_der(&key).unwrap();
    let mail = mail.replace('\n', "\r\n");
    let signer = DkimSigner::from_key(key).domain(domain).selector("s").headers(["From", "Subject", "Message-ID"]);
    format!("{}{mail}", signer.sign(mail.as_bytes()).unwrap().to_header())
}

/// What Gmail asks before it forwards mail to an address.
pub(crate) fn forwarding_confirmation(id: &str, code: &str) -> String {
    format!(
        "From: Gmail Team <forwarding-noreply@google.com>\nSubject: (#{code}) Gmail Forwarding Confirmation\nMessage-ID: <{id}@mail.gmail.com>\n\n\
         https://mail-settings.google.com/mail/vf-abc\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn starttls_secures_the_session_and_forgets_what_was_said_before() {
    let (certificate, key) = (folder().join("cert.pem"), folder().join("key.pem"));
    let names = NameServer::start(&[]).await.address();
    let host = Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\ntls_certificate = '{}'\ntls_key = '{}'\n",
        certificate.display(),
        key.display()
    ))
    .await;
    let address = channel(&host).await;
    let mut client = Client::welcome(host.mail()).await;
    client.say("MAIL FROM:<forgotten@x.example>").await;
    assert!(client.say("STARTTLS").await.starts_with("220 "));

    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = "mx.in.example".try_into().unwrap();
    let mut wire = BufStream::new(connector.connect(name, client.into_inner()).await.unwrap());
    let all = format!(
        "MAIL FROM:<a@x.example>\r\nEHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<{address}>\r\nDATA\r\nFrom: a@x.example\r\n\r\nHi\r\n.\r\nQUIT\r\n"
    );
    wire.write_all(all.as_bytes()).await.unwrap();
    wire.flush().await.unwrap();
    let (mut codes, mut line) = (Vec::new(), String::new());
    while wire.read_line(&mut line).await.unwrap_or(0) > 0 {
        assert!(!line.contains("STARTTLS"), "it is secured already");
        if line.as_bytes()[3] == b' ' {
            codes.push(line[..3].to_owned());
        }
        line.clear();
    }
    assert_eq!(codes, ["503", "250", "250", "250", "354", "250", "221"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_ahead_of_tls_counts_for_nothing() {
    let (certificate, key) = (folder().join("cert.pem"), folder().join("key.pem"));
    let host = Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\ntls_certificate = '{}'\ntls_key = '{}'\n",
        certificate.display(),
        key.display()
    ))
    .await;
    let mut client = Client::welcome(host.mail()).await;
    client.write(b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n").await;
    assert!(client.answer().await.starts_with("220 "));
    assert_eq!(client.answer().await, "", "the server hangs up");
}

#[tokio::test(flavor = "multi_thread")]
async fn spf_dkim_and_dmarc_are_kept_with_the_mail_and_shown() {
    let names = NameServer::start(&[
        ("customer.example", "v=spf1 ip4:127.0.0.1 -all"),
        ("s._domainkey.customer.example", PUBLIC),
        ("_dmarc.customer.example", "v=DMARC1; p=reject"),
        ("evil.example", "v=spf1 -all"),
    ])
    .await;
    let host = Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{}'\n",
        names.address()
    ))
    .await;
    let address = channel(&host).await;
    let mail =
        |id: &str| format!("From: siti@customer.example\nSubject: {id}\nMessage-ID: <{id}@customer.example>\n\nHalo\n");
    deliver(host.mail(), "siti@customer.example", &address, &signed("customer.example", &mail("good"))).await;
    let broken = signed("customer.example", &mail("bad")).replace("Halo", "Changed");
    deliver(host.mail(), "x@evil.example", &address, &broken).await;
    let messages = until("both are stored", async || {
        let messages = host.api().all_messages().await;
        (messages.len() == 2).then_some(messages)
    })
    .await;
    let verdict = |subject: &str, method: &str| {
        let message = messages.iter().find(|message| message["content"]["subject"] == subject).unwrap();
        let verdicts = message["content"]["authentication"].as_array().unwrap();
        let one = verdicts.iter().find(|one| one["method"] == method).unwrap().clone();
        (one["verdict"].as_str().unwrap().to_owned(), one["domain"].clone())
    };
    assert_eq!(verdict("good", "spf"), ("pass".to_owned(), json!("customer.example")));
    assert_eq!(verdict("good", "dkim"), ("pass".to_owned(), json!("customer.example")));
    assert_eq!(verdict("good", "dmarc").0, "pass");
    assert_eq!(verdict("bad", "spf"), ("fail".to_owned(), json!("evil.example")));
    assert_ne!(verdict("bad", "dkim").0, "pass");
    assert_eq!(verdict("bad", "dmarc").0, "fail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarding_confirmation_is_shown_only_where_google_signed_it() {
    let names = NameServer::start(&[("s._domainkey.google.com", PUBLIC), ("s._domainkey.evil.example", PUBLIC)]).await;
    let host = Host::start(&format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{}'\n",
        names.address()
    ))
    .await;
    let address = channel(&host).await;
    deliver(host.mail(), "x@google.com", &address, &signed("evil.example", &forwarding_confirmation("1", "666666666")))
        .await;
    deliver(host.mail(), "x@google.com", &address, &signed("google.com", &forwarding_confirmation("2", "104729338")))
        .await;
    let channel = until("the code is shown", async || {
        let channel = host.api().all("/v1/channels").await.remove(0);
        let shown = channel["findings"].as_array()?.iter().any(|one| one["code"] == "forwarding-confirmation");
        (shown && channel["state"] == "connected").then_some(channel)
    })
    .await;
    let finding =
        channel["findings"].as_array().unwrap().iter().find(|one| one["code"] == "forwarding-confirmation").unwrap();
    assert_eq!(finding["fix"]["copy"], "104729338");
    assert_eq!(finding["fix"]["link"], "https://mail-settings.google.com/mail/vf-abc");
    assert!(host.api().all_messages().await.is_empty(), "no customer wrote either of them");
}
