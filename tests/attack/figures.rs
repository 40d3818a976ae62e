//! Figures of an attack, one aligned line for each measurement, printed also when the test passes.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use crate::scale::SHORT;

/// Prints a line of an attack. It goes to the process's own output, because the harness keeps what `println!` writes.
pub fn print(attack: &str, what: &str, figures: impl fmt::Display) {
    let form = if SHORT { "short" } else { "whole" };
    let line = format!("attack {attack:<26} {form} {what:<13} {figures}\n");
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// How long something took, again and again.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// What was answered, in ascending order once it is [`Series::of`].
    times: Vec<Duration>,
    /// What was refused, or got no answer.
    pub failed: usize,
}

impl Series {
    /// From these times, and so many failures.
    pub fn of(mut times: Vec<Duration>, failed: usize) -> Self {
        times.sort_unstable();
        Self { times, failed }
    }

    /// How many were answered.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// The time that half of the answers stayed under.
    pub fn median(&self) -> Duration {
        self.at(0.5)
    }

    /// The time that 99 of 100 answers stayed under.
    pub fn p99(&self) -> Duration {
        self.at(0.99)
    }

    /// The longest time.
    pub fn worst(&self) -> Duration {
        self.at(1.0)
    }

    fn at(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((last as f64 * share).ceil() as usize).copied().unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.times.is_empty() {
            return write!(f, "{:>9} {:>9} {:>9} {:>5} of {:<5}", "-", "-", "-", 0, self.failed);
        }
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        let (median, p99, worst) = (ms(self.median()), ms(self.p99()), ms(self.worst()));
        let all = self.count() + self.failed;
        write!(f, "{median:>9} {p99:>9} {worst:>9} {:>5} of {all:<5}", self.count())
    }
}

/// What a neighbour met while it was measured.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// From when a webhook was due until its acknowledgement.
    pub acknowledged: Series,
    /// From when a webhook was due until its message was on the neighbour's event stream.
    pub visible: Series,
    /// From when `/healthz` was due until its answer.
    pub health: Series,
}

impl Figures {
    /// Prints a line for each series: median, p99, worst in milliseconds, and how many were answered.
    pub fn print(&self, attack: &str, when: &str) {
        for (what, series) in [("ack", &self.acknowledged), ("visible", &self.visible), ("healthz", &self.health)] {
            print(attack, &format!("{when} {what}"), format_args!("{series}  median p99 worst in ms, answered"));
        }
    }
}
