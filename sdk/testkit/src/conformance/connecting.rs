//! How a channel connects: who it is found out without a change, what is registered works, twice is as once, and what fails leaves
//! the provider as it was.

use sambung_runtime::contract::connection::ConnectStep;
use sambung_runtime::manifest::AddressKind;
use serde_json::Value;

use super::{Component, Report, Subject, ensure};
use crate::{Kit, KitError, Seen};

pub(super) async fn ask<S: Subject>(
    subject: &S,
    component: &Component<'_>,
    report: &mut Report,
) -> Result<(), KitError> {
    report.add(
        "`identify` finds the account and changes nothing",
        identify(subject, &mut fresh(subject, component).await?).await,
    );
    let mut kit = known(subject, component).await?;
    let (same, told) = twice(subject, &mut kit).await;
    report.add("`register` twice is as once", same);
    if subject.registers_at_provider() {
        if let Some((AddressKind::Channel, _)) = kit.handed_out() {
            report.add("`register` tells the provider the channel's address", told);
        }
        if subject.elsewhere(kit.provider()) {
            let (said, left) = elsewhere(subject, &mut kit).await;
            report.add("`check` says that the provider delivers elsewhere", said);
            report.add("`check` takes no address back", left);
        }
        let failed = failing(subject, &mut known(subject, component).await?).await;
        report.add("a `register` that fails leaves the provider as it was", failed);
    }
    if subject.signed(&kit, b"{}").is_some() {
        let accepted = handed_out(subject, &mut kit).await;
        report.add("the address that is handed out is one that events are accepted at", accepted);
    }
    Ok(())
}

async fn fresh<S: Subject>(subject: &S, component: &Component<'_>) -> Result<Kit, KitError> {
    let mut kit = component.load(&subject.origins()).await?;
    subject.fill_in(&mut kit).await;
    kit.provider().forget();
    Ok(kit)
}

/// As the host calls `register`: with the account that was found.
async fn known<S: Subject>(subject: &S, component: &Component<'_>) -> Result<Kit, KitError> {
    let mut kit = fresh(subject, component).await?;
    subject.identifies(kit.provider());
    // What goes wrong with it is another question's.
    let _ = kit.connect_without_registering().await;
    kit.provider().forget();
    Ok(kit)
}

async fn identify<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    subject.identifies(kit.provider());
    let step = kit.identify(None).await;
    let (seen, complete) = (kit.provider().seen(), kit.provider().complete());
    kit.provider().forget();
    match step {
        Ok(ConnectStep::Found(account)) => ensure(!account.id.is_empty(), || "an account without an id".to_owned())?,
        Ok(ConnectStep::Wait(waiting)) => {
            ensure(waiting.account.is_some(), || "it waits, and does not say for which account".to_owned())?;
        }
        other => return Err(format!("{other:?}; {}", complete.err().unwrap_or_default())),
    }
    let harmless = subject.harmless();
    let changing = changes(&seen).find(|one| !harmless.iter().any(|(request, _)| *request == line(one)));
    ensure(changing.is_none(), || format!("{} changes something", changing.map(line).unwrap_or_default()))?;
    complete
}

/// Whether two runs are as one, and whether the provider was told the channel's address.
async fn twice<S: Subject>(subject: &S, kit: &mut Kit) -> (Result<(), String>, Result<(), String>) {
    let address = kit.channel().webhook_url.clone().unwrap_or_default();
    let (mut runs, mut told) = (Vec::new(), false);
    for _ in 0..2 {
        subject.registers(kit.provider(), Registering::Taken);
        let connected = kit.register().await;
        let (seen, complete) = (kit.provider().seen(), kit.provider().complete());
        kit.provider().forget();
        let connected = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let words = format!("{error}; {}", complete.err().unwrap_or_default());
                return (Err(words.clone()), Err(words));
            }
        };
        told |= changes(&seen).any(|one| one.json().to_string().contains(&address));
        runs.push((connected.account, changes(&seen).map(whole).collect::<Vec<_>>()));
    }
    (
        ensure(runs[0] == runs[1], || format!("first {:?}, then {:?}", runs[0], runs[1])),
        ensure(told, || format!("{address} is in none of {:?}", runs[0].1)),
    )
}

async fn failing<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    subject.registers(kit.provider(), Registering::Refused);
    let connected = kit.register().await;
    let seen = kit.provider().seen();
    kit.provider().forget();
    ensure(connected.is_err(), || "the provider refused, and it is registered".to_owned())?;
    let harmless = subject.harmless();
    let mut left: Vec<String> = changes(&seen)
        .filter(|one| (200..300).contains(&one.status))
        .map(line)
        .filter(|line| !harmless.iter().any(|(request, _)| request == line))
        .collect();
    for (done, undone) in subject.undoes() {
        if let Some(at) = left.iter().position(|one| *one == undone) {
            left.remove(at);
            if let Some(at) = left.iter().position(|one| *one == done) {
                left.remove(at);
            }
        }
    }
    ensure(left.is_empty(), || format!("{left:?} was not undone"))
}

/// What `check` says, and what it does, where the provider delivers to another address.
async fn elsewhere<S: Subject>(subject: &S, kit: &mut Kit) -> (Result<(), String>, Result<(), String>) {
    let health = kit.check().await;
    let seen = kit.provider().seen();
    kit.provider().forget();
    let told = match health {
        Ok(health) => ensure(health.findings.iter().any(|one| one.code == ELSEWHERE), || {
            format!("no finding `{ELSEWHERE}` is among {:?}", health.findings)
        }),
        Err(error) => Err(error.to_string()),
    };
    let harmless = subject.harmless();
    let changing = changes(&seen).find(|one| !harmless.iter().any(|(request, _)| *request == line(one)));
    (told, ensure(changing.is_none(), || format!("{} changes something", changing.map(line).unwrap_or_default())))
}

/// The code of a finding that a host offers to register again for.
const ELSEWHERE: &str = "webhook-elsewhere";

async fn handed_out<S: Subject>(subject: &S, kit: &mut Kit) -> Result<(), String> {
    let body = subject.body(&[subject.text(1, "one")]);
    let signed = subject.signed(kit, &body).ok_or("nothing comes by webhook")?;
    let (address, path) = kit.handed_out().ok_or("no address is handed out")?;
    let answer = kit.webhook(&crate::Webhook { address, path, ..signed }).await.map_err(|error| error.to_string())?;
    ensure(answer.status == 200 && answer.outcome.is_some(), || format!("{} {:?}", answer.status, answer.refused))
}

/// What the provider does with the request by which a registration switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registering {
    /// It takes it.
    Taken,
    /// It refuses it.
    Refused,
}

fn changes(seen: &[Seen]) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(|one| !matches!(one.method.as_str(), "GET" | "HEAD"))
}

fn line(seen: &Seen) -> String {
    format!("{} {}", seen.method, seen.path.split('?').next().unwrap_or_default())
}

fn whole(seen: &Seen) -> (String, String, Value) {
    (seen.method.clone(), seen.path.clone(), seen.json())
}
