//! How often somebody may try: a bucket for each key, refilled over a minute.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Tries between two clean-ups of keys that have a full bucket again, so that strangers do not fill the memory.
const CLEAN_EVERY: usize = 4096;

/// A limit for each key. Cheap to clone.
#[derive(Clone)]
pub struct Limiter<K: Hash + Eq + Clone>(Arc<Inner<K>>);

struct Inner<K: Hash + Eq + Clone> {
    buckets: DefaultKeyedRateLimiter<K>,
    tries: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// So many tries in a minute for each key, all of which may come at once.
    pub fn per_minute(most: u32) -> Limiter<K> {
        let quota = Quota::per_minute(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN));
        Limiter(Arc::new(Inner { buckets: RateLimiter::keyed(quota), tries: AtomicUsize::new(0) }))
    }

    /// Counts a try. The error is how long to wait.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        if self.0.tries.fetch_add(1, Ordering::Relaxed) % CLEAN_EVERY == CLEAN_EVERY - 1 {
            self.0.buckets.retain_recent();
        }
        self.0.buckets.check_key(key).map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_runs_out_and_another_does_not() {
        let limiter = Limiter::per_minute(3);
        for _ in 0..3 {
            assert!(limiter.check(&"a").is_ok());
        }
        assert!(limiter.check(&"a").expect_err("too many") > Duration::ZERO);
        assert!(limiter.check(&"b").is_ok());
    }
}
