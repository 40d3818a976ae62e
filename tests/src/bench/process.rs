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

/// As [`cpu`], with all processes that it began and that run.
///
/// # Panics
/// When the system does not say.
pub fn cpu_of_tree(pid: u32) -> Duration {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let of_child = |child: &str| child.parse().map(cpu_of_tree).unwrap_or_default();
    cpu(pid) + children.split_whitespace().map(of_child).sum::<Duration>()
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
