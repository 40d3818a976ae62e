//! Attempts that a crash or a stop left without an end: that the request left is assumed, so each is resent where the provider
//! honours its key, else unknown.

use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::endings::{Around, unanswered};
use super::{Outbound, chance};
use crate::db::{DbError, DuePart, Ended, LostAttempt, Settlement};

/// Attempts settled in one go.
const BATCH: u32 = 200;

impl Outbound {
    /// Gives every attempt without an end one. Whether that was done before `stop`.
    pub(super) async fn settle_lost(&self, stop: &CancellationToken) -> bool {
        while !stop.is_cancelled() {
            match self.settle_some().await {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "attempts from before the start could not be settled yet");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    }
                }
            }
        }
        false
    }

    /// Settles some of what is left; how many. What cannot be settled holds up nothing else.
    async fn settle_some(&self) -> Result<usize, DbError> {
        let lost = self.0.db.lost_attempts(BATCH).await?;
        if !lost.is_empty() {
            tracing::warn!(count = lost.len(), "attempts were under way when the host stopped");
        }
        let mut settled = 0;
        for attempt in lost {
            settled += usize::from(self.settle_one(attempt).await);
        }
        Ok(settled)
    }

    async fn settle_one(&self, lost: LostAttempt) -> bool {
        let generation = self.0.plugins.get(&lost.plugin);
        let plugin = generation.as_ref().map(|generation| &generation.plugin);
        let now = self.0.clock.now();
        let around = Around {
            conversation: lost.conversation_id,
            contact: None,
            app: None,
            rules: &[],
            resend: plugin.and_then(|plugin| plugin.manifest().resend.as_ref()),
            reconciles: plugin.is_some_and(|plugin| plugin.interfaces().reconcile),
            credential: super::endings::Credential::Stands,
            lane_wait_ms: self.0.settings.lane_wait_ms,
            now,
            chance: chance(),
        };
        let part = DuePart {
            idx: lost.idx,
            attempt_id: lost.attempt_id,
            attempt_key: lost.attempt_key.clone(),
            content: serde_json::Value::Null,
            tries: lost.tries,
            first_sent_at: lost.first_sent_at,
            started_at: now,
            rule: lost.rule.clone(),
            token: None,
            maybe_sent: true,
        };
        let error = json!({"code": "interrupted", "detail": "the host stopped while the provider was being called"});
        let ended = Ended {
            idx: lost.idx,
            attempt_id: lost.attempt_id,
            attempt_key: lost.attempt_key,
            ending: unanswered(&part, &around, error),
            dispatched: true,
        };
        let settlement = Settlement {
            workspace: lost.workspace,
            account_id: lost.account_id,
            channel_id: lost.channel_id.unwrap_or_default(),
            message_id: lost.message_id,
            conversation_id: lost.conversation_id,
            ended: vec![ended],
            at: now,
            ..Settlement::default()
        };
        self.commit(settlement).await
    }
}
