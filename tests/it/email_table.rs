//! Every recorded mail, parsed by the host and read by the plugin, and what it becomes. None is dropped in silence: a mail that
//! is in no row fails the test, and so does a row without its mail.

use std::collections::BTreeMap;

use sambung::mail::parse;
use sambung_plugin_email::Email;
use sambung_runtime::contract::types::{Authentication, Envelope};
use sambung_sdk::inbound::{Happening, Inbound, ItemResult, Request};
use sambung_sdk::testing;
use sambung_sdk::types::{Channel, Content, Mail};
use sambung_tests::fixtures;
use serde_json::json;

/// Mail, and what it becomes. Its address, where it matters, is the one that the mail was written to.
const TABLE: &[(&str, &str)] = include!("email_table.in");

fn channel() -> Channel {
    let settings = json!({ "address": "support@example.com", "sending": "relay" });
    Channel {
        account: Some("support@example.com".to_owned()),
        features: json!({ "forwarding": true }).to_string(),
        generated: vec![("forwarding_address".to_owned(), "support@inbound.example.com".to_owned())],
        ..Channel::with_settings("ch_1", &settings)
    }
}

/// In a few words.
fn outcome(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let sender = if text.to_lowercase().contains("return-path: <>") { "" } else { "somebody@relay.example" };
    let envelope = Envelope { sender: sender.to_owned(), recipients: Vec::new(), extra: Vec::new() };
    let signed = text.contains("forwarding-noreply@google.com").then(|| Authentication {
        method: "dkim".to_owned(),
        verdict: "pass".to_owned(),
        domain: Some("google.com".to_owned()),
        extra: Vec::new(),
    });
    let parsed = parse(raw, envelope, signed.into_iter().collect());
    let mail: Mail = serde_json::from_value(serde_json::to_value(parsed).unwrap()).unwrap();
    let mut request = Request::new("mail", b"");
    request.mail = Some(mail);
    let outcome = Email::handle_webhook(request, Some(channel())).unwrap();
    let each = outcome.items.iter().map(|item| match &item.outcome {
        ItemResult::Events(events) => events.iter().map(|event| happening(&event.what)).collect::<Vec<_>>().join(" & "),
        ItemResult::Ignored(reason) => format!("ignored: {reason}"),
        other => panic!("{other:?}"),
    });
    each.collect::<Vec<_>>().join("; ")
}

fn happening(what: &Happening) -> String {
    match what {
        Happening::Message(message) => match &message.content[..] {
            [Content::Mail(mail)] => {
                let has = |name: &str| mail.extra.iter().any(|(known, _)| known == name);
                let mut words = vec!["message".to_owned()];
                words.extend(mail.text.is_some().then(|| "text".to_owned()));
                words.extend(mail.html.is_some().then(|| "html".to_owned()));
                words.extend((!mail.files.is_empty()).then(|| format!("{} files", mail.files.len())));
                words.extend(
                    (has("quotes") || mail.html.as_ref().is_some_and(|html| html.contains("data-quoted")))
                        .then(|| "quoted".to_owned()),
                );
                words.extend(has("automatic").then(|| "automatic".to_owned()));
                words.join(" ")
            }
            other => panic!("{other:?}"),
        },
        Happening::Delivery(delivery) => {
            format!("delivery {} {}", delivery.state, delivery.id.as_deref().unwrap_or("?"))
        }
        Happening::Notice(notice) => format!("notice {} {}", notice.code, notice.copy.as_deref().unwrap_or("-")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_recorded_mail_becomes_what_the_table_says() {
    let Some(folder) = fixtures::folder("every_recorded_mail_becomes_what_the_table_says", "email") else { return };
    let host = testing::Host::new();
    host.secret("reply_key", "a key");
    let mut found = BTreeMap::new();
    for part in std::fs::read_dir(&folder).unwrap().map(|part| part.unwrap().path()).filter(|part| part.is_dir()) {
        for file in std::fs::read_dir(&part).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|ending| ending == "eml") {
                let name = format!(
                    "{}/{}",
                    part.file_name().unwrap().to_str().unwrap(),
                    file.file_name().unwrap().to_str().unwrap()
                );
                found.insert(name, outcome(&std::fs::read(&file).unwrap()));
            }
        }
    }
    let table: BTreeMap<String, String> =
        TABLE.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect();
    let differ: Vec<String> = found
        .iter()
        .filter(|(name, what)| table.get(*name) != Some(what))
        .map(|(name, what)| format!("    ({name:?}, {what:?}),"))
        .collect();
    assert!(differ.is_empty(), "these became something else:\n{}", differ.join("\n"));
    let missing: Vec<&String> = table.keys().filter(|name| !found.contains_key(*name)).collect();
    assert!(missing.is_empty(), "rows without their mails: {missing:?}");
}
