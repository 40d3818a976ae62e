//! What comes in: alone, in batches, twice, in another order, of unknown kinds, forged, too large, and as no text at all.

use sambung_runtime::contract::inbound::{Event, Happening, Item, ItemResult, Message, Outcome};
use sambung_runtime::contract::types::Content;
use serde_json::Value;

use super::{Report, Subject, ensure};
use crate::{Kit, KitError, Webhook};

pub(super) async fn ask<S: Subject>(subject: &S, kit: &mut Kit, report: &mut Report) {
    report.add("one event is one message", alone(subject, kit).await);
    if subject.batches() {
        report.add("a batch is as many messages, the same as alone and in order", batch(subject, kit).await);
        report.add("an event that comes twice has one id", twice(subject, kit).await);
        report.add("another order changes no event", reordered(subject, kit).await);
    } else {
        report.add("an event that comes again has the same id", again(subject, kit).await);
    }
    report.add("an unknown kind is told, and spoils nothing beside it", unknown(subject, kit).await);
    for pointer in subject.optional() {
        report.add(format!("{pointer} may be missing"), without(subject, kit, pointer).await);
    }
    if subject.signed(kit, b"{}").is_some() {
        report.add("what is not signed as it should be is refused", forged(subject, kit).await);
    }
    report.add("a huge text comes whole or is told", huge(subject, kit).await);
    report.add("what is nested too deeply is told", nested(subject, kit).await);
    report.add("bytes that are no text are told", no_text(subject, kit).await);
    report.add("what is not understood is told", nonsense(subject, kit).await);
}

async fn events<S: Subject>(subject: &S, kit: &mut Kit, sent: &[Value]) -> Result<Vec<Event>, String> {
    let outcome = subject.deliver(kit, &subject.body(sent)).await.map_err(|error| error.to_string())?;
    Ok(all(outcome))
}

fn all(outcome: Outcome) -> Vec<Event> {
    let of = |item: Item| match item.outcome {
        ItemResult::Events(events) => events,
        ItemResult::Ignored(_) | ItemResult::Failed(_) | ItemResult::Other(_) => Vec::new(),
    };
    outcome.items.into_iter().flat_map(of).collect()
}

fn message(event: &Event) -> Option<&Message> {
    match &event.what {
        Happening::Message(message) if message.kind == "received" => Some(message),
        _ => None,
    }
}

/// The texts of the messages among the events.
fn texts(events: &[Event]) -> Vec<String> {
    let text = |content: &Content| match content {
        Content::Text(text) => Some(text.body.clone()),
        Content::Mail(mail) => mail.text.as_ref().map(|text| text.trim_end().to_owned()),
        _ => None,
    };
    let bodies = |message: &Message| message.content.iter().filter_map(text).collect::<Vec<_>>();
    events.iter().filter_map(message).flat_map(bodies).collect()
}

fn messages(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| message(event).is_some()).collect()
}

async fn alone<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let events = events(subject, kit, &[subject.text(1, "one")]).await?;
    let found = messages(&events);
    ensure(found.len() == 1 && texts(&events) == ["one"], || format!("{events:?}"))?;
    let message = found.first().and_then(|event| message(event)).ok_or("no message")?;
    ensure(!found[0].id.is_empty() && !message.id.is_empty(), || "an event or message without an id".to_owned())?;
    ensure(!message.thread.key.is_empty(), || "a thread without a key".to_owned())?;
    let known = message.sender.as_ref().is_some_and(|sender| sender.identities.iter().all(|who| !who.value.is_empty()));
    ensure(known, || "nobody sent it".to_owned())
}

async fn batch<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let sent: Vec<Value> = (1..=3).map(|number| subject.text(number, &format!("text {number}"))).collect();
    let together = events(subject, kit, &sent).await?;
    ensure(texts(&together) == ["text 1", "text 2", "text 3"], || format!("{:?}", texts(&together)))?;
    let mut apart = Vec::new();
    for one in &sent {
        apart.extend(events(subject, kit, std::slice::from_ref(one)).await?);
    }
    ensure(messages(&together) == messages(&apart), || format!("together {together:?}, apart {apart:?}"))
}

