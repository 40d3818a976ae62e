//! Answers: what is written together leaves as one mail, with an id of our own and an address whose answers find back.

use crate::settings::ChannelSettings;
use crate::threads::Context;
use crate::{Email, FORWARDING_ADDRESS, SCHEME, ids};
use sambung_sdk::mailer::{self, MailError};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Mail, Mailbox, Thread};

/// When a server that says "later" is asked again, unless the host waits longer: RFC 5321 counts in half hours, people do not.
const LATER_MS: u64 = 5 * 60_000;

impl Outbound for Email {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, SendError>> {
        let fitting: Vec<&Outgoing> = messages.iter().filter(|message| unfit(&message.content).is_none()).collect();
        let mut left = deliver(&fitting, &channel);
        let each = messages.iter().map(|message| match unfit(&message.content) {
            Some(refused) => Err(refused),
            None => {
                let result = left.clone();
                // The mail has one id; the contents that went with it have none of their own.
                if let Ok(receipt) = &mut left {
                    receipt.ids.clear();
                }
                result
            }
        });
        each.collect()
    }
}

/// Why a mail cannot hold a content.
fn unfit(content: &Content) -> Option<SendError> {
    match content {
        Content::Text(_) | Content::Media(_) | Content::Mail(_) => None,
        other => Some(invalid(format!("a mail cannot hold a content of type {}", other.kind()))),
    }
}

fn deliver(messages: &[&Outgoing], channel: &Channel) -> Result<Receipt, SendError> {
    let first = messages.first().ok_or_else(|| invalid("there is nothing to send"))?;
    let settings = ChannelSettings::of(channel).map_err(|fault| invalid(fault.words))?;
    let context: Context = first.thread.as_ref().and_then(Thread::read_context).unwrap_or_default();
    let mut mail = written(messages);
    mail.from = vec![settings.mailbox()];
    if mail.to.is_empty() {
        mail.to = recipients(first, &context)?;
    }
    let id = ids::own(&first.attempt_key, settings.domain());
    let person = mail.to.first().map(|to| to.address.to_lowercase()).unwrap_or_default();
    let key = first.thread.as_ref().map_or_else(|| ids::conversation(&id, &person), |thread| thread.key.clone());
    refer(&mut mail, first, &context);
    let forwarding = channel.generated(FORWARDING_ADDRESS).unwrap_or_default();
    if let Some(address) = ids::reply_address(forwarding, &key) {
        mail.reply_to = vec![Mailbox { address, ..settings.mailbox() }];
    }
    if mail.subject.is_none() {
        mail.subject = Some(subject(&context, &mail));
    }
    if !first.human {
        // RFC 3834: so that no other program answers.
        mail.headers.push(("Auto-Submitted".to_owned(), "auto-generated".to_owned()));
        mail.headers.push(("X-Auto-Response-Suppress".to_owned(), "All".to_owned()));
    }
    mail.headers.push((ids::HEADER.to_owned(), id.clone()));
    mail.message_id = Some(id.clone());
    match mailer::send(&mail, &settings.route()) {
        Ok(_) => Ok(Receipt::new([id]).thread(Thread::new(key))),
        Err(error) => Err(refusal(error)),
    }
}

/// One mail of all contents: their texts one after the other, their files attached.
fn written(messages: &[&Outgoing]) -> Mail {
    let mut mail = Mail::default();
    let mut texts: Vec<String> = Vec::new();
    for message in messages {
        match &message.content {
            Content::Text(text) => texts.push(text.body.clone()),
            Content::Media(media) => {
                texts.extend(media.caption.clone());
                mail.files.push(media.file.clone());
            }
            Content::Mail(own) => {
                texts.extend(own.text.clone());
                mail.files.extend(own.files.iter().cloned());
                mail.html = mail.html.or_else(|| own.html.clone());
                mail.subject = mail.subject.or_else(|| own.subject.clone());
                mail.to.extend(own.to.iter().cloned());
                mail.cc.extend(own.cc.iter().cloned());
            }
            // It is refused by itself.
            _ => {}
        }
    }
    if !texts.is_empty() {
        mail.text = Some(texts.join("\n\n"));
    }
    mail
}

fn recipients(message: &Outgoing, context: &Context) -> Result<Vec<Mailbox>, SendError> {
    if let Some(answer) = &context.answer {
        return Ok(vec![Mailbox::from(answer)]);
    }
    let person = message.recipient(SCHEME).map(|identity| Mailbox::new(&identity.value));
    person
        .map(|person| vec![person])
        .ok_or_else(|| SendError::new(SendFault::Unreachable, "this person has no e-mail address that is known here"))
}

/// A mail that is answered stands last among the references; without one, the newest of the conversation.
fn refer(mail: &mut Mail, message: &Outgoing, context: &Context) {
    mail.references = context.references();
    let answered = message.reply_to.as_ref().map(|target| target.id.clone()).or_else(|| context.id.clone());
    if let Some(answered) = answered {
        mail.references.retain(|id| *id != answered);
        mail.references.push(answered.clone());
        mail.in_reply_to = vec![answered];
    }
}

/// `Re:` once, whatever stood before.
fn subject(context: &Context, mail: &Mail) -> String {
    match context.subject.as_deref().map(str::trim).filter(|subject| !subject.is_empty()) {
        Some(subject) if subject.get(..3).is_some_and(|begin| begin.eq_ignore_ascii_case("re:")) => subject.to_owned(),
        Some(subject) => format!("Re: {subject}"),
        None => {
            let first = mail.text.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
            first.chars().take(70).collect()
        }
    }
}

fn refusal(error: MailError) -> SendError {
    let code = error.status.clone().or(error.code.map(|code| code.to_string())).unwrap_or_else(|| error.kind.clone());
    let status = error.status.as_deref().unwrap_or_default();
    let refused = match (error.kind.as_str(), status) {
        _ if error.dispatched => SendError::new(SendFault::Unknown, error.words),
        ("unauthorized" | "secret", _) => SendError::new(SendFault::Unauthorized, error.words),
        ("again", _) => SendError::new(SendFault::Unavailable, error.words).retry_after_ms(LATER_MS),
        ("refused", "5.3.4" | "5.2.3") => SendError::new(SendFault::TooLarge, error.words),
        ("limit", _) => SendError::new(SendFault::TooLarge, error.words),
        ("refused", "5.4.5") => SendError::new(SendFault::Quota, error.words),
        ("refused", status) if status.starts_with("5.1") || status.starts_with("5.2") => {
            SendError::new(SendFault::Unreachable, error.words)
        }
        ("not-configured" | "blocked", _) => SendError::new(SendFault::Invalid, error.words).scope("channel"),
        _ => SendError::new(SendFault::Invalid, error.words),
    };
    refused.code(code)
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
