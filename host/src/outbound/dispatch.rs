//! The loop that begins attempts, and the task that carries one call.

use std::sync::Arc;
use std::time::Duration;

use sambung_runtime::contract::outbound::Outgoing;
use sambung_runtime::contract::types::Content;
use sambung_runtime::{CallError, Called, Effects};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::endings::{Around, Judgement, of_answer, of_broken_call};
use super::rates::Of;
use super::{Outbound, chance, lock};
use crate::db::{BusyAccount, ChannelRow, Claim, DbError, DuePart, Ended, Ending, Group, Settlement};
use crate::model::content;
use crate::plugins::Generation;

/// Longest sleep when nothing is known to be due, in milliseconds: what a missed signal costs at most.
const LONGEST_SLEEP: i64 = 30_000;
/// Sleep when something is due that waits for its lane, its rate or a free slot.
const SHORT_SLEEP: i64 = 250;
/// While outbound is held after a restore.
const HELD_SLEEP: i64 = 1_000;

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
        for account in self.0.db.busy_accounts().await? {
            let wait = account.due_at - self.0.clock.now();
            if wait > 0 {
                sleep = sleep.min(wait);
                continue;
            }
            sleep = sleep.min(SHORT_SLEEP);
            let Some(generation) = self.0.plugins.get(&account.plugin) else { continue };
            if generation.is_active() {
                self.begin(account, &generation, tasks).await?;
            }
        }
        Ok(sleep)
    }

    async fn begin(
        &self,
        account: BusyAccount,
        generation: &Arc<Generation>,
        tasks: &TaskTracker,
    ) -> Result<(), DbError> {
        let now = self.0.clock.now();
        let limits = &generation.plugin.manifest().limits;
        let busy = lock(&self.0.in_flight).get(&account.account_id).copied().unwrap_or(0);
        let (allowance, spent) = {
            let rates = lock(&self.0.rates);
            let app = account.app.as_deref();
            (
                rates.allowance(&limits.rates, account.account_id, app, now),
                rates.spent(&limits.rates, account.account_id, now),
            )
        };
        let wanted = self.0.settings.calls_per_channel.saturating_sub(busy).min(allowance) as usize;
        let Some(mut permits) = self.permits(wanted) else { return Ok(()) };
        let claim = Claim {
            account: account.clone(),
            rules: generation.plugin.window_rules().to_vec(),
            together: limits.together,
            resend: generation.plugin.manifest().resend.clone(),
            lane_wait_ms: self.0.settings.lane_wait_ms,
            most: permits.len() as u32,
            spent,
            now,
        };
        let claimed = self.0.db.claim_due_parts(claim).await?;
        if claimed.changed {
            self.0.wakes.feed_grew();
        }
        for group in claimed.groups {
            let Some(permit) = permits.pop() else { break };
            let of = Of {
                account: account.account_id,
                app: account.app.as_deref(),
                conversation: &group.conversation_id,
                contact: group.contact_id.as_deref(),
            };
            lock(&self.0.rates).take(&limits.rates, of, now);
            *lock(&self.0.in_flight).entry(account.account_id).or_insert(0) += 1;
            let (outbound, account, generation) = (self.clone(), account.clone(), Arc::clone(generation));
            tasks.spawn(async move {
                outbound.carry(&account, &generation, group).await;
                outbound.finished(account.account_id);
                drop(permit);
                outbound.0.wakes.outbound.notify_one();
            });
        }
        Ok(())
    }

    /// As many slots as there are, up to `wanted`; none when there is not one.
    fn permits(&self, wanted: usize) -> Option<Vec<OwnedSemaphorePermit>> {
        let permits: Vec<_> = (0..wanted).map_while(|_| Arc::clone(&self.0.slots).try_acquire_owned().ok()).collect();
        (!permits.is_empty()).then_some(permits)
    }

    fn finished(&self, account: i64) {
        let mut in_flight = lock(&self.0.in_flight);
        if let Some(count) = in_flight.get_mut(&account) {
            *count -= 1;
            if *count == 0 {
                in_flight.remove(&account);
            }
        }
    }

    /// One call of the plugin and everything that follows from it.
    async fn carry(&self, account: &BusyAccount, generation: &Generation, group: Group) {
        let channel = loop {
            match self.0.db.channel(&account.channel_id).await {
                Ok(channel) => break channel,
                Err(error) => self.wait_for_database(&error).await,
            }
        };
        let called = match (&channel, outgoing(&group)) {
            (Some(channel), Ok(messages)) => {
                generation.plugin.send(&channel.caller(), messages, channel.to_contract(None)).await
            }
            (None, _) => Err(not_called("the channel was disconnected")),
            (_, Err(words)) => return self.unreadable(account, &group, &words).await,
        };
        self.settle(account, generation, channel.as_deref(), group, called).await;
    }

    async fn settle(
        &self,
        account: &BusyAccount,
        generation: &Generation,
        channel: Option<&ChannelRow>,
        group: Group,
        called: Called<
            Vec<Result<sambung_runtime::contract::types::Receipt, sambung_runtime::contract::outbound::SendError>>,
        >,
    ) {
        let plugin = &generation.plugin;
        let now = self.0.clock.now();
        let version = self.credential_version(&account.channel_id).await;
        let around = Around {
            conversation: &group.conversation_id,
            contact: group.contact_id.as_deref(),
            app: account.app.as_deref(),
            rules: plugin.window_rules(),
            resend: plugin.manifest().resend.as_ref(),
            reconciles: plugin.interfaces().reconcile,
            newer_credential: version.is_some_and(|version| version > group.credential_version),
            lane_wait_ms: self.0.settings.lane_wait_ms,
            now,
            chance: chance(),
        };
        let (judged, effects, failure): (Vec<Judgement>, Effects, Option<CallError>) = match called {
            Ok(done) => {
                let judged = group.parts.iter().zip(done.value).map(|(part, answer)| of_answer(answer, part, &around));
                (judged.collect(), done.effects, None)
            }
            Err(error) => {
                let judged = group.parts.iter().map(|part| of_broken_call(&error, part, &around));
                (judged.collect(), Effects::default(), Some(error))
            }
        };
        let unauthorized = judged.iter().find_map(|judgement| judgement.unauthorized.clone());
        let missed = judged.iter().any(|judgement| judgement.template_missed);
        let dispatched = failure.as_ref().is_none_or(|error| error.dispatched);
        let visitors = !effects.visitor.is_empty();
        let mut settlement = settlement(account, &group, judged, effects, dispatched, now);
        settlement.unauthorized = unauthorized.map(|words| (group.credential_version, words));
        count(&account.plugin, &settlement.ended);
        self.commit(settlement).await;
        match &failure {
            Some(error) if channel.is_some() => {
                self.report(self.0.db.note_call_failure(&account.channel_id, error, now).await);
            }
            Some(_) => {}
            None => self.report(self.0.db.note_call_success(&account.channel_id, "send", now).await),
        }
        if missed {
            self.report(self.0.db.templates_missed(account.account_id, now).await);
        }
        self.0.wakes.feed_grew();
        if visitors {
            self.0.wakes.visitors_grew();
        }
    }

    /// A stored content that this version cannot read back: told, and not tried again.
    async fn unreadable(&self, account: &BusyAccount, group: &Group, words: &str) {
        let error = json!({"code": "invalid", "detail": words});
        let ended = group.parts.iter().map(|part| ended(part, Ending::Failed { error: error.clone() }, false));
        let now = self.0.clock.now();
        let mut settlement = settlement(account, group, Vec::new(), Effects::default(), false, now);
        settlement.ended = ended.collect();
        settlement.unspent = group.opening;
        self.commit(settlement).await;
        self.0.wakes.feed_grew();
    }

    /// What a call brought is committed however long that takes: until then the attempt stands without an end, and a stop
    /// before makes it one that the next start settles.
    pub(super) async fn commit(&self, settlement: Settlement) {
        let settlement = Arc::new(settlement);
        while let Err(error) = self.0.db.settle_attempts(Arc::clone(&settlement)).await {
            if matches!(error, DbError::Closed) {
                tracing::error!("an attempt's end could not be stored before the stop");
                return;
            }
            self.wait_for_database(&error).await;
        }
    }

    async fn wait_for_database(&self, error: &DbError) {
        tracing::error!(%error, "an attempt waits for the database");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    async fn credential_version(&self, channel: &str) -> Option<i64> {
        self.0.db.channel(channel).await.ok().flatten().map(|row| row.credential_version)
    }

    pub(super) fn report(&self, done: Result<(), DbError>) {
        if let Err(error) = done {
            tracing::error!(%error, "what a send taught about its channel could not be stored");
        }
    }
}

