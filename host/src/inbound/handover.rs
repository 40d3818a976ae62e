//! Requests that were put into the journal just now, handed to the pipeline in memory, so that it need not read them back.
//!
//! A shortcut that nothing depends on: a request that does not fit here is read from the journal, and the act that stores what came of
//! one sees to their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::db::PendingRow;

/// Requests that wait here.
const MOST_ROWS: usize = 4_096;
/// Bytes of their bodies.
const MOST_BYTES: usize = 16 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct Handover {
    queue: Mutex<Queue>,
    came: Notify,
}

#[derive(Default)]
struct Queue {
    rows: VecDeque<Arc<PendingRow>>,
    bytes: usize,
    missed: bool,
}

impl Handover {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request is in the journal.
    pub fn give(&self, row: PendingRow) {
        let mut queue = self.queue();
        let first = queue.rows.is_empty();
        if queue.rows.len() < MOST_ROWS && queue.bytes + row.body.len() <= MOST_BYTES {
            queue.bytes += row.body.len();
            queue.rows.push_back(Arc::new(row));
        } else {
            queue.missed = true;
        }
        drop(queue);
        if first {
            self.came.notify_one();
        }
    }

    /// Until a request was given, or one did not fit.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// All that wait, in the order of the journal; and whether one did not fit since the last time.
    pub fn take(&self) -> (VecDeque<Arc<PendingRow>>, bool) {
        let Queue { rows, missed, .. } = std::mem::take(&mut *self.queue());
        (rows, missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RequestId;

    fn row(id: i64, bytes: usize) -> PendingRow {
        PendingRow { id: RequestId::of_row(id), body: vec![0; bytes], ..PendingRow::default() }
    }

    fn ids(handover: &Handover) -> (Vec<i64>, bool) {
        let (rows, missed) = handover.take();
        (rows.iter().map(|row| row.id.row()).collect(), missed)
    }

    #[test]
    fn what_does_not_fit_is_told_once_and_what_was_taken_makes_room() {
        let handover = Handover::default();
        (0..MOST_ROWS as i64).for_each(|id| handover.give(row(id, 0)));
        handover.give(row(-1, 0));
        let (taken, missed) = ids(&handover);
        assert_eq!((taken.len(), taken[0], missed), (MOST_ROWS, 0, true));
        handover.give(row(1, MOST_BYTES));
        handover.give(row(2, 1));
        assert_eq!(ids(&handover), (vec![1], true), "its bytes are too many");
        handover.give(row(3, 1));
        assert_eq!(ids(&handover), (vec![3], false));
    }
}
