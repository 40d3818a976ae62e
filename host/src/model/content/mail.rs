//! Mails among the contents of messages, both ways. All HTML is cleaned before it is stored. Cleaning takes long, so it is a step of its own
//! ([`clean`]), and a stored mail names the version of the cleaner.

use sambung_runtime::contract::types::{Authentication, Envelope, Mail, Mailbox, MediaRef, ReportPart};
use serde_json::{Map, Value, json};

use super::{Reader, file_to_json, parse, put, put_extra, tagged};
use crate::model::html;
use crate::model::time::rfc3339;

/// What a caller may say about a mail.
const KEYS: [&str; 18] = [
    "envelope",
    "headers",
    "from",
    "to",
    "cc",
    "reply_to",
    "subject",
    "message_id",
    "in_reply_to",
    "references",
    "date",
    "text",
    "html",
    "files",
    "authentication",
    "report",
    "extra",
    "type",
];
/// Names the version of the cleaner in what is stored.
const CLEANER: &str = "html_cleaner";
/// What is said about a file of a mail in the contract's `extra`, and its name in JSON.
const FILE_EXTRA: [(&str, &str); 2] = [("content-id", "content_id"), ("inline", "inline")];

pub(super) fn to_json(mail: &Mail, name_media: &mut dyn FnMut(&MediaRef) -> Option<String>) -> Value {
    let mut object = tagged("mail");
    if let Some(envelope) = &mail.envelope {
        object.insert("envelope".into(), json!({ "sender": envelope.sender, "recipients": envelope.recipients }));
    }
    object.insert("headers".into(), json!(mail.headers));
    for (key, list) in [("from", &mail.from), ("to", &mail.to), ("cc", &mail.cc), ("reply_to", &mail.reply_to)] {
        if !list.is_empty() {
            object.insert(key.into(), list.iter().map(mailbox_to_json).collect());
        }
    }
    put(&mut object, "subject", mail.subject.as_deref());
    put(&mut object, "message_id", mail.message_id.as_deref());
    for (key, list) in [("in_reply_to", &mail.in_reply_to), ("references", &mail.references)] {
        if !list.is_empty() {
            object.insert(key.into(), json!(list));
        }
    }
    if let Some(date) = mail.date {
        object.insert("date".into(), date.into());
    }
    put(&mut object, "text", mail.text.as_deref());
    if let Some(text) = &mail.html {
        debug_assert!(text.len() > 4_096 || html::clean(text) == *text, "HTML is cleaned before it is written: {text}");
        object.insert("html".into(), text.as_str().into());
        object.insert(CLEANER.into(), html::VERSION.into());
    }
    object.insert("files".into(), mail.files.iter().map(|file| mail_file(file, name_media)).collect());
    if !mail.authentication.is_empty() {
        let verdicts = mail.authentication.iter().map(|one| {
            let mut verdict = Map::from_iter([
                ("method".to_owned(), Value::from(one.method.as_str())),
                ("verdict".to_owned(), Value::from(one.verdict.as_str())),
            ]);
            put(&mut verdict, "domain", one.domain.as_deref());
            Value::Object(verdict)
        });
        object.insert("authentication".into(), verdicts.collect());
    }
    if !mail.report.is_empty() {
        let parts = mail.report.iter().map(|part| json!({ "mime": part.mime, "text": part.text }));
        object.insert("report".into(), parts.collect());
    }
    put_extra(&mut object, &mail.extra);
    object.into()
}

fn mailbox_to_json(mailbox: &Mailbox) -> Value {
    let mut object = Map::from_iter([("address".to_owned(), Value::from(mailbox.address.as_str()))]);
    put(&mut object, "name", mailbox.name.as_deref());
    object.into()
}

fn mail_file(file: &MediaRef, name_media: &mut dyn FnMut(&MediaRef) -> Option<String>) -> Value {
    let mut object = file_to_json(file, name_media);
    for (name, key) in FILE_EXTRA {
        if let Some((_, value)) = file.extra.iter().find(|(known, _)| known == name) {
            object.insert(key.into(), parse(value));
        }
    }
    object.into()
}

/// Makes the HTML of a mail harmless.
pub(super) fn clean(mail: &mut Mail) {
    if let Some(text) = &mut mail.html {
        *text = html::clean(text);
    }
}

