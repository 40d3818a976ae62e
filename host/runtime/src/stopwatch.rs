//! How long a call computes.
//!
//! A call computes while its future is being polled and waits between two polls, whatever it waits for: its host, a sleep of
//! its own, or its turn on the thread. What is counted is the processor time of the thread that polls it, because a machine
//! that is busy with something else is no fault of the call, and what the host computes for it counts as its own code does.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared between a call's future, which is timed, and whoever looks at it while it is being polled.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// Nanoseconds of computing up to the last look.
    computed: AtomicU64,
    /// Processor time of the thread at that look, in nanoseconds.
    looked: AtomicU64,
}

/// The processor time that this thread has taken.
#[cfg(unix)]
pub(crate) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Where the system does not tell a thread's processor time: time as it passes.
#[cfg(not(unix))]
pub(crate) fn thread_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

impl Default for Stopwatch {
    fn default() -> Stopwatch {
        Stopwatch::new()
    }
}

impl Stopwatch {
    pub(crate) fn new() -> Stopwatch {
        Stopwatch { started: Instant::now(), computed: AtomicU64::new(0), looked: AtomicU64::new(0) }
    }

    /// The future, with the watch running while it is polled.
    pub(crate) async fn time<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.looked.store(nanoseconds(thread_time()), Ordering::Relaxed);
            let polled = future.as_mut().poll(context);
            self.look();
            polled
        })
        .await
    }

    /// What the future has computed until now; to be asked while it is being polled.
    pub(crate) fn look(&self) -> Duration {
        let now = nanoseconds(thread_time());
        let since = now.saturating_sub(self.looked.swap(now, Ordering::Relaxed));
        Duration::from_nanos(self.computed.fetch_add(since, Ordering::Relaxed) + since)
    }

    /// Counts computing on the future's behalf on another thread.
    pub(crate) fn add(&self, computed: Duration) {
        self.computed.fetch_add(nanoseconds(computed), Ordering::Relaxed);
    }

    /// What the future had computed at the last look.
    pub(crate) fn computed(&self) -> Duration {
        Duration::from_nanos(self.computed.load(Ordering::Relaxed))
    }

    /// From the start until now, waits and all.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compute(for_ms: u64) {
        let begun = thread_time();
        while thread_time().saturating_sub(begun) < Duration::from_millis(for_ms) {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn computing_counts_and_waiting_does_not() {
        let watch = Stopwatch::new();
        watch
            .time(async {
                for _ in 0..3 {
                    compute(5);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
            .await;
        assert!(watch.computed() >= Duration::from_millis(15), "{:?}", watch.computed());
        assert!(watch.computed() <= Duration::from_millis(60), "{:?}", watch.computed());
        assert!(watch.elapsed() >= Duration::from_millis(300));
    }

    #[tokio::test]
    async fn a_long_way_between_two_looks_counts_whole_where_it_is_computing() {
        let watch = Stopwatch::new();
        let looks = watch.time(async {
            compute(100);
            let first = watch.look();
            std::thread::sleep(Duration::from_millis(100));
            watch.add(Duration::from_millis(7));
            (first, watch.look())
        });
        let (first, second) = looks.await;
        assert!(first >= Duration::from_millis(100), "{first:?}");
        assert!(second >= first + Duration::from_millis(7) && second < first + Duration::from_millis(50), "{second:?}");
    }
}
