//! What is shown of a message that the business sent: the highest-ranked of everything that was said about it.
//!
//! A maximum over facts, so their order and their number do not matter. Knows nothing of attempts, providers or tables.

use serde::{Deserialize, Serialize};

/// How far a message, or one part of it, came. The order of the cases is the rank: a higher one is never undone by a lower.
///
/// `Failed` stands above `Sent`, so that a late "sent" does not revive what failed, and below `Delivered`, which proves that
/// it arrived after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for its turn, its window or its channel.
    Queued,
    /// The provider is being called.
    Sending,
    /// The call ended without an answer; the provider may or may not have it.
    Unknown,
    /// The provider took it.
    Sent,
    /// It was not and will not be delivered.
    Failed,
    /// It reached the person.
    Delivered,
    /// The person saw it.
    Read,
}

impl Status {
    /// The word that the API and the database use.
    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Sending => "sending",
            Status::Unknown => "unknown",
            Status::Sent => "sent",
            Status::Failed => "failed",
            Status::Delivered => "delivered",
            Status::Read => "read",
        }
    }

    /// The status of this word; none for a word that means nothing here.
    pub fn of(word: &str) -> Option<Status> {
        [
            Status::Queued,
            Status::Sending,
            Status::Unknown,
            Status::Sent,
            Status::Failed,
            Status::Delivered,
            Status::Read,
        ]
        .into_iter()
        .find(|status| status.word() == word)
    }
}

/// Something that was said about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// The part it concerns; none: the whole message.
    pub part: Option<i64>,
    /// What it says.
    pub status: Status,
    /// When the host received it, in milliseconds since 1970.
    pub received_at: i64,
}

/// One part as its own attempts left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its place in the message.
    pub idx: i64,
    /// What the attempts say.
    pub status: Status,
}

/// What is shown of a message whose last explicit retry was at `since`: for each part the highest of its own status and the
/// facts since then, and over the parts the one that a person must know of first.
pub fn shown(parts: &[Part], facts: &[Fact], since: i64) -> Option<Status> {
    let current = |fact: &&Fact| fact.received_at >= since;
    let of_part = |part: &Part| {
        let said = facts.iter().filter(current).filter(|fact| fact.part.is_none_or(|idx| idx == part.idx));
        said.map(|fact| fact.status).fold(part.status, Status::max)
    };
    if parts.is_empty() {
        return facts.iter().filter(current).map(|fact| fact.status).max();
    }
    let each: Vec<Status> = parts.iter().map(of_part).collect();
    let any = |status: Status| each.contains(&status);
    Some(if any(Status::Failed) {
        Status::Failed
    } else if any(Status::Unknown) {
        Status::Unknown
    } else if each.iter().all(|status| *status == Status::Queued) {
        Status::Queued
    } else if any(Status::Queued) || any(Status::Sending) {
        Status::Sending
    } else {
        each.iter().copied().min().unwrap_or(Status::Queued)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(status: Status) -> [Part; 1] {
        [Part { idx: 0, status }]
    }

    fn fact(status: Status, received_at: i64) -> Fact {
        Fact { part: None, status, received_at }
    }

    /// A late "sent" does not undo "read", nor revive what failed.
    #[test]
    fn a_late_sent_changes_nothing() {
        let read = [fact(Status::Read, 10), fact(Status::Sent, 20)];
        assert_eq!(shown(&one(Status::Sent), &read, 0), Some(Status::Read));
        let failed = [fact(Status::Failed, 10), fact(Status::Sent, 20)];
        assert_eq!(shown(&one(Status::Sent), &failed, 0), Some(Status::Failed));
    }

    /// A person's retry begins anew: what was said before it counts no more.
    #[test]
    fn facts_from_before_the_retry_do_not_count() {
        let facts = [fact(Status::Failed, 10)];
        assert_eq!(shown(&one(Status::Queued), &facts, 11), Some(Status::Queued));
    }

    /// A message of two parts is delivered when both are.
    #[test]
    fn a_message_is_as_far_as_its_slowest_part() {
        let parts = [Part { idx: 0, status: Status::Sent }, Part { idx: 1, status: Status::Sent }];
        let first = [Fact { part: Some(0), status: Status::Read, received_at: 1 }];
        assert_eq!(shown(&parts, &first, 0), Some(Status::Sent));
        let half = [Part { idx: 0, status: Status::Sent }, Part { idx: 1, status: Status::Queued }];
        assert_eq!(shown(&half, &[], 0), Some(Status::Sending));
    }

    fn statuses() -> impl Strategy<Value = Status> {
        prop::sample::select(vec![Status::Sent, Status::Delivered, Status::Read, Status::Failed])
    }

    proptest! {
        /// Whatever the order and however often a fact is told, the same is shown.
        #[test]
        fn the_order_of_facts_does_not_matter(
            facts in prop::collection::vec((prop::option::of(0..3i64), statuses(), 0..100i64), 0..12),
            rotate in 0..12usize,
            since in 0..100i64,
        ) {
            let parts = [0, 1, 2].map(|idx| Part { idx, status: Status::Sent });
            let facts: Vec<Fact> = facts.into_iter()
                .map(|(part, status, received_at)| Fact { part, status, received_at }).collect();
            let mut other = facts.clone();
            other.reverse();
            let middle = rotate % other.len().max(1);
            other.rotate_left(middle);
            other.extend(facts.iter().take(3).copied());
            prop_assert_eq!(shown(&parts, &facts, since), shown(&parts, &other, since));
        }

        /// One more fact never lowers what a part shows.
        #[test]
        fn a_fact_never_lowers(first in statuses(), second in statuses()) {
            let before = shown(&one(Status::Sent), &[fact(first, 1)], 0);
            let after = shown(&one(Status::Sent), &[fact(first, 1), fact(second, 2)], 0);
            prop_assert!(after >= before);
        }
    }
}
