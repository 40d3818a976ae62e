//! One request through its plugin.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_runtime::contract::inbound::{Happening, Item, ItemResult, Outcome, Request};
use sambung_runtime::contract::types::{Channel, Content, Mail};
use sambung_runtime::{CallError, CallFault, Caller, Usage};

use super::Inner;
use crate::db::{PendingRow, Progress, Translated, Translation};
use crate::keys::RequestId;
use crate::mail;
use crate::model::channel::ChannelState;

/// How often a call is tried that failed for want of room, before the row is parked.
const MOST_TRIES: u32 = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// As the runtime names the call in its errors.
const FUNCTION: &str = "inbound.handle-webhook";

/// Translates a row with the generation that is current now. Whatever happens to it happens to this row alone.
pub(super) async fn translate(inner: &Inner, row: Arc<PendingRow>) -> Translated {
    let translation = match AssertUnwindSafe(translation(inner, &row)).catch_unwind().await {
        Ok(Ok(translation)) => translation,
        Ok(Err(reason)) => Translation::Parked(reason),
        Err(_) => {
            tracing::error!(row = %row.id, plugin = &*row.plugin, "translating a request made the host panic");
            Translation::Failed(broken_host())
        }
    };
    inner.answers.give(row.id, || None);
    Translated { row, translation, progress: Progress::default() }
}

fn broken_host() -> CallError {
    CallError {
        fault: CallFault::Engine,
        dispatched: false,
        function: FUNCTION,
        words: "the host panicked; its words are in the log".to_owned(),
        usage: Usage::default(),
    }
}

async fn translation(inner: &Inner, row: &PendingRow) -> Result<Translation, String> {
    let Some(generation) = inner.plugins.get(&row.plugin) else {
        return Err(format!("the plugin {} is not installed", row.plugin));
    };
    let channel = match &row.channel {
        None => None,
        Some(id) => {
            // That the database does not answer now is no fault of the request's.
            let found = loop {
                match inner.db.channel(id).await {
                    Ok(found) => break found,
                    Err(error) if error.may_pass() => {
                        tracing::warn!(%error, row = %row.id, "a request waits for the database");
                        tokio::time::sleep(BETWEEN_TRIES).await;
                    }
                    Err(error) => return Err(format!("its channel could not be read: {error}")),
                }
            };
            Some(found.ok_or("the channel was disconnected before this was translated")?)
        }
    };
    let early = channel.as_ref().is_some_and(|channel| channel.state == ChannelState::Connecting);
    if early && !channel.as_ref().is_some_and(|channel| stands_at_wait(channel.step.as_ref())) {
        return Ok(Translation::TooEarly);
    }
    let caller = match &channel {
        Some(channel) => channel.caller(),
        None => Caller {
            workspace: row.workspace.as_deref().unwrap_or_default().to_owned(),
            plugin: row.plugin.to_string(),
            channel: None,
            app: row.app.as_deref().map(str::to_owned),
            settings: serde_json::Value::Null,
            generated: Vec::new(),
        },
    };
    let mail = super::mail::of(row).await?;
    let (id, seed) = (row.id, seed_of(row.id));
    let seen: Option<Channel> = channel.as_ref().map(|channel| channel.to_contract(None));
    let mut tries = 0;
    loop {
        let request = request_of(row, mail.clone());
        match generation.plugin.handle_webhook(&caller, seed, request, seen.clone()).await {
            Ok(done) => {
                let outcome = done.value;
                inner.answers.give(id, || outcome.as_ref().ok().and_then(|outcome| outcome.answer.clone()));
                let mut outcome = outcome?;
                within(&outcome, inner.most_events)?;
                outcome.items.iter_mut().for_each(park_unnamed);
                let outcome = mail::harmless(outcome, each_content).await;
                return Ok(Translation::Outcome {
                    outcome: outcome.into(),
                    rules: Arc::clone(generation.plugin.window_rules()),
                    early,
                });
            }
            Err(error) if matches!(error.fault, CallFault::Busy | CallFault::Engine) && tries < MOST_TRIES => {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) => {
                tracing::warn!(row = %id, plugin = generation.id, %error, "a request could not be translated");
                return Ok(Translation::Failed(error));
            }
        }
    }
}

/// Every content of a message in it.
fn each_content(outcome: &mut Outcome, visit: &mut dyn FnMut(&mut Content)) {
    for item in &mut outcome.items {
        let ItemResult::Events(events) = &mut item.outcome else { continue };
        for event in events {
            if let Happening::Message(message) = &mut event.what {
                message.content.iter_mut().for_each(&mut *visit);
            }
        }
    }
}

/// Whether a request makes no more events than it may. What is over stays in the journal, whole, and can be run again when the
/// limit is raised.
fn within(outcome: &Outcome, most: usize) -> Result<(), String> {
    let count = |item: &Item| match &item.outcome {
        ItemResult::Events(events) => events.len().max(1),
        _ => 1,
    };
    let events: usize = outcome.items.iter().map(count).sum();
    if events <= most {
        return Ok(());
    }
    metrics::counter!("sambung_inbound_events_over_total").increment(1);
    Err(format!(
        "it holds {events} events, and {most} are allowed in one request (`inbound.events_per_request`); raise the limit and \
         replay the request"
    ))
}

/// Parks an item of which an event, its message or its thread has no id: the next one without an id would be taken for its
/// repetition, and a thread without a key would hold every customer's messages.
fn park_unnamed(item: &mut Item) {
    let ItemResult::Events(events) = &item.outcome else { return };
    let unnamed = events.iter().find_map(|event| match &event.what {
        _ if event.id.is_empty() => Some("an event has no `id`"),
        Happening::Message(message) if message.id.is_empty() => Some("a message has no `id`"),
        Happening::Message(message) if message.thread.key.is_empty() => Some("a message's thread has no `key`"),
        _ => None,
    });
    if let Some(what) = unnamed {
        item.outcome = ItemResult::Failed(format!("the plugin's translation is not complete: {what}"));
    }
}

/// While `connect` waits for something to happen at the provider, what the provider says may be just that.
fn stands_at_wait(step: Option<&serde_json::Value>) -> bool {
    step.and_then(|step| step.get("kind")).and_then(serde_json::Value::as_str) == Some("wait")
}

/// The same for every translation of a row, and unlike its neighbours'.
fn seed_of(id: RequestId) -> u64 {
    (id.row() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

fn request_of(row: &PendingRow, mail: Option<Mail>) -> Request {
    Request {
        recipe: row.recipe.clone(),
        method: row.method.clone(),
        path: row.path.clone(),
        query: row.query.clone(),
        headers: row.headers.clone(),
        body: if mail.is_some() { Vec::new() } else { row.body.clone() },
        mail,
        received_at: u64::try_from(row.received_at).unwrap_or_default(),
        extra: Vec::new(),
    }
}
