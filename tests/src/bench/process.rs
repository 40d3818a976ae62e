//! What the system says of a process. Only Linux says it.

use std::time::Duration;

/// The CPU time that a process has taken, with what the system did for it.
///
/// # Panics
/// When the system does not say.
pub fn cpu(pid: u32) -> Duration {
    let stat = read(pid, "stat");
    // The second field is the program's name, which may hold anything; the third follows its last bracket.
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name in brackets") + 1..].split_whitespace().collect();
    let ticks: u64 = [11, 12].map(|index: usize| fields[index].parse::<u64>().expect("a number")).iter().sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The bytes that a process holds in memory.
///
/// # Panics
/// When the system does not say.
pub fn resident(pid: u32) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says what is resident");
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
}

fn read(pid: u32, what: &str) -> String {
    let file = format!("/proc/{pid}/{what}");
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}; this measures on Linux only"))
}
