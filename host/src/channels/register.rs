//! From an account that is known to a channel that is connected: the account is claimed in one act, then the provider is asked to
//! deliver here, then that is committed. A channel whose registration fails gives its claim back.

use std::sync::Arc;

use sambung_runtime::Effects;
use sambung_runtime::contract::connection::{self, Account};
use sambung_runtime::contract::types::Fault;
use serde_json::{Value, json};

use super::check::finding;
use super::{Actor, Answered, ChannelError, Channels, refused};
use crate::db::{ChannelRow, Connected, Holder, NewSecret, SettingsChange};
use crate::model::audit::Entry;
use crate::model::channel::Finding;
use crate::plugins::{Candidate, Generation, Renewed};

/// An account whose credential works.
pub(super) struct Found {
    pub(super) row: Arc<ChannelRow>,
    pub(super) generation: Arc<Generation>,
    /// The settings that proved it.
    pub(super) change: SettingsChange,
    pub(super) account: Account,
    /// What was found beside it; what `register` finds stands beside this.
    pub(super) findings: Vec<Finding>,
    /// What the call that found it wants kept.
    pub(super) effects: Arc<Effects>,
}

/// As which account a channel is shown to its plugin.
#[derive(Clone, Copy)]
struct Whose<'a> {
    id: &'a str,
    features: &'a str,
}

impl<'a> From<&'a Account> for Whose<'a> {
    fn from(account: &'a Account) -> Self {
        Whose { id: &account.id, features: &account.features }
    }
}

impl Channels {
    /// Claims the account for the channel, has the provider deliver here, and commits that the channel is connected. A channel
    /// that was connected stays the account that it was.
    pub(super) async fn go_on_with(&self, found: Found, entry: Option<Entry>) -> Result<(), ChannelError> {
        let Found { row, generation, mut change, account, findings, effects } = found;
        if let Some(own) = row.account.as_ref().filter(|own| **own != account.id) {
            return Err(ChannelError::AccountDiffers { account: own.clone(), found: account.id });
        }
        let at = self.0.clock.now();
        if let Some(holder) =
            self.0.db.claim_account(&row.id, &account, change.clone(), Arc::clone(&effects), at).await?
        {
            return Err(taken(&row, holder));
        }
        change.replace_secrets(effects.secrets.iter().map(NewSecret::handed_out).collect());
        let candidate = self.candidate(&row.id, &change);
        let settings = change.settings.as_ref().unwrap_or(&row.settings);
        let asked = self.ask_to_register(&row, &generation, settings, candidate.as_ref(), Whose::from(&account)).await;
        let Answered { value: mut connected, effects } = match asked {
            Ok(answered) => answered,
            Err(error) => {
                if row.account.is_none() && may_have_arrived(&error) {
                    self.take_back(&row, &generation, settings, candidate.as_ref(), Whose::from(&account)).await?;
                }
                self.0.db.release_claim(&row.id).await?;
                return Err(error);
            }
        };
        let said = findings.into_iter().filter(|one| connected.findings.iter().all(|other| other.code != one.code));
        let said: Vec<Finding> = said.collect();
        connected.findings.extend(said);
        self.0.db.channel_connected(&row.id, connected, Some(change), effects, entry, self.0.clock.now()).await?;
        Ok(())
    }

    /// Goes on with a registration that a crash cut off. What the provider refuses gives the claim back; anything else is tried
    /// again in the next round. None: no registration is under way.
    pub(super) async fn resume_registration(
        &self,
        row: &Arc<ChannelRow>,
        generation: &Generation,
        entry: Option<Entry>,
    ) -> Result<Option<()>, ChannelError> {
        let Some(registration) = self.0.db.registration_of(&row.id).await? else { return Ok(None) };
        let whose = Whose { id: &registration.account, features: &registration.features };
        let change = registration.change.clone();
        let candidate = self.candidate(&row.id, &change);
        let settings = change.settings.as_ref().unwrap_or(&row.settings);
        match self.ask_to_register(row, generation, settings, candidate.as_ref(), whose).await {
            Ok(answered) => {
                let Answered { value: connected, effects } = answered;
                let at = self.0.clock.now();
                self.0.db.channel_connected(&row.id, connected, Some(change), effects, entry, at).await?;
                Ok(Some(()))
            }
            Err(error) => {
                if super::connect::is_final(&error) {
                    // The provider may have taken the address before the crash.
                    if row.account.is_none() {
                        self.take_back(row, generation, settings, candidate.as_ref(), whose).await?;
                    }
                    self.0.db.release_claim(&row.id).await?;
                }
                Err(error)
            }
        }
    }