fn not_called(words: &str) -> CallError {
    CallError {
        fault: sambung_runtime::CallFault::Engine,
        dispatched: false,
        function: "send",
        words: words.to_owned(),
        usage: sambung_runtime::Usage::default(),
    }
}

fn ended(part: &DuePart, ending: Ending, dispatched: bool) -> Ended {
    Ended { idx: part.idx, attempt_id: part.attempt_id, attempt_key: part.attempt_key.clone(), ending, dispatched }
}

fn settlement(
    account: &BusyAccount,
    group: &Group,
    judged: Vec<Judgement>,
    effects: Effects,
    dispatched: bool,
    now: i64,
) -> Settlement {
    let mut settlement = Settlement {
        workspace: account.workspace.clone(),
        account_id: account.account_id,
        channel_id: account.channel_id.clone(),
        message_id: group.message_id.clone(),
        conversation_id: group.conversation_id.clone(),
        contact_id: group.contact_id.clone(),
        unspent: group.opening.filter(|_| !dispatched),
        effects,
        at: now,
        ..Settlement::default()
    };
    for (part, judgement) in group.parts.iter().zip(judged) {
        settlement.ended.push(ended(part, judgement.ending, dispatched));
        settlement.holds.extend(judgement.hold);
        settlement.closed = settlement.closed.or(judgement.closed);
        settlement.thread = judgement.thread.or(settlement.thread);
        settlement.identities.extend(judgement.identities);
    }
    settlement
}

