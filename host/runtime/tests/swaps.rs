//! Generations come and go. Alone in its process, because it looks at the process's memory.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "the sandbox's tests use the rest")]
#[path = "sandbox/support.rs"]
mod support;

use sambung_runtime::Limits;

use crate::support::{guest, runtime, works};

/// What this process holds: bytes of memory, and mappings of compiled code that come from no file.
fn held() -> (u64, usize) {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let is_code = |line: &&str| line.contains("r-xp") && line.split_whitespace().count() == 5;
    (kilobytes << 10, maps.lines().filter(is_code).count())
}

#[tokio::test]
async fn after_a_hundred_swaps_memory_is_as_before() {
    let (runtime, wasm) = (runtime(Limits::default()), guest("good"));
    let mut running = runtime.load(wasm.clone()).await.expect("loads");
    let (mut before, mut code) = (0, 0);
    for swap in 0..110 {
        // The first ones warm the pool and the allocator up.
        if swap == 10 {
            (before, code) = held();
        }
        let next = runtime.load(wasm.clone()).await.expect("loads");
        works(&next).await;
        running = next;
    }
    works(&running).await;
    let (after, code_after) = held();
    assert!(code > 0, "compiled code is seen at all");
    assert_eq!(code_after, code, "no generation's code is left");
    assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
}
