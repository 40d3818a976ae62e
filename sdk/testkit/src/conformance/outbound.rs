//! What goes out, and what a provider does with it.

use sambung_runtime::contract::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_runtime::contract::types::{Content, Open, Text};

use super::{Answer, Component, Report, Subject, ensure};
use crate::{Kit, KitError};

pub(super) async fn ask<S: Subject>(subject: &S, component: &Component<'_>, kit: &mut Kit, report: &mut Report) {
    report.add("a text that is taken has a receipt", taken(subject, kit).await);
    report.add("a content that nobody knows is refused, not left out", unknown(subject, kit).await);
    if kit.plugin().manifest().limits.together > 1 {
        report.add("one bad content spoils none beside it", partial(subject, kit).await);
    }
    if !subject.asks_a_provider() {
        return;
    }
    report.add("a refused credential is unauthorized", unauthorized(subject, kit).await);
    report.add("too many is rate-limited, until the provider says", too_many(subject, kit).await);
    report.add("a server error is no failure for good", broken(subject, kit).await);
    report.add("an answer that breaks off leaves it unknown", breaks_off(subject, kit).await);
    report.add("a provider that nobody reaches is tried again", unreachable(subject, component).await);
}

fn text(body: &str) -> Content {
    Content::Text(Text { body: body.to_owned(), format: None, extra: Vec::new() })
}

fn outgoing<S: Subject>(subject: &S, kit: &mut Kit, content: Content) -> Outgoing {
    subject.prepared(kit.outgoing(subject.thread(), content))
}

pub(super) async fn send<S: Subject>(
    subject: &S,
    kit: &mut Kit,
    content: Content,
) -> Result<Result<Receipt, SendError>, String> {
    let outgoing = outgoing(subject, kit, content);
    let mut results = kit.send_all(vec![outgoing]).await.map_err(|error| error.to_string())?;
    Ok(results.remove(0))
}

async fn refused<S: Subject>(subject: &S, kit: &mut Kit, answer: Answer) -> Result<SendError, String> {
    subject.script(kit.provider(), answer);
    let result = send(subject, kit, text("Hi")).await;
    kit.provider().forget();
    match result? {
        Ok(receipt) => Err(format!("it is sent: {receipt:?}")),
        Err(error) => Ok(error),
    }
}

async fn taken<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    subject.script(kit.provider(), Answer::Takes);
    let result = send(subject, kit, text("Hi")).await?;
    kit.provider().verify();
    let receipt = result.map_err(|error| format!("{error:?}"))?;
    ensure(!receipt.ids.is_empty() && receipt.ids.iter().all(|id| !id.is_empty()), || format!("{receipt:?}"))
}

async fn unknown<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let open = || Open { kind: "hologram".into(), data: "{}".into(), line: "A hologram".into(), extra: Vec::new() };
    for content in [Content::Other(open()), Content::Unsupported(open())] {
        let result = send(subject, kit, content).await;
        kit.provider().forget();
        match result? {
            Err(error) if matches!(error.fault, SendFault::Invalid) && !error.retryable => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(())
}

async fn partial<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let bad =
        Content::Other(Open { kind: "hologram".into(), data: "{}".into(), line: String::new(), extra: Vec::new() });
    let contents = [text("first"), bad, text("third")];
    let group: Vec<Outgoing> = contents.into_iter().map(|content| outgoing(subject, kit, content)).collect();
    subject.script(kit.provider(), Answer::Takes);
    subject.script(kit.provider(), Answer::Takes);
    let results = kit.send_all(group).await.map_err(|error| error.to_string());
    kit.provider().forget();
    let results = results?;
    let as_expected = results.len() == 3 && results[0].is_ok() && results[1].is_err() && results[2].is_ok();
    ensure(as_expected, || format!("{results:?}"))
}

async fn unauthorized<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let error = refused(subject, kit, Answer::Unauthorized).await?;
    ensure(matches!(error.fault, SendFault::Unauthorized), || format!("{error:?}"))?;
    ensure(!error.words.is_empty(), || "the provider's words are lost".to_owned())
}

async fn too_many<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let error = refused(subject, kit, Answer::TooMany(7)).await?;
    ensure(matches!(error.fault, SendFault::RateLimited) && error.retryable, || format!("{error:?}"))?;
    let Some(expected) = subject.delay_ms(7) else { return Ok(()) };
    // A provider that says until when, and not for how long, is up to a second off.
    let said = error.retry_after_ms.is_some_and(|ms| ms.abs_diff(expected) <= 1_000);
    ensure(said, || format!("{expected} ms became {:?}", error.retry_after_ms))
}

async fn broken<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let error = refused(subject, kit, Answer::Broken).await?;
    let goes_on = match error.fault {
        SendFault::Unavailable => error.retryable,
        SendFault::Unknown => true,
        _ => false,
    };
    ensure(goes_on, || format!("{error:?}"))
}

async fn breaks_off<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let error = refused(subject, kit, Answer::BreaksOff).await?;
    let honoured = kit.plugin().manifest().resend.is_some() && error.retryable;
    ensure(matches!(error.fault, SendFault::Unknown) || honoured, || format!("{error:?}"))
}

async fn unreachable<S: Subject>(subject: &S, component: &Component<'_>) -> Result<(), String> {
    let mut kit = component.load_unreachable(&subject.origins()).await.map_err(|error: KitError| error.to_string())?;
    subject.fill_in(&mut kit).await;
    let sent = send(subject, &mut kit, text("Hi")).await;
    kit.provider().forget();
    match sent? {
        Err(error) if matches!(error.fault, SendFault::Unavailable) && error.retryable => Ok(()),
        other => Err(format!("{other:?}")),
    }
}
