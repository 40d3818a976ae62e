//! From contents to requests: one reply with the free token, else one push, five message objects at most in each.
//!
//! A push carries the first content's attempt key as its retry key, so LINE sends it once however often it is asked. A reply
//! takes no such key: what became of one whose answer is lost, nobody can say.

use crate::api::{self, ErrorBody, SentMessage};
use crate::content;
use crate::windows::REPLY_TOKEN;
use crate::{Line, SCHEME};
use sambung_sdk::http::{FetchError, Request, Response};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Open};
use serde::Deserialize;

/// How many message objects LINE takes in one request.
const OBJECTS: usize = 5;

type Answer = Result<Receipt, SendError>;

impl Outbound for Line {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = vec![None; messages.len()];
        let mut parts = Vec::new();
        for (index, message) in messages.iter().enumerate() {
            match Part::new(index, message) {
                Ok(part) => parts.push(part),
                Err(error) => answers[index] = Some(Err(error)),
            }
        }
        deliver(parts, &mut answers);
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(waits()))).collect()
    }
}

/// The way that the host chose for a content.
#[derive(Clone, PartialEq)]
enum Way {
    Reply(String),
    Push(String),
}

/// One content, ready to go.
struct Part<'a> {
    index: usize,
    way: Way,
    key: &'a str,
    objects: Vec<Value>,
}

impl<'a> Part<'a> {
    fn new(index: usize, message: &'a Outgoing) -> Result<Self, SendError> {
        let way = way(message)?;
        let objects = content::objects(message)?;
        Ok(Self { index, way, key: &message.attempt_key, objects })
    }
}

fn way(message: &Outgoing) -> Result<Way, SendError> {
    if message.rule.as_deref() == Some(REPLY_TOKEN) {
        return match message.read_token::<String>() {
            Some(token) => Ok(Way::Reply(token)),
            None => Err(token_is_spent("the reply token is not there")),
        };
    }
    let thread = message.thread.as_ref().map(|thread| thread.key.clone());
    let user = || message.recipient(SCHEME).map(|identity| identity.value.clone());
    thread.or_else(user).map(Way::Push).ok_or_else(|| {
        SendError::new(SendFault::Unreachable, "LINE reaches only people and groups that it named to this account")
    })
}

/// Sends in order. What cannot be sent now holds back what comes after it, so that nothing overtakes; what can never be sent
/// holds back nothing.
fn deliver(parts: Vec<Part<'_>>, answers: &mut [Option<Answer>]) {
    let mut rest = parts;
    let mut spent: Vec<Way> = Vec::new();
    while let Some(first) = rest.first() {
        let way = first.way.clone();
        let mut room = OBJECTS;
        let fitting = rest.iter().take_while(|part| {
            let fits = part.way == way && part.objects.len() <= room;
            room -= if fits { part.objects.len() } else { 0 };
            fits
        });
        let count = fitting.count();
        let later = rest.split_off(count);
        if spent.contains(&way) {
            let error = token_is_spent("the reply token went with the contents before this one");
            settle(&rest, answers, &Err(error));
        } else if !deliver_group(&way, rest, answers) {
            return;
        }
        if let Way::Reply(_) = way {
            spent.push(way);
        }
        rest = later;
    }
}

