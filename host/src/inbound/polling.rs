//! Asks providers for what is new, where they have no address to post it to or the channel says that they do not: one poll at a
//! time for each channel, so many at once, and what comes goes through the journal like anything that was posted.
//!
//! A poll may wait for news at the provider for as long as a call may take. Nothing it fetched is acknowledged before it is
//! committed, so one that is cut off is simply made again.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sambung_runtime::contract::polling::{Polled, Raw};
use sambung_runtime::contract::types::Fault;
use sambung_runtime::shares::Shares;
use tokio::task::{AbortHandle, JoinSet};

use super::Inner;
use crate::clock::chance;
use crate::db::{ChannelRow, DbError, NewRow, PollResult, PolledChannel};
use crate::model::retry::poll_delay;
use crate::plugins::Renewed;

/// How often it is looked which channels are to be polled without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Between two polls of which the first brought nothing and did not wait.
const QUIET: Duration = Duration::from_secs(1);
/// The longest that a plugin may wait of its own will.
const LONGEST: Duration = Duration::from_secs(3600);
/// So many failures in a row are no hiccup, and the channel shows them.
const SHOWN: u32 = 3;

/// How polling goes.
#[derive(Clone)]
pub(super) struct Settings {
    /// Polls at a time, shared by all workspaces and their channels.
    pub places: Shares,
    /// Whether providers cannot reach this host, so that whoever can be polled is.
    pub unreachable: bool,
}

/// A channel that is polled.
struct Slot {
    workspace: String,
    plugin: String,
    credential_version: i64,
    due: Instant,
    failures: u32,
    running: Option<(u64, AbortHandle)>,
}

/// How a poll ended.
struct Ended {
    channel: String,
    turn: u64,
    next: Next,
}

enum Next {
    /// After so long.
    After(Duration),
    /// It failed; the provider may have said for how long to wait.
    Failed(Option<u64>),
}

#[derive(Default)]
struct Rounds {
    slots: HashMap<String, Slot>,
    polls: JoinSet<Ended>,
    turns: u64,
}

