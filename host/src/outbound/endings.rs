//! From what a plugin answered, or how its call broke off, to how the attempt ends. Pure: time and chance are arguments.

use sambung_runtime::contract::outbound::{SendError, SendFault};
use sambung_runtime::contract::types::{Identity, Receipt, Thread};
use sambung_runtime::contract::windows::WindowRule;
use sambung_runtime::manifest::Resend;
use sambung_runtime::{CallError, CallFault};
use serde_json::{Value, json};

use crate::db::{DuePart, Ended, Ending, Settlement};
use crate::keys::{ContactId, ConversationId};
use crate::model::holds::Hold;
use crate::model::retry::{may_resend, send_delay};

/// How long an attempt waits for a credential that is being renewed, in milliseconds.
const RENEWAL: i64 = 30_000;

/// Whether there is a better credential than an attempt's, which the provider refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// There is none.
    Stands,
    /// It is there already.
    Newer,
    /// There may be one soon.
    Later,
}

/// What is known around an attempt.
pub(super) struct Around<'a> {
    /// The conversation.
    pub conversation: ConversationId,
    /// The person.
    pub contact: Option<ContactId>,
    /// The registration with the provider.
    pub app: Option<&'a str>,
    /// The plugin's rules.
    pub rules: &'a [WindowRule],
    /// For how long the provider honours an attempt key.
    pub resend: Option<&'a Resend>,
    /// Whether the plugin can ask what became of an attempt.
    pub reconciles: bool,
    /// Whether there is a better credential than the attempt's.
    pub credential: Credential,
    /// How long later messages wait for an unknown one, in milliseconds.
    pub lane_wait_ms: i64,
    /// Now.
    pub now: i64,
    /// From 0 to 1.
    pub chance: f64,
}

/// How an attempt ends, and what else follows from it.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The end.
    pub ending: Ending,
    /// What is held back, until when and why.
    pub hold: Option<(Hold, i64, String)>,
    /// A window that proved shut.
    pub closed: Option<(String, i64)>,
    /// Where the conversation is.
    pub thread: Option<Thread>,
    /// What was learnt about the person.
    pub identities: Vec<Identity>,
    /// The provider refused the credential, in its words, and there is no newer one.
    pub unauthorized: Option<String>,
    /// The provider does not know the template that was sent.
    pub template_missed: bool,
    /// The provider refused it as it came, so that nothing of it was used: neither content nor token.
    pub untaken: bool,
}

impl Judgement {
    fn just(ending: Ending) -> Judgement {
        Judgement {
            ending,
            hold: None,
            closed: None,
            thread: None,
            identities: Vec::new(),
            unauthorized: None,
            template_missed: false,
            untaken: false,
        }
    }
}

/// The plugin answered for this part. Where a request left and its answer never came (`unanswered`), the plugin cannot know
/// that nothing arrived: only the provider's ids prove anything, and every other answer counts as *unknown*.
pub(super) fn of_answer(
    answer: Result<Receipt, SendError>,
    unanswered: bool,
    part: &DuePart,
    around: &Around<'_>,
) -> Judgement {
    match answer {
        Ok(receipt) if unanswered && receipt.ids.is_empty() => {
            let detail = "a request to the provider got no answer, and the plugin names no message that it made";
            Judgement::just(self::unanswered(part, around, json!({"code": "unanswered", "detail": detail})))
        }
        Ok(receipt) => Judgement {
            thread: receipt.thread,
            identities: receipt.identities,
            ..Judgement::just(Ending::Sent { ids: receipt.ids })
        },
        Err(error) if unanswered => Judgement::just(self::unanswered(part, around, describe(&error))),
        Err(error) => of_error(error, part, around),
    }
}