/// Sends contents that go the same way in one request, again without those that LINE names as invalid. Answers whether
/// those that follow may go.
fn deliver_group(way: &Way, mut parts: Vec<Part<'_>>, answers: &mut [Option<Answer>]) -> bool {
    while !parts.is_empty() {
        let response = match request(way, &parts).send() {
            Ok(response) => response,
            Err(error) => {
                settle(&parts, answers, &Err(lost(way, error)));
                return false;
            }
        };
        if response.is_success() {
            let sent = response.json().map(|body: Sent| body.sent_messages).unwrap_or_default();
            accept(&parts, &sent, answers);
            return true;
        }
        let body = ErrorBody::of(&response);
        if response.status == 409 && matches!(way, Way::Push(_)) {
            parts = accept_earlier(parts, &body.sent_messages, answers);
            continue;
        }
        let error = refusal(way, &response, &body);
        if response.status != 400 || !blame(&mut parts, &body, &error, answers) {
            let follow = !error.retryable && !matches!(error.fault, SendFault::Unknown);
            settle(&parts, answers, &Err(error));
            return follow;
        }
    }
    true
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sent {
    sent_messages: Vec<SentMessage>,
}

fn request(way: &Way, parts: &[Part<'_>]) -> Request {
    let objects: Vec<&Value> = parts.iter().flat_map(|part| &part.objects).collect();
    match way {
        Way::Reply(token) => {
            api::post("/v2/bot/message/reply").json(&json!({ "replyToken": token, "messages": objects }))
        }
        Way::Push(to) => api::post("/v2/bot/message/push")
            .header("x-line-retry-key", parts[0].key)
            .json(&json!({ "to": to, "messages": objects })),
    }
}

fn settle(parts: &[Part<'_>], answers: &mut [Option<Answer>], answer: &Answer) {
    for part in parts {
        answers[part.index] = Some(answer.clone());
    }
}

/// Gives each content the ids of its objects; LINE lists them in the order of the request.
fn accept(parts: &[Part<'_>], sent: &[SentMessage], answers: &mut [Option<Answer>]) {
    let mut ids = sent.iter().map(|message| message.id.clone());
    for part in parts {
        let own: Vec<String> = ids.by_ref().take(part.objects.len()).collect();
        answers[part.index] = Some(Ok(Receipt::new(own)));
    }
}

/// The retry key was accepted before: what went with it then is sent, and the rest is still to go.
fn accept_earlier<'a>(mut parts: Vec<Part<'a>>, sent: &[SentMessage], answers: &mut [Option<Answer>]) -> Vec<Part<'a>> {
    let mut covered = 0;
    let gone = parts.iter().take_while(|part| {
        covered += part.objects.len();
        covered <= sent.len()
    });
    // LINE names what it sent; an answer that names less than the first content still says that the key is used.
    let gone = if sent.is_empty() { parts.len() } else { gone.count().max(1) };
    let rest = parts.split_off(gone);
    accept(&parts, sent, answers);
    rest
}

/// Settles the contents that LINE blames by their place (`messages[1].text`) and leaves the others. Answers whether it
/// blamed some but not all, so that the others are worth another request: a refused one sent nothing and spent no token.
fn blame(parts: &mut Vec<Part<'_>>, body: &ErrorBody, error: &SendError, answers: &mut [Option<Answer>]) -> bool {
    let owners: Vec<usize> =
        parts.iter().enumerate().flat_map(|(at, part)| std::iter::repeat_n(at, part.objects.len())).collect();
    let mut blamed: Vec<(usize, SendError)> = Vec::new();
    for detail in &body.details {
        let Some((object, property)) = place(&detail.property) else { continue };
        let Some(owner) = owners.get(object) else { continue };
        let mut own = error.clone();
        if property == "text" {
            own.field = Some("/text".to_owned());
        }
        own.words = format!("{}: {}", property, detail.message);
        blamed.push((*owner, own));
    }
    let some = parts.iter().enumerate().filter(|(at, _)| blamed.iter().any(|(owner, _)| owner == at)).count();
    if some == 0 || some == parts.len() {
        return false;
    }
    for (at, own) in blamed.iter().rev() {
        answers[parts[*at].index] = Some(Err(own.clone()));
    }
    let mut at = 0;
    parts.retain(|_| {
        at += 1;
        !blamed.iter().any(|(owner, _)| *owner == at - 1)
    });
    true
}

/// Reads `messages[1].text` as (1, "text").
fn place(property: &str) -> Option<(usize, &str)> {
    let (index, rest) = property.strip_prefix("messages[")?.split_once(']')?;
    Some((index.parse().ok()?, rest.trim_start_matches('.')))
}

/// No answer came. A push may be asked for again with its key, and LINE sends it once; a reply may not.
fn lost(way: &Way, error: FetchError) -> SendError {
    let dispatched = error.dispatched;
    let error = SendError::from(error);
    if dispatched { error.retryable(matches!(way, Way::Push(_))) } else { error }
}

/// What LINE's refusal means.
fn refusal(way: &Way, response: &Response, body: &ErrorBody) -> SendError {
    let words = body.words(response.status);
    let error = match response.status {
        400 if body.message == "Invalid reply token" => token_is_spent(words),
        400 if body.message == "Failed to send messages" => SendError::new(SendFault::Unreachable, words),
        400 if body.details.iter().any(|detail| detail.property == "to") => {
            SendError::new(SendFault::Unreachable, words)
        }
        401 => SendError::new(SendFault::Unauthorized, words),
        403 => forbidden(words),
        404 => SendError::new(SendFault::Unreachable, words),
        413 => SendError::new(SendFault::TooLarge, words),
        // The plan's quota is spent. Only pushes count, so free replies go on: nothing but this message is held back.
        429 if body.message.contains("monthly limit") => SendError::new(SendFault::Quota, words).scope("message"),
        429 => SendError::new(SendFault::RateLimited, words).retry_after_ms(response.retry_after_ms()),
        500.. if matches!(way, Way::Reply(_)) => SendError::new(SendFault::Unknown, words),
        500.. => SendError::new(SendFault::Unavailable, words).retry_after_ms(response.retry_after_ms()),
        _ => SendError::new(SendFault::Invalid, words),
    };
    error.code(response.status.to_string())
}

fn forbidden(words: String) -> SendError {
    let open = Open { kind: "forbidden".to_owned(), data: "null".to_owned(), line: words.clone(), ..Open::default() };
    SendError::new(SendFault::Other(open), words).scope("channel")
}

fn token_is_spent(words: impl Into<String>) -> SendError {
    // The next rule is push, which is open: only this message plans again.
    SendError::new(SendFault::WindowClosed, words).scope("message").rule(REPLY_TOKEN.to_owned())
}

fn waits() -> SendError {
    SendError::new(SendFault::Unavailable, "it waits for a content before it")
}