fn count(plugin: &str, ended: &[Ended]) {
    for end in ended {
        let labels = [("plugin", plugin.to_owned()), ("outcome", end.ending.outcome().to_owned())];
        metrics::counter!("sambung_attempts_total", &labels).increment(1);
    }
}

/// The parts as the contract wants them, with the host's measurements of files.
pub(super) fn outgoing(group: &Group) -> Result<Vec<Outgoing>, String> {
    group
        .parts
        .iter()
        .map(|part| {
            Ok(Outgoing {
                attempt_key: part.attempt_key.clone(),
                thread: group.thread.clone(),
                to: group.to.clone(),
                content: contract_content(&part.content)?,
                reply_to: group.reply_to.clone(),
                rule: part.rule.clone(),
                token: part.token.clone(),
                human: group.human,
                extra: Vec::new(),
            })
        })
        .collect()
}

fn contract_content(stored: &Value) -> Result<Content, String> {
    let mut read = content::from_json(stored, "#/content")
        .map_err(|faults| faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; "))?;
    if let Content::Media(media) = &mut read {
        let text = |key: &str| stored.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| stored.get(key).and_then(Value::as_u64);
        let file = &mut media.file;
        file.mime = text("mime").or(file.mime.take());
        file.name = text("name").or(file.name.take());
        file.bytes = number("bytes");
        file.width = number("width").and_then(|pixels| u32::try_from(pixels).ok());
        file.height = number("height").and_then(|pixels| u32::try_from(pixels).ok());
        file.duration_ms = number("duration_ms");
    }
    Ok(read)
}
