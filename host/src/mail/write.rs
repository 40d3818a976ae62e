//! From the contract's record to the bytes of a mail. Texts of headers are cleaned again, because the library that writes them
//! fails or panics at control characters.

use lettre::message::header::ContentTransferEncoding;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Body, Mailbox as Written, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use mail_parser::decoders::html::html_to_text;
use sambung_runtime::contract::types::{Mail, Mailbox, MediaRef};

use crate::model::{clean, html};

/// Headers that the host writes itself, or that would say who sent the mail, or who looked into it, beside those.
const OWN: [&str; 26] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "sender",
    "return-path",
    "received",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "resent-reply-to",
    "errors-to",
    "disposition-notification-to",
    "dkim-signature",
    "authentication-results",
];

/// A file of a mail with its bytes.
pub(super) struct Loaded {
    pub file: MediaRef,
    pub bytes: Vec<u8>,
}

/// Writes a mail. The HTML is cleaned again, whoever cleaned it before.
///
/// # Errors
/// Words that say which part cannot be written.
pub(super) fn write(mail: &Mail, files: Vec<Loaded>) -> Result<Message, String> {
    let mut builder = Message::builder();
    for from in &mail.from {
        builder = builder.from(mailbox(from)?);
    }
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    for cc in &mail.cc {
        builder = builder.cc(mailbox(cc)?);
    }
    for address in &mail.reply_to {
        builder = builder.reply_to(mailbox(address)?);
    }
    builder = builder.subject(clean::line(mail.subject.as_deref().unwrap_or_default())).date_now();
    let id = mail.message_id.as_ref().ok_or("a mail needs a `message-id`")?;
    builder = builder.message_id(Some(bracketed(id)?));
    if !mail.in_reply_to.is_empty() {
        builder = builder.in_reply_to(all_bracketed(&mail.in_reply_to)?);
    }
    if !mail.references.is_empty() {
        builder = builder.references(all_bracketed(&mail.references)?);
    }
    for (name, value) in &mail.headers {
        if OWN.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("the header {name} is the host's to write"));
        }
        let name = header_name(name)?;
        builder = builder.raw_header(HeaderValue::new(name, clean::line(value)));
    }
    body(builder, mail, files)
}

/// A header's name: letters, digits, hyphens and underscores. RFC 5322 allows more, but some programs read `Bc\0c` as `Bcc`.
fn header_name(name: &str) -> Result<HeaderName, String> {
    let none = || format!("{name:?} is no name of a header");
    if !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '-' || one == '_') {
        return Err(none());
    }
    HeaderName::new_from_ascii(name.to_owned()).map_err(|_| none())
}

fn body(builder: MessageBuilder, mail: &Mail, files: Vec<Loaded>) -> Result<Message, String> {
    // Some programs show no HTML.
    let text = mail.text.clone().or_else(|| mail.html.as_deref().map(html_to_text)).unwrap_or_default();
    let text = whole_lines(&text);
    let (inline, attached): (Vec<Loaded>, Vec<Loaded>) =
        files.into_iter().partition(|loaded| mail.html.is_some() && said(&loaded.file, "inline").is_some());
    let written = match (&mail.html, inline.is_empty(), attached.is_empty()) {
        (None, _, true) => builder.singlepart(SinglePart::plain(text)),
        (None, _, false) => {
            let mixed = MultiPart::mixed().singlepart(SinglePart::plain(text));
            builder.multipart(attach(mixed, attached)?)
        }
        (Some(html), _, _) => {
            let html = SinglePart::html(whole_lines(&html::clean(html)));
            let mut alternative = MultiPart::alternative().singlepart(SinglePart::plain(text));
            alternative = if inline.is_empty() {
                alternative.singlepart(html)
            } else {
                let mut related = MultiPart::related().singlepart(html);
                for loaded in inline {
                    let id = said(&loaded.file, "content-id").ok_or("a file inside the HTML needs a `content-id`")?;
                    let id: String = serde_json::from_str(id).map_err(|_| "a `content-id` is a text")?;
                    bracketed(&id)?;
                    related =
                        related.singlepart(Attachment::new_inline(id).body(whole(loaded.bytes), mime(&loaded.file)));
                }
                alternative.multipart(related)
            };
            match attached.is_empty() {
                true => builder.multipart(alternative),
                false => builder.multipart(attach(MultiPart::mixed().multipart(alternative), attached)?),
            }
        }
    };
    written.map_err(|error| error.to_string())
}

