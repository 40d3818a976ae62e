//! Reports about mails that left: bounces (RFC 3464), complaints (RFC 5965) and read receipts (RFC 8098). What they say becomes
//! the status of the mail they are about.

use crate::{automatic, ids};
use sambung_sdk::inbound::{Delivery, Happening, Notice};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Mail;

/// Most of a text that is kept as a reason, in characters.
const MOST_WORDS: usize = 500;

/// What a report says.
pub enum Report {
    /// Of one mail of ours, or about the account.
    Says(Box<Happening>),
    /// Nothing that anybody needs, with the reason.
    Nothing(&'static str),
}

fn says(what: impl Into<Happening>) -> Report {
    Report::Says(Box::new(what.into()))
}

/// Reads a report; none where the mail is none.
pub fn of(mail: &Mail) -> Option<Report> {
    let part = |mime: &str| mail.report.iter().find(|part| part.mime == mime).map(|part| part.text.as_str());
    if part("message/feedback-report").is_some() {
        let words = "A customer marked a mail of yours as spam.";
        return Some(says(Notice::new("warning", "spam-complaint", words)));
    }
    if let Some(fields) = part("message/disposition-notification") {
        return Some(receipt(fields));
    }
    let status = part("message/delivery-status").or_else(|| part("message/global-delivery-status"));
    match status {
        Some(status) => Some(bounce(mail, status)),
        None if automatic::is_from_nobody(mail) => text_bounce(mail),
        None => None,
    }
}

fn receipt(fields: &str) -> Report {
    let displayed = field(fields, "disposition").is_some_and(|value| value.to_ascii_lowercase().contains("displayed"));
    match field(fields, "original-message-id").map(|id| bare(&id)) {
        Some(id) if displayed => says(about(&id, "read")),
        Some(_) => Report::Nothing("a receipt that does not say that anybody read the mail"),
        None => Report::Nothing("a receipt of a mail that it does not name"),
    }
}

/// The worst that it says of any recipient decides.
fn bounce(mail: &Mail, status: &str) -> Report {
    let Some(id) = original(mail, status) else {
        return Report::Nothing("a report about a mail that it does not name");
    };
    let actions = all(status, "action");
    let action = ["failed", "delayed", "delivered", "relayed", "expanded"]
        .into_iter()
        .find(|wanted| actions.iter().any(|action| action.eq_ignore_ascii_case(wanted)))
        .unwrap_or("failed");
    let delivery = match action {
        "failed" => {
            let code = field(status, "status");
            let words = field(status, "diagnostic-code").unwrap_or_else(|| first_lines(mail));
            about(&id, "failed").failure(&failure(code, &words, status))
        }
        "delayed" => about(&id, "delayed"),
        // Relayed and expanded: the next server promised nothing, but it was delivered as far as anybody will say.
        _ => about(&id, "delivered"),
    };
    says(delivery)
}

/// A bounce from before RFC 3464, or of a server that writes none: the mail that came back stands in its text.
fn text_bounce(mail: &Mail) -> Option<Report> {
    let text = mail.text.as_deref()?;
    let in_text = [ids::HEADER, "message-id"].into_iter().filter_map(|name| field(text, name)).map(|id| bare(&id));
    let id = original(mail, "").or_else(|| ours_first(in_text.collect()))?;
    let lower = text.to_ascii_lowercase();
    let delayed = ["will be retried", "still being retried", "not yet been delivered", "delivery is delayed", "delay"];
    let delivery = if delayed.iter().any(|words| lower.contains(words)) && !lower.contains("permanent") {
        about(&id, "delayed")
    } else {
        about(&id, "failed").failure(&failure(None, &first_lines(mail), ""))
    };
    Some(says(delivery))
}

fn about(id: &str, state: &str) -> Delivery {
    Delivery::new(id, state).correlation(ids::attempt_key(id).map(str::to_owned))
}

/// The id of the mail that came back, as we gave it: a server on its way may have given it another one, but keeps the header beside
/// it, or tells how the envelope was named.
fn original(mail: &Mail, status: &str) -> Option<String> {
    let is_returned = |mime: &str| matches!(mime, "message/rfc822" | "text/rfc822-headers");
    let returned: Vec<&str> =
        mail.report.iter().filter(|part| is_returned(&part.mime)).map(|part| part.text.as_str()).collect();
    let named = |name: &'static str| returned.iter().filter_map(move |text| field(text, name));
    // Others name their envelopes in ways of their own, which name no mail.
    let envelope = field(status, "original-envelope-id").filter(|name| ids::attempt_key(name).is_some());
    let said = named("message-id").chain(named(ids::HEADER)).chain(envelope);
    ours_first(said.map(|id| bare(&id)).collect())
}

/// The first of the form that our ids have, else the first of all.
fn ours_first(said: Vec<String>) -> Option<String> {
    let ours = said.iter().position(|id| ids::attempt_key(id).is_some()).unwrap_or_default();
    said.into_iter().nth(ours)
}

/// By the enhanced status code (RFC 3463).
fn failure(code: Option<String>, words: &str, status: &str) -> Value {
    let fault = match code.as_deref().unwrap_or_default() {
        "5.2.2" | "4.2.2" => "unavailable",
        "5.3.4" => "too-large",
        code if code.starts_with("5.1") || code.starts_with("5.2") => "unreachable",
        _ => "invalid",
    };
    let words: String = words.chars().take(MOST_WORDS).collect();
    let status: String = status.chars().take(4 * MOST_WORDS).collect();
    json!({ "fault": fault, "code": code, "words": words, "data": status })
}

fn first_lines(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap_or("the mail came back");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).take(5).collect::<Vec<_>>().join(" ")
}

/// The first field of this name, unfolded.
fn field(text: &str, name: &str) -> Option<String> {
    all(text, name).into_iter().next()
}

fn all(text: &str, name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with([' ', '\t']) && inside {
            if let Some(last) = found.last_mut() {
                last.push(' ');
                last.push_str(line.trim());
            }
            continue;
        }
        let line = line.trim_start_matches(['>', ' ']);
        inside = line.split_once(':').is_some_and(|(known, _)| known.trim().eq_ignore_ascii_case(name));
        if let Some((_, value)) = line.split_once(':').filter(|_| inside) {
            found.push(value.trim().to_owned());
        }
    }
    found.retain(|value| !value.is_empty());
    found
}

fn bare(id: &str) -> String {
    id.trim().trim_start_matches('<').split('>').next().unwrap_or_default().trim().to_owned()
}
