//! The loop by which everything that grows has an end: looks every few minutes, removes in small goes, pauses between them.
//!
//! How long each thing is kept is configuration; what a thing is, its table knows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config;
use crate::db::{Db, DbError, Expired};
use crate::media::Media;
use crate::model::time::{DAY, HOUR};

/// Removes what has outlived its time. Cheap to clone.
#[derive(Clone)]
pub struct Retention {
    db: Db,
    media: Media,
    clock: Clock,
    config: config::Retention,
}

/// How a round went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Rows and files that went.
    pub removed: usize,
}

impl Retention {
    /// Over this database and these files.
    pub fn new(db: Db, media: Media, clock: Clock, config: &config::Retention) -> Retention {
        Retention { db, media, clock, config: config.clone() }
    }

    /// Goes round until `stop`. A failure (a full disk, for one) is told of, and the next round tries again.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            match self.round(&stop).await {
                Ok(round) if round.removed > 0 => {
                    tracing::info!(removed = round.removed, "what outlived its time was removed")
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "what outlived its time could not be removed yet"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(self.config.every_s.max(1))) => {}
            }
        }
    }

    /// One round over everything.
    pub async fn round(&self, stop: &CancellationToken) -> Result<Round, DbError> {
        let (now, kept) = (self.clock.now(), &self.config);
        let days = |days: u32| now - i64::from(days) * DAY;
        let mut round = Round::default();
        let mut goes = vec![
            (Expired::Feed, days(kept.feed_days)),
            (Expired::Deliveries, days(kept.deliveries_days)),
            (Expired::Answers, now - i64::from(kept.idempotency_hours) * HOUR),
            (Expired::Tokens, days(1)),
            (Expired::Traffic, days(2)),
            (Expired::Journal, days(kept.dedupe_days.max(kept.journal_parked_days))),
        ];
        if kept.audit_days > 0 {
            goes.push((Expired::Audit, days(kept.audit_days)));
        }
        for (what, before) in goes {
            round.removed += self.all(stop, || self.db.remove_expired(what, before, kept.batch)).await?;
        }
        let (settled, parked) = (days(kept.journal_days), days(kept.journal_parked_days));
        round.removed += self.all(stop, || self.db.forget_journal_bodies(settled, parked, kept.batch)).await?;
        let before = days(kept.dedupe_days);
        round.removed += self.all(stop, || self.db.forget_dedupe_keys(before, kept.batch)).await?;
        // Publications end by themselves, whether or not files do.
        let before = if kept.media_days > 0 { days(kept.media_days) } else { i64::MIN };
        let unused = (days(kept.media_unused_days), now - i64::from(kept.visitor_media_unused_hours) * HOUR);
        round.removed += self.all(stop, || self.media.sweep(before, unused, kept.batch)).await?;
        let before = if kept.visitors_days > 0 { days(kept.visitors_days) } else { i64::MIN };
        let silent = days(kept.visitors_silent_days);
        round.removed += self.all(stop, || self.db.forget_visitors(before, silent, kept.batch)).await?;
        Ok(round)
    }

    /// Goes on while a go finds all it may take.
    async fn all<F: Future<Output = Result<usize, DbError>>>(
        &self,
        stop: &CancellationToken,
        go: impl Fn() -> F,
    ) -> Result<usize, DbError> {
        let mut removed = 0;
        loop {
            let some = go().await?;
            removed += some;
            if some < self.config.batch as usize || stop.is_cancelled() {
                return Ok(removed);
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(removed),
                () = tokio::time::sleep(Duration::from_millis(self.config.pause_ms)) => {}
            }
        }
    }
}