/// Polls until it is dropped.
pub(super) async fn run(inner: &Arc<Inner>) {
    let mut rounds = Rounds::default();
    let mut look_again = tokio::time::interval(LOOK_AGAIN);
    loop {
        rounds.start(inner);
        let due = rounds.next_due(inner);
        tokio::select! {
            Some(ended) = rounds.polls.join_next(), if !rounds.polls.is_empty() => {
                // One that was cut off has nothing to say.
                if let Ok(ended) = ended {
                    rounds.ended(ended);
                }
            }
            () = inner.wakes.polling.notified() => rounds.look(inner).await,
            _ = look_again.tick() => rounds.look(inner).await,
            () = until(due) => {}
        }
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

impl Rounds {
    /// Which channels are polled from now on. A poll with a credential that was replaced, or for a channel that is not to be
    /// polled any more, is cut off.
    async fn look(&mut self, inner: &Arc<Inner>) {
        let able: Vec<String> = inner
            .plugins
            .all()
            .iter()
            .filter(|generation| generation.is_active() && generation.plugin.interfaces().polling)
            .map(|generation| generation.id.clone())
            .collect();
        let found = match able.is_empty() {
            true => Ok(Vec::new()),
            false => inner.db.channels_to_poll(able, inner.polling.unreachable).await,
        };
        match found {
            Ok(found) => self.follow(found),
            Err(error) => tracing::warn!(%error, "it could not be looked which channels are to be polled"),
        }
    }

    fn follow(&mut self, found: Vec<PolledChannel>) {
        let wanted: HashSet<(&str, i64)> =
            found.iter().map(|channel| (channel.id.as_str(), channel.credential_version)).collect();
        self.slots.retain(|id, slot| {
            let stays = wanted.contains(&(id.as_str(), slot.credential_version));
            if let Some((_, running)) = slot.running.as_ref().filter(|_| !stays) {
                running.abort();
            }
            stays
        });
        for PolledChannel { id, workspace, plugin, credential_version } in found {
            self.slots.entry(id).or_insert_with(|| Slot {
                workspace,
                plugin,
                credential_version,
                due: Instant::now(),
                failures: 0,
                running: None,
            });
        }
    }

    /// Begins polls that are due: those of the workspaces that hold fewest places first, and of these those that waited longest.
    fn start(&mut self, inner: &Arc<Inner>) {
        let now = Instant::now();
        let places = &inner.polling.places;
        let mut due: Vec<(&String, &mut Slot)> =
            self.slots.iter_mut().filter(|(_, slot)| slot.running.is_none() && slot.due <= now).collect();
        due.sort_by_key(|(_, slot)| slot.due);
        // The n-th poll of a workspace comes after the first n - 1 of every other.
        let mut turns: HashMap<String, usize> = HashMap::new();
        due.sort_by_cached_key(|(_, slot)| {
            let turn = turns.entry(slot.workspace.clone()).or_insert_with(|| places.load(&slot.workspace, "").0);
            *turn += 1;
            *turn
        });
        for (id, slot) in due {
            if places.room(&slot.workspace, id) == 0 {
                continue;
            }
            let Some(place) = places.try_take(&slot.workspace, id) else { continue };
            self.turns += 1;
            let (inner, channel, plugin) = (Arc::clone(inner), id.clone(), slot.plugin.clone());
            let (turn, failures) = (self.turns, slot.failures);
            let task = self.polls.spawn(async move {
                let _place = place;
                let polled = AssertUnwindSafe(poll(&inner, &channel, &plugin, failures)).catch_unwind().await;
                let next = match polled {
                    Ok(Ok(next)) => next,
                    Ok(Err(error)) => {
                        tracing::warn!(%error, channel, "what a poll brought could not be stored");
                        Next::Failed(None)
                    }
                    Err(_) => {
                        tracing::error!(channel, "polling made the host panic");
                        Next::Failed(None)
                    }
                };
                Ended { channel, turn, next }
            });
            slot.running = Some((turn, task));
        }
    }

    /// When the next poll is to begin, of those that there is a place for.
    fn next_due(&self, inner: &Inner) -> Option<Instant> {
        let may = |(id, slot): &(&String, &Slot)| {
            slot.running.is_none() && inner.polling.places.room(&slot.workspace, id) > 0
        };
        self.slots.iter().filter(may).map(|(_, slot)| slot.due).min()
    }

    fn ended(&mut self, ended: Ended) {
        let Some(slot) = self.slots.get_mut(&ended.channel) else { return };
        if slot.running.as_ref().is_none_or(|(turn, _)| *turn != ended.turn) {
            return;
        }
        slot.running = None;
        let delay = match ended.next {
            Next::After(delay) => {
                slot.failures = 0;
                delay
            }
            Next::Failed(asked) => {
                slot.failures += 1;
                let delay = poll_delay(slot.failures, asked, chance());
                Duration::from_millis(u64::try_from(delay).unwrap_or_default())
            }
        };
        slot.due = Instant::now() + delay;
    }
}

/// `failures`: how many polls of the channel failed before this one, in a row.
async fn poll(inner: &Inner, channel: &str, plugin: &str, failures: u32) -> Result<Next, DbError> {
    let generation = inner.plugins.get(plugin).filter(|generation| generation.is_active());
    let (Some(generation), Some(row)) = (generation, inner.db.channel(channel).await?) else {
        return Ok(Next::After(QUIET));
    };
    let cursor = inner.db.poll_cursor(channel).await?;
    let began = Instant::now();
    let called = generation.plugin.poll(&row.caller(), row.to_contract(None), cursor.clone()).await;
    let now = inner.clock.now();
    let done = match called {
        Ok(done) => done,
        Err(_) => {
            count("failed");
            return Ok(Next::Failed(None));
        }
    };
    match done.value {
        Ok(polled) => {
            count("ok");
            let waits = pause(&polled, cursor.as_deref(), began.elapsed());
            let rows = polled.requests.into_iter().map(|raw| request(&row, raw, now));
            let result = PollResult {
                channel: channel.to_owned(),
                rows: rows.collect(),
                from: cursor,
                cursor: polled.cursor,
                effects: done.effects,
            };
            inner.db.commit_polled(result, now).await?;
            inner.db.note_poll_accepted(channel, now).await?;
            Ok(Next::After(waits))
        }
        Err(fault) => {
            count("refused");
            refused(inner, &row, fault, failures, now).await
        }
    }
}

/// A credential that is refused is renewed, or waits for a person; anything else waits for its time.
async fn refused(inner: &Inner, row: &ChannelRow, fault: Fault, failures: u32, now: i64) -> Result<Next, DbError> {
    if fault.kind == "unauthorized" {
        match inner.renewals.renew(&row.id, row.credential_version).await? {
            Renewed::Newer => {
                // It is polled with the new one as soon as it is looked at.
                inner.wakes.polling.notify_one();
                return Ok(Next::After(Duration::ZERO));
            }
            Renewed::Later => return Ok(Next::Failed(None)),
            Renewed::Refused(_) | Renewed::Impossible => {}
        }
        inner.db.mark_needs_attention(&row.id, row.credential_version, &fault.words, now).await?;
    } else {
        tracing::info!(channel = row.id, words = fault.words, "the provider did not answer a poll");
        if failures + 1 >= SHOWN {
            inner.db.note_poll_refused(&row.id, &fault.words, now).await?;
        }
    }
    Ok(Next::Failed(fault.retry_after_ms))
}

/// How long to wait before the next poll. What brought nothing new is not asked again at once, whatever the plugin says.
fn pause(polled: &Polled, cursor: Option<&str>, took: Duration) -> Duration {
    let asked = Duration::from_millis(polled.again_after_ms).min(LONGEST);
    let moved = polled.cursor.is_some() && polled.cursor.as_deref() != cursor;
    if moved { asked } else { asked.max(QUIET.saturating_sub(took)) }
}

fn request(channel: &ChannelRow, raw: Raw, now: i64) -> NewRow {
    NewRow {
        plugin: channel.plugin.as_str().into(),
        // As the provider would name it, so that both ways keep one order.
        address: format!("{}/{}", channel.plugin, channel.id).into(),
        workspace: Some(channel.workspace.as_str().into()),
        channel: Some(channel.id.as_str().into()),
        app: None,
        recipe: "poll".to_owned(),
        method: "POST".to_owned(),
        path: raw.path,
        query: raw.query,
        headers: raw.headers,
        body: raw.body,
        received_at: now,
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("sambung_polls_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polled(cursor: Option<&str>, again_after_ms: u64) -> Polled {
        Polled { requests: vec![], cursor: cursor.map(str::to_owned), again_after_ms, extra: vec![] }
    }

    #[test]
    fn what_brought_nothing_new_is_not_asked_again_at_once() {
        let at_once = Duration::ZERO;
        assert_eq!(pause(&polled(Some("2"), 0), Some("1"), at_once), Duration::ZERO);
        assert_eq!(pause(&polled(None, 0), Some("1"), at_once), QUIET);
        assert_eq!(pause(&polled(Some("1"), 0), Some("1"), at_once), QUIET, "the same cursor is no news");
        assert_eq!(pause(&polled(None, 0), None, Duration::from_secs(20)), Duration::ZERO, "it waited itself");
        assert_eq!(pause(&polled(None, 30_000), None, at_once), Duration::from_secs(30));
        assert_eq!(pause(&polled(None, u64::MAX), None, at_once), LONGEST);
    }

    fn channel(id: &str, credential_version: i64) -> PolledChannel {
        PolledChannel { id: id.to_owned(), workspace: "ws".to_owned(), plugin: "p".to_owned(), credential_version }
    }

    #[tokio::test]
    async fn a_poll_with_a_replaced_credential_or_of_a_channel_that_left_is_cut_off() {
        let mut rounds = Rounds::default();
        rounds.follow(vec![channel("a", 1), channel("b", 1), channel("c", 1)]);
        for id in ["a", "b", "c"] {
            let task = rounds.polls.spawn(std::future::pending());
            rounds.slots.get_mut(id).expect("it is there").running = Some((1, task));
        }
        rounds.follow(vec![channel("a", 1), channel("b", 2)]);
        for _ in 0..2 {
            assert!(rounds.polls.join_next().await.expect("one").is_err_and(|error| error.is_cancelled()));
        }
        assert_eq!(rounds.polls.len(), 1, "the first goes on");
        assert!(rounds.slots["b"].running.is_none() && !rounds.slots.contains_key("c"));
    }

    #[tokio::test]
    async fn what_a_cut_off_poll_says_is_not_heard() {
        let mut rounds = Rounds::default();
        rounds.follow(vec![channel("a", 1)]);
        let task = rounds.polls.spawn(std::future::pending());
        rounds.slots.get_mut("a").expect("it is there").running = Some((2, task));
        rounds.ended(Ended { channel: "a".to_owned(), turn: 1, next: Next::Failed(None) });
        assert!(rounds.slots["a"].running.is_some() && rounds.slots["a"].failures == 0);
    }
}
