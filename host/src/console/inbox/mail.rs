//! A mail in a conversation: who wrote it to whom, whether that was proved, its text with quotations folded, its files.

use maud::{Markup, html};
use serde_json::Value;

use super::INBOX;
use super::content::file_row;
use super::mail_page;
use super::thread::{Thread, author_of};
use crate::console::integrations::text;
use crate::console::layout::{icon, initials, tone};
use crate::console::reader::Reader;
use crate::console::time;
use crate::console::words::MailWords;
use crate::model::shown::message::Message;

/// What checks of a sender's domain the shield tells of, the one that decides first.
const CHECKS: [&str; 3] = ["dmarc", "dkim", "spf"];

/// The mail of a message.
pub(super) fn drawn(reader: &Reader, thread: &Thread<'_>, message: &Message<'_>, mail: &Value) -> Markup {
    let words = &reader.look.words.mail;
    let author = author_of(reader, thread, message);
    let address = format!("{INBOX}/{}/messages/{}/mail", thread.conversation.id, message.id);
    let plain = text(mail, "text");
    let has_html = !text(mail, "html").is_empty();
    let frame =
        html! { iframe.email-frame title=(words.as_sent) src=(address) loading="lazy" sandbox=(mail_page::SANDBOX) {} };
    html! {
        article.email.is-out[message.direction == "outbound"] {
            header.email-head {
                span class=(format!("avatar {}", tone(&author))) aria-hidden="true" { (initials(&author)) }
                h2 { (author) }
                (time::clock(&reader.look, &message.created_at))
                @if let Some(from) = mail["from"].get(0) { div.email-route { (text(from, "address")) " " (shield(words, mail)) } }
                p.email-route { (words.to) " " (people(&mail["to"])) @if mail["cc"].get(0).is_some() { ", " (words.cc) " " (people(&mail["cc"])) } }
            }
            div.email-body {
                @if !text(mail, "subject").is_empty() { p { strong { (text(mail, "subject")) } } }
                @for part in parts(plain, &mail["extra"]["quotes"]) {
                    @match part {
                        Part::Written(text) => p.is-lines { (text.trim()) },
                        Part::Quoted(text) => details.email-quote {
                            summary { (words.quoted.replace("{n}", &text.trim().lines().count().to_string())) }
                            blockquote.is-lines { (text.trim()) }
                        },
                    }
                }
                @if has_html && plain.trim().is_empty() { (frame) }
                @else if has_html { details.email-quote.email-html { summary { (words.as_sent) } (frame) } }
                @if mail["files"].get(0).is_some() {
                    ul.email-files { @for file in mail["files"].as_array().into_iter().flatten() { li { (file_row(reader, file)) } } }
                }
            }
        }
    }
}

/// Mail addresses, each with its name where it has one.
fn people(list: &Value) -> String {
    let shown = list.as_array().into_iter().flatten().map(|one| match text(one, "name") {
        "" => text(one, "address").to_owned(),
        name => format!("{name} <{}>", text(one, "address")),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Whether the sender's address was proved, with the checks behind it.
fn shield(words: &MailWords, mail: &Value) -> Markup {
    let verdicts = || mail["authentication"].as_array().into_iter().flatten();
    let of = |method: &str| verdicts().find(|one| text(one, "method") == method).map(|one| text(one, "verdict"));
    let (class, said) = match of(CHECKS[0]) {
        Some("pass") => ("tag is-good", &words.verified),
        Some("fail") => ("tag is-bad", &words.forged),
        _ => ("tag", &words.unverified),
    };
    let checks = CHECKS.into_iter().filter_map(|method| {
        let one = verdicts().find(|one| text(one, "method") == method)?;
        Some((method.to_uppercase(), text(one, "verdict"), text(one, "domain")))
    });
    html! {
        @if verdicts().next().is_some() {
            details.menu.shield {
                summary class=(class) { (icon("shield", "is-small")) (said) }
                dl.menu-list.facts { @for (method, verdict, domain) in checks { dt { (method) } dd { (words.verdict(verdict)) " " (domain) } } }
            }
        }
    }
}

/// A part of a mail's text.
#[derive(Debug, PartialEq)]
enum Part<'t> {
    Written(&'t str),
    Quoted(&'t str),
}

/// The text in parts. `quotes` are ranges in code points, as the plugin tells them; one that does not fit is left out.
fn parts<'t>(text: &'t str, quotes: &Value) -> Vec<Part<'t>> {
    let mut starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    starts.push(text.len());
    let byte = |at: &Value| at.as_u64().and_then(|at| starts.get(usize::try_from(at).ok()?).copied());
    let (mut parts, mut done) = (Vec::new(), 0);
    let mut add = |part: Part<'t>| {
        let (Part::Written(text) | Part::Quoted(text)) = part;
        if !text.trim().is_empty() {
            parts.push(part);
        }
    };
    for range in quotes.as_array().into_iter().flatten() {
        let (Some(start), Some(end)) = (byte(&range[0]), byte(&range[1])) else { continue };
        if start < done || end <= start {
            continue;
        }
        add(Part::Written(&text[done..start]));
        add(Part::Quoted(&text[start..end]));
        done = end;
    }
    add(Part::Written(&text[done..]));
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Part::{Quoted, Written};
    use super::parts;

    #[test]
    fn quotations_stand_apart_and_ranges_that_do_not_fit_are_left_out() {
        let text = "Halo é\n> lama\nSalam";
        for (quotes, expected) in [
            (json!([[7, 14]]), vec![Written("Halo é\n"), Quoted("> lama\n"), Written("Salam")]),
            (json!(null), vec![Written(text)]),
            (json!([[7, 99], [5, 2], ["a", 1], [-1, 3]]), vec![Written(text)]),
            (json!([[0, 19]]), vec![Quoted(text)]),
            (json!([[7, 14], [10, 16]]), vec![Written("Halo é\n"), Quoted("> lama\n"), Written("Salam")]),
        ] {
            assert_eq!(parts(text, &quotes), expected, "{quotes}");
        }
        assert_eq!(parts("", &json!([[0, 0]])), []);
    }
}
