//! Mail from anybody, and the answers to it: what is read is fit to be written, and no text becomes a header; the plugin translates
//! every mail.

use sambung::mail::{self, file_of, parse};
use sambung_plugin_email::Email;
use sambung_runtime::contract::types::{Envelope, Mail, Mailbox, MediaRef, ReportPart};
use sambung_sdk::inbound::{Inbound, Request};
use sambung_sdk::json::json;
use sambung_sdk::types::{self as sdk, Channel};

use crate::plugins;

/// Headers of an answer that nobody may add by a text.
const ADDED: [&str; 3] = ["bcc", "x-injected", "sender"];

/// A mail as a server hands it over; it is answered.
pub fn read(data: &[u8]) {
    let mail = parse(data, envelope(), Vec::new());
    for mailbox in mail.from.iter().chain(&mail.to).chain(&mail.cc).chain(&mail.reply_to) {
        one_line(mailbox.name.as_deref().unwrap_or_default());
    }
    one_line(mail.subject.as_deref().unwrap_or_default());
    for file in &mail.files {
        let handle = file.blob.as_deref().expect("a handle");
        assert!(file_of(data, handle).is_some(), "the file {handle} is not there");
    }
    plugins::holds(|| {
        let settings = json!({ "address": "b@in.example", "sending": "relay" });
        let request = Request { mail: Some(told(&mail)), received_at: 1_780_000_000_000, ..Request::new("mail", "") };
        Email::handle_webhook(request, Some(Channel::with_settings("ch_1", &settings)))
    });
    let to = if mail.reply_to.is_empty() { &mail.from } else { &mail.reply_to };
    let answer = Mail {
        to: to.clone(),
        subject: mail.subject.clone(),
        in_reply_to: mail.message_id.clone().into_iter().collect(),
        references: mail.references.clone(),
        text: mail.text.clone(),
        html: mail.html.clone(),
        ..empty()
    };
    write(&answer);
}

/// A mail as a plugin hands it over. Lines: `name|address` of the recipient and of who is named in `Cc`, the subject, the id, the
/// answered one, a header; an empty line; the text.
pub fn written(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.split('\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (to, cc, subject, id, answered, header) = (next(), next(), next(), next(), next(), next());
    let mailbox = |line: &str| {
        let (name, address) = line.split_once('|')?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        Some(Mailbox { name, address: address.to_owned(), extra: Vec::new() })
    };
    let header = header.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    write(&Mail {
        to: mailbox(&to).into_iter().collect(),
        cc: mailbox(&cc).into_iter().collect(),
        subject: Some(subject),
        message_id: Some(id),
        in_reply_to: Some(answered).filter(|id| !id.is_empty()).into_iter().collect(),
        headers: header.into_iter().filter(|(name, _)| !ADDED.contains(&name.to_lowercase().as_str())).collect(),
        text: Some(body.to_owned()),
        html: body.contains('<').then(|| body.to_owned()),
        ..empty()
    });
}

fn write(mail: &Mail) {
    let Ok(bytes) = mail::written(mail) else { return };
    let again = parse(&bytes, envelope(), Vec::new());
    for (name, _) in &again.headers {
        assert!(!ADDED.contains(&name.to_lowercase().as_str()), "a text became the header {name}: {mail:?}");
    }
    assert_eq!(again.from.len(), 1, "{mail:?} became {again:?}");
    let bare =
        bytes.windows(2).position(|two| two[0] != b'\r' && two[1] == b'\n' || two[0] == b'\r' && two[1] != b'\n');
    assert_eq!(bare, None, "a line that does not end with CRLF: {mail:?}");
}

/// The mail as the plugin sees it.
fn told(mail: &Mail) -> sdk::Mail {
    let mailboxes = |all: &[Mailbox]| {
        let one =
            |mailbox: &Mailbox| sdk::Mailbox { name: mailbox.name.clone(), ..sdk::Mailbox::new(&mailbox.address) };
        all.iter().map(one).collect()
    };
    let envelope = |envelope: &Envelope| sdk::Envelope {
        sender: envelope.sender.clone(),
        recipients: envelope.recipients.clone(),
        extra: envelope.extra.clone(),
    };
    let part = |part: &ReportPart| sdk::ReportPart {
        mime: part.mime.clone(),
        text: part.text.clone(),
        extra: part.extra.clone(),
    };
    let file = |file: &MediaRef| sdk::MediaRef {
        kind: file.kind.clone(),
        blob: file.blob.clone(),
        mime: file.mime.clone(),
        name: file.name.clone(),
        bytes: file.bytes,
        extra: file.extra.clone(),
        ..sdk::MediaRef::default()
    };
    sdk::Mail {
        envelope: mail.envelope.as_ref().map(envelope),
        headers: mail.headers.clone(),
        from: mailboxes(&mail.from),
        to: mailboxes(&mail.to),
        cc: mailboxes(&mail.cc),
        reply_to: mailboxes(&mail.reply_to),
        subject: mail.subject.clone(),
        message_id: mail.message_id.clone(),
        in_reply_to: mail.in_reply_to.clone(),
        references: mail.references.clone(),
        date: mail.date,
        text: mail.text.clone(),
        html: mail.html.clone(),
        files: mail.files.iter().map(file).collect(),
        report: mail.report.iter().map(part).collect(),
        extra: mail.extra.clone(),
        ..sdk::Mail::default()
    }
}

fn one_line(text: &str) {
    assert!(!text.contains(char::is_control), "a control character in {text:?}");
}

fn envelope() -> Envelope {
    Envelope { sender: "a@a.example".into(), recipients: vec!["b@in.example".into()], extra: Vec::new() }
}

fn empty() -> Mail {
    let own = Mailbox { name: Some("Shop".into()), address: "shop@in.example".into(), extra: Vec::new() };
    Mail {
        envelope: None,
        headers: Vec::new(),
        from: vec![own],
        to: Vec::new(),
        cc: Vec::new(),
        reply_to: Vec::new(),
        subject: None,
        message_id: Some("1@in.example".into()),
        in_reply_to: Vec::new(),
        references: Vec::new(),
        date: None,
        text: None,
        html: None,
        files: Vec::new(),
        authentication: Vec::new(),
        report: Vec::new(),
        extra: Vec::new(),
    }
}
