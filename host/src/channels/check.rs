//! How a channel is: the plugin's `check`, whose findings replace what it found before.

use std::sync::Arc;

use sambung_runtime::contract::connection::Health;
use sambung_runtime::contract::types::{self, Fault};
use serde_json::json;

use super::register::Found;
use super::{Actor, ChannelError, Channels};
use crate::db::{ChannelRow, Connected, SettingsChange};
use crate::model::audit::Entry;
use crate::model::channel::{Finding, Instruction};
use crate::model::told;
use crate::plugins::{Generation, Renewed};

/// What stands as findings is told to `check` under this name.
const FINDINGS: &str = "findings";

impl Channels {
    /// Asks how a channel is. What is wrong with it becomes its findings, a waiting channel that has its account now becomes
    /// connected, and a credential that the provider refuses makes it need attention. `by` is for the audit log; none: no person asks.
    ///
    /// # Errors
    /// There is no such channel, its plugin is held, another act is at the channel, or a call of the plugin gave no result, which the
    /// channel's findings keep.
    pub async fn check(&self, workspace: &str, id: &str, by: Option<&Actor>) -> Result<(), ChannelError> {
        let (_turn, row) = self.turn_at(workspace, id).await?;
        let entry = by.map(|by| by.entry(self.0.clock.now(), "channel.check", id, json!({})));
        self.look_at(&row, entry).await
    }

    /// As [`Channels::check`], for the host's own rounds, which skip a channel that is busy.
    pub(super) async fn look_at_free(&self, id: &str) -> Result<(), ChannelError> {
        let _turn = self.0.turns.take(id)?;
        match self.0.db.channel(id).await? {
            Some(row) => self.look_at(&row, None).await,
            None => Ok(()),
        }
    }

    async fn look_at(&self, row: &Arc<ChannelRow>, entry: Option<Entry>) -> Result<(), ChannelError> {
        let generation = self.callable(&row.plugin)?;
        if self.accepted_meanwhile(row, &generation, entry.clone()).await? {
            return Ok(());
        }
        let db = &self.0.db;
        let url = self.webhook_url(generation.plugin.manifest(), row, &row.settings).await?;
        let mut channel = row.to_contract(url);
        channel.extra.push((FINDINGS.to_owned(), json!(db.findings(&row.id).await?).to_string()));
        let mut called = generation.plugin.check(&row.caller(), channel.clone()).await;
        if let Ok(done) = &called
            && done.value.as_ref().is_err_and(|fault| fault.kind == "unauthorized")
        {
            match self.0.renewals.renew(&row.id, row.credential_version).await? {
                Renewed::Newer => called = generation.plugin.check(&row.caller(), channel).await,
                // Nobody knows yet whether the credential is over.
                Renewed::Later => return Ok(()),
                Renewed::Refused(_) | Renewed::Impossible => {}
            }
        }
        let done = called?;
        let at = self.0.clock.now();
        let effects = Arc::new(done.effects);
        match done.value {
            Ok(health) => {
                let mut findings: Vec<Finding> = health.findings.iter().map(finding).collect();
                if self.lacks_app(generation.plugin.manifest(), &row.settings, row.app.as_deref()).await? {
                    let (level, code) = ("error".to_owned(), "no-app".to_owned());
                    let words = told::of_fault(&code, "en").unwrap_or_default().to_owned();
                    findings.push(Finding::new(&level, code, words, None));
                }
                match health.account {
                    Some(account) => match differs(row, &account.id) {
                        Some(found) => db.channel_checked(&row.id, vec![found], effects, entry, at).await?,
                        None if row.account.is_none() => {
                            // Its settings stand already.
                            let change = SettingsChange::default();
                            let found = Found {
                                row: Arc::clone(row),
                                generation: Arc::clone(&generation),
                                change,
                                account,
                                findings,
                                effects,
                            };
                            if let Err(error) = self.go_on_with(found, entry.clone()).await {
                                let broken = match &error {
                                    ChannelError::Plugin(broken) => Some(broken.clone()),
                                    _ => None,
                                };
                                // It is shown on the channel, which goes on waiting.
                                let none = Arc::new(sambung_runtime::Effects::default());
                                db.channel_checked(&row.id, not_registered(error)?, none, entry, at).await?;
                                if let Some(broken) = broken {
                                    return Err(broken.into());
                                }
                            }
                        }
                        None => {
                            let connected = Connected { account, findings };
                            db.channel_connected(&row.id, connected, None, effects, entry, at).await?;
                        }
                    },
                    None => db.channel_checked(&row.id, findings, effects, entry, at).await?,
                }
            }
            Err(fault) if fault.kind == "unauthorized" => {
                db.mark_needs_attention(&row.id, row.credential_version, &fault.words, at).await?;
            }
            Err(fault) => {
                let none = Arc::new(sambung_runtime::Effects::default());
                db.channel_checked(&row.id, vec![of_fault(&fault)], none, entry, at).await?;
            }
        }
        Ok(())
    }

