//! The host's own rounds: what a crash interrupted goes on, what waits for the provider is looked at every minute, and every
//! connected channel a few times a day.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::connect::Opening;
use super::{Actor, Browser, ChannelError, Channels};
use crate::db::{ChannelRow, CredentialEnding, DbError};
use crate::model::channel::ChannelState;
use crate::plugins::Renewed;
use crate::upkeep::Calls;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Rounds until a waiting channel is looked at again.
const WAITING: u32 = 2;
/// Rounds in which each connected channel is looked at once: six hours.
const CONNECTED: u32 = 720;
/// Channels that one question reads.
pub(super) const PAGE: u32 = 200;

/// Where the rounds stand.
struct Place {
    round: u32,
    /// The channel that was looked at last.
    after: String,
    /// The first channel under way that found no place in the last round.
    first: String,
    /// Looks at channels, and renewals of credentials, that are running.
    looks: Calls,
    renewals: Calls,
}

impl Channels {
    /// Makes rounds until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let (looks, renewals) = (self.0.upkeep.calls("check"), self.0.upkeep.calls("renew"));
        let mut place = Place { round: 0, after: String::new(), first: String::new(), looks, renewals };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                result = self.round(&mut place) => {
                    if let Err(error) = result {
                        tracing::warn!(%error, "a round of the channels was not made");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.wakes.channels.notified() => {
                    if let Err(error) = self.go_on_connecting(&mut place).await {
                        tracing::warn!(%error, "channels that wait were not looked at");
                    }
                }
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&self, place: &mut Place) -> Result<(), ChannelError> {
        if place.round == 0 || place.round.is_multiple_of(WAITING) {
            self.go_on_connecting(place).await?;
        }
        let tell = |channel: &str, result: Result<(), DbError>| {
            if let Err(error) = result {
                tracing::warn!(channel, %error, "a credential was not renewed");
            }
        };
        self.start_renewals(&mut place.renewals, tell).await?;
        // The first time is after some minutes: a start asks nothing of providers.
        if place.round >= 10 {
            self.look_at_some(place).await?;
        }
        place.round = place.round.wrapping_add(1).max(1);
        Ok(())
    }

    /// Goes on with what a crash interrupted, and looks at what waits: new channels and changed ones, from where the last round found
    /// no place.
    async fn go_on_connecting(&self, place: &mut Place) -> Result<(), DbError> {
        let first = std::mem::take(&mut place.first);
        let wraps = (!first.is_empty()).then_some(("", Some(first.as_str())));
        for (from, until) in [(first.as_str(), None)].into_iter().chain(wraps) {
            let mut after = from.to_owned();
            loop {
                let page = self.0.db.unfinished_channels(&after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.id.clone();
                for row in page.into_iter().filter(|row| until.is_none_or(|until| row.id.as_str() <= until)) {
                    let id = row.id.clone();
                    if !self.go_on(&mut place.looks, row).await? && place.first.is_empty() {
                        // A page begins after the id that it is given; this one sorts right before the channel's.
                        place.first = id[..id.len().saturating_sub(1)].to_owned();
                    }
                }
                if until.is_some_and(|until| after.as_str() > until) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Starts what this channel needs; false where that found no place.
    async fn go_on(&self, looks: &mut Calls, row: ChannelRow) -> Result<bool, DbError> {
        let under_way = self.0.db.registration_of(&row.id).await?.is_some();
        let resumes = under_way || Self::is_interrupted(&row);
        let waits = row.step.as_ref().is_some_and(|step| step["kind"] == "wait");
        Ok(!(resumes || waits) || looks.is_running(&row.id) || self.start_look(looks, Arc::new(row), resumes))
    }

    /// Starts a look at a channel. One that finds no place is looked at in a later round.
    fn start_look(&self, looks: &mut Calls, row: Arc<ChannelRow>, resumes: bool) -> bool {
        let (workspace, id, channels) = (row.workspace.clone(), row.id.clone(), self.clone());
        looks.start(&workspace, &id, async move {
            let result = match resumes {
                true => channels.resume(&row.id, &row.plugin).await,
                false => channels.look_at_free(&row.id).await,
            };
            tell(&row.id, result);
        })
    }

    async fn resume(&self, id: &str, plugin: &str) -> Result<(), ChannelError> {
        let _turn = self.0.turns.take(id)?;
        let generation = self.callable(plugin)?;
        let row = self.0.db.channel(id).await?.ok_or(ChannelError::NotFound)?;
        if !Self::is_interrupted(&row) {
            return self.resume_registration(&row, &generation, None).await.map(|_| ());
        }
        let opening = Opening { entry: None, by: Actor::host(&row.workspace), browser: Browser::default() };
        self.connect_or_forget(id, generation, opening).await
    }

    /// Ends sign-ins that have been left, and renews what ends soon, so that no message meets a credential that is over. Until all
    /// of it is done.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn look_after_credentials(&self) -> Result<(), ChannelError> {
        let mut calls = self.0.upkeep.calls("renew");
        let failure = Arc::new(OnceLock::new());
        let note = Arc::clone(&failure);
        self.start_renewals(&mut calls, move |_: &str, result| drop(result.map_err(|error| note.set(error)))).await?;
        calls.finish().await;
        match Arc::into_inner(failure).and_then(OnceLock::into_inner) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Ends sign-ins that have been left, and starts renewing what ends soon; each renewal's end is told with its channel.
    async fn start_renewals(
        &self,
        calls: &mut Calls,
        tell: impl Fn(&str, Result<(), DbError>) + Clone + Send + 'static,
    ) -> Result<(), ChannelError> {
        self.end_overdue_sign_ins().await?;
        if self.0.db.held_since().await?.is_some() {
            return Ok(());
        }
        for ending in self.0.renewals.due().await? {
            let (workspace, channel) = (ending.workspace.clone(), ending.channel.clone());
            let (channels, tell) = (self.clone(), tell.clone());
            calls.start(&workspace, &channel, async move {
                let renewed = channels.renew(&ending).await;
                tell(&ending.channel, renewed);
            });
        }
        Ok(())
    }

    async fn renew(&self, ending: &CredentialEnding) -> Result<(), DbError> {
        if let Renewed::Refused(words) = self.0.renewals.renew(&ending.channel, ending.credential_version).await? {
            let at = self.0.clock.now();
            self.0.db.mark_needs_attention(&ending.channel, ending.credential_version, &words, at).await?;
        }
        Ok(())
    }

    async fn look_at_some(&self, place: &mut Place) -> Result<(), DbError> {
        let total = self.0.db.count_channels().await?;
        let share = u32::try_from(total).unwrap_or(u32::MAX).div_ceil(CONNECTED).clamp(1, PAGE);
        // So few channels are not to be asked in every round.
        if total < i64::from(CONNECTED) && !place.round.is_multiple_of((CONNECTED / (total.max(1) as u32)).max(1)) {
            return Ok(());
        }
        let page = self.0.db.channels_in_state(ChannelState::Connected, &place.after, share).await?;
        place.after = page.last().map(|row| row.id.clone()).unwrap_or_default();
        for row in page {
            self.start_look(&mut place.looks, Arc::new(row), false);
        }
        Ok(())
    }
}

/// Nobody asked, so what went wrong goes to the log; the channel's findings tell its admin.
fn tell(channel: &str, result: Result<(), ChannelError>) {
    match result {
        Ok(()) | Err(ChannelError::Busy | ChannelError::PluginDisabled) => {}
        Err(error) => tracing::info!(channel, %error, "a channel was looked at in vain"),
    }
}