fn attach(mut mixed: MultiPart, files: Vec<Loaded>) -> Result<MultiPart, String> {
    for loaded in files {
        let name = loaded.file.name.as_deref().and_then(clean::some_line);
        let name = name.unwrap_or_else(|| clean::line(&loaded.file.kind));
        mixed = mixed.singlepart(Attachment::new(name).body(whole(loaded.bytes), mime(&loaded.file)));
    }
    Ok(mixed)
}

/// Every byte of a file arrives: what stands as it is gets other ends of lines on its way, and servers refuse some of them.
fn whole(bytes: Vec<u8>) -> Body {
    Body::new_with_encoding(bytes, ContentTransferEncoding::Base64).unwrap_or_else(Body::new)
}

/// A text whose lines end as a mail's do: a CR alone would be an end of a line to some servers, and NUL to others.
fn whole_lines(text: &str) -> String {
    if !text.contains(['\r', '\0']) {
        return text.to_owned();
    }
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
}

fn said<'f>(file: &'f MediaRef, name: &str) -> Option<&'f str> {
    let found = file.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    found.filter(|value| *value != "false")
}

fn mime(file: &MediaRef) -> ContentType {
    let declared = file.mime.as_deref().and_then(|mime| ContentType::parse(mime).ok());
    declared.unwrap_or_else(|| ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN))
}

/// An address as SMTP has it.
///
/// # Errors
/// It is none.
pub(super) fn address(mailbox: &Mailbox) -> Result<Address, String> {
    let none = || format!("`{}` is no address", clean::line(&mailbox.address));
    let proper = !mailbox.address.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'));
    if proper { mailbox.address.parse().map_err(|_| none()) } else { Err(none()) }
}

fn mailbox(mailbox: &Mailbox) -> Result<Written, String> {
    Ok(Written::new(mailbox.name.as_deref().and_then(clean::name), address(mailbox)?))
}

fn bracketed(id: &str) -> Result<String, String> {
    let proper = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'<' && byte != b'>');
    if proper { Ok(format!("<{id}>")) } else { Err(format!("`{id}` is no id of a mail")) }
}