fn of_error(error: SendError, part: &DuePart, around: &Around<'_>) -> Judgement {
    let shown = describe(&error);
    // A rule that proves shut says of its own token that it is used.
    let untaken = !matches!(error.fault, SendFault::Unknown | SendFault::WindowClosed);
    let judgement = match &error.fault {
        SendFault::Unknown => Judgement::just(unanswered(part, around, shown)),
        SendFault::WindowClosed => window_closed(&error, part, around, shown),
        SendFault::Moved if error.moved.is_some() => {
            let ending = again(part, around, Some(0), shown);
            Judgement { thread: error.moved, ..Judgement::just(ending) }
        }
        // Held and not failed: a credential is mended by a person, and what waits for it goes out then.
        SendFault::Unauthorized => Judgement {
            unauthorized: (around.credential == Credential::Stands).then(|| error.words.clone()),
            ..Judgement::just(Ending::Again {
                due_at: around.now + if around.credential == Credential::Later { RENEWAL } else { 0 },
                counts: false,
                excluded: None,
                maybe_sent: part.maybe_sent,
                error: shown,
            })
        },
        fault => {
            let template_missed = matches!(fault, SendFault::Template);
            let ending = match error.retryable {
                true => again(part, around, error.retry_after_ms, shown),
                false => Ending::Failed { error: shown },
            };
            let hold = held_back(&error, &ending, around);
            Judgement { hold, template_missed, ..Judgement::just(ending) }
        }
    };
    Judgement { untaken, ..judgement }
}

/// What the error's scope names waits as long as the part itself.
fn held_back(error: &SendError, ending: &Ending, around: &Around<'_>) -> Option<(Hold, i64, String)> {
    let Ending::Again { due_at, .. } = ending else { return None };
    let hold = Hold::of(&error.scope, around.conversation, around.contact, around.app)?;
    Some((hold, *due_at, error.words.clone()))
}

fn window_closed(error: &SendError, part: &DuePart, around: &Around<'_>, shown: Value) -> Judgement {
    let Some(rule) = part.rule.clone() else { return Judgement::just(Ending::Failed { error: shown }) };
    // A time window that proved shut is shut for the conversation; a spent token says nothing about the others.
    let named = error.rule.as_ref().unwrap_or(&rule);
    let timed = |known: &&WindowRule| known.id == *named && known.uses.is_none() && known.opens_by != "always";
    let closed = around.rules.iter().find(timed).map(|known| (known.id.clone(), part.started_at));
    let ending = Ending::Again {
        due_at: around.now,
        counts: false,
        excluded: Some(rule),
        maybe_sent: part.maybe_sent,
        error: shown,
    };
    Judgement { closed, ..Judgement::just(ending) }
}

/// Tried again after the provider's delay or the schedule's. When there were enough tries it has failed, unless an earlier one
/// may have arrived.
fn again(part: &DuePart, around: &Around<'_>, delay: Option<u64>, error: Value) -> Ending {
    match send_delay(part.tries, delay, around.chance) {
        Some(delay) => Ending::Again {
            due_at: around.now + delay,
            counts: true,
            excluded: None,
            maybe_sent: part.maybe_sent,
            error,
        },
        None if part.maybe_sent => unknown(around, error),
        None => Ending::Failed { error },
    }
}

/// The call broke off: what did not leave is tried again, what did is resent where the provider honours the key, else unknown.
pub(super) fn of_broken_call(error: &CallError, part: &DuePart, around: &Around<'_>) -> Judgement {
    let shown = json!({"code": error.fault.code(), "detail": error.to_string()});
    Judgement::just(if error.dispatched {
        unanswered(part, around, shown)
    } else if error.fault == CallFault::Busy {
        Ending::Again {
            due_at: around.now + 1_000,
            counts: false,
            excluded: None,
            maybe_sent: part.maybe_sent,
            error: shown,
        }
    } else {
        again(part, around, None, shown)
    })
}

