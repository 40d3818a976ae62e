//! One call of the plugin and everything that follows from it: whatever happens, its attempts come to an end on disk.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sambung_runtime::contract::outbound::{Outgoing, SendError, SendFault};
use sambung_runtime::contract::types::{Content, Receipt};
use sambung_runtime::{CallError, CallFault, Called, Effects, Usage};
use serde_json::{Value, json};

use super::endings::{self, Around, Credential, Judgement, of_answer, of_broken_call};
use super::{Outbound, chance};
use crate::db::{BusyAccount, ChannelRow, DbError, DuePart, Ended, Ending, Group, Settlement};
use crate::model::{content, template_use};
use crate::plugins::{Generation, Renewed};

/// How long after its attempt was noted a call is still begun, in milliseconds.
const BEGUN_WITHIN: i64 = 60_000;
/// How long to wait before the database is asked again.
const PAUSE: Duration = Duration::from_millis(500);

impl Outbound {
    /// Sends a group and settles its attempts.
    pub(super) async fn carry(&self, account: &BusyAccount, generation: &Generation, group: Group) {
        let called = AssertUnwindSafe(self.call(account, generation, &group)).catch_unwind().await;
        let settlement = called.unwrap_or_else(|_| {
            metrics::counter!("sambung_send_panics_total", "plugin" => account.plugin.clone()).increment(1);
            tracing::error!(message = %group.message_id, plugin = account.plugin, "sending made the host panic");
            // Whether the provider got it, nobody knows.
            let error = broken(true, "the host panicked; its words are in the log");
            self.judge(account, generation, &group, Credential::Stands, Err(error))
        });
        count(&account.plugin, &settlement.ended);
        self.commit(settlement).await;
    }

    async fn call(&self, account: &BusyAccount, generation: &Generation, group: &Group) -> Settlement {
        let channel = match self.channel(&account.channel_id).await {
            Ok(Some(channel)) => channel,
            Ok(None) => return self.not_called(account, generation, group, "the channel was disconnected"),
            Err(error) => {
                let words = format!("the channel could not be read: {error}");
                return self.not_called(account, generation, group, &words);
            }
        };
        let messages = match outgoing(group) {
            Ok(messages) => messages,
            Err(words) => return unreadable(account, group, &words, self.0.clock.now()),
        };
        // The process was stopped in between: another server may have taken the attempt for lost and made the next.
        if group.parts.iter().any(|part| self.0.clock.now() - part.started_at > BEGUN_WITHIN) {
            return self.not_called(account, generation, group, "the server was stopped before it could send this");
        }
        let called = generation.plugin.send(&channel.caller(), messages, channel.to_contract(None)).await;
        let credential = self.credential(account, group, &called).await;
        self.judge(account, generation, group, credential, called)
    }

    /// Where the provider refused the credential: whether there is another one, or can be.
    async fn credential(
        &self,
        account: &BusyAccount,
        group: &Group,
        called: &Called<Vec<Result<Receipt, SendError>>>,
    ) -> Credential {
        let refuses = |answer: &Result<Receipt, SendError>| {
            answer.as_ref().is_err_and(|error| matches!(error.fault, SendFault::Unauthorized))
        };
        if !called.as_ref().is_ok_and(|done| done.value.iter().any(refuses)) {
            return Credential::Stands;
        }
        match self.0.renewals.renew(&account.channel_id, group.credential_version).await {
            Ok(Renewed::Newer) => Credential::Newer,
            Ok(Renewed::Later) => Credential::Later,
            Ok(Renewed::Refused(_) | Renewed::Impossible) => Credential::Stands,
            Err(error) => {
                self.report(Err(error));
                Credential::Later
            }
        }
    }

    /// Asks for the channel until the database answers.
    async fn channel(&self, id: &str) -> Result<Option<Arc<ChannelRow>>, DbError> {
        loop {
            match self.0.db.channel(id).await {
                Err(error) if error.may_pass() => wait_for_database(&error).await,
                answer => return answer,
            }
        }
    }

    fn not_called(&self, account: &BusyAccount, generation: &Generation, group: &Group, words: &str) -> Settlement {
        self.judge(account, generation, group, Credential::Stands, Err(broken(false, words)))
    }

