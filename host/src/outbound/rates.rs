//! The provider's rates, kept before it has to say so: a token bucket for each scope that the manifest limits.
//!
//! In memory only: after a restart the buckets are full, and a provider that minds says so itself.

use std::collections::{HashMap, HashSet};

use sambung_runtime::manifest::limits::RateLimit;

/// Most buckets that are kept; the fullest are forgotten first, which loses nothing.
const MOST_BUCKETS: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: i64,
}

/// The buckets of all channels.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: HashMap<String, Bucket>,
}

/// What one call is counted under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    /// The account.
    pub account: i64,
    /// The registration with the provider.
    pub app: Option<&'a str>,
    /// The conversation.
    pub conversation: &'a str,
    /// The person.
    pub contact: Option<&'a str>,
}

impl Rates {
    /// How many calls the channel may make now, over all its conversations.
    pub(super) fn allowance(&self, limits: &[RateLimit], account: i64, app: Option<&str>, now: i64) -> u32 {
        let wide = limits.iter().enumerate().filter(|(_, limit)| matches!(limit.scope.as_str(), "channel" | "app"));
        let of = Of { account, app, conversation: "", contact: None };
        wide.map(|(index, limit)| self.level(&key(index, limit, of), limit, now) as u32).min().unwrap_or(u32::MAX)
    }

    /// The conversations and contacts of an account that may not be written to right now.
    pub(super) fn spent(&self, limits: &[RateLimit], account: i64, now: i64) -> HashSet<String> {
        let mut spent = HashSet::new();
        for (index, limit) in limits.iter().enumerate() {
            if !matches!(limit.scope.as_str(), "thread" | "recipient") {
                continue;
            }
            let prefix = format!("{index}:{account}:");
            let keys: Vec<String> = self.buckets.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
            for key in keys {
                if self.level(&key, limit, now) < 1.0 {
                    spent.insert(key[prefix.len()..].to_owned());
                }
            }
        }
        spent
    }

    /// Counts one call.
    pub(super) fn take(&mut self, limits: &[RateLimit], of: Of<'_>, now: i64) {
        for (index, limit) in limits.iter().enumerate() {
            let key = key(index, limit, of);
            let level = self.level(&key, limit, now) - 1.0;
            self.buckets.insert(key, Bucket { level, at: now });
        }
        if self.buckets.len() > MOST_BUCKETS {
            self.forget(now);
        }
    }

    fn level(&self, key: &str, limit: &RateLimit, now: i64) -> f64 {
        let full = f64::from(limit.count);
        self.buckets.get(key).map_or(full, |bucket| {
            let regained = (now - bucket.at).max(0) as f64 * full / limit.per_ms as f64;
            (bucket.level + regained).min(full)
        })
    }

    fn forget(&mut self, now: i64) {
        let mut ages: Vec<i64> = self.buckets.values().map(|bucket| now - bucket.at).collect();
        ages.sort_unstable();
        let middle = ages[ages.len() / 2];
        self.buckets.retain(|_, bucket| now - bucket.at < middle);
    }
}

fn key(index: usize, limit: &RateLimit, of: Of<'_>) -> String {
    let Of { account, app, conversation, contact } = of;
    match limit.scope.as_str() {
        "thread" => format!("{index}:{account}:{conversation}"),
        "recipient" => format!("{index}:{account}:{}", contact.unwrap_or(conversation)),
        "app" => app.map_or_else(|| format!("{index}:{account}"), |app| format!("{index}:app:{app}")),
        _ => format!("{index}:{account}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(scope: &str, count: u32) -> RateLimit {
        RateLimit { scope: scope.into(), count, per_ms: 1_000 }
    }

    fn of(conversation: &str) -> Of<'_> {
        Of { account: 1, app: None, conversation, contact: None }
    }

    /// What a channel may send in a while is spent and comes back with time.
    #[test]
    fn a_spent_rate_comes_back() {
        let limits = [limit("channel", 2)];
        let mut rates = Rates::default();
        assert_eq!(rates.allowance(&limits, 1, None, 0), 2);
        rates.take(&limits, of("cv_1"), 0);
        rates.take(&limits, of("cv_2"), 0);
        assert_eq!(rates.allowance(&limits, 1, None, 0), 0);
        assert_eq!(rates.allowance(&limits, 2, None, 0), 2, "another channel has its own");
        assert_eq!(rates.allowance(&limits, 1, None, 500), 1);
        assert_eq!(rates.allowance(&limits, 1, None, 60_000), 2, "never more than the rate");
    }

    /// A rate for each conversation holds back that conversation alone.
    #[test]
    fn a_threads_rate_holds_back_that_thread() {
        let limits = [limit("thread", 1)];
        let mut rates = Rates::default();
        rates.take(&limits, of("cv_1"), 0);
        assert_eq!(rates.allowance(&limits, 1, None, 0), u32::MAX);
        let spent = rates.spent(&limits, 1, 0);
        assert!(spent.contains("cv_1") && !spent.contains("cv_2"));
        assert!(rates.spent(&limits, 1, 1_000).is_empty());
    }
}