async fn twice<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let one = subject.text(1, "again");
    let events = events(subject, kit, &[one.clone(), subject.text(2, "other"), one]).await?;
    let ids: Vec<&str> = messages(&events).iter().map(|event| event.id.as_str()).collect();
    // A plugin may leave the second one out of a request by itself.
    let once = ids.iter().collect::<std::collections::BTreeSet<_>>().len() == 2;
    ensure(once && ids.len() >= 2, || format!("{ids:?}"))
}

async fn again<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let first = events(subject, kit, &[subject.text(1, "again")]).await?;
    kit.set_time(kit.time() + 60_000);
    let second = events(subject, kit, &[subject.text(1, "again")]).await?;
    let other = events(subject, kit, &[subject.text(2, "again")]).await?;
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    ensure(ids(&first) == ids(&second), || format!("{:?}, then {:?}", ids(&first), ids(&second)))?;
    ensure(ids(&first) != ids(&other), || format!("another message has the same id: {:?}", ids(&other)))
}

async fn reordered<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let sent: Vec<Value> = (1..=3).map(|number| subject.text(number, &format!("text {number}"))).collect();
    let forwards = events(subject, kit, &sent).await?;
    let backwards: Vec<Value> = sent.into_iter().rev().collect();
    let mut turned = events(subject, kit, &backwards).await?;
    turned.reverse();
    let (one, other) = (messages(&forwards), messages(&turned));
    ensure(one == other, || format!("{one:?}, turned round {other:?}"))
}

async fn unknown<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let sent = match subject.batches() {
        true => vec![subject.text(1, "before"), subject.unknown(), subject.text(2, "after")],
        false => vec![subject.unknown()],
    };
    let outcome = subject.deliver(kit, &subject.body(&sent)).await.map_err(|error| error.to_string())?;
    let told = outcome.items.iter().any(|item| match &item.outcome {
        ItemResult::Events(events) => events.iter().any(|event| match &event.what {
            Happening::Message(message) => message.content.iter().any(|content| !matches!(content, Content::Text(_))),
            _ => true,
        }),
        ItemResult::Ignored(reason) | ItemResult::Failed(reason) => !reason.trim().is_empty(),
        ItemResult::Other(open) => !open.line.is_empty(),
    });
    ensure(told, || format!("nothing is said about it: {:?}", outcome.items))?;
    let texts = texts(&all(outcome));
    ensure(!subject.batches() || texts == ["before", "after"], || format!("of those beside it there are {texts:?}"))
}

async fn without<S: Subject>(subject: &S, kit: &mut Kit, pointer: &str) -> Result<(), String> {
    let mut event = subject.text(1, "less");
    let (parent, name) = pointer.rsplit_once('/').ok_or("it begins with a slash")?;
    let taken = match event.pointer_mut(parent) {
        Some(Value::Object(fields)) => fields.remove(name),
        _ => None,
    };
    ensure(taken.is_some(), || "the event does not have it".to_owned())?;
    let events = events(subject, kit, &[event]).await?;
    ensure(texts(&events) == ["less"], || format!("{events:?}"))
}

