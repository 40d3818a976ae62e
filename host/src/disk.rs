//! How much room the disk of the data folder has left, and who may still write: as it shrinks, web visitors' files stop first, then
//! files of agents and plugins, and webhooks and mail last, because what is acknowledged must also find room to be translated.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How often the disk is asked, in milliseconds.
const EVERY: i64 = 1_000;

/// What something is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Webhooks, mail and visitors' messages.
    Requests,
    /// Files that agents upload and plugins fetch.
    Files,
    /// Files of web visitors.
    VisitorFiles,
}

/// Free bytes below which each purpose stops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Of [`Purpose::Requests`].
    pub requests: u64,
    /// Of [`Purpose::Files`]; at least that of requests.
    pub files: u64,
    /// Of [`Purpose::VisitorFiles`]; at least that of files.
    pub visitor_files: u64,
}

/// The free room of the data folder's file system. Cheap to clone.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    least: Thresholds,
    asked_at: AtomicI64,
    free: AtomicU64,
    /// Bytes that were written since the disk was asked.
    written: AtomicU64,
}

impl Disk {
    /// The file system of this folder.
    pub fn new(folder: PathBuf, least: Thresholds) -> Disk {
        Disk(Arc::new(Inner {
            folder,
            least,
            asked_at: AtomicI64::new(i64::MIN),
            free: AtomicU64::new(u64::MAX),
            written: AtomicU64::new(0),
        }))
    }

    /// Whether there is room for this. A disk that does not answer counts as one with room: the commit will tell.
    pub fn allows(&self, purpose: Purpose, now: i64) -> bool {
        let least = &self.0.least;
        let least = match purpose {
            Purpose::Requests => least.requests,
            Purpose::Files => least.files.max(least.requests),
            Purpose::VisitorFiles => least.visitor_files.max(least.files).max(least.requests),
        };
        self.free(now) >= least
    }

    /// Notes that so many bytes are being written, so that many writers do not get past a threshold between two questions.
    pub fn writes(&self, bytes: u64) {
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Free bytes, as they are counted here; none where the system does not tell.
    pub fn free_bytes(&self, now: i64) -> Option<u64> {
        Some(self.free(now)).filter(|_| self.0.free.load(Ordering::Acquire) < u64::MAX)
    }

    fn free(&self, now: i64) -> u64 {
        let inner = &self.0;
        let asked = inner.asked_at.load(Ordering::Acquire);
        let due = now.saturating_sub(asked) >= EVERY || now < asked;
        if due && inner.asked_at.compare_exchange(asked, now, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            inner.written.store(0, Ordering::Relaxed);
            let free = rustix::fs::statvfs(&inner.folder)
                .map_or(u64::MAX, |system| system.f_bavail.saturating_mul(system.f_frsize));
            metrics::gauge!("sambung_disk_free_bytes").set(free as f64);
            inner.free.store(free, Ordering::Release);
        }
        inner.free.load(Ordering::Acquire).saturating_sub(inner.written.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_stop_first_then_files_and_requests_last() {
        let disk = |requests, files, visitor_files| {
            let disk = Disk::new(std::env::temp_dir(), Thresholds { requests, files, visitor_files });
            [Purpose::Requests, Purpose::Files, Purpose::VisitorFiles].map(|purpose| disk.allows(purpose, 0))
        };
        assert_eq!(disk(0, 0, 0), [true, true, true]);
        assert_eq!(disk(0, 0, u64::MAX), [true, true, false]);
        assert_eq!(disk(0, u64::MAX, 0), [true, false, false]);
        assert_eq!(disk(u64::MAX, 0, 0), [false, false, false]);
    }

    #[test]
    fn what_is_written_between_two_questions_counts() {
        let disk = Disk::new(std::env::temp_dir(), Thresholds { requests: 1, files: 1, visitor_files: 1 });
        assert!(disk.allows(Purpose::Files, 0));
        disk.writes(u64::MAX / 2);
        assert!(!disk.allows(Purpose::Files, EVERY - 1));
        assert!(disk.allows(Purpose::Files, EVERY), "the disk was asked again");
    }
}
