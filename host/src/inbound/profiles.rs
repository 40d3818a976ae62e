//! Asks the provider who somebody new is. Best effort: each is asked once, and nothing waits for the answer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sambung_runtime::contract::types::Thread;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::db::{DbError, StrangerRow};
use crate::upkeep::Calls;

/// People of one workspace that are asked about in one round.
const AT_ONCE: u32 = 32;
/// How often the table is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    let mut calls = inner.upkeep.calls("profiles");
    while !stop.is_cancelled() {
        if let Err(error) = start(inner, &mut calls).await {
            tracing::warn!(%error, "people could not be looked up");
        }
        tokio::select! {
            () = inner.wakes.strangers.notified() => {}
            () = calls.pause(LOOK_AGAIN) => {}
        }
    }
}

/// Starts asking about some: of each channel one after the other.
async fn start(inner: &Arc<Inner>, calls: &mut Calls) -> Result<(), DbError> {
    let able: Vec<String> = inner
        .plugins
        .all()
        .iter()
        .filter(|generation| generation.is_active() && generation.plugin.interfaces().profiles)
        .map(|generation| generation.id.clone())
        .collect();
    if able.is_empty() {
        return Ok(());
    }
    let mut strangers: HashMap<(String, String), Vec<StrangerRow>> = HashMap::new();
    for stranger in inner.db.strangers(able, calls.channels(), AT_ONCE).await? {
        strangers.entry((stranger.workspace.clone(), stranger.channel.clone())).or_default().push(stranger);
    }
    for ((workspace, channel), strangers) in strangers {
        let inner = Arc::clone(inner);
        calls.start(&workspace, &channel, async move {
            for stranger in strangers {
                if let Err(error) = look_up(&inner, &stranger).await {
                    let (channel, contact) = (stranger.channel, stranger.contact);
                    tracing::warn!(channel, %contact, %error, "a person could not be looked up");
                }
            }
        });
    }
    Ok(())
}

async fn look_up(inner: &Inner, stranger: &StrangerRow) -> Result<(), DbError> {
    let channel = inner.db.channel(&stranger.channel).await?;
    let generation = channel.as_ref().and_then(|channel| inner.plugins.get(&channel.plugin));
    let mut person = None;
    if let (Some(channel), Some(generation), Some(who)) = (channel, generation, stranger.identities.first()) {
        let thread = stranger.thread.clone().map(|(key, context)| Thread {
            key,
            aliases: Vec::new(),
            joins: Vec::new(),
            context,
            extra: Vec::new(),
        });
        let asked = generation.plugin.look_up(&channel.caller(), channel.to_contract(None), who.clone(), thread).await;
        match asked.map(|done| done.value) {
            Ok(Ok(found)) => person = found,
            Ok(Err(fault)) => tracing::debug!(words = fault.words, "the provider did not say who somebody is"),
            Err(_) => {}
        }
    }
    inner.db.note_profile(&stranger.channel, stranger.contact, person, inner.clock.now()).await
}
