//! One thing at a time for a channel or a registration: who comes second is told so.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::ChannelError;

#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashSet<String>>>);

/// Held while something is being done to `id`.
pub(super) struct Turn {
    all: Turns,
    id: String,
}

impl Turns {
    pub(super) fn take(&self, id: &str) -> Result<Turn, ChannelError> {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            return Err(ChannelError::Busy);
        }
        Ok(Turn { all: self.clone(), id: id.to_owned() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
