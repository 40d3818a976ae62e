//! How long a call computes.
//!
//! A call computes while its future is being polled and waits between two polls, whatever it waits for: its host, a sleep of
//! its own, or its turn on the thread. Counting ticks of a clock alone would take a wait for computing, or hide computing
//! behind waits.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::limits::TICK;

/// Shared between a call's future, which is timed, and whoever looks at it while it is being polled.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// Nanoseconds of computing up to the last look.
    computed: AtomicU64,
    /// When that was, in nanoseconds from the start.
    looked: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn new() -> Stopwatch {
        Stopwatch { started: Instant::now(), computed: AtomicU64::new(0), looked: AtomicU64::new(0) }
    }

    /// The future, with the watch running while it is polled.
    pub(crate) async fn time<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.looked.store(self.nanoseconds(), Ordering::Relaxed);
            let polled = future.as_mut().poll(context);
            self.look();
            polled
        })
        .await
    }

    /// What the future has computed until now; to be asked while it is being polled, and every [`TICK`].
    ///
    /// More than a tick between two looks means that the machine was busy with something else, and counts as a tick.
    pub(crate) fn look(&self) -> Duration {
        let now = self.nanoseconds();
        let since = now.saturating_sub(self.looked.swap(now, Ordering::Relaxed));
        let added = since.min(u64::try_from(TICK.as_nanos()).unwrap_or(u64::MAX));
        Duration::from_nanos(self.computed.fetch_add(added, Ordering::Relaxed) + added)
    }

    /// What the future had computed at the last look.
    pub(crate) fn computed(&self) -> Duration {
        Duration::from_nanos(self.computed.load(Ordering::Relaxed))
    }

    /// From the start until now, waits and all.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let watch = Stopwatch::new();
        watch
            .time(async {
                for _ in 0..3 {
                    std::thread::sleep(TICK / 2);
                    tokio::time::sleep(TICK * 10).await;
                }
            })
            .await;
        assert!(watch.computed() >= TICK * 3 / 2, "{:?}", watch.computed());
        assert!(watch.computed() <= TICK * 4, "{:?}", watch.computed());
        assert!(watch.elapsed() >= TICK * 30);
    }

    #[tokio::test]
    async fn looks_add_up_and_what_lies_between_them_is_at_most_a_tick() {
        let watch = Stopwatch::new();
        let looks = watch.time(async {
            std::thread::sleep(TICK / 2);
            let first = watch.look();
            std::thread::sleep(TICK * 10);
            (first, watch.look())
        });
        let (first, second) = looks.await;
        assert!(first >= TICK / 2 && first <= TICK, "{first:?}");
        assert_eq!(second, first + TICK);
    }
}
