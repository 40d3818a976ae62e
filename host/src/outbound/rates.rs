//! The provider's rates, kept before it has to say so: a token bucket for each scope that the manifest limits.
//!
//! In memory only: after a restart the buckets are full, and a provider that minds says so itself.

use std::collections::{HashMap, HashSet};

use sambung_runtime::manifest::limits::RateLimit;

use crate::keys::{ContactId, ConversationId};

/// Most buckets that are kept. Those that are full again are forgotten first, which loses nothing; then those that are nearest
/// to it.
const MOST_BUCKETS: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: i64,
    /// When it is full again, and so as good as none.
    full_at: i64,
}

/// The buckets of one limit: of one account, or with no account of the registrations.
type Kind = (usize, Option<i64>);

/// What a bucket of a [`Kind`] is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    /// The whole account.
    All,
    /// The conversation or the contact with this number.
    One(i64),
    /// The registration with the provider.
    App(String),
}

/// The buckets of all channels.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<Kind, HashMap<Who, Bucket>>,
    count: usize,
}

/// What one call is counted under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    /// The account.
    pub account: i64,
    /// The registration with the provider.
    pub app: Option<&'a str>,
    /// The conversation.
    pub conversation: ConversationId,
    /// The person.
    pub contact: Option<ContactId>,
}

/// Who of an account may not be written to right now.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// Numbers of conversations and contacts.
    pub who: HashSet<i64>,
    /// Milliseconds until the first of them may be.
    pub wait: Option<i64>,
}

impl Rates {
    /// How many calls the channel may make now, over all its conversations.
    pub(super) fn allowance(&self, limits: &[RateLimit], account: i64, app: Option<&str>, now: i64) -> u32 {
        let of = Of { account, app, conversation: ConversationId::NONE, contact: None };
        wide(limits).map(|(index, limit)| self.level(index, limit, of, now) as u32).min().unwrap_or(u32::MAX)
    }

    /// Milliseconds until the channel may make a call.
    pub(super) fn wait(&self, limits: &[RateLimit], account: i64, app: Option<&str>, now: i64) -> i64 {
        let of = Of { account, app, conversation: ConversationId::NONE, contact: None };
        wide(limits).map(|(index, limit)| until_one(self.level(index, limit, of, now), limit)).max().unwrap_or(0)
    }

    /// The conversations and contacts of an account that may not be written to right now.
    pub(super) fn spent(&self, limits: &[RateLimit], account: i64, now: i64) -> Spent {
        let mut spent = Spent::default();
        for (index, limit) in limits.iter().enumerate().filter(|(_, limit)| is_narrow(limit)) {
            for (who, bucket) in self.buckets.get(&(index, Some(account))).into_iter().flatten() {
                let wait = until_one(bucket.level_at(limit, now), limit);
                if let Who::One(who) = who
                    && wait > 0
                {
                    spent.who.insert(*who);
                    spent.wait = Some(spent.wait.map_or(wait, |shortest| shortest.min(wait)));
                }
            }
        }
        spent
    }

    /// Counts one call.
    pub(super) fn take(&mut self, limits: &[RateLimit], of: Of<'_>, now: i64) {
        for (index, limit) in limits.iter().enumerate() {
            let level = self.level(index, limit, of, now) - 1.0;
            let lacking = (f64::from(limit.count) - level) * ms_each(limit);
            let bucket = Bucket { level, at: now, full_at: now.saturating_add(lacking.ceil() as i64) };
            let (kind, who) = place(index, limit, of);
            let earlier = self.buckets.entry(kind).or_default().insert(who, bucket);
            self.count += usize::from(earlier.is_none());
        }
        if self.count > MOST_BUCKETS {
            self.forget(now, MOST_BUCKETS / 2);
        }
    }

    fn level(&self, index: usize, limit: &RateLimit, of: Of<'_>, now: i64) -> f64 {
        let (kind, who) = place(index, limit, of);
        let bucket = self.buckets.get(&kind).and_then(|buckets| buckets.get(&who));
        bucket.map_or(f64::from(limit.count), |bucket| bucket.level_at(limit, now))
    }

    /// Forgets what is full, and where more than `most` are left, those that will be soonest.
    fn forget(&mut self, now: i64, most: usize) {
        self.retain(|bucket| bucket.full_at > now);
        if self.count > most {
            let mut ends: Vec<i64> = self.buckets.values().flat_map(HashMap::values).map(|one| one.full_at).collect();
            let (_, soonest, _) = ends.select_nth_unstable(self.count - most - 1);
            let soonest = *soonest;
            self.retain(|bucket| bucket.full_at > soonest);
        }
    }

