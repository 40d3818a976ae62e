//! Threads of a lower priority, for computing that takes long and that no other request waits for: hashing, scrubbing, images,
//! passwords. The system gives them the processors that the threads for requests leave, and a tenth where all are busy.

use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Threads at a time. Each use has a bound of its own below this one.
const THREADS: usize = 64;
/// What a thread adds to the process's niceness.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(THREADS)
        .thread_name("background")
        .on_thread_start(yield_to_requests)
        .build()
        .expect("the system can start a thread")
});

/// Computes on such a thread. A panic is the handle's error.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    RUNTIME.spawn_blocking(work)
}

/// Computes on such a thread and waits for it. A panic goes on in the caller.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and the caller with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Lowers the priority of the calling thread. Where the system refuses, the thread computes as any other does.
fn yield_to_requests() {
    // Elsewhere this would lower the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICER);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_background_thread_yields_and_the_one_that_asked_does_not() {
        let own = || rustix::process::getpriority_process(None).expect("it can be asked");
        let here = own();
        let there = spawn(own).await.expect("no panic");
        assert_eq!((there, own()), ((here + NICER).min(19), here));
        assert!(spawn(|| panic!("the work broke")).await.is_err_and(|error| error.is_panic()));
    }
}
