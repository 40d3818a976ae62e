//! Rates of tries by key: a bucket for each key, refilled over a minute, in a table of a fixed size.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// Parts of the table, each with a lock of its own.
const SHARDS: usize = 256;

/// A limit for each key. Cheap to clone.
///
/// A key is kept as a hash of 64 bits with a seed of this process's own, so that its length costs no memory and no client can find two
/// keys that share a bucket. The table is bounded. When it is full, a new key takes the place of the key that has used its limit least,
/// which then starts with a full bucket again: a client that sends many new keys can make the table forget clients that tried little, in
/// their favour, and neither locks another key out nor resets its own bucket once that is used up.
pub struct Limiter<K: ?Sized>(Arc<Inner>, PhantomData<fn(&K)>);

struct Inner {
    buckets: RateLimiter<Try, Buckets, DefaultClock, NoOpMiddleware>,
    seed: RandomState,
}

impl<K: ?Sized> Clone for Limiter<K> {
    fn clone(&self) -> Self {
        Limiter(Arc::clone(&self.0), PhantomData)
    }
}

impl<K: Hash + ?Sized> Limiter<K> {
    /// Allows so many tries in a minute for each key, all of which may come at once, and remembers at most so many keys.
    pub fn per_minute(most: u32, keys: usize) -> Limiter<K> {
        Limiter::over(Buckets::new(keys), most)
    }

    /// Allows one try of each key in this time, and remembers at most so many keys.
    pub fn once_in(time: Duration, keys: usize) -> Limiter<K> {
        let quota = Quota::with_period(time).unwrap_or_else(|| Quota::per_minute(NonZeroU32::MIN));
        Limiter::with(Buckets::new(keys), quota)
    }

    fn over(buckets: Buckets, most: u32) -> Limiter<K> {
        Limiter::with(buckets, Quota::per_minute(NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN)))
    }

    fn with(buckets: Buckets, quota: Quota) -> Limiter<K> {
        let buckets = RateLimiter::new(quota, buckets, DefaultClock::default());
        Limiter(Arc::new(Inner { buckets, seed: RandomState::new() }), PhantomData)
    }

    /// Counts a try. The error is how long to wait.
    pub fn check(&self, key: &K) -> Result<(), Duration> {
        self.ask(key, true)
    }

    /// Says whether a try would be allowed, without counting one. The error is how long to wait.
    pub fn allows(&self, key: &K) -> Result<(), Duration> {
        self.ask(key, false)
    }

    fn ask(&self, key: &K, counts: bool) -> Result<(), Duration> {
        let key = Try { key: self.0.seed.hash_one(key), counts };
        self.0.buckets.check_key(&key).map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

/// A try of a key.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Try {
    key: u64,
    /// Whether it uses up a part of the bucket.
    counts: bool,
}

/// The buckets: for each key the time at which its bucket is full again.
struct Buckets {
    shards: Arc<[Mutex<HashMap<u64, Nanos>>]>,
    most: usize,
}

impl Buckets {
    fn new(keys: usize) -> Buckets {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Buckets { shards, most: keys.div_ceil(SHARDS).max(1) }
    }
}

impl StateStore for Buckets {
    type Key = Try;

    fn measure_and_replace<T, F, E>(&self, Try { key, counts }: &Try, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let shard = &self.shards[usize::try_from(key % SHARDS as u64).unwrap_or_default()];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, full_at) = f(shard.get(key).copied())?;
        if !counts {
            return Ok(told);
        }
        if shard.len() >= self.most && !shard.contains_key(key) {
            // The bucket that is full first is the one that was used least.
            let least = shard.iter().min_by_key(|(_, full_at)| full_at.as_u64()).map(|(key, _)| *key);
            if let Some(least) = least {
                shard.remove(&least);
                metrics::counter!("sambung_limiter_keys_forgotten_total").increment(1);
            }
        }
        shard.insert(*key, full_at);
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_runs_out_and_another_does_not() {
        let limiter = Limiter::<str>::per_minute(3, 100);
        for _ in 0..3 {
            assert!(limiter.check("a").is_ok());
        }
        assert!(limiter.check("a").expect_err("too many") > Duration::ZERO);
        assert!(limiter.check("b").is_ok());
    }

    #[test]
    fn one_try_in_a_time_is_allowed_for_each_key() {
        let limiter = Limiter::<str>::once_in(Duration::from_millis(50), 100);
        assert!(limiter.check("a").is_ok() && limiter.check("a").is_err() && limiter.check("b").is_ok());
        std::thread::sleep(Duration::from_millis(60));
        assert!(limiter.check("a").is_ok());
    }

    #[test]
    fn asking_whether_a_try_is_allowed_counts_none() {
        let limiter = Limiter::<str>::per_minute(2, 100);
        for _ in 0..5 {
            assert!(limiter.allows("a").is_ok());
        }
        assert!(limiter.check("a").is_ok() && limiter.allows("a").is_ok() && limiter.check("a").is_ok());
        assert!(limiter.allows("a").expect_err("used up") > Duration::ZERO);
    }

    #[test]
    fn many_keys_neither_fill_the_memory_nor_free_nor_lock_out_a_key() {
        let buckets = Buckets::new(1000);
        let shards = Arc::clone(&buckets.shards);
        let limiter = Limiter::<str>::over(buckets, 3);
        for _ in 0..3 {
            assert!(limiter.check("attacker").is_ok());
        }
        let long = "x".repeat(2 << 20);
        for number in 0..20_000 {
            let key = if number == 0 { long.clone() } else { format!("{number}@example.com") };
            assert!(limiter.check(&key).is_ok(), "a key that was never used is not refused: {number}");
        }
        let kept: usize = shards.iter().map(|shard| shard.lock().expect("no panic").len()).sum();
        assert!(kept <= 1024, "{kept} keys are kept");
        assert!(limiter.check("attacker").is_err(), "new keys do not make the table forget one that is used up");
        assert!(limiter.check("victim").is_ok());
    }
}
