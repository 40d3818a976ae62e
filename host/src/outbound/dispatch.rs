//! The loop that begins attempts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use sambung_runtime::shares::Place;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::rates::Of;
use super::{Outbound, lock};
use crate::db::{BusyAccount, Claim, DbError};

/// Longest sleep when nothing is known to be due, in milliseconds: what a missed signal costs at most.
const LONGEST_SLEEP: i64 = 2_000;
/// Sleep when something is due and nothing says what it waits for.
const SHORT_SLEEP: i64 = 250;
/// Claims under way at a time.
const CLAIMS: usize = 32;
/// While outbound is held after a restore, and when the database does not answer.
const HELD_SLEEP: i64 = 1_000;

/// A place among the calls that run at a time. When it is dropped, however its call ended, another may have it.
pub(super) struct Slot {
    outbound: Outbound,
    place: Option<Place>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.place.take());
        self.outbound.0.wakes.outbound.notify_one();
    }
}

impl Outbound {
    pub(super) async fn dispatch(&self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        while !stop.is_cancelled() {
            let sleep = match self.pass(&tasks).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "sending waits for the database");
                    HELD_SLEEP
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.wakes.outbound.notified() => {}
                () = tokio::time::sleep(Duration::from_millis(sleep.max(1) as u64)) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Begins what may begin. Milliseconds until it is worth looking again unasked.
    async fn pass(&self, tasks: &TaskTracker) -> Result<i64, DbError> {
        if self.0.db.held_since().await?.is_some() {
            return Ok(HELD_SLEEP);
        }
        let mut sleep = LONGEST_SLEEP;
        let mut accounts = self.0.db.busy_accounts().await?;
        // Places are handed out in turn: first to the workspace, and in it the channel, that holds fewest.
        accounts.sort_by_cached_key(|one| (self.0.slots.load(&one.workspace, &one.channel_id), one.due_at));
        // In order, and several claims in one commit.
        let mut waits = stream::iter(accounts).map(|account| self.begin_due(account, tasks)).buffered(CLAIMS);
        while let Some(wait) = waits.next().await {
            sleep = sleep.min(wait);
        }
        Ok(sleep)
    }

    /// As [`Outbound::begin`], where something is due.
    async fn begin_due(&self, account: BusyAccount, tasks: &TaskTracker) -> i64 {
        let wait = account.due_at - self.0.clock.now();
        if wait > 0 {
            return wait;
        }
        match self.begin(&account, tasks).await {
            Ok(wait) => wait.max(1),
            // What is wrong with one account is nothing that the others should wait for.
            Err(error) => {
                metrics::counter!("sambung_claims_failed_total", "plugin" => account.plugin.clone()).increment(1);
                tracing::error!(%error, channel = account.channel_id, "sending through a channel waits for the database");
                HELD_SLEEP
            }
        }
    }

    /// Begins what may begin of one account. Milliseconds until it is worth looking again unasked: whatever ends a wait that no
    /// clock ends (a call, a decision, a plugin's or a channel's return) wakes the loop.
    async fn begin(&self, account: &BusyAccount, tasks: &TaskTracker) -> Result<i64, DbError> {
        let generation = self.0.plugins.get(&account.plugin).filter(|generation| generation.is_active());
        let Some(generation) = generation else { return Ok(LONGEST_SLEEP) };
        let now = self.0.clock.now();
        let limits = &generation.plugin.manifest().limits;
        let (id, app) = (account.account_id, account.app.as_deref());
        let (allowance, spent) = {
            let rates = lock(&self.0.rates);
            (rates.allowance(&limits.rates, id, app, now), rates.spent(&limits.rates, id, now))
        };
        if allowance == 0 {
            return Ok(lock(&self.0.rates).wait(&limits.rates, id, app, now));
        }
        let mut places = self.places(account, allowance as usize);
        if places.is_empty() {
            // Every call that ends wakes the loop.
            return Ok(LONGEST_SLEEP);
        }
        let most = places.len();
        let claim = Claim {
            account: account.clone(),
            rules: generation.plugin.window_rules().to_vec(),
            together: limits.together,
            resend: generation.plugin.manifest().resend.clone(),
            lane_wait_ms: self.0.settings.lane_wait_ms,
            most: most as u32,
            spent: spent.who.clone(),
            now,
        };
        let groups = self.0.db.claim_due_parts(claim).await?;
        let begun = groups.len();
        for group in groups {
            let of = Of { account: id, app, conversation: group.conversation_id, contact: group.contact_id };
            lock(&self.0.rates).take(&limits.rates, of, now);
            let slot = Slot { outbound: self.clone(), place: places.pop() };
            let (outbound, account, generation) = (self.clone(), account.clone(), Arc::clone(&generation));
            tasks.spawn(async move {
                let _slot = slot;
                outbound.carry(&account, &generation, group).await;
            });
        }
        if begun == most {
            // There may be more: it goes when a call ends, or when the rate allows it.
            let wait = lock(&self.0.rates).wait(&limits.rates, id, app, now);
            return Ok(if wait > 0 { wait } else { LONGEST_SLEEP });
        }
        let due = self.0.db.next_due_part(id, &spent.who).await?.map_or(LONGEST_SLEEP, |due| due - self.0.clock.now());
        let due = if due > 0 { due } else { SHORT_SLEEP };
        Ok(due.min(spent.wait.unwrap_or(LONGEST_SLEEP)))
    }

    /// As many places as the channel may have now, up to `wanted`.
    fn places(&self, account: &BusyAccount, wanted: usize) -> Vec<Place> {
        let slots = &self.0.slots;
        let most = wanted.min(slots.room(&account.workspace, &account.channel_id));
        (0..most).map_while(|_| slots.try_take(&account.workspace, &account.channel_id)).collect()
    }
}
