//! How much is written at a time: much while one workspace writes alone, because large commits and folds cost least for each event;
//! little while several write, because each waits for what the others write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A workspace is alone once no other wrote for this long. The first request of another that comes then waits for a large commit.
const ALONE_AFTER: Duration = Duration::from_secs(60);

/// What may be written at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// Events in one commit of translated requests, a request without any counting as one.
    pub events: usize,
    /// Pages that are added to the write-ahead log before what it holds is folded in.
    pub pages: i32,
}

/// While one workspace writes alone. Folding writes each page in the log once more, however often it was changed, so that a long log
/// costs less for each change.
const ALONE: Portion = Portion { events: 512, pages: 4_000 };
/// While several write.
const BESIDE_OTHERS: Portion = Portion { events: 64, pages: 500 };

/// Notes who writes. See the module.
pub struct Pace {
    last: Mutex<Last>,
    is_alone: AtomicBool,
}

/// The workspace that wrote last, and since when no other did; none: no other ever did.
#[derive(Default)]
struct Last {
    writer: Option<Arc<str>>,
    since: Option<Instant>,
}

impl Pace {
    /// Nothing was written yet.
    pub(in crate::db) fn new() -> Pace {
        Pace { last: Mutex::default(), is_alone: AtomicBool::new(true) }
    }

    /// Notes whose requests are committed now: those of workspaces, or of addresses that several share.
    pub fn wrote<'a>(&self, writers: impl Iterator<Item = &'a Arc<str>>, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        for writer in writers {
            if last.writer.as_ref() != Some(writer) {
                let since = last.writer.as_ref().map(|_| now);
                *last = Last { writer: Some(Arc::clone(writer)), since };
            }
        }
        let is_alone = last.since.is_none_or(|since| now.duration_since(since) >= ALONE_AFTER);
        self.is_alone.store(is_alone, Ordering::Relaxed);
    }

    /// What may be written at a time now.
    pub fn portion(&self) -> Portion {
        if self.is_alone.load(Ordering::Relaxed) { ALONE } else { BESIDE_OTHERS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_several_workspaces_write_each_writes_little_at_a_time() {
        let (pace, begun) = (Pace::new(), Instant::now());
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let after = |seconds| begun + Duration::from_secs(seconds);
        let portion = |writers: &[&Arc<str>], at| {
            pace.wrote(writers.iter().copied(), at);
            pace.portion()
        };
        assert_eq!(pace.portion(), ALONE);
        assert_eq!(portion(&[&one, &one], begun), ALONE, "the first has met no other");
        assert_eq!(portion(&[&one, &other, &one], after(1)), BESIDE_OTHERS, "both in one commit");
        assert_eq!(portion(&[&one], after(60)), BESIDE_OTHERS);
        assert_eq!(portion(&[&one], after(61)), ALONE);
        assert_eq!(portion(&[&other], after(100)), BESIDE_OTHERS, "one after the other");
        assert_eq!(portion(&[&other], after(160)), ALONE);
    }
}
