//! The account of calls: how each call of a plugin for a channel ended becomes a finding of the channel, or takes one back.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sambung_runtime::{CallError, Caller, Outcomes, Usage};

use super::figures::Figures;
use super::services::stored_owner;
use crate::clock::Clock;
use crate::db::{Db, DbError};

/// The runtime's [`Outcomes`], over the database.
pub struct CallAccount {
    db: Db,
    clock: Clock,
    figures: Figures,
}

impl CallAccount {
    /// Over what the database holds; what calls use and say is counted in `figures`.
    pub fn new(db: Db, clock: Clock, figures: Figures) -> CallAccount {
        CallAccount { db, clock, figures }
    }

    async fn note(&self, channel: &str, function: &'static str, failure: Option<&CallError>) -> Result<(), DbError> {
        let Some(error) = failure else {
            return self.db.note_call_success(channel, function, self.clock.now()).await;
        };
        self.db.note_call_failure(channel, error, self.clock.now()).await
    }
}

impl Outcomes for CallAccount {
    fn ended<'a>(
        &'a self,
        caller: &'a Caller,
        function: &'static str,
        usage: Usage,
        failure: Option<&'a CallError>,
    ) -> BoxFuture<'a, ()> {
        self.figures.ended(&caller.plugin, self.clock.now(), usage, failure);
        async move {
            let Some(channel) = caller.channel.as_deref().map(stored_owner) else { return };
            if let Err(error) = self.note(channel, function, failure).await {
                tracing::warn!(%error, channel, function, "how a call ended could not be noted");
            }
        }
        .boxed()
    }

    fn said(&self, caller: &Caller, level: &str, line: &str) {
        self.figures.said(&caller.plugin, self.clock.now(), level, line);
    }
}