/// A stored mail as it is shown and handed on: what an earlier version of the cleaner let through is not shown either.
pub(super) fn show(content: &mut Value) {
    let Some(object) = content.as_object_mut().filter(|object| object.get("type").is_some_and(|kind| kind == "mail"))
    else {
        return;
    };
    if let Some(date) = object.get("date").and_then(Value::as_i64) {
        object.insert("date".into(), rfc3339(date).into());
    }
    let cleaner = object.remove(CLEANER).and_then(|version| version.as_u64());
    if cleaner != Some(html::VERSION)
        && let Some(Value::String(text)) = object.get_mut("html")
    {
        *text = html::clean(text);
    }
}

impl Reader<'_> {
    pub(super) fn mail(&mut self) -> Mail {
        self.known(&KEYS);
        let files = self.files();
        Mail {
            envelope: self.envelope(),
            headers: self.read("headers", "must be a list of pairs of texts"),
            from: self.mailboxes("from"),
            to: self.mailboxes("to"),
            cc: self.mailboxes("cc"),
            reply_to: self.mailboxes("reply_to"),
            subject: self.optional("subject"),
            message_id: self.optional("message_id"),
            in_reply_to: self.read("in_reply_to", "must be a list of texts"),
            references: self.read("references", "must be a list of texts"),
            date: self.time("date"),
            text: self.optional("text"),
            html: self.optional("html"),
            files,
            authentication: self.objects("authentication", |one| {
                Some(Authentication {
                    method: one.get("method")?.as_str()?.to_owned(),
                    verdict: one.get("verdict")?.as_str()?.to_owned(),
                    domain: one.get("domain").and_then(Value::as_str).map(str::to_owned),
                    extra: Vec::new(),
                })
            }),
            report: self.objects("report", |one| {
                Some(ReportPart {
                    mime: one.get("mime")?.as_str()?.to_owned(),
                    text: one.get("text")?.as_str()?.to_owned(),
                    extra: Vec::new(),
                })
            }),
            extra: self.extra(),
        }
    }

    fn read<T: serde::de::DeserializeOwned + Default>(&mut self, key: &str, words: &str) -> T {
        let Some(value) = self.object.get(key).filter(|value| !value.is_null()) else { return T::default() };
        serde_json::from_value(value.clone()).unwrap_or_else(|_| {
            self.fault(key, "type", words);
            T::default()
        })
    }

    fn objects<T>(&mut self, key: &str, read: impl Fn(&Map<String, Value>) -> Option<T>) -> Vec<T> {
        let list: Vec<Map<String, Value>> = self.read(key, "must be a list of objects");
        let known: Vec<T> = list.iter().filter_map(read).collect();
        if known.len() < list.len() {
            self.fault(key, "type", "has an object without what it must have");
        }
        known
    }

    fn mailboxes(&mut self, key: &str) -> Vec<Mailbox> {
        self.objects(key, |one| {
            let address = one.get("address")?.as_str().filter(|address| address.contains('@'))?.to_owned();
            let name = one.get("name").and_then(Value::as_str).map(str::to_owned);
            Some(Mailbox { name, address, extra: Vec::new() })
        })
    }

    fn envelope(&mut self) -> Option<Envelope> {
        let object: Option<Map<String, Value>> = self.read("envelope", "must be an object");
        let object = object?;
        let sender = object.get("sender").and_then(Value::as_str).unwrap_or_default().to_owned();
        let recipients = object.get("recipients").cloned().unwrap_or_else(|| json!([]));
        Some(Envelope { sender, recipients: serde_json::from_value(recipients).unwrap_or_default(), extra: Vec::new() })
    }

    fn files(&mut self) -> Vec<MediaRef> {
        let mut files = Vec::new();
        for (index, file) in self.object.get("files").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let pointer = format!("{}/files/{index}", self.pointer);
            let Some(object) = file.as_object() else {
                self.fault(&format!("files/{index}"), "type", "must be an object");
                continue;
            };
            let mut reader = Reader { object, pointer: &pointer, faults: Vec::new() };
            let mut file = reader.file();
            for (name, key) in FILE_EXTRA {
                if let Some(value) = object.get(key).filter(|value| !value.is_null()) {
                    file.extra.push((name.to_owned(), value.to_string()));
                }
            }
            files.push(file);
            self.faults.append(&mut reader.faults);
        }
        files
    }
}