    fn retain(&mut self, keep: impl Fn(&Bucket) -> bool) {
        for buckets in self.buckets.values_mut() {
            buckets.retain(|_, bucket| keep(bucket));
        }
        self.buckets.retain(|_, buckets| !buckets.is_empty());
        self.count = self.buckets.values().map(HashMap::len).sum();
    }
}

impl Bucket {
    fn level_at(&self, limit: &RateLimit, now: i64) -> f64 {
        let regained = (now - self.at).max(0) as f64 / ms_each(limit);
        (self.level + regained).min(f64::from(limit.count))
    }
}

/// In how many milliseconds one call is regained.
fn ms_each(limit: &RateLimit) -> f64 {
    limit.per_ms as f64 / f64::from(limit.count)
}

fn until_one(level: f64, limit: &RateLimit) -> i64 {
    if level >= 1.0 { 0 } else { ((1.0 - level) * ms_each(limit)).ceil() as i64 }
}

fn is_narrow(limit: &RateLimit) -> bool {
    matches!(limit.scope.as_str(), "thread" | "recipient")
}

fn wide(limits: &[RateLimit]) -> impl Iterator<Item = (usize, &RateLimit)> {
    limits.iter().enumerate().filter(|(_, limit)| !is_narrow(limit))
}

fn place(index: usize, limit: &RateLimit, of: Of<'_>) -> (Kind, Who) {
    let Of { account, app, conversation, contact } = of;
    match limit.scope.as_str() {
        "thread" => ((index, Some(account)), Who::One(conversation.row())),
        "recipient" => ((index, Some(account)), Who::One(contact.map_or(conversation.row(), |contact| contact.row()))),
        "app" => app.map_or(((index, Some(account)), Who::All), |app| ((index, None), Who::App(app.to_owned()))),
        _ => ((index, Some(account)), Who::All),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(scope: &str, count: u32) -> RateLimit {
        RateLimit { scope: scope.into(), count, per_ms: 1_000 }
    }

    fn of(conversation: i64) -> Of<'static> {
        Of { account: 1, app: None, conversation: ConversationId::of_row(conversation), contact: None }
    }

    /// What a channel may send in a while is spent and comes back with time.
    #[test]
    fn a_spent_rate_comes_back() {
        let limits = [limit("channel", 2)];
        let mut rates = Rates::default();
        assert_eq!(rates.allowance(&limits, 1, None, 0), 2);
        rates.take(&limits, of(1), 0);
        rates.take(&limits, of(2), 0);
        assert_eq!(rates.allowance(&limits, 1, None, 0), 0);
        assert_eq!(rates.wait(&limits, 1, None, 0), 500);
        assert_eq!(rates.allowance(&limits, 2, None, 0), 2, "another channel has its own");
        assert_eq!(rates.allowance(&limits, 1, None, 500), 1);
        assert_eq!(rates.wait(&limits, 1, None, 500), 0);
        assert_eq!(rates.allowance(&limits, 1, None, 60_000), 2, "never more than the rate");
    }

    /// A rate for each conversation holds back that conversation alone.
    #[test]
    fn a_threads_rate_holds_back_that_thread() {
        let limits = [limit("thread", 1)];
        let mut rates = Rates::default();
        rates.take(&limits, of(1), 0);
        assert_eq!(rates.allowance(&limits, 1, None, 0), u32::MAX);
        let spent = rates.spent(&limits, 1, 250);
        assert!(spent.who.contains(&1) && !spent.who.contains(&2));
        assert_eq!(spent.wait, Some(750));
        assert!(rates.spent(&limits, 1, 1_000).who.is_empty());
    }

    /// Whatever had to be forgotten, a rate of an hour that is spent is not given again by forgetting it, however long nobody
    /// sent: what is forgotten is full, or as good as full.
    #[test]
    fn a_spent_rate_is_not_given_again_by_forgetting() {
        let limits = [RateLimit { scope: "recipient".into(), count: 2, per_ms: 3_600_000 }];
        let mut rates = Rates::default();
        for _ in 0..2 {
            rates.take(&limits, of(99), 0);
        }
        for other in 1..=10 {
            rates.take(&limits, of(other), 1_000);
        }
        rates.forget(60_000, 3);
        assert!(rates.count <= 3);
        assert!(rates.spent(&limits, 1, 60_000).who.contains(&99), "it was used longest ago, and is the emptiest");
        rates.forget(4_000_000, 3);
        assert_eq!(rates.count, 0, "what is full is forgotten");
    }
}