    /// Has the provider deliver to a connected channel's address again.
    ///
    /// # Errors
    /// There is no such channel, it is not connected, somebody else is at it, or the provider refuses.
    pub async fn register(&self, workspace: &str, id: &str, by: &Actor) -> Result<(), ChannelError> {
        let (turn, row) = self.turn_at(workspace, id).await?;
        let Some(account) = row.account.clone() else { return Err(ChannelError::NotConnected) };
        let generation = self.callable(&row.plugin)?;
        let (channels, entry) = (self.clone(), by.entry(self.0.clock.now(), "channel.register", id, json!({})));
        let done = tokio::spawn(async move {
            let _turn = turn;
            let features = row.features.to_string();
            let whose = Whose { id: &account, features: &features };
            let mut asked = channels.ask_to_register(&row, &generation, &row.settings, None, whose).await;
            if let Err(ChannelError::Refused(faults)) = &asked
                && faults.iter().any(|fault| fault.code == "unauthorized")
                && channels.0.renewals.renew(&row.id, row.credential_version).await? == Renewed::Newer
            {
                asked = channels.ask_to_register(&row, &generation, &row.settings, None, whose).await;
            }
            let Answered { value: connected, effects } = asked?;
            let at = channels.0.clock.now();
            channels.0.db.channel_connected(&row.id, connected, None, effects, Some(entry), at).await?;
            Ok(())
        });
        done.await.map_err(|_| ChannelError::Busy)?
    }

    async fn ask_to_register(
        &self,
        row: &ChannelRow,
        generation: &Generation,
        settings: &Value,
        candidate: Option<&Candidate>,
        whose: Whose<'_>,
    ) -> Result<Answered<Connected>, ChannelError> {
        let plugin = &generation.plugin;
        let (caller, channel) = self.as_account(row, generation, settings, candidate, whose).await?;
        match plugin.register(&caller, channel).await {
            Ok(done) => {
                let effects = Arc::new(done.effects);
                match done.value {
                    Ok(connection::Connected { account: own, .. }) if own.id != whose.id => {
                        Err(ChannelError::AccountDiffers { account: whose.id.to_owned(), found: own.id })
                    }
                    Ok(connected) => {
                        let findings = connected.findings.iter().map(finding).collect();
                        Ok(Answered { value: Connected { account: connected.account, findings }, effects })
                    }
                    Err(faults) => Err(refused(plugin, &faults)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The channel as its plugin sees it with these settings and this account.
    async fn as_account(
        &self,
        row: &ChannelRow,
        generation: &Generation,
        settings: &Value,
        candidate: Option<&Candidate>,
        whose: Whose<'_>,
    ) -> Result<(sambung_runtime::Caller, sambung_runtime::contract::types::Channel), ChannelError> {
        let mut caller = row.caller();
        caller.settings = settings.clone();
        if let Some(candidate) = candidate {
            caller.channel = Some(candidate.owner());
        }
        let url = self.webhook_url(generation.plugin.manifest(), row, settings).await?;
        let mut channel = row.to_contract(url);
        channel.settings = settings.to_string();
        channel.account = Some(whose.id.to_owned());
        channel.features = whose.features.to_owned();
        Ok((caller, channel))
    }

    /// Has the plugin take its leave, because a registration ended without an answer, or a crash cut one off and the provider refuses
    /// it now: the provider may deliver to a channel that is not kept. What other channels share with this one stays.
    async fn take_back(
        &self,
        row: &ChannelRow,
        generation: &Generation,
        settings: &Value,
        candidate: Option<&Candidate>,
        whose: Whose<'_>,
    ) -> Result<(), ChannelError> {
        let (caller, mut channel) = self.as_account(row, generation, settings, candidate, whose).await?;
        channel.extra.push((super::leave::ALONE.to_owned(), false.to_string()));
        match generation.plugin.disconnect(&caller, channel).await.map(|done| done.value) {
            Ok(Ok(())) => {}
            Ok(Err(Fault { words, .. })) => {
                tracing::warn!(channel = row.id, words, "taking back a registration that got no answer failed");
            }
            Err(error) => {
                tracing::warn!(channel = row.id, %error, "taking back a registration that got no answer failed");
            }
        }
        Ok(())
    }

    /// The channel as its plugin sees it, with the account of a registration that is under way.
    pub(super) async fn leaving(
        &self,
        row: &ChannelRow,
        generation: &Generation,
    ) -> Result<(sambung_runtime::Caller, sambung_runtime::contract::types::Channel, Option<Candidate>), ChannelError>
    {
        let registration = self.0.db.registration_of(&row.id).await?.filter(|_| row.account.is_none());
        let Some(registration) = registration else {
            let url = self.webhook_url(generation.plugin.manifest(), row, &row.settings).await?;
            return Ok((row.caller(), row.to_contract(url), None));
        };
        let change = registration.change;
        let candidate = self.candidate(&row.id, &change);
        let settings = change.settings.as_ref().unwrap_or(&row.settings);
        let whose = Whose { id: &registration.account, features: &registration.features };
        let (caller, channel) = self.as_account(row, generation, settings, candidate.as_ref(), whose).await?;
        Ok((caller, channel, candidate))
    }
}

/// That another channel has the account; which one, where it is of the same workspace.
pub(super) fn taken(row: &ChannelRow, holder: Holder) -> ChannelError {
    ChannelError::AccountTaken(Some(holder).filter(|holder| holder.workspace == row.workspace))
}

/// Whether the provider may have done what it was asked although no answer says so.
fn may_have_arrived(error: &ChannelError) -> bool {
    match error {
        ChannelError::Plugin(error) => error.dispatched,
        ChannelError::Refused(faults) => faults.iter().any(|fault| fault.code == "unavailable"),
        _ => true,
    }
}
