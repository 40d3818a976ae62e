//! From the bytes of a mail to the contract's record. Pure: the same bytes give the same record, and nothing makes it fail.
//! Whatever comes of a header is one line without control characters, because it may stand in a header of an answer.

use std::borrow::Cow;

use mail_parser::decoders::html::{html_to_text, text_to_html};
use mail_parser::{Address, Encoding, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use sambung_runtime::contract::types::{Authentication, Envelope, Mail, Mailbox, MediaRef, ReportPart};

use super::tame::{restored, tame};
use crate::model::clean;

/// Most bytes of a text, and of an HTML, that are handed on; the raw mail has the rest.
const MOST_TEXT: usize = 1 << 20;
/// Most bytes of a part of a report.
const MOST_REPORT: usize = 64 << 10;
/// Most headers, and most bytes of one.
const MOST_HEADERS: usize = 500;
const MOST_HEADER: usize = 16 << 10;
/// Most files.
const MOST_FILES: usize = 200;
/// Most addresses and most ids of one header.
const MOST_OF_ONE: usize = 1_000;
/// What begins the handle of a file: the number of its part follows.
const HANDLE: &str = "part:";

/// A file of a mail.
pub struct FileOfMail {
    /// Its bytes, decoded.
    pub bytes: Vec<u8>,
    /// What the mail says it is.
    pub mime: Option<String>,
    /// What the mail calls it.
    pub name: Option<String>,
}

/// Parses a mail. Its files are handles, whose bytes [`file_of`] gives.
pub fn parse(raw: &[u8], envelope: Envelope, authentication: Vec<Authentication>) -> Mail {
    let raw = from_header(raw);
    let mut mail = match MessageParser::default().parse(&*tame(raw)) {
        Some(message) => of_message(&message, raw),
        // Not even a header: what there is, is its text.
        None => Mail { text: Some(bounded(String::from_utf8_lossy(raw).into_owned(), MOST_TEXT).0), ..empty() },
    };
    mail.headers = headers(raw);
    mail.envelope = Some(envelope);
    mail.authentication = authentication;
    mail
}

/// The file of a handle; none where the mail has no such part.
pub fn file_of(raw: &[u8], handle: &str) -> Option<FileOfMail> {
    let number: u32 = handle.strip_prefix(HANDLE)?.parse().ok()?;
    let raw = from_header(raw);
    let tamed = tame(raw);
    let message = MessageParser::default().parse(&*tamed)?;
    let part = message.part(number)?;
    let bytes = contents(part, raw);
    Some(FileOfMail { mime: mime_of(part), name: name_of(part, &bytes), bytes: bytes.into_owned() })
}

/// The mail without the empty lines that some programs put before it, which would end its header before it begins. Whoever reads
/// a mail reads it from here, so that what is verified is what is shown.
pub(super) fn from_header(raw: &[u8]) -> &[u8] {
    let Some(first) = raw.iter().position(|byte| !byte.is_ascii_whitespace()) else { return raw };
    let line = raw[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    &raw[line..]
}

fn empty() -> Mail {
    Mail {
        envelope: None,
        headers: Vec::new(),
        from: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        reply_to: Vec::new(),
        subject: None,
        message_id: None,
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

/// `raw`: the mail as it came, where offsets are those of what was parsed.
fn of_message(message: &Message<'_>, raw: &[u8]) -> Mail {
    let (text, of_html) = text(message);
    let (text, text_cut) = text.map_or((None, false), some_bounded);
    let (html, html_cut) = html(message).map_or((None, false), some_bounded);
    let (files, report) = files(message, raw, html.as_deref().unwrap_or_default());
    let mut extra = Vec::new();
    if text_cut || html_cut {
        extra.push(("truncated".to_owned(), "true".to_owned()));
    }
    if of_html && text.is_some() {
        extra.push(("text-of-html".to_owned(), "true".to_owned()));
    }
    let date = message.date().filter(|date| date.is_valid()).map(|date| date.to_timestamp().saturating_mul(1000));
    Mail {
        from: mailboxes(message.from()),
        to: mailboxes(message.to()),
        cc: mailboxes(message.cc()),
        reply_to: mailboxes(message.reply_to()),
        subject: message.subject().map(clean::line),
        message_id: message.message_id().map(bare_id).filter(|id| !id.is_empty()),
        in_reply_to: ids(message.in_reply_to()),
        references: ids(message.references()),
        date: date.and_then(|date| u64::try_from(date).ok()),
        text,
        html,
        files,
        report,
        extra,
        ..empty()
    }
}

/// The text for people, and whether it was made of HTML.
fn text(message: &Message<'_>) -> (Option<String>, bool) {
    let (mut texts, mut of_html) = (Vec::new(), true);
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => {
                of_html = false;
                texts.push(restored(text).into_owned());
            }
            PartType::Html(html) => texts.push(html_to_text(html)),
            _ => {}
        }
    }
    texts.retain(|text| !text.trim().is_empty());
    ((!texts.is_empty()).then(|| texts.join("\n")), of_html)
}

/// The HTML; none where the mail has text alone.
fn html(message: &Message<'_>) -> Option<String> {
    let parts: Vec<&MessagePart<'_>> = message.html_bodies().collect();
    if !parts.iter().any(|part| matches!(part.body, PartType::Html(_))) {
        return None;
    }
    let html = parts.iter().filter_map(|part| match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        PartType::Text(text) => Some(text_to_html(text)),
        _ => None,
    });
    Some(html.collect::<Vec<_>>().join("\n"))
}

fn files(message: &Message<'_>, raw: &[u8], html: &str) -> (Vec<MediaRef>, Vec<ReportPart>) {
    let is_report = message.root_part().is_content_type("multipart", "report");
    let (mut files, mut report) = (Vec::new(), Vec::new());
    for (number, part) in message.parts.iter().enumerate() {
        let mime = mime_of(part).unwrap_or_default();
        let machine = matches!(
            mime.as_str(),
            "message/delivery-status"
                | "message/feedback-report"
                | "message/disposition-notification"
                | "message/global-delivery-status"
                | "text/rfc822-headers"
        );
        if machine || (is_report && mime.starts_with("message/")) {
            let bytes = contents(part, raw);
            let bytes = if mime == "message/rfc822" { before_body(&bytes) } else { &bytes };
            let text = bounded(String::from_utf8_lossy(bytes).into_owned(), MOST_REPORT).0;
            report.push(ReportPart { mime, text, extra: Vec::new() });
        } else if is_file(message, number, part) && files.len() < MOST_FILES {
            files.push(file(number, part, &contents(part, raw), mime, html));
        }
    }
    (files, report)
}

/// Whatever is no text for people; a text where the mail says that it is a file.
fn is_file(message: &Message<'_>, number: usize, part: &MessagePart<'_>) -> bool {
    match part.body {
        PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Message(_) => true,
        PartType::Text(_) | PartType::Html(_) => {
            u32::try_from(number).is_ok_and(|number| message.attachments.contains(&number))
        }
        PartType::Multipart(_) => false,
    }
}

fn file(number: usize, part: &MessagePart<'_>, bytes: &[u8], mime: String, html: &str) -> MediaRef {
    let first = mime.split('/').next();
    let kind = first.filter(|kind| matches!(*kind, "image" | "video" | "audio")).unwrap_or("document");
    let mut extra = Vec::new();
    if let Some(id) = part.content_id().map(bare_id).filter(|id| !id.is_empty()) {
        if html.contains(&format!("cid:{id}")) {
            extra.push(("inline".to_owned(), "true".to_owned()));
        }
        extra.push(("content-id".to_owned(), serde_json::Value::from(id).to_string()));
    }
    MediaRef {
        kind: kind.to_owned(),
        blob: Some(format!("{HANDLE}{number}")),
        ref_: None,
        url: None,
        mime: (!mime.is_empty()).then_some(mime),
        name: name_of(part, bytes),
        bytes: Some(bytes.len() as u64),
        width: None,
        height: None,
        duration_ms: None,
        extra,
    }
}

fn mime_of(part: &MessagePart<'_>) -> Option<String> {
    let declared = part.content_type()?;
    let sub = declared.subtype().unwrap_or_default();
    Some(clean::line(&restored(&format!("{}/{sub}", declared.ctype()).to_ascii_lowercase())))
}

fn name_of(part: &MessagePart<'_>, bytes: &[u8]) -> Option<String> {
    if let Some(name) = part.attachment_name().and_then(clean::some_line) {
        return Some(name);
    }
    if !matches!(mime_of(part)?.as_str(), "message/rfc822" | "message/global") {
        return None;
    }
    let inner = MessageParser::default().parse_headers(bytes);
    let subject = inner.as_ref().and_then(|inner| inner.subject()).unwrap_or("mail");
    Some(format!("{}.eml", clean::line(subject)))
}

/// What a part holds, as it came.
fn contents<'p>(part: &'p MessagePart<'_>, raw: &'p [u8]) -> Cow<'p, [u8]> {
    let as_it_came = || raw.get(part.offset_body as usize..part.offset_end as usize);
    match &part.body {
        PartType::Binary(_) | PartType::InlineBinary(_) if part.encoding == Encoding::None => {
            as_it_came().unwrap_or_default().into()
        }
        PartType::Text(text) | PartType::Html(text) => match restored(text) {
            Cow::Borrowed(text) => text.as_bytes().into(),
            Cow::Owned(text) => text.into_bytes().into(),
        },
        _ => part.contents().into(),
    }
}

