//! Whether the disk has room left: what would be acknowledged must also find room to be translated.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// How often the disk is asked, in milliseconds.
const EVERY: i64 = 1_000;

/// The free room of one file system.
pub(super) struct Disk {
    folder: PathBuf,
    /// Fewer free bytes than this are too few.
    least: u64,
    asked_at: AtomicI64,
    low: AtomicBool,
}

impl Disk {
    pub fn new(folder: PathBuf, least: u64) -> Disk {
        Disk { folder, least, asked_at: AtomicI64::new(i64::MIN), low: AtomicBool::new(false) }
    }

    /// Whether there is too little room. A disk that does not answer counts as one with room: the commit will tell.
    pub fn is_low(&self, now: i64) -> bool {
        let asked = self.asked_at.load(Ordering::Relaxed);
        let due = now.saturating_sub(asked) >= EVERY || now < asked;
        if due && self.asked_at.compare_exchange(asked, now, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            let low = rustix::fs::statvfs(&self.folder)
                .is_ok_and(|system| system.f_bavail.saturating_mul(system.f_frsize) < self.least);
            self.low.store(low, Ordering::Release);
        }
        self.low.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_seen_and_asked_about_again_after_a_while() {
        let mut disk = Disk::new(std::env::temp_dir(), u64::MAX);
        assert!(disk.is_low(0));
        disk.least = 0;
        assert!(disk.is_low(EVERY - 1), "not asked again yet");
        assert!(!disk.is_low(EVERY));
    }
}
