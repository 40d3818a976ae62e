//! How many bytes of files are kept for whom: bounds for a visitor, a channel, a workspace and in total.
//!
//! What is on its way counts from its first byte, so that files which come at the same time do not get past a bound together. What
//! is kept is counted by the database in the act that stores or removes a file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::db::{Db, DbError, UsageScope};

/// Milliseconds in which visitors' bytes are counted.
const HOUR: i64 = 3_600_000;

/// Bounds in bytes; 0: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Kept of one web visitor.
    pub visitor: u64,
    /// Kept of one channel: what its customers sent.
    pub channel: u64,
    /// Kept of one workspace.
    pub workspace: u64,
    /// Kept in all.
    pub total: u64,
    /// That the visitors of one channel may send in an hour.
    pub visitors_an_hour: u64,
}

/// Whose a file is that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The workspace.
    pub workspace: String,
    /// The account of the channel that it comes through.
    pub account: Option<i64>,
    /// The web visitor who sends it.
    pub visitor: Option<String>,
}

impl Owner {
    /// Somebody of the workspace, or a plugin on nobody's behalf.
    pub fn workspace(workspace: &str) -> Owner {
        Owner { workspace: workspace.to_owned(), account: None, visitor: None }
    }

    /// What comes through a channel.
    pub fn account(workspace: &str, account: i64) -> Owner {
        Owner { account: Some(account), ..Owner::workspace(workspace) }
    }

    fn scopes(&self) -> Vec<UsageScope> {
        let mut scopes = vec![UsageScope::Total, UsageScope::Workspace(self.workspace.clone())];
        scopes.extend(self.account.map(UsageScope::Account));
        scopes.extend(self.visitor.clone().map(UsageScope::Visitor));
        scopes
    }
}

/// Which bound a file would pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// So much is kept already.
    #[error(
        "{whose} keeps at most {most} bytes of files (`{key}`), and they are used up; remove files or raise the bound"
    )]
    Kept {
        /// In words.
        whose: &'static str,
        /// The bound.
        most: u64,
        /// The setting.
        key: &'static str,
    },
    /// So much came within an hour.
    #[error("visitors of a channel send at most {most} bytes of files in an hour (`media.visitors_bytes_per_hour`)")]
    Hour {
        /// The bound.
        most: u64,
        /// How long to wait.
        wait: Duration,
    },
}

/// The counters. Cheap to clone.
#[derive(Clone)]
pub(super) struct Quota(Arc<Inner>);

struct Inner {
    db: Db,
    bounds: Quotas,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    kept: HashMap<UsageScope, Count>,
    /// When the hour of each account's visitors began, and what they sent since.
    hours: HashMap<i64, (i64, u64)>,
}

/// What is known of a scope that files are being written for.
#[derive(Default)]
struct Count {
    /// As the database said, when so many bytes had been finished here.
    kept: (u64, u64),
    finished: u64,
    on_the_way: u64,
    writers: usize,
}

/// Bytes on their way; they count until this is dropped.
pub(super) struct Reserved {
    quota: Quota,
    owner: Owner,
    scopes: Vec<UsageScope>,
    bytes: u64,
    finished: bool,
}

impl Quota {
    pub fn new(db: Db, bounds: Quotas) -> Quota {
        Quota(Arc::new(Inner { db, bounds, counts: Mutex::default() }))
    }

    /// Begins to count a file of this owner.
    pub async fn begin(&self, owner: Owner) -> Result<Reserved, DbError> {
        let scopes = owner.scopes();
        let finished: Vec<u64> = {
            let mut counts = self.counts();
            let begun = scopes.iter().map(|scope| {
                let count = counts.kept.entry(scope.clone()).or_default();
                count.writers += 1;
                count.finished
            });
            begun.collect()
        };
        // From here on the counts are given back, whatever happens.
        let reserved = Reserved { quota: self.clone(), owner, scopes, bytes: 0, finished: false };
        let kept = self.0.db.media_usage(reserved.scopes.clone()).await?;
        let mut counts = self.counts();
        for ((scope, finished), kept) in reserved.scopes.iter().zip(finished).zip(kept) {
            // What was finished before the question is in its answer.
            if let Some(count) = counts.kept.get_mut(scope).filter(|count| count.kept.1 <= finished) {
                count.kept = (kept, finished);
            }
        }
        drop(counts);
        Ok(reserved)
    }

    fn bound(&self, scope: &UsageScope) -> (u64, &'static str, &'static str) {
        let bounds = &self.0.bounds;
        match scope {
            UsageScope::Total => (bounds.total, "this server", "media.total_bytes"),
            UsageScope::Workspace(_) => (bounds.workspace, "a workspace", "media.workspace_bytes"),
            UsageScope::Account(_) => (bounds.channel, "a channel", "media.channel_bytes"),
            UsageScope::Visitor(_) => (bounds.visitor, "a visitor", "media.visitor_bytes"),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn used(&self) -> u64 {
        self.kept.0 + (self.finished - self.kept.1) + self.on_the_way
    }
}

impl Reserved {
    /// Whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Counts so many more bytes, or none where a bound would be passed.
    pub fn grow(&mut self, bytes: u64, now: i64) -> Result<(), QuotaError> {
        let quota = self.quota.clone();
        let mut counts = quota.counts();
        for scope in &self.scopes {
            let (most, whose, key) = quota.bound(scope);
            let used = counts.kept.get(scope).map_or(0, Count::used);
            if most > 0 && used.saturating_add(bytes) > most {
                return Err(refused(scope.name(), QuotaError::Kept { whose, most, key }));
            }
        }
        let most = quota.0.bounds.visitors_an_hour;
        if let (Some(account), Some(_), true) = (self.owner.account, &self.owner.visitor, most > 0) {
            if counts.hours.len() > 10_000 {
                counts.hours.retain(|_, (began, _)| now - *began < HOUR);
            }
            let (began, sent) = counts.hours.entry(account).or_insert((now, 0));
            if now - *began >= HOUR || now < *began {
                (*began, *sent) = (now, 0);
            }
            if sent.saturating_add(bytes) > most {
                let wait = Duration::from_millis((*began + HOUR - now).max(0).unsigned_abs());
                return Err(refused("hour", QuotaError::Hour { most, wait }));
            }
            *sent += bytes;
        }
        for scope in &self.scopes {
            if let Some(count) = counts.kept.get_mut(scope) {
                count.on_the_way += bytes;
            }
        }
        self.bytes += bytes;
        Ok(())
    }

    /// The file's row is on disk: the database counts it from now on.
    pub fn finish(&mut self) {
        self.finished = true;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut counts = self.quota.counts();
        for scope in &self.scopes {
            let Some(count) = counts.kept.get_mut(scope) else { continue };
            count.on_the_way -= self.bytes;
            if self.finished {
                count.finished += self.bytes;
            }
            count.writers -= 1;
            if count.writers == 0 {
                counts.kept.remove(scope);
            }
        }
    }
}

fn refused(reason: &'static str, error: QuotaError) -> QuotaError {
    metrics::counter!("sambung_media_refused_total", "reason" => reason).increment(1);
    error
}