/// Ids that no header may hold are left out: others made them.
fn all_bracketed(ids: &[String]) -> Result<String, String> {
    Ok(ids.iter().filter_map(|id| bracketed(id).ok()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sambung_runtime::contract::types::Envelope;

    use super::*;
    use crate::mail::parse;

    fn mail() -> Mail {
        let mailbox =
            |address: &str| vec![Mailbox { name: Some("Süti, A".into()), address: address.into(), extra: vec![] }];
        let mut mail = parse(b"", Envelope { sender: String::new(), recipients: vec![], extra: vec![] }, vec![]);
        mail.from = mailbox("shop@x.example");
        mail.to = mailbox("siti@y.example");
        mail.subject = Some("Pesanan — siap".into());
        mail.message_id = Some("k1@x.example".into());
        mail.in_reply_to = vec!["m1@y.example".into()];
        mail.references = vec!["m0@y.example".into(), "bad id".into(), "m1@y.example".into()];
        mail.text = Some("Halo.\n.\nSelesai".into());
        mail
    }

    fn read(message: &Message) -> Mail {
        parse(&message.formatted(), Envelope { sender: String::new(), recipients: vec![], extra: vec![] }, vec![])
    }

    #[test]
    fn what_is_written_is_read_back() {
        let back = read(&write(&mail(), Vec::new()).expect("written"));
        assert_eq!(back.from, mail().from);
        assert_eq!(
            (back.subject, back.message_id, back.in_reply_to),
            (mail().subject, mail().message_id, mail().in_reply_to)
        );
        assert_eq!(back.references, ["m0@y.example", "m1@y.example"], "an id that would break the header stays out");
        assert_eq!(back.text.map(|text| text.trim().replace("\r\n", "\n")).as_deref(), Some("Halo.\n.\nSelesai"));
    }

    #[test]
    fn html_is_cleaned_and_has_its_pictures_and_files() {
        let mut mail = mail();
        mail.html = Some("<p>Hi<script>alert(1)</script><img src=\"cid:logo\"></p>".into());
        let file = |kind: &str, name: &str, mime: &str, extra: Vec<(String, String)>| MediaRef {
            kind: kind.into(),
            blob: Some("b".into()),
            ref_: None,
            url: None,
            mime: Some(mime.into()),
            name: Some(name.into()),
            bytes: None,
            width: None,
            height: None,
            duration_ms: None,
            extra,
        };
        let inline = vec![("inline".to_owned(), "true".to_owned()), ("content-id".to_owned(), "\"logo\"".to_owned())];
        let files = vec![
            Loaded { file: file("image", "logo.png", "image/png", inline), bytes: vec![1, 2, 3] },
            Loaded { file: file("document", "bon.pdf", "application/pdf", vec![]), bytes: b"PDF".to_vec() },
        ];
        let back = read(&write(&mail, files).expect("written"));
        let html = back.html.expect("html");
        assert!(html.contains("cid:logo") && !html.contains("alert"), "{html}");
        assert_eq!(back.files.len(), 2, "{:?}", back.files);
        assert!(back.files.iter().any(|file| file.extra.contains(&("inline".into(), "true".into()))));
        assert!(back.files.iter().any(|file| file.name.as_deref() == Some("bon.pdf")));
    }

    /// Servers on the way change the ends of lines, and some refuse a line feed that stands alone.
    #[test]
    fn a_file_of_text_arrives_with_its_own_ends_of_lines() {
        let bytes = b"a;b\n1;2\r\n.\r\nx\n".to_vec();
        let file = MediaRef {
            kind: "document".into(),
            blob: Some("b".into()),
            ref_: None,
            url: None,
            mime: Some("text/csv".into()),
            name: Some("list.csv".into()),
            bytes: None,
            width: None,
            height: None,
            duration_ms: None,
            extra: vec![],
        };
        let written = write(&mail(), vec![Loaded { file, bytes: bytes.clone() }]).expect("written");
        let kept = String::from_utf8(written.formatted()).expect("text").replace("\r\n", "\n");
        let back =
            parse(kept.as_bytes(), Envelope { sender: String::new(), recipients: vec![], extra: vec![] }, vec![]);
        let handle = back.files[0].blob.clone().expect("a handle");
        assert_eq!(crate::mail::file_of(kept.as_bytes(), &handle).map(|file| file.bytes), Some(bytes));
    }

    #[test]
    fn nobody_writes_the_hosts_headers_nor_a_second_line_into_one() {
        let mut forged = mail();
        for name in ["Bcc", "Bc\0c", "Bc\u{8}c", "Bcc ", "Bcc(x)", ""] {
            forged.headers = vec![(name.into(), "x@y.example".into())];
            assert!(write(&forged, Vec::new()).is_err(), "{name:?}");
        }
        let mut forged = mail();
        forged.message_id = Some("a>\r\nBcc: x@y.example".into());
        assert!(write(&forged, Vec::new()).is_err());
        let mut forged = mail();
        forged.subject = Some("a\r\nBcc: x@y.example".into());
        let text = write(&forged, Vec::new()).map(|message| String::from_utf8_lossy(&message.formatted()).into_owned());
        assert!(text.is_ok_and(|text| !text.contains("\nBcc:")));
    }

    /// Characters that are trouble, and any others.
    fn troubled() -> impl Strategy<Value = String> {
        let trouble =
            prop::sample::select(vec!['\r', '\n', '\0', '\t', '"', '\\', '<', '>', ',', ';', ':', '=', '?', '@', ' ']);
        let one = prop_oneof![2 => trouble, 2 => any::<char>(), 3 => prop::char::range('a', 'z')];
        prop::collection::vec(one, 0..40).prop_map(|chars| chars.into_iter().collect())
    }

    fn file(name: String, mime: String) -> Loaded {
        let file = MediaRef {
            kind: "document".into(),
            blob: Some("b".into()),
            ref_: None,
            url: None,
            mime: Some(mime),
            name: Some(name),
            bytes: None,
            width: None,
            height: None,
            duration_ms: None,
            extra: vec![],
        };
        Loaded { file, bytes: b"x".to_vec() }
    }

    /// Names of the headers before the body, in lower case; a line that goes on belongs to the one before.
    fn header_names(formatted: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(formatted).into_owned();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']), "{head:?}");
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split(':').next().unwrap_or_default().to_ascii_lowercase()).collect()
    }

    fn plain(mail: &Mail) -> bool {
        let boxes = mail.from.iter().chain(&mail.to).chain(&mail.cc).chain(&mail.reply_to);
        let mut texts: Vec<&str> =
            boxes.flat_map(|one| one.name.iter().chain([&one.address])).map(String::as_str).collect();
        texts.extend(
            mail.subject
                .iter()
                .chain(&mail.message_id)
                .chain(&mail.in_reply_to)
                .chain(&mail.references)
                .map(String::as_str),
        );
        texts.extend(mail.headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]));
        texts.extend(mail.files.iter().flat_map(|file| file.name.iter().chain(&file.mime)).map(String::as_str));
        !texts.iter().any(|text| text.contains(char::is_control))
    }

    proptest! {
        /// Whatever stands in a record is written without a panic, puts no header of its own into the mail, and is read back
        /// as one line.
        #[test]
        fn no_text_of_a_record_breaks_the_header(
            names in prop::collection::vec(troubled(), 4), subject in troubled(), value in troubled(), id in troubled(),
            answered in troubled(), name in troubled(), mime in troubled(), text in troubled(),
        ) {
            let mut mail = mail();
            let address = |name: &String, address: &str| vec![Mailbox { name: Some(name.clone()), address: address.into(), extra: vec![] }];
            mail.from = address(&names[0], "shop@x.example");
            mail.to = address(&names[1], "siti@y.example");
            mail.cc = address(&names[2], "budi@y.example");
            mail.reply_to = address(&names[3], "answers@x.example");
            (mail.subject, mail.text) = (Some(subject), Some(text));
            mail.headers = vec![("X-Own".into(), value)];
            mail.references.push(answered);
            let written = write(&mail, vec![file(name, mime)]).expect("written");
            let formatted = written.formatted();
            let expected = ["from", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to", "references", "x-own",
                "mime-version", "content-type"];
            for name in header_names(&formatted) {
                prop_assert!(expected.contains(&name.as_str()), "{}: {}", name, String::from_utf8_lossy(&formatted));
            }
            let back = read(&written);
            prop_assert!(plain(&back), "{back:?}");
            let of = |boxes: &[Mailbox]| boxes.iter().map(|one| one.address.clone()).collect::<Vec<_>>();
            prop_assert_eq!(of(&back.from), ["shop@x.example"]);
            prop_assert_eq!(of(&back.to), ["siti@y.example"]);
            prop_assert_eq!(of(&back.cc), ["budi@y.example"]);
            prop_assert_eq!(of(&back.reply_to), ["answers@x.example"]);
            // An id that is none is refused in words.
            let refused = write(&Mail { message_id: Some(id.clone()), ..mail }, vec![]);
            let proper = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
            prop_assert_eq!(refused.is_ok(), proper);
        }

        /// Whatever a mail's header holds, what is read of it has no control character, and an answer made of it is written, or
        /// refused in words, and read again.
        #[test]
        fn what_is_read_of_any_header_can_be_written(
            from in troubled(), to in troubled(), subject in troubled(), ids in troubled(), address in "[a-z]{1,8}",
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            use base64::Engine;
            let encoded = |text: &str| format!("=?utf-8?b?{}?=", base64::engine::general_purpose::STANDARD.encode(text));
            let mut raw = format!(
                "From: {} <{address}@y.example>\r\nReply-To: {}\r\n <{address}@z.example>\r\nTo: {to} <a@x.example>\r\nSubject: {}\r\n\
                 Message-ID: <{ids}>\r\nReferences: {ids} <{address}@y.example>\r\nContent-Type: text/plain; name=\"{subject}\"\r\n\
                 Content-Disposition: attachment; filename=\"{}\"\r\nX-Any: ",
                encoded(&from), encoded(&to), encoded(&subject), encoded(&subject),
            ).into_bytes();
            raw.extend(bytes);
            raw.extend(b"\r\n\r\nHalo\r\n");
            let seen = parse(&raw, Envelope { sender: String::new(), recipients: vec![], extra: vec![] }, vec![]);
            prop_assert!(plain(&seen), "{seen:?}");
            let mut answer = mail();
            answer.to = if seen.reply_to.is_empty() { seen.from.clone() } else { seen.reply_to.clone() };
            answer.subject = seen.subject.clone();
            answer.in_reply_to = seen.message_id.clone().into_iter().collect();
            answer.references = seen.references.clone();
            let files = seen.files.iter().map(|one| file(one.name.clone().unwrap_or_default(), one.mime.clone().unwrap_or_default()));
            if let Ok(written) = write(&answer, files.collect()) {
                header_names(&written.formatted());
                prop_assert!(plain(&read(&written)));
            }
        }
    }
}
