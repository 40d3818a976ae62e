//! What is shown of a message that the business sent: the highest-ranked of everything that was said about it.
//!
//! A maximum over facts, so their order and their number do not matter. Knows nothing of providers or tables.

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The part it concerns; none: the whole message.
    pub part: Option<i64>,
    /// The key of the attempt it was said of; none where nobody knows of one.
    pub attempt: Option<String>,
    /// What it says.
    pub status: Status,
}

/// One part as its attempts left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place in the message.
    pub idx: i64,
    /// The key of the attempt that counts: an explicit retry gives another.
    pub attempt: String,
    /// What the attempts say.
    pub status: Status,
}

impl Fact {
    /// Whether it says something about this part as it is now. Whenever it is heard, what was said of an earlier attempt is
    /// nothing that the present one did.
    pub fn counts_for(&self, part: &Part) -> bool {
        self.part.is_none_or(|idx| idx == part.idx) && self.attempt.as_ref().is_none_or(|key| *key == part.attempt)
    }
}

/// What is shown of a message: for each part the highest of its own status and the facts that count for it, and over the parts
/// the one that a person must know of first.
pub fn shown(parts: &[Part], facts: &[Fact]) -> Option<Status> {
    let of_part = |part: &Part| {
        let said = facts.iter().filter(|fact| fact.counts_for(part));
        said.map(|fact| fact.status).fold(part.status, Status::max)
    };
    if parts.is_empty() {
        return facts.iter().map(|fact| fact.status).max();
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

    fn part(idx: i64, status: Status) -> Part {
        Part { idx, attempt: format!("k{idx}"), status }
    }

    fn one(status: Status) -> [Part; 1] {
        [part(0, status)]
    }

    fn fact(status: Status) -> Fact {
        Fact { part: None, attempt: None, status }
    }

    /// A late "sent" does not undo "read", nor revive what failed.
    #[test]
    fn a_late_sent_changes_nothing() {
        let read = [fact(Status::Read), fact(Status::Sent)];
        assert_eq!(shown(&one(Status::Sent), &read), Some(Status::Read));
        let failed = [fact(Status::Failed), fact(Status::Sent)];
        assert_eq!(shown(&one(Status::Sent), &failed), Some(Status::Failed));
    }

    /// A person's retry is another attempt: what is said of the earlier one, before it or after, is not shown of the new one.
    #[test]
    fn facts_count_for_the_attempt_that_they_name() {
        let said = |attempt: &str, status| Fact { part: Some(0), attempt: Some(attempt.into()), status };
        let facts = [said("before", Status::Failed), said("before", Status::Read)];
        assert_eq!(shown(&one(Status::Queued), &facts), Some(Status::Queued));
        assert_eq!(shown(&one(Status::Sent), &[said("k0", Status::Delivered)]), Some(Status::Delivered));
    }

    /// A message of two parts is delivered when both are.
    #[test]
    fn a_message_is_as_far_as_its_slowest_part() {
        let parts = [part(0, Status::Sent), part(1, Status::Sent)];
        let first = [Fact { part: Some(0), ..fact(Status::Read) }];
        assert_eq!(shown(&parts, &first), Some(Status::Sent));
        let half = [part(0, Status::Sent), part(1, Status::Queued)];
        assert_eq!(shown(&half, &[]), Some(Status::Sending));
    }

    fn statuses() -> impl Strategy<Value = Status> {
        prop::sample::select(vec![Status::Sent, Status::Delivered, Status::Read, Status::Failed])
    }

    proptest! {
        /// Whatever the order and however often a fact is told, the same is shown.
        #[test]
        fn the_order_of_facts_does_not_matter(
            facts in prop::collection::vec((prop::option::of(0..3i64), prop::option::of(0..3i64), statuses()), 0..12),
            rotate in 0..12usize,
        ) {
            let parts = [0, 1, 2].map(|idx| part(idx, Status::Sent));
            let facts: Vec<Fact> = facts.into_iter()
                .map(|(part, key, status)| Fact { part, attempt: key.map(|key| format!("k{key}")), status }).collect();
            let mut other = facts.clone();
            other.reverse();
            let middle = rotate % other.len().max(1);
            other.rotate_left(middle);
            other.extend(facts.iter().take(3).cloned());
            prop_assert_eq!(shown(&parts, &facts), shown(&parts, &other));
        }

        /// One more fact never lowers what a part shows.
        #[test]
        fn a_fact_never_lowers(first in statuses(), second in statuses()) {
            let before = shown(&one(Status::Sent), &[fact(first)]);
            let after = shown(&one(Status::Sent), &[fact(first), fact(second)]);
            prop_assert!(after >= before);
        }
    }
}