/// A request may have left without an answer: resent where the provider honours the attempt key, else unknown.
pub(super) fn unanswered(part: &DuePart, around: &Around<'_>, error: Value) -> Ending {
    if may_resend(around.resend, part.rule.as_deref(), part.first_sent_at, around.now)
        && let Some(delay) = send_delay(part.tries, None, around.chance)
    {
        let due_at = around.now + delay;
        return Ending::Again { due_at, counts: true, excluded: None, maybe_sent: true, error };
    }
    unknown(around, error)
}

/// The same attempts where what their call brought cannot be stored: what was certainly not taken has failed, and of anything
/// else nobody knows what became of it, since nothing of what the provider answered is kept.
pub(super) fn unrecorded(settlement: &Settlement, lane_wait_ms: i64) -> Settlement {
    let detail = "what the provider answered could not be stored; the host's log says why";
    let error = json!({"code": "not-stored", "detail": detail});
    let ending = |ended: &Ended| match &ended.ending {
        Ending::Failed { error } => Ending::Failed { error: error.clone() },
        Ending::Again { maybe_sent: false, .. } => Ending::Failed { error: error.clone() },
        Ending::Again { .. } | Ending::Sent { .. } | Ending::Unknown { .. } => Ending::Unknown {
            lane_until: settlement.at + lane_wait_ms,
            // Whatever it is asked, its answer is stored the same way.
            ask_at: i64::MAX,
            error: error.clone(),
        },
    };
    Settlement {
        workspace: settlement.workspace.clone(),
        account_id: settlement.account_id,
        channel_id: settlement.channel_id.clone(),
        message_id: settlement.message_id,
        conversation_id: settlement.conversation_id,
        ended: settlement.ended.iter().map(|ended| Ended { ending: ending(ended), ..ended.clone() }).collect(),
        at: settlement.at,
        ..Settlement::default()
    }
}

fn unknown(around: &Around<'_>, error: Value) -> Ending {
    Ending::Unknown {
        lane_until: around.now + around.lane_wait_ms,
        ask_at: if around.reconciles { around.now } else { i64::MAX },
        error,
    }
}

