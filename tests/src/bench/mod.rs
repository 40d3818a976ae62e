//! What the benchmarks share.
//!
//! A benchmark's program runs itself again for every part: as the server, as the bare handler it is compared with, and as the
//! load generator. So each is a process of its own, whose CPU time and memory are nobody else's, and all servers meet the same
//! client. Load and servers share the machine's cores.

mod client;
pub mod load;
pub mod node;
pub mod process;
pub mod servers;
pub mod table;
mod webhook;

use std::future::Future;
use std::process::ExitCode;

use tokio::process::Command;

/// Says as what a benchmark's program was started.
const ROLE: &str = "SAMBUNG_BENCH_AS";

/// Runs a benchmark, or the part of it that this process was started as.
///
/// # Panics
/// When the system gives no threads.
pub fn main<F: Future<Output = ()>>(measure: impl FnOnce() -> F) -> ExitCode {
    // As the program it starts itself anew for each plugin that it compiles, without its environment.
    if std::env::args().nth(1).as_deref() == Some(sambung::cli::COMPILE) {
        return sambung::cli::main();
    }
    match std::env::var(ROLE).as_deref() {
        Ok("program") => return sambung::cli::main(),
        Ok("load") => on_threads(load::work()),
        Ok("bare") => on_threads(servers::be_bare()),
        _ => on_threads(measure()),
    }
    ExitCode::SUCCESS
}

fn on_threads(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads").block_on(work);
}

/// This very program in a process of its own, as something else. It ends with whoever holds it.
///
/// # Panics
/// When the system does not say where the program is.
pub fn itself_as(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows where it is"));
    command.env(ROLE, role).kill_on_drop(true);
    command
}

/// How much of something a benchmark does. `SAMBUNG_BENCH_SHARE=0.1` does a tenth, for a quick look.
///
/// # Panics
/// When the variable is no number.
pub fn amount(usual: usize) -> usize {
    let share = std::env::var("SAMBUNG_BENCH_SHARE").map_or(1.0, |share| share.parse().expect("a number"));
    ((usual as f64 * share) as usize).max(64)
}
