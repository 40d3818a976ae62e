//! Channels in memory, so that a webhook and a send need no question to the disk. Bounded; an act that changes a channel notes it
//! in `engine/after.rs`, and the commit forgets it here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::db::channels::ChannelRow;

/// Channels kept at most; past it all are forgotten, and those in use are soon back.
const MOST: usize = 20_000;

/// See the module.
#[derive(Default)]
pub(in crate::db) struct ChannelCache {
    epoch: AtomicU64,
    rows: RwLock<HashMap<String, Arc<ChannelRow>>>,
}

impl ChannelCache {
    pub(super) fn get(&self, id: &str) -> Option<Arc<ChannelRow>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// To be asked before the row is read: what was read before a change must not be put after it.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(super) fn put(&self, seen: u64, row: &Arc<ChannelRow>) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch() != seen {
            return;
        }
        if rows.len() >= MOST {
            rows.clear();
        }
        rows.insert(row.id.clone(), Arc::clone(row));
    }

    pub(in crate::db) fn forget(&self, id: &str) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        rows.remove(id);
    }
}