fn describe(error: &SendError) -> Value {
    let code = match &error.fault {
        SendFault::RateLimited => "rate-limited",
        SendFault::Unauthorized => "unauthorized",
        SendFault::WindowClosed => "window-closed",
        SendFault::Invalid => "invalid",
        SendFault::Template => "template",
        SendFault::Unreachable => "unreachable",
        SendFault::OptedOut => "opted-out",
        SendFault::TooLarge => "too-large",
        SendFault::Quota => "quota",
        SendFault::Moved => "moved",
        SendFault::Unavailable => "unavailable",
        SendFault::Unknown => "unknown",
        SendFault::Other(open) => &open.kind,
    };
    let mut shown = json!({"code": code, "detail": error.words});
    for (key, value) in [("provider_code", &error.code), ("field", &error.field), ("rule", &error.rule)] {
        if let Some(value) = value {
            shown[key] = json!(value);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> DuePart {
        DuePart {
            idx: 0,
            attempt_id: 1,
            attempt_key: "k".into(),
            content: Value::Null,
            tries: 1,
            first_sent_at: 1_000,
            started_at: 1_000,
            rule: Some("reply".into()),
            token: None,
            maybe_sent: false,
        }
    }

    fn around(resend: Option<&Resend>) -> Around<'_> {
        Around {
            conversation: ConversationId::of_row(1),
            contact: Some(ContactId::of_row(2)),
            app: None,
            rules: &[],
            resend,
            reconciles: false,
            credential: Credential::Stands,
            lane_wait_ms: 60_000,
            now: 2_000,
            chance: 0.5,
        }
    }

    fn error(fault: SendFault, scope: &str, retryable: bool) -> SendError {
        SendError {
            fault,
            scope: scope.into(),
            retryable,
            retry_after_ms: Some(5_000),
            rule: None,
            moved: None,
            field: None,
            code: Some("42".into()),
            words: "the provider's words".into(),
            extra: Vec::new(),
        }
    }

    fn broken(dispatched: bool) -> CallError {
        CallError {
            fault: CallFault::Trap,
            dispatched,
            function: "send",
            words: String::new(),
            usage: sambung_runtime::Usage::default(),
        }
    }

    /// What did not leave is tried again; what may have left is unknown and not sent again.
    #[test]
    fn a_broken_call_is_unknown_only_if_something_left() {
        let ending = |dispatched| of_broken_call(&broken(dispatched), &part(), &around(None)).ending;
        assert!(matches!(ending(false), Ending::Again { counts: true, .. }));
        assert!(matches!(ending(true), Ending::Unknown { lane_until: 62_000, ask_at: i64::MAX, .. }));
    }

    /// Where the provider honours the attempt key the same attempt is resent, until it does no more, and not under the rules
    /// that are excepted.
    #[test]
    fn an_honoured_attempt_key_is_resent_in_time() {
        let mut resend = Resend { for_ms: 10_000, except_rules: Vec::new() };
        let ending = |resend: &Resend, now| {
            let around = Around { now, ..around(Some(resend)) };
            of_broken_call(&broken(true), &part(), &around).ending
        };
        assert!(matches!(ending(&resend, 9_000), Ending::Again { .. }));
        assert!(matches!(ending(&resend, 10_500), Ending::Unknown { .. }), "too near to the end");
        resend.except_rules = vec!["reply".into()];
        assert!(matches!(ending(&resend, 2_000), Ending::Unknown { .. }));
    }

    /// Once something may have arrived, running out of tries does not make it a failure.
    #[test]
    fn what_may_have_arrived_never_ends_as_failed() {
        let part = DuePart { maybe_sent: true, tries: crate::model::retry::MOST_TRIES, ..part() };
        let broken = of_broken_call(&broken(false), &part, &around(None)).ending;
        assert!(matches!(broken, Ending::Unknown { .. }));
        let refused =
            of_answer(Err(error(SendFault::Unavailable, "message", true)), false, &part, &around(None)).ending;
        assert!(matches!(refused, Ending::Unknown { .. }));
    }

    /// The provider's delay is kept, and its scope waits as long.
    #[test]
    fn a_rate_limit_holds_back_what_its_scope_names() {
        let judged = |scope| of_answer(Err(error(SendFault::RateLimited, scope, true)), false, &part(), &around(None));
        let thread = judged("thread");
        assert!(matches!(thread.ending, Ending::Again { due_at: 7_000, .. }));
        assert_eq!(
            thread.hold.map(|(hold, until, _)| (hold, until)),
            Some((Hold::Thread(ConversationId::of_row(1)), 7_000))
        );
        assert_eq!(judged("channel").hold.map(|hold| hold.0), Some(Hold::Channel));
        assert!(judged("message").hold.is_none());
    }

    /// A failure that no retry mends ends the attempt with the provider's code and words.
    #[test]
    fn a_final_failure_keeps_the_providers_words() {
        let judged = of_answer(Err(error(SendFault::OptedOut, "recipient", false)), false, &part(), &around(None));
        let Ending::Failed { error } = judged.ending else { panic!("not final: {:?}", judged.ending) };
        assert_eq!(error["code"], "opted-out");
        assert_eq!(error["provider_code"], "42");
        assert_eq!(error["detail"], "the provider's words");
        assert!(judged.hold.is_none());
    }

    /// A window that proved shut is passed over at the next plan; a token's does not close the others.
    #[test]
    fn a_window_that_proves_shut_is_planned_again_without_it() {
        let judged = of_answer(Err(error(SendFault::WindowClosed, "message", false)), false, &part(), &around(None));
        assert!(matches!(&judged.ending, Ending::Again { excluded: Some(rule), counts: false, .. } if rule == "reply"));
        assert!(judged.closed.is_none());
    }

    /// A token goes back where the provider refused the call as it came; what it took, may have taken or calls used does not.
    #[test]
    fn a_refusal_uses_no_token() {
        let untaken = |fault, retryable| {
            of_answer(Err(error(fault, "message", retryable)), false, &part(), &around(None)).untaken
        };
        assert!(untaken(SendFault::RateLimited, true) && untaken(SendFault::Unavailable, true));
        assert!(untaken(SendFault::Unauthorized, false) && untaken(SendFault::Invalid, false));
        assert!(!untaken(SendFault::WindowClosed, false) && !untaken(SendFault::Unknown, false));
        assert!(!of_broken_call(&broken(true), &part(), &around(None)).untaken);
    }

    /// Whatever the plugin says, a request without an answer leaves the attempt unknown, or resent under an honoured key; only
    /// the provider's ids prove that it was taken.
    #[test]
    fn an_unanswered_request_outweighs_every_error_of_the_plugin() {
        let faults = [
            SendFault::RateLimited,
            SendFault::Unauthorized,
            SendFault::WindowClosed,
            SendFault::Invalid,
            SendFault::Unreachable,
            SendFault::OptedOut,
            SendFault::Moved,
            SendFault::Unavailable,
            SendFault::Unknown,
        ];
        for fault in faults {
            for retryable in [true, false] {
                let judged = of_answer(Err(error(fault.clone(), "channel", retryable)), true, &part(), &around(None));
                assert!(matches!(judged.ending, Ending::Unknown { .. }), "{fault:?}: {:?}", judged.ending);
                assert!(!judged.untaken && judged.hold.is_none() && judged.unauthorized.is_none(), "{fault:?}");
            }
        }
        let resend = Resend { for_ms: 10_000, except_rules: Vec::new() };
        let refused = Err(error(SendFault::Invalid, "message", false));
        let resent = of_answer(refused, true, &part(), &around(Some(&resend))).ending;
        assert!(matches!(resent, Ending::Again { maybe_sent: true, .. }), "{resent:?}");
        let receipt = |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            Ok(Receipt { ids, thread: None, identities: Vec::new(), extra: Vec::new() })
        };
        assert!(matches!(of_answer(receipt(&["p"]), true, &part(), &around(None)).ending, Ending::Sent { .. }));
        assert!(matches!(of_answer(receipt(&[]), true, &part(), &around(None)).ending, Ending::Unknown { .. }));
        assert!(matches!(of_answer(receipt(&[]), false, &part(), &around(None)).ending, Ending::Sent { .. }));
    }

    /// What was answered and cannot be stored is not sent again by itself.
    #[test]
    fn what_cannot_be_stored_is_unknown_unless_it_was_not_taken() {
        let again =
            |maybe_sent| Ending::Again { due_at: 1, counts: true, excluded: None, maybe_sent, error: json!({}) };
        let endings = [Ending::Sent { ids: vec!["p".into()] }, again(false), again(true)];
        let ended = |ending| Ended { idx: 0, attempt_id: 1, attempt_key: "k".into(), ending, dispatched: true };
        let all = Settlement { ended: endings.into_iter().map(ended).collect(), at: 5, ..Settlement::default() };
        let outcomes: Vec<_> = unrecorded(&all, 10).ended.iter().map(|one| one.ending.outcome()).collect();
        assert_eq!(outcomes, ["unknown", "failed", "unknown"]);
    }

    /// A refused credential holds the message back and does not fail it; a newer one is simply used.
    #[test]
    fn a_refused_credential_waits_for_a_person() {
        let refused = || Err(error(SendFault::Unauthorized, "channel", false));
        let judged = of_answer(refused(), false, &part(), &around(None));
        assert!(matches!(judged.ending, Ending::Again { counts: false, .. }));
        assert!(judged.unauthorized.is_some());
        let newer = Around { credential: Credential::Newer, ..around(None) };
        assert!(of_answer(refused(), false, &part(), &newer).unauthorized.is_none());
    }
}
