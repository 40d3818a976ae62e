//! How long a call computes.
//!
//! A call computes while its future is being polled and waits between two polls, whatever it waits for: its host, a sleep of
//! its own, or its turn on the thread. Counting ticks of a clock instead would take a wait for computing, or hide computing
//! behind waits.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared between a call's future, which runs it, and whoever asks while the future is being polled.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// Nanoseconds of the polls that have ended.
    before: AtomicU64,
    /// When the present poll began, in nanoseconds from the start; [`STANDING`] between two.
    since: AtomicU64,
}

const STANDING: u64 = u64::MAX;

impl Stopwatch {
    pub(crate) fn new() -> Stopwatch {
        Stopwatch { started: Instant::now(), before: AtomicU64::new(0), since: AtomicU64::new(STANDING) }
    }

    /// The future, with the watch running while it is polled.
    pub(crate) async fn time<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.since.store(self.nanoseconds(), Ordering::Relaxed);
            let polled = future.as_mut().poll(context);
            self.before.store(self.computed_nanoseconds(), Ordering::Relaxed);
            self.since.store(STANDING, Ordering::Relaxed);
            polled
        })
        .await
    }

    /// What the future has computed so far.
    pub(crate) fn computed(&self) -> Duration {
        Duration::from_nanos(self.computed_nanoseconds())
    }

    /// From the start until now, waits and all.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn computed_nanoseconds(&self) -> u64 {
        let before = self.before.load(Ordering::Relaxed);
        match self.since.load(Ordering::Relaxed) {
            STANDING => before,
            since => before + self.nanoseconds().saturating_sub(since),
        }
    }

    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(STANDING - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let watch = Stopwatch::new();
        watch
            .time(async {
                for _ in 0..3 {
                    std::thread::sleep(SOME);
                    tokio::time::sleep(SOME * 10).await;
                }
            })
            .await;
        assert!(watch.computed() >= SOME * 3, "{:?}", watch.computed());
        assert!(watch.computed() < SOME * 30, "{:?}", watch.computed());
        assert!(watch.elapsed() >= SOME * 33);
    }

    #[tokio::test]
    async fn it_can_be_read_while_it_runs() {
        let watch = Stopwatch::new();
        let seen = watch.time(async {
            std::thread::sleep(SOME);
            watch.computed()
        });
        assert!(seen.await >= SOME);
    }
}
