//! What was just committed to the journal, handed on in memory, so that hardly any row is read back from the disk.
//!
//! The journal stays what counts: rows are handed on in the order of their commits, and as soon as one is not (there was no
//! room, or somebody reads the journal), none is until whoever takes them has read the journal to its end.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::db::PendingRow;

/// Rows kept at most.
const MOST_ROWS: usize = 2_048;
/// Bytes of bodies kept at most.
const MOST_BYTES: usize = 16 << 20;

/// See the module.
pub(super) struct Arrivals {
    queue: Mutex<Queue>,
    came: Notify,
}

struct Queue {
    rows: VecDeque<PendingRow>,
    bytes: usize,
    /// Rows are found in the journal only.
    held: bool,
}

impl Arrivals {
    /// Hands on nothing before the journal was read.
    pub fn new() -> Arrivals {
        Arrivals { queue: Mutex::new(Queue { rows: VecDeque::new(), bytes: 0, held: true }), came: Notify::new() }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row that is on disk. Called in the order of the commits.
    pub fn push(&self, row: PendingRow) {
        let mut queue = self.queue();
        if !queue.held {
            queue.bytes += row.body.len();
            queue.rows.push_back(row);
            if queue.rows.len() > MOST_ROWS || queue.bytes > MOST_BYTES {
                queue.hold();
            }
        }
        drop(queue);
        self.came.notify_one();
    }

    /// Until something came.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// From now on rows are found in the journal only; those that are here as well.
    pub fn hold(&self) {
        self.queue().hold();
    }

    /// From now on rows are handed on. To be called before the journal is read to its end, so that none falls between; a row
    /// may then come both ways.
    pub fn follow(&self) {
        self.queue().held = false;
    }

    /// The rows that came, in order, at most `most`; none where they are to be read from the journal.
    pub fn take(&self, most: usize) -> Option<Vec<PendingRow>> {
        let mut queue = self.queue();
        if queue.held {
            return None;
        }
        let most = most.min(queue.rows.len());
        let rows: Vec<PendingRow> = queue.rows.drain(..most).collect();
        queue.bytes -= rows.iter().map(|row| row.body.len()).sum::<usize>();
        Some(rows)
    }
}

impl Queue {
    fn hold(&mut self) {
        self.rows.clear();
        self.bytes = 0;
        self.held = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, bytes: usize) -> PendingRow {
        PendingRow { id, body: vec![0; bytes], ..PendingRow::default() }
    }

    fn ids(rows: Option<Vec<PendingRow>>) -> Option<Vec<i64>> {
        rows.map(|rows| rows.iter().map(|row| row.id).collect())
    }

    #[test]
    fn rows_are_handed_on_only_while_the_journal_was_read_to_its_end() {
        let arrivals = Arrivals::new();
        arrivals.push(row(1, 1));
        assert_eq!(ids(arrivals.take(9)), None, "the journal has it");
        arrivals.follow();
        (2..5).for_each(|id| arrivals.push(row(id, 1)));
        assert_eq!(ids(arrivals.take(2)), Some(vec![2, 3]));
        arrivals.hold();
        assert_eq!(ids(arrivals.take(9)), None, "the fourth is the journal's too");
    }

    #[test]
    fn what_does_not_fit_sends_the_reader_to_the_journal() {
        let arrivals = Arrivals::new();
        arrivals.follow();
        (0..=MOST_ROWS as i64).for_each(|id| arrivals.push(row(id, 0)));
        assert_eq!(ids(arrivals.take(9)), None);
        arrivals.follow();
        arrivals.push(row(1, MOST_BYTES));
        arrivals.push(row(2, 1));
        assert_eq!(ids(arrivals.take(9)), None);
    }
}
