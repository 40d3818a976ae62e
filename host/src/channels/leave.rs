//! Disconnecting: the plugin takes leave of the provider while it still has the secrets; then they go. The account and its
//! conversations stay.

use std::sync::Arc;

use serde_json::json;

use super::{Actor, ChannelError, Channels};
use crate::db::ChannelRow;
use crate::plugins::Generation;

/// Tells `disconnect` under this name whether what channels share at the provider may be ended too.
pub(super) const ALONE: &str = "alone";

impl Channels {
    /// Disconnects a channel. A provider that cannot be reached does not keep an admin from leaving.
    ///
    /// # Errors
    /// There is no such channel, or somebody else is at it.
    pub async fn disconnect(&self, workspace: &str, id: &str, by: &Actor) -> Result<(), ChannelError> {
        let (turn, row) = self.turn_at(workspace, id).await?;
        let (channels, by, row) = (self.clone(), by.clone(), row);
        let done = tokio::spawn(async move {
            let _turn = turn;
            let told = channels.take_leave(&row).await?;
            let at = channels.0.clock.now();
            let detail = json!({ "plugin": row.plugin, "name": row.name, "account": row.account, "provider": told });
            let entry = by.entry(at, "channel.disconnect", &row.id, detail);
            channels.0.db.delete_channel(&row.id, Some(entry), at).await?;
            Ok(())
        });
        done.await.map_err(|_| ChannelError::Busy)?
    }

    /// What became of telling the provider, for the audit log.
    async fn take_leave(&self, row: &Arc<ChannelRow>) -> Result<String, ChannelError> {
        let told = match self.callable(&row.plugin) {
            Ok(generation) => self.tell_provider(row, &generation).await?,
            Err(_) => "not told: the plugin does not run".to_owned(),
        };
        // Last, since the plugin takes its leave with the credential. The host does this itself, whether the plugin runs or not.
        Ok(match self.0.renewals.revoke(row).await? {
            None => told,
            Some(Ok(())) => format!("{told}; the credential is given back"),
            Some(Err(error)) => format!("{told}; the credential is not given back: {error}"),
        })
    }

    /// Has the plugin take its leave; says what became of it.
    pub(super) async fn tell_provider(
        &self,
        row: &ChannelRow,
        generation: &Generation,
    ) -> Result<String, ChannelError> {
        let (caller, mut channel, _candidate) = self.leaving(row, generation).await?;
        // A channel that was never connected has no routes yet, so nobody knows who shares them.
        let alone = row.account.is_some() && self.0.db.shares_no_route(&row.id).await?;
        channel.extra.push((ALONE.to_owned(), alone.to_string()));
        Ok(match generation.plugin.disconnect(&caller, channel).await {
            Ok(done) => match done.value {
                Ok(()) => "told".to_owned(),
                Err(fault) => format!("not told: {}", fault.words),
            },
            Err(error) => format!("not told: {error}"),
        })
    }
}