    /// From the call's end to those of its attempts.
    fn judge(
        &self,
        account: &BusyAccount,
        generation: &Generation,
        group: &Group,
        credential: Credential,
        called: Called<Vec<Result<Receipt, SendError>>>,
    ) -> Settlement {
        let plugin = &generation.plugin;
        let around = Around {
            conversation: group.conversation_id,
            contact: group.contact_id,
            app: account.app.as_deref(),
            rules: plugin.window_rules(),
            resend: plugin.manifest().resend.as_ref(),
            reconciles: plugin.interfaces().reconcile,
            credential,
            lane_wait_ms: self.0.settings.lane_wait_ms,
            now: self.0.clock.now(),
            chance: chance(),
        };
        let (judged, effects, dispatched): (Vec<Judgement>, Effects, bool) = match called {
            Ok(done) => {
                let unanswered = done.unanswered;
                let answers = group.parts.iter().zip(done.value);
                let judged = answers.map(|(part, answer)| of_answer(answer, unanswered, part, &around));
                (judged.collect(), done.effects, true)
            }
            Err(error) => {
                let judged = group.parts.iter().map(|part| of_broken_call(&error, part, &around));
                (judged.collect(), Effects::default(), error.dispatched)
            }
        };
        let unauthorized = judged.iter().find_map(|judgement| judgement.unauthorized.clone());
        let template_missed = judged.iter().any(|judgement| judgement.template_missed);
        let unauthorized = unauthorized.map(|words| (group.credential_version, words));
        let settlement = settlement(account, group, judged, effects, dispatched, around.now);
        Settlement { unauthorized, template_missed, ..settlement }
    }

    /// What a call brought is committed however long that takes: until then the attempt stands without an end, and a stop
    /// before makes it one that the next start settles. What can never be committed ends without what cannot be kept, for
    /// everybody to see. Whether the attempts have an end.
    pub(super) async fn commit(&self, settlement: Settlement) -> bool {
        let settlement = Arc::new(settlement);
        let Err(error) = self.settled(&settlement).await else { return true };
        if matches!(error, DbError::Closed) {
            tracing::error!("an attempt's end could not be stored before the stop");
            return false;
        }
        metrics::counter!("sambung_settlements_refused_total").increment(1);
        tracing::error!(%error, message = %settlement.message_id, "what a send brought cannot be stored");
        let bare = endings::unrecorded(&settlement, self.0.settings.lane_wait_ms);
        match self.settled(&Arc::new(bare)).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, message = %settlement.message_id, "nor can that its end is not known");
                false
            }
        }
    }

    /// Commits as soon as the database lets it; the error is one that no repetition mends, or the end of the host.
    async fn settled(&self, settlement: &Arc<Settlement>) -> Result<(), DbError> {
        loop {
            match self.0.db.settle_attempts(Arc::clone(settlement)).await {
                Err(error) if error.may_pass() && !matches!(error, DbError::Closed) => wait_for_database(&error).await,
                done => return done,
            }
        }
    }

    pub(super) fn report(&self, done: Result<(), DbError>) {
        if let Err(error) = done {
            tracing::error!(%error, "what a send taught about its channel could not be stored");
        }
    }
}

async fn wait_for_database(error: &DbError) {
    tracing::error!(%error, "an attempt waits for the database");
    tokio::time::sleep(PAUSE).await;
}

fn broken(dispatched: bool, words: &str) -> CallError {
    CallError {
        fault: CallFault::Engine,
        dispatched,
        function: "outbound.send",
        words: words.to_owned(),
        usage: Usage::default(),
    }
}

/// A stored content that this version cannot read back: told, and not tried again.
fn unreadable(account: &BusyAccount, group: &Group, words: &str, now: i64) -> Settlement {
    let error = json!({"code": "invalid", "detail": words});
    let ended = group.parts.iter().map(|part| ended(part, Ending::Failed { error: error.clone() }, false));
    let mut settlement = settlement(account, group, Vec::new(), Effects::default(), false, now);
    settlement.ended = ended.collect();
    settlement
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
    // Where the provider refused everything, it did not use the token either.
    let unspent = !dispatched || judged.iter().all(|judgement| judgement.untaken);
    let mut settlement = Settlement {
        workspace: account.workspace.clone(),
        account_id: account.account_id,
        channel_id: account.channel_id.clone(),
        message_id: group.message_id,
        conversation_id: group.conversation_id,
        contact_id: group.contact_id,
        unspent: group.opening.clone().filter(|_| unspent),
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
    let mut read = content::from_stored(stored)
        .map_err(|faults| faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; "))?;
    if let Content::Template(template) = &mut read {
        *template = template_use::for_plugin(template);
    }
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