    /// Where a change waits for the provider: whether it has accepted it by now, and the change stands.
    async fn accepted_meanwhile(
        &self,
        row: &Arc<ChannelRow>,
        generation: &Arc<Generation>,
        entry: Option<Entry>,
    ) -> Result<bool, ChannelError> {
        if row.account.is_none() || !row.step.as_ref().is_some_and(|step| step["kind"] == "wait") {
            return Ok(false);
        }
        let Some(change) = self.0.db.pending_change(&row.id).await? else { return Ok(false) };
        let candidate = self.candidate(&row.id, &change);
        let settings = change.settings.as_ref().unwrap_or(&row.settings);
        let mut caller = row.caller();
        caller.settings = settings.clone();
        if let Some(candidate) = &candidate {
            caller.channel = Some(candidate.owner());
        }
        let plugin = &generation.plugin;
        let mut channel = row.to_contract(self.webhook_url(plugin.manifest(), row, settings).await?);
        channel.settings = settings.to_string();
        // What goes wrong with it is no fault of what stands, which is looked at next.
        let Ok(done) = plugin.check(&caller, channel).await else { return Ok(false) };
        let effects = Arc::new(done.effects);
        match done.value {
            Ok(Health { account: Some(account), findings, .. }) if Some(&account.id) == row.account.as_ref() => {
                let (row, generation) = (Arc::clone(row), Arc::clone(generation));
                let findings = findings.iter().map(finding).collect();
                let found = Found { row, generation, change, account, findings, effects };
                match self.go_on_with(found, entry).await {
                    Ok(()) => Ok(true),
                    // What goes wrong with it is no fault of what stands either.
                    Err(error) => not_registered(error).map(|_| false),
                }
            }
            _ => Ok(false),
        }
    }
}

/// Why a channel that waited does not become connected, as findings.
fn not_registered(error: ChannelError) -> Result<Vec<Finding>, ChannelError> {
    let found = |level: &str, code: String, words: String| Finding::new(level, code, words, None);
    match error {
        ChannelError::AccountTaken(_) => Ok(vec![found("error", "account-connected".to_owned(), error.to_string())]),
        ChannelError::AccountDiffers { .. } => {
            Ok(vec![found("error", "account-differs".to_owned(), error.to_string())])
        }
        ChannelError::Refused(faults) => Ok(faults
            .into_iter()
            .map(|fault| {
                let passes = matches!(fault.code.as_str(), "unavailable" | "rate-limited");
                found(if passes { "warning" } else { "error" }, format!("register-{}", fault.code), fault.detail)
            })
            .collect()),
        // A call that ended without a result is noted where it was made.
        ChannelError::Plugin(_) => Ok(Vec::new()),
        error => Err(error),
    }
}

/// The provider says that the credential is another account's now.
fn differs(row: &ChannelRow, found: &str) -> Option<Finding> {
    let own = row.account.as_deref().filter(|own| *own != found)?;
    let words = format!("The credential belongs to another account ({found}) than this channel's ({own}).");
    Some(Finding::new("error", "account-differs", words, None))
}

pub(super) fn of_fault(fault: &Fault) -> Finding {
    let transient = matches!(fault.kind.as_str(), "unavailable" | "rate-limited");
    let level = if transient { "warning" } else { "error" };
    Finding::new(level, format!("check-{}", fault.kind), fault.words.clone(), None)
}

pub(super) fn finding(found: &types::Finding) -> Finding {
    let level = match found.level.as_str() {
        level @ ("info" | "warning" | "error") => level,
        _ => "warning",
    };
    Finding::new(level, found.code.clone(), found.words.clone(), found.fix.as_ref().map(Instruction::from))
}
