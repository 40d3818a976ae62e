//! One thing at a time with an account's templates: reading, making and removing them do not overlap, so that what was just
//! made is not taken for gone by a list that is older.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::lock;

/// A turn for each account whose templates were ever touched.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<i64, Arc<Turn<()>>>>);

impl Turns {
    /// Held while something is done to the account's templates; waits for its turn.
    pub(super) async fn take(&self, account: i64) -> OwnedMutexGuard<()> {
        self.of(account).lock_owned().await
    }

    /// The turn, or nothing where another has it.
    pub(super) fn try_take(&self, account: i64) -> Option<OwnedMutexGuard<()>> {
        self.of(account).try_lock_owned().ok()
    }

    fn of(&self, account: i64) -> Arc<Turn<()>> {
        lock(&self.0).entry(account).or_default().clone()
    }
}