fn before_body(bytes: &[u8]) -> &[u8] {
    let end = ["\r\n\r\n", "\n\n"].iter().filter_map(|end| find(bytes, end.as_bytes())).min();
    &bytes[..end.unwrap_or(bytes.len())]
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Every header of the mail with its decoded text, in order.
fn headers(raw: &[u8]) -> Vec<(String, String)> {
    // Without one header of its own the parser takes no default.
    let parser = MessageParser::new().header_text("Subject").default_header_text();
    let Some(message) = parser.parse_headers(raw) else { return Vec::new() };
    let text = |value: &HeaderValue<'_>| match value {
        HeaderValue::Text(text) => text.to_string(),
        HeaderValue::TextList(texts) => texts.join(" "),
        _ => String::new(),
    };
    let headers = message.headers().iter().take(MOST_HEADERS);
    let told = headers.map(|header| {
        let value = clean::line(&bounded(text(header.value()), MOST_HEADER).0);
        (clean::line(header.name()), value)
    });
    told.collect()
}

fn mailboxes(addresses: Option<&Address<'_>>) -> Vec<Mailbox> {
    let each = addresses.into_iter().flat_map(Address::iter).take(MOST_OF_ONE).filter_map(|one| {
        let (local, domain) = one.address.as_deref()?.trim().rsplit_once('@')?;
        Some(Mailbox {
            name: one.name.as_deref().and_then(clean::name),
            address: clean::line(&format!("{local}@{}", domain.to_lowercase())),
            extra: Vec::new(),
        })
    });
    each.collect()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    let texts: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(texts) => texts.iter().map(|text| &**text).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().map(bare_id).filter(|id| !id.is_empty()).take(MOST_OF_ONE).collect()
}

