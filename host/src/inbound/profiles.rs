//! Asks the provider who somebody new is. Best effort: each is asked once, and nothing waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use sambung_runtime::contract::types::Thread;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::db::{DbError, StrangerRow};

/// People asked about in one round.
const AT_ONCE: u32 = 16;
/// How often the table is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match round(inner).await {
            Ok(0) => {
                tokio::select! {
                    () = inner.strangers.notified() => {}
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
            Ok(_) => inner.wakes.feed_grew(),
            Err(error) => {
                tracing::warn!(%error, "people could not be looked up");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Asks about some; how many.
async fn round(inner: &Inner) -> Result<usize, DbError> {
    let able: Vec<String> = inner
        .plugins
        .all()
        .iter()
        .filter(|generation| generation.is_active() && generation.plugin.interfaces().profiles)
        .map(|generation| generation.id.clone())
        .collect();
    if able.is_empty() {
        return Ok(0);
    }
    let strangers = inner.db.strangers(able, AT_ONCE).await?;
    for stranger in &strangers {
        look_up(inner, stranger).await?;
    }
    Ok(strangers.len())
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
    inner.db.note_profile(&stranger.channel, &stranger.contact, person, inner.clock.now()).await
}
