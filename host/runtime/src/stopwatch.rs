//! How long a call computes.
//!
//! A call computes while its future is being polled and waits between two polls, whatever it waits for: its host, a sleep of
//! its own, or its turn on the thread. What is counted is the processor time of the thread that polls it, because a machine
//! that is busy with something else is no fault of the call, and what the host computes for it counts as its own code does.
//!
//! The system takes microseconds to tell a thread's processor time, which is as long as a short call computes. So time that is
//! shorter than [`PRECISE`] counts as it passes, and a thread asks the system no more often than that: what is counted is never less
//! than the processor time, and at most [`PRECISE`] more at each look.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// From how long on processor time counts, and not time as it passes.
const PRECISE: Duration = Duration::from_millis(1);

thread_local! {
    /// The last time that this thread was asked for its processor time, and the answer.
    static ASKED: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Shared between a call's future, which is timed, and whoever looks at it while it is being polled.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// Nanoseconds of computing up to the last look.
    computed: AtomicU64,
    /// When that look was, in nanoseconds from the start.
    looked: AtomicU64,
    /// Processor time of the thread, as it was told at that look or shortly before it, in nanoseconds.
    told: AtomicU64,
}

/// The processor time of this thread, as it was told [`PRECISE`] ago at most.
fn thread_time_at(now: Instant) -> Duration {
    match ASKED.get() {
        Some((at, time)) if now.saturating_duration_since(at) < PRECISE => time,
        _ => ask(now),
    }
}

/// The processor time of this thread, which is asked for.
fn ask(now: Instant) -> Duration {
    let time = thread_time();
    ASKED.set(Some((now, time)));
    time
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
        Stopwatch {
            started: Instant::now(),
            computed: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    /// The future, with the watch running while it is polled.
    pub(crate) async fn time<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let now = Instant::now();
            self.looked.store(self.at(now), Ordering::Relaxed);
            self.told.store(nanoseconds(thread_time_at(now)), Ordering::Relaxed);
            let polled = future.as_mut().poll(context);
            self.look();
            polled
        })
        .await
    }

    /// What the future has computed until now; to be asked while it is being polled.
    pub(crate) fn look(&self) -> Duration {
        let now = Instant::now();
        let at = self.at(now);
        let passed = at.saturating_sub(self.looked.swap(at, Ordering::Relaxed));
        let short = passed < nanoseconds(PRECISE);
        let time = nanoseconds(if short { thread_time_at(now) } else { ask(now) });
        let told = self.told.swap(time, Ordering::Relaxed);
        let added = if short { passed } else { passed.min(time.saturating_sub(told)) };
        Duration::from_nanos(self.computed.fetch_add(added, Ordering::Relaxed) + added)
    }

    fn at(&self, now: Instant) -> u64 {
        nanoseconds(now.saturating_duration_since(self.started))
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

    #[tokio::test]
    async fn short_times_add_up_and_none_counts_less_than_its_processor_time() {
        let (watch, begun) = (Stopwatch::new(), thread_time());
        for _ in 0..2_000 {
            watch.time(async { (0..2_000).for_each(|_| std::hint::spin_loop()) }).await;
        }
        let computed = thread_time() - begun;
        assert!(watch.computed() * 2 > computed, "{:?} of {computed:?}", watch.computed());
    }
}