fn bare_id(id: &str) -> String {
    clean::line(id.trim().trim_start_matches('<').trim_end_matches('>'))
}

fn some_bounded(text: String) -> (Option<String>, bool) {
    let (text, cut) = bounded(text, MOST_TEXT);
    (Some(text), cut)
}

fn bounded(mut text: String, most: usize) -> (String, bool) {
    if text.len() <= most {
        return (text, false);
    }
    text.truncate(text.floor_char_boundary(most));
    (text, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(raw: &str) -> Mail {
        let envelope = Envelope { sender: "a@x.example".into(), recipients: vec![], extra: vec![] };
        parse(raw.replace('\n', "\r\n").as_bytes(), envelope, Vec::new())
    }

    #[test]
    fn headers_are_decoded_and_keep_their_order() {
        let mail = parsed(
            "Received: by two\nReceived: by one\nFrom: =?utf-8?q?S=C3=BCti?= <Siti@Example.COM>\nTo: a@x.example, B <b@y.example>\n\
             Subject: =?utf-8?b?UGVydGFueWFhbg==?=\nMessage-ID: <M1@x>\nIn-Reply-To: <a@h> <b@h>\nReferences: <r@h>\n <a@h>\n\
             Date: Mon, 05 Jan 2026 07:00:00 +0700\n\nHalo\n",
        );
        assert_eq!(mail.headers[0], ("Received".to_owned(), "by two".to_owned()));
        assert_eq!(mail.headers[1].1, "by one");
        assert_eq!(mail.subject.as_deref(), Some("Pertanyaan"));
        assert_eq!((mail.from[0].name.as_deref(), mail.from[0].address.as_str()), (Some("Süti"), "Siti@example.com"));
        assert_eq!(mail.to.len(), 2);
        assert_eq!((mail.message_id.as_deref(), mail.in_reply_to.len()), (Some("M1@x"), 2));
        assert_eq!(mail.references, ["r@h", "a@h"]);
        assert_eq!(mail.date, Some(1_767_571_200_000));
        assert_eq!(mail.text.as_deref().map(str::trim), Some("Halo"));
    }

    #[test]
    fn files_are_handles_whose_bytes_are_found_again() {
        let raw = "From: a@x.example\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n\
                   <img src=\"cid:logo@x\">\n--b\nContent-Type: image/png; name=\"logo.png\"\nContent-ID: <logo@x>\n\
                   Content-Transfer-Encoding: base64\n\nAAEC\n--b\nContent-Type: application/pdf\n\
                   Content-Disposition: attachment; filename*0*=utf-8''bon%20; filename*1=1.pdf\n\nPDF\n--b--\n";
        let mail = parsed(raw);
        assert_eq!(mail.files.len(), 2, "{:?}", mail.files);
        let logo = &mail.files[0];
        assert_eq!((logo.kind.as_str(), logo.name.as_deref(), logo.bytes), ("image", Some("logo.png"), Some(3)));
        assert!(logo.extra.contains(&("inline".into(), "true".into())));
        assert!(logo.extra.contains(&("content-id".into(), "\"logo@x\"".into())));
        assert_eq!(mail.files[1].name.as_deref(), Some("bon 1.pdf"));
        let raw = raw.replace('\n', "\r\n");
        let file = file_of(raw.as_bytes(), logo.blob.as_deref().unwrap_or_default()).expect("there");
        assert_eq!(file.bytes, [0, 1, 2]);
        assert!(file_of(raw.as_bytes(), "part:99").is_none());
        assert!(file_of(raw.as_bytes(), "other:1").is_none());
    }

    #[test]
    fn a_report_has_its_parts_apart_and_nothing_of_the_body_that_came_back() {
        let mail = parsed(
            "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\n\
             It failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.example\n\nFinal-Recipient: rfc822; a@y.example\n\
             Action: failed\nStatus: 5.1.1\n--b\nContent-Type: message/rfc822\n\nMessage-ID: <our@shop>\nSubject: S\n\nsecret words\n--b--\n",
        );
        let kinds: Vec<&str> = mail.report.iter().map(|part| part.mime.as_str()).collect();
        assert_eq!(kinds, ["message/delivery-status", "message/rfc822"]);
        assert!(mail.report[0].text.contains("Status: 5.1.1"));
        assert!(mail.report[1].text.contains("our@shop") && !mail.report[1].text.contains("secret"));
        assert!(mail.files.is_empty());
        assert_eq!(mail.text.as_deref().map(str::trim), Some("It failed."));
    }

    #[test]
    fn empty_lines_before_the_header_end_nothing() {
        let raw = "   \n\nFrom: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHalo\n--b\nContent-Type: image/png\n\n\
                   PNG\n--b--\n";
        let mail = parsed(raw);
        assert_eq!((mail.from.len(), mail.files.len(), mail.headers.len()), (1, 1, 2));
        let handle = mail.files[0].blob.clone().unwrap_or_default();
        let file = file_of(raw.replace('\n', "\r\n").as_bytes(), &handle).expect("there");
        assert_eq!(file.bytes, b"PNG");
        assert_eq!(from_header(b" \r\n  indented"), b"  indented");
        assert_eq!(from_header(b"\r\n"), b"\r\n");
    }

    #[test]
    fn parts_within_parts_end_somewhere() {
        let deep: String = (0..3_000)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"))
            .collect();
        let mail = parsed(&format!("From: a@x.example\n{deep}\nHalo\n"));
        assert_eq!(mail.from.len(), 1);
        let enclosed = "Content-Type: message/rfc822\n\n".repeat(3_000);
        assert_eq!(parsed(&format!("From: a@x.example\n{enclosed}Subject: x\n\nHalo\n")).from.len(), 1);
    }

    #[test]
    fn what_is_hardly_a_mail_is_one_all_the_same() {
        for raw in [
            "",
            "\n",
            "no header at all",
            "Subject: x",
            "From: \n\n",
            "Content-Type: multipart/mixed; boundary=\"\"\n\nx",
        ] {
            let _ = parsed(raw);
        }
        let mail = parse(
            b"From: a@x.example\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nG\xfcnter\r\n",
            Envelope { sender: String::new(), recipients: vec![], extra: vec![] },
            vec![],
        );
        assert!(mail.text.is_some_and(|text| text.contains('G')));
    }

    /// Either would overflow the stack, which ends the server, or take a parser hours.
    #[test]
    fn however_deep_or_many_its_parts_are_a_mail_is_read() {
        let mails =
            format!("From: a@x.example\n{}Subject: x\n\nHalo\n", "Content-Type: message/rfc822\n\n".repeat(100_000));
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &mails);
        let encoded = format!(
            "From: a@x.example\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}\n"
        );
        let unbordered =
            "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n".repeat(20_000);
        let unbordered = format!("From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n{unbordered}");
        let empty =
            format!("From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\n".repeat(100_000));
        for raw in [mails, encoded, unbordered, empty] {
            let mail = parsed(&raw);
            assert_eq!((mail.from.len(), mail.files.len()), (1, 1), "{raw:.90}");
        }
    }

    #[test]
    fn a_mail_within_a_mail_is_a_file_as_it_came() {
        let inner = "Subject: Inner\nContent-Type: multipart/mixed; boundary=i\n\n--i\nContent-Type: message/rfc822\n\nSubject: Innermost\n\nx\n--i--\n";
        let raw = format!(
            "From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nHalo\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
        );
        let mail = parsed(&raw);
        assert_eq!(mail.text.as_deref().map(str::trim), Some("Halo"));
        assert_eq!(mail.files.len(), 1, "{:?}", mail.files);
        let told = &mail.files[0];
        assert_eq!((told.name.as_deref(), told.mime.as_deref()), (Some("Inner.eml"), Some("message/rfc822")));
        let file =
            file_of(raw.replace('\n', "\r\n").as_bytes(), told.blob.as_deref().unwrap_or_default()).expect("there");
        assert_eq!(String::from_utf8_lossy(&file.bytes), inner.replace('\n', "\r\n"));
        assert_eq!(
            (file.name.as_deref(), file.bytes.len() as u64),
            (Some("Inner.eml"), told.bytes.unwrap_or_default())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_fail(body in proptest::collection::vec(proptest::num::u8::ANY, 0..600), at in 0_usize..200) {
            let mut raw = b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\
                Content-Transfer-Encoding: base64\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n".to_vec();
            let at = at.min(raw.len());
            raw.splice(at..at, body);
            let mail = parse(&raw, Envelope { sender: String::new(), recipients: vec![], extra: vec![] }, vec![]);
            for file in &mail.files {
                proptest::prop_assert!(file_of(&raw, file.blob.as_deref().unwrap_or_default()).is_some());
            }
        }
    }

    #[test]
    fn a_text_that_was_made_of_html_says_so_and_a_long_one_that_it_is_cut() {
        let mail = parsed("From: a@x.example\nContent-Type: text/html\n\n<p>Hi <b>you</b></p>\n");
        assert!(mail.text.is_some_and(|text| text.contains("Hi you")));
        assert!(mail.extra.contains(&("text-of-html".into(), "true".into())));
        let long = format!("From: a@x.example\n\n{}", "ä".repeat(MOST_TEXT));
        let mail = parsed(&long);
        assert!(mail.extra.contains(&("truncated".into(), "true".into())));
        assert!(mail.text.is_some_and(|text| text.len() <= MOST_TEXT));
    }
}