async fn forged<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let body = subject.body(&[subject.text(1, "mine")]);
    let signed = subject.signed(kit, &body).ok_or("nothing comes by webhook")?;
    ensure(kit.webhook(&signed).await.is_ok_and(|answer| answer.refused.is_none()), || {
        "the real one is refused".into()
    })?;
    let mut forged: Vec<(String, Webhook)> = Vec::new();
    if subject.signs_body() {
        let other = subject.body(&[subject.text(1, "yours")]);
        forged.push(("another body".into(), Webhook { body: other, ..signed.clone() }));
    }
    for (at, (name, value)) in signed.headers.iter().enumerate() {
        let headers = |change: fn(&mut Vec<(String, String)>, usize)| {
            let mut headers = signed.headers.clone();
            change(&mut headers, at);
            Webhook { headers, ..signed.clone() }
        };
        // What verifies nothing may be missing: a content type.
        if name.eq_ignore_ascii_case("content-type") || value.is_empty() {
            continue;
        }
        forged.push((format!("no {name}"), headers(|headers, at| drop(headers.remove(at)))));
        forged.push((format!("{name} twice"), headers(|headers, at| headers.push(headers[at].clone()))));
        forged.push((format!("another {name}"), headers(|headers, at| headers[at].1 = garbled(&headers[at].1))));
    }
    if !signed.path.is_empty() {
        forged.push(("another path".into(), Webhook { path: garbled(&signed.path), ..signed.clone() }));
    }
    for (what, webhook) in forged {
        let answer = kit.webhook(&webhook).await.map_err(|error| format!("{what}: {error}"))?;
        ensure(answer.outcome.is_none() && answer.status >= 400, || format!("{what} is taken: {}", answer.status))?;
    }
    Ok(())
}

/// The last letter or digit is another one.
fn garbled(value: &str) -> String {
    let mut bytes = value.as_bytes().to_vec();
    let last = bytes.iter().rposition(u8::is_ascii_alphanumeric);
    if let Some(byte) = last.and_then(|at| bytes.get_mut(at)) {
        // The last of base64 may hold bits that count for nothing: two steps change one that does.
        *byte = if *byte == b'0' { b'8' } else { b'0' };
    }
    if let Some(byte) = bytes.iter_mut().rev().filter(|byte| byte.is_ascii_alphanumeric()).nth(4) {
        *byte = if *byte == b'1' { b'9' } else { b'1' };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn huge<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let long = "Halo \"dunia\" 👋 ".repeat(20_000);
    let outcome = subject.deliver(kit, &subject.body(&[subject.text(1, long.trim_end())])).await;
    match outcome {
        Ok(outcome) => {
            let failed = outcome
                .items
                .iter()
                .any(|item| matches!(&item.outcome, ItemResult::Failed(words) if !words.is_empty()));
            let whole = texts(&all(outcome)).first().is_some_and(|text| text == long.trim_end());
            ensure(whole || failed, || "it came, but not whole".to_owned())
        }
        Err(KitError::Parked(words)) => ensure(!words.is_empty(), || "parked without a reason".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a body that makes no sense is answered with words and without a crash.
async fn is_told<S: Subject>(subject: &S, kit: &mut Kit, body: &[u8]) -> Result<(), String> {
    match subject.deliver(kit, body).await {
        Ok(outcome) => {
            let silent = outcome.items.iter().any(
                |item| matches!(&item.outcome, ItemResult::Ignored(words) | ItemResult::Failed(words) if words.is_empty()),
            );
            ensure(!silent, || "without a reason".to_owned())
        }
        Err(KitError::Parked(words)) => ensure(!words.is_empty(), || "parked without a reason".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn nested<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let body = String::from_utf8_lossy(&subject.body(&[subject.text(1, "@deep@")])).into_owned();
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    is_told(subject, kit, body.replace("\"@deep@\"", &deep).as_bytes()).await
}

async fn no_text<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let mut body = subject.body(&[subject.text(1, "@@@@")]);
    let at = body.windows(4).position(|window| window == b"@@@@").ok_or("the text does not stand in the body")?;
    body[at..at + 4].copy_from_slice(&[0xff, 0xfe, 0xc0, 0x80]);
    is_told(subject, kit, &body).await
}

async fn nonsense<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    for body in ["", "not a word of it", "[]", "null", "{}", "{\"a\":", "[{}]"] {
        is_told(subject, kit, body.as_bytes()).await.map_err(|found| format!("{body:?}: {found}"))?;
    }
    Ok(())
}
