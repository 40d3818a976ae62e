//! Threads for the host's own long computing: what takes more than a moment leaves the threads that everybody's requests run on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::background;
use crate::stopwatch::{Stopwatch, thread_time};

/// Bytes from which hashing, scrubbing, placing and parsing leave the thread they were asked on.
pub(crate) const LARGE: usize = 256 << 10;

/// Places for long computing: as many as processors, and half of them for one workspace.
pub(crate) struct Workers {
    all: Semaphore,
    share: usize,
    of_workspaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Workers {
    pub(crate) fn new() -> Workers {
        let number = std::thread::available_parallelism().map_or(2, |number| number.get().max(2));
        Workers { all: Semaphore::new(number), share: number / 2, of_workspaces: Mutex::default() }
    }

    /// Computes over so many bytes. What it takes counts as the call's computing.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        workspace: &str,
        watch: &Stopwatch,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        if bytes < LARGE {
            return work();
        }
        let share = self.share_of(workspace);
        // Neither semaphore is ever closed.
        let _own = share.acquire().await;
        let _place = self.all.acquire().await;
        let (done, took) = background::run(move || {
            let begun = thread_time();
            let done = work();
            (done, thread_time().saturating_sub(begun))
        })
        .await;
        watch.add(took);
        done
    }

    fn share_of(&self, workspace: &str) -> Arc<Semaphore> {
        let mut all = self.of_workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = all.get(workspace).and_then(Weak::upgrade) {
            return share;
        }
        all.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share));
        all.insert(workspace.to_owned(), Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn compute(for_ms: u64) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(for_ms) {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn long_work_leaves_the_thread_and_counts() {
        let (workers, watch) = (Workers::new(), Stopwatch::new());
        let here = std::thread::current().id();
        let small = workers.run("w", &watch, LARGE - 1, || std::thread::current().id()).await;
        assert_eq!(small, here);
        let large = workers.run("w", &watch, LARGE, || {
            compute(50);
            std::thread::current().id()
        });
        assert_ne!(large.await, here);
        assert!(watch.computed() >= Duration::from_millis(5), "{:?}", watch.computed());
        assert!(workers.of_workspaces.lock().unwrap().values().all(|share| share.upgrade().is_none()));
    }

    #[tokio::test]
    async fn one_workspace_leaves_room_for_the_next() {
        let workers = Workers::new();
        let (_, watch) = ((), Stopwatch::new());
        let busy: Vec<_> = (0..8).map(|_| workers.run("busy", &watch, LARGE, || compute(100))).collect();
        let begun = Instant::now();
        let other = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            workers.run("other", &watch, LARGE, || ()).await;
            begun.elapsed()
        };
        let (took, _) = tokio::join!(other, futures_util::future::join_all(busy));
        assert!(took < begun.elapsed() / 2, "{took:?} of {:?}", begun.elapsed());
    }
}
