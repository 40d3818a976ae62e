//! Every recorded mail, parsed by the host and read by the plugin, and what it becomes; of those of which only the text was
//! recorded, the lines that are quoted. None is dropped in silence: a mail that
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

/// The id of a mail of which only the text was recorded, and its header.
const PLAIN: &str = "plain@recorded.example";
const PLAIN_HEAD: &str = "From: somebody@else.example\nMessage-ID: <plain@recorded.example>\nMIME-Version: 1.0\n\
    Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n";

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

/// The numbers of the lines that are quoted, of all.
fn quoted_lines(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap_or_default().trim_end();
    let ranges = mail.extra.iter().find(|(name, _)| name == "quotes").map_or("[]", |(_, json)| json);
    let ranges: Vec<(usize, usize)> = serde_json::from_str(ranges).unwrap();
    let (mut at, mut quoted) = (0, Vec::new());
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.trim().is_empty() && ranges.iter().any(|(start, end)| (*start..*end).contains(&at)) {
            quoted.push(number + 1);
        }
        at += line.chars().count();
    }
    // Runs, in which empty lines are no gap.
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in quoted {
        let empty = |from: usize| text.lines().skip(from).take(number - from - 1).all(|line| line.trim().is_empty());
        match runs.last_mut() {
            Some((_, last)) if empty(*last) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let runs: Vec<String> = runs.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    let runs = if runs.is_empty() { "nothing".to_owned() } else { runs.join(" ") };
    format!("{runs} of {}", text.lines().count())
}

fn happening(what: &Happening) -> String {
    match what {
        Happening::Message(message) => match &message.content[..] {
            [Content::Mail(mail)] => {
                if mail.message_id.as_deref() == Some(PLAIN) {
                    return format!("message, quoted {}", quoted_lines(mail));
                }
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
            let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            let raw = std::fs::read(&file).unwrap();
            let raw = match ending {
                "eml" => raw,
                "txt" => [PLAIN_HEAD.as_bytes(), &raw].concat(),
                _ => continue,
            };
            let name = format!(
                "{}/{}",
                part.file_name().unwrap().to_str().unwrap(),
                file.file_name().unwrap().to_str().unwrap()
            );
            found.insert(name, outcome(&raw));
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
