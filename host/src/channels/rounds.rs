//! The host's own rounds: what a crash interrupted goes on, what waits for the provider is looked at every minute, and every
//! connected channel a few times a day.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::connect::Opening;
use super::{Actor, Browser, ChannelError, Channels};
use crate::db::DbError;
use crate::model::channel::ChannelState;
use crate::plugins::Renewed;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// Rounds until a waiting channel is looked at again.
const WAITING: u32 = 2;
/// Rounds in which each connected channel is looked at once: six hours.
const CONNECTED: u32 = 720;
/// Channels that one question reads.
pub(super) const PAGE: u32 = 200;

/// Credentials that are renewed at a time.
const RENEWALS: usize = 8;

/// Where the rounds stand.
#[derive(Default)]
struct Place {
    round: u32,
    after: String,
}

impl Channels {
    /// Makes rounds until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let mut place = Place::default();
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
                    if let Err(error) = self.go_on_connecting().await {
                        tracing::warn!(%error, "channels that wait were not looked at");
                    }
                }
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&self, place: &mut Place) -> Result<(), ChannelError> {
        if place.round == 0 || place.round.is_multiple_of(WAITING) {
            self.go_on_connecting().await?;
        }
        self.look_after_credentials().await?;
        // The first time is after some minutes: a start asks nothing of providers.
        if place.round >= 10 {
            self.look_at_some(place).await?;
        }
        place.round = place.round.wrapping_add(1).max(1);
        Ok(())
    }

    /// Goes on with what a crash interrupted, and looks at what waits: new channels and changed ones.
    async fn go_on_connecting(&self) -> Result<(), DbError> {
        let mut after = String::new();
        loop {
            let page = self.0.db.unfinished_channels(&after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id.clone();
            for row in page {
                let row = Arc::new(row);
                let under_way = self.0.db.registration_of(&row.id).await?.is_some();
                let result = if under_way || Self::is_interrupted(&row) {
                    self.resume(&row.id, &row.plugin).await
                } else if row.step.as_ref().is_some_and(|step| step["kind"] == "wait") {
                    self.look_at(&row, None).await
                } else {
                    Ok(())
                };
                tell(&row.id, result);
            }
        }
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

    /// Ends sign-ins that nobody came back from, and renews what ends soon, so that no message meets a credential that is
    /// over.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn look_after_credentials(&self) -> Result<(), ChannelError> {
        self.end_overdue_sign_ins().await?;
        if self.0.db.held_since().await?.is_some() {
            return Ok(());
        }
        let due = self.0.renewals.due().await?;
        let renewals = due.into_iter().map(|ending| async move {
            let renewed = self.0.renewals.renew(&ending.channel, ending.credential_version).await?;
            if let Renewed::Refused(words) = renewed {
                let at = self.0.clock.now();
                self.0.db.mark_needs_attention(&ending.channel, ending.credential_version, &words, at).await?;
                self.wake();
            }
            Ok::<_, DbError>(())
        });
        let mut done = futures_util::stream::iter(renewals).buffer_unordered(RENEWALS);
        while let Some(result) = done.next().await {
            result?;
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
            let row = Arc::new(row);
            let result = self.look_at(&row, None).await;
            tell(&row.id, result);
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
