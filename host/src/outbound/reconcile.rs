//! Asking providers what became of unknown attempts, where the plugin can, until each has a verdict or a person decides.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_runtime::contract::reconcile::{Lost, Verdict};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::carry::outgoing;
use super::{Outbound, chance};
use crate::db::{DbError, Ended, Ending, Settlement, UnknownPart};
use crate::model::retry::reconcile_delay;
use crate::upkeep::Calls;

/// Accounts looked at in one round.
const ROUND: u32 = 500;
/// Milliseconds after which the provider is not asked any more.
const ENOUGH: i64 = 3 * 24 * 3_600_000;

impl Outbound {
    pub(super) async fn ask_unknown(&self, stop: CancellationToken) {
        let mut calls = self.0.upkeep.calls("reconcile");
        let mut after = 0;
        while !stop.is_cancelled() {
            if let Err(error) = self.start_asking(&mut calls, &mut after).await {
                tracing::error!(%error, "unknown attempts wait for the database");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = calls.pause(Duration::from_secs(2)) => {}
            }
        }
        calls.finish().await;
    }

    /// Asks about one attempt of each account that has some, in the order of accounts, from where the last round ended.
    async fn start_asking(&self, calls: &mut Calls, after: &mut i64) -> Result<(), DbError> {
        if self.0.db.held_since().await?.is_some() {
            return Ok(());
        }
        let (unknown, last) = self.0.db.unknown_to_ask(self.0.clock.now(), *after, ROUND).await?;
        *after = last.unwrap_or(0);
        for unknown in unknown {
            let (workspace, channel) = (unknown.workspace.clone(), unknown.channel_id.clone());
            let outbound = self.clone();
            calls.start(&workspace, &channel, async move { outbound.ask_or_later(&unknown).await });
        }
        Ok(())
    }

    async fn ask_or_later(&self, unknown: &UnknownPart) {
        let later = match AssertUnwindSafe(self.ask(unknown)).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(%error, message = %unknown.group.message_id, "an unknown attempt waits for the database");
                self.ask_later(unknown, self.0.clock.now())
            }
            Err(_) => {
                tracing::error!(message = %unknown.group.message_id, "asking about an attempt made the host panic");
                self.ask_later(unknown, self.0.clock.now())
            }
        };
        self.report(later.await);
    }

    async fn ask(&self, unknown: &UnknownPart) -> Result<(), DbError> {
        let group = &unknown.group;
        let Some(part) = group.parts.first() else { return Ok(()) };
        let generation = self.0.plugins.get(&unknown.plugin).filter(|generation| generation.is_active());
        let channel = self.0.db.channel(&unknown.channel_id).await?;
        let (Some(generation), Some(channel)) = (generation, channel) else {
            return self.0.db.ask_again(group.message_id, part.idx, self.0.clock.now() + 60_000).await;
        };
        if !generation.plugin.interfaces().reconcile {
            return self.0.db.ask_again(group.message_id, part.idx, i64::MAX).await;
        }
        let Some(attempt) = outgoing(group).ok().and_then(|mut messages| messages.pop()) else {
            return self.0.db.ask_again(group.message_id, part.idx, i64::MAX).await;
        };
        let lost = Lost { attempt, at: part.started_at.max(0) as u64, extra: Vec::new() };
        let called = generation.plugin.reconcile(&channel.caller(), channel.to_contract(None), vec![lost]).await;
        let now = self.0.clock.now();
        let (ending, effects, thread, identities) = match called {
            Ok(mut done) => match done.value.pop() {
                Some(Ok(Verdict::Sent(receipt))) => {
                    (Ending::Sent { ids: receipt.ids }, done.effects, receipt.thread, receipt.identities)
                }
                Some(Ok(Verdict::NotSent)) => {
                    let error = json!({"code": "not-sent", "detail": "the provider says that it did not get it"});
                    let again = Ending::Again { due_at: now, counts: true, excluded: None, maybe_sent: false, error };
                    (again, done.effects, None, Vec::new())
                }
                _ => return self.ask_later(unknown, now).await,
            },
            Err(_) => return self.ask_later(unknown, now).await,
        };
        let settlement = Settlement {
            workspace: unknown.workspace.clone(),
            account_id: unknown.account_id,
            channel_id: unknown.channel_id.clone(),
            message_id: group.message_id,
            conversation_id: group.conversation_id,
            contact_id: group.contact_id,
            ended: vec![Ended {
                idx: part.idx,
                attempt_id: part.attempt_id,
                attempt_key: part.attempt_key.clone(),
                ending,
                dispatched: true,
            }],
            thread,
            identities,
            effects,
            at: now,
            ..Settlement::default()
        };
        self.commit(settlement).await;
        Ok(())
    }

    /// The longer it has been, the longer until the next question.
    async fn ask_later(&self, unknown: &UnknownPart, now: i64) -> Result<(), DbError> {
        let Some(part) = unknown.group.parts.first() else { return Ok(()) };
        let age = now - part.started_at;
        let asked = (age / 5_000).max(1).ilog2();
        let at = if age > ENOUGH { i64::MAX } else { now + reconcile_delay(asked, chance()) };
        self.0.db.ask_again(unknown.group.message_id, part.idx, at).await
    }
}
