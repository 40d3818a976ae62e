//! What plugins used and said since the server started: an hour at a time for a day, with the last faults and lines. It lives in memory and
//! has a bound for each plugin.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sambung_runtime::{CallError, Usage};

use crate::model::clean::line;
use crate::model::time::HOUR;

/// Hours that are kept.
pub const HOURS: i64 = 24;
/// Plugins of which something is kept.
const MOST_PLUGINS: usize = 1_000;
/// Faults that are kept of a plugin.
const MOST_FAULTS: usize = 20;
/// Lines of the log that are kept of a plugin.
const MOST_LINES: usize = 50;
/// Bytes of a fault's words, and of a line.
const MOST_TEXT: usize = 500;

/// What plugins used and said. Cheap to clone.
#[derive(Clone, Default)]
pub struct Figures(Arc<Mutex<HashMap<String, Figure>>>);

/// What one plugin used and said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure {
    /// Hours with calls, the oldest first.
    pub hours: VecDeque<HourOfCalls>,
    /// The last calls without a result, the newest first.
    pub faults: VecDeque<FaultOfCall>,
    /// The last lines of its log, the newest first.
    pub lines: VecDeque<LineOfLog>,
}

/// Calls of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourOfCalls {
    /// Hours since 1970.
    pub hour: i64,
    /// Calls that ended.
    pub calls: u64,
    /// Those of them without a result.
    pub failed: u64,
    /// Microseconds of computing.
    pub cpu_us: u64,
    /// The most memory that a call had.
    pub memory_bytes: u64,
}

/// A call without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultOfCall {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The exported function.
    pub function: String,
    /// The fault's code.
    pub code: String,
    /// The plugin's last words, or the engine's.
    pub words: String,
}

/// A line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOfLog {
    /// Milliseconds since 1970.
    pub at: i64,
    /// `debug`, `info`, `warn` or `error`
    pub level: String,
    /// What it says.
    pub text: String,
}

impl Figures {
    /// Counts a call that ended.
    pub fn ended(&self, plugin: &str, now: i64, usage: Usage, failure: Option<&CallError>) {
        self.change(plugin, |figure| {
            let hour = now.div_euclid(HOUR);
            if figure.hours.back().is_none_or(|last| last.hour < hour) {
                figure.hours.push_back(HourOfCalls { hour, ..HourOfCalls::default() });
            }
            while figure.hours.front().is_some_and(|first| first.hour <= hour - HOURS) {
                figure.hours.pop_front();
            }
            if let Some(last) = figure.hours.back_mut() {
                last.calls += 1;
                last.failed += u64::from(failure.is_some());
                last.cpu_us = last.cpu_us.saturating_add(usage.cpu.as_micros() as u64);
                last.memory_bytes = last.memory_bytes.max(usage.memory_bytes);
            }
            if let Some(error) = failure {
                figure.faults.push_front(FaultOfCall {
                    at: now,
                    function: error.function.to_owned(),
                    code: error.fault.code().to_owned(),
                    words: cut(&error.words),
                });
                figure.faults.truncate(MOST_FAULTS);
            }
        });
    }

    /// Keeps a line of a plugin's log.
    pub fn said(&self, plugin: &str, now: i64, level: &str, text: &str) {
        self.change(plugin, |figure| {
            figure.lines.push_front(LineOfLog { at: now, level: level.to_owned(), text: cut(text) });
            figure.lines.truncate(MOST_LINES);
        });
    }

    /// What is known of a plugin.
    pub fn of(&self, plugin: &str) -> Figure {
        self.lock().get(plugin).cloned().unwrap_or_default()
    }

    fn change(&self, plugin: &str, change: impl FnOnce(&mut Figure)) {
        let mut all = self.lock();
        if let Some(figure) = all.get_mut(plugin) {
            change(figure);
        } else if all.len() < MOST_PLUGINS {
            change(all.entry(plugin.to_owned()).or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Figure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of a text, as one line.
fn cut(text: &str) -> String {
    line(&text[..text.floor_char_boundary(MOST_TEXT)])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sambung_runtime::CallFault;

    use super::*;

    fn usage(cpu_ms: u64, memory_bytes: u64) -> Usage {
        Usage { cpu: Duration::from_millis(cpu_ms), memory_bytes, ..Usage::default() }
    }

    #[test]
    fn calls_are_counted_by_the_hour_and_a_day_is_kept() {
        let figures = Figures::default();
        figures.ended("a", 1, usage(3, 10), None);
        figures.ended("a", 2, usage(2, 30), None);
        figures.ended("a", HOUR, usage(1, 20), None);
        let hour = |hour, calls, cpu_us, memory_bytes| HourOfCalls { hour, calls, failed: 0, cpu_us, memory_bytes };
        assert_eq!(figures.of("a").hours, [hour(0, 2, 5_000, 30), hour(1, 1, 1_000, 20)]);
        assert_eq!(figures.of("b"), Figure::default());
        figures.ended("a", HOURS * HOUR, usage(0, 0), None);
        assert_eq!(figures.of("a").hours, [hour(1, 1, 1_000, 20), hour(HOURS, 1, 0, 0)]);
    }

    #[test]
    fn what_is_kept_of_faults_lines_and_plugins_is_bounded() {
        let figures = Figures::default();
        let error = |words: String| CallError {
            fault: CallFault::Trap,
            dispatched: false,
            function: "send",
            words,
            usage: Usage::default(),
        };
        for at in 0..100 {
            figures.ended("a", at, Usage::default(), Some(&error("é".repeat(1_000))));
            figures.said("a", at, "info", &"é".repeat(1_000));
        }
        let figure = figures.of("a");
        assert_eq!((figure.hours[0].calls, figure.hours[0].failed), (100, 100));
        assert_eq!((figure.faults.len(), figure.lines.len()), (MOST_FAULTS, MOST_LINES));
        assert_eq!((figure.faults[0].at, figure.lines[0].at), (99, 99), "the newest first");
        assert!(figure.faults[0].words.len() <= MOST_TEXT && figure.lines[0].text.len() <= MOST_TEXT);
        for number in 0..2 * MOST_PLUGINS {
            figures.said(&number.to_string(), 0, "info", "x");
        }
        assert_eq!(figures.lock().len(), MOST_PLUGINS);
    }
}
