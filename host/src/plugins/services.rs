//! What a running plugin reaches of the host's data: its secrets by name, and its channel's small memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_runtime::{Caller, Kv, SecretValue, Secrets, ServiceError};

use crate::db::Db;

/// Secrets that a call tries out before they are kept: a channel's new credential, until `connect` proved it.
///
/// A call with candidates names its channel as `ch_…~n`, so that whatever else the channel does meanwhile goes on with what
/// is stored.
#[derive(Clone, Default)]
pub struct Candidates(Arc<Tried>);

#[derive(Default)]
struct Tried {
    next: AtomicU64,
    values: Mutex<HashMap<String, Overlay>>,
}

/// `None`: not set, whatever is stored.
type Overlay = HashMap<String, Option<SecretValue>>;

/// Candidates of one call; gone when this is dropped.
pub struct Candidate {
    all: Candidates,
    key: String,
}

impl Candidates {
    /// Lays these values over what is stored for a channel or a registration, for calls that name it by
    /// [`Candidate::owner`].
    pub fn offer(&self, owner: &str, values: impl IntoIterator<Item = (String, Option<SecretValue>)>) -> Candidate {
        let key = format!("{owner}~{}", self.0.next.fetch_add(1, Ordering::Relaxed));
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), values.into_iter().collect());
        Candidate { all: self.clone(), key }
    }

    /// Values of this name that are being tried out for a channel or a registration: what signs a provider's test webhook
    /// while `connect` runs. Empty nearly always, and then costs one lock.
    pub fn of(&self, owner: &str, name: &str) -> Vec<SecretValue> {
        let values = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        values
            .iter()
            .filter(|(key, _)| stored_owner(key) == owner)
            .filter_map(|(_, overlay)| overlay.get(name).cloned().flatten())
            .collect()
    }

    fn tried(&self, owner: &str, name: &str) -> Option<Option<SecretValue>> {
        let values = self.0.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(owner)?.get(name).cloned()
    }
}

impl Candidate {
    /// The name that a call's [`Caller`] gives its channel or registration by.
    pub fn owner(&self) -> String {
        self.key.clone()
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.all.0.values.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// The id of a channel or registration, without what names a candidate.
pub(super) fn stored_owner(owner: &str) -> &str {
    owner.split('~').next().unwrap_or(owner)
}

/// Secrets of channels and registrations, opened for the moment of a call.
pub struct SecretService {
    db: Db,
    candidates: Candidates,
}

impl SecretService {
    /// Over what the database holds, with candidates in front.
    pub fn new(db: Db, candidates: Candidates) -> SecretService {
        SecretService { db, candidates }
    }

    async fn of(&self, owner: &str, name: &str) -> Result<Option<SecretValue>, ServiceError> {
        if let Some(tried) = self.candidates.tried(owner, name) {
            return Ok(tried);
        }
        let stored = self.db.secret(stored_owner(owner), name).await;
        stored
            .map(|found| found.map(|secret| secret.value))
            .map_err(|error| ServiceError::Unavailable(error.to_string()))
    }
}

impl Secrets for SecretService {
    fn get<'a>(
        &'a self,
        caller: &'a Caller,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<SecretValue>, ServiceError>> {
        async move {
            for owner in [&caller.channel, &caller.app].into_iter().flatten() {
                if let Some(value) = self.of(owner, name).await? {
                    return Ok(Some(value));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}

/// The channels' small memories.
pub struct KvService {
    db: Db,
}

impl KvService {
    /// Over what the database holds.
    pub fn new(db: Db) -> KvService {
        KvService { db }
    }
}

impl Kv for KvService {
    fn get<'a>(&'a self, caller: &'a Caller, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, ServiceError>> {
        async move {
            let Some(channel) = &caller.channel else { return Ok(None) };
            let found = self.db.kv_value(stored_owner(channel), key).await;
            found.map_err(|error| ServiceError::Unavailable(error.to_string()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_seen_under_its_own_name_and_goes_when_it_is_dropped() {
        let candidates = Candidates::default();
        let offered = candidates.offer("ch_1", [("token".to_owned(), Some(SecretValue::from("new".to_owned())))]);
        assert_eq!(candidates.of("ch_1", "token").len(), 1);
        assert!(candidates.of("ch_2", "token").is_empty());
        assert!(candidates.tried(&offered.owner(), "token").is_some());
        assert!(candidates.tried("ch_1", "token").is_none(), "other calls go on with what is stored");
        drop(offered);
        assert!(candidates.of("ch_1", "token").is_empty());
    }
}
