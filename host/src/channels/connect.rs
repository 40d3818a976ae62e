//! Connecting: a new channel, an answer to a step, changed settings, a new sign-in, and what a crash interrupted begin with a call of
//! the plugin that finds out whose account it is and changes nothing. What it found goes on in `register`.

use std::sync::Arc;

use sambung_runtime::contract::connection::ConnectStep;
use sambung_runtime::manifest::{Manifest, Scope};
use serde_json::{Value, json};

use super::form::{self, Filled};
use super::register::{Found, taken};
use super::steps::{choices, fitting, instructions, parsed};
use super::{Actor, Answered, Browser, ChannelError, Channels, Request, refused};
use crate::db::{ChannelRow, MailAddress, NewChannel, SettingsChange};
use crate::mail::{FORWARDING_ADDRESS, Recipient};
use crate::model::audit::Entry;
use crate::model::channel::ChannelState;
use crate::model::fault::FieldError;
use crate::model::name;
use crate::plugins::{Candidate, Generation};

/// A channel to be connected.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// Which plugin.
    pub plugin: String,
    /// What people call it.
    pub name: String,
    /// The registration with the provider; none: the plugin's default.
    pub app: Option<String>,
    /// As typed.
    pub settings: Value,
    /// Who signs in, where that is how it connects.
    pub browser: Browser,
}

/// What is to change.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What people call it.
    pub name: Option<String>,
    /// Whether an admin holds it.
    pub paused: Option<bool>,
    /// Settings: what is not named stays.
    pub settings: Option<Value>,
    /// Who signs in, where the new settings need that.
    pub browser: Browser,
}

/// Why a channel that is there connects again.
struct Why {
    /// The audit log's word for it.
    action: &'static str,
    /// Somebody signs in anew, whatever credential there is.
    signs_in: bool,
    browser: Browser,
}

/// Who makes a channel; after a crash the host itself goes on, and nothing more is told to the audit log.
pub(super) struct Opening {
    pub(super) entry: Option<Entry>,
    pub(super) by: Actor,
    pub(super) browser: Browser,
}

/// One call of `identify` and what is committed when it succeeds.
pub(super) struct Attempt {
    pub(super) row: Arc<ChannelRow>,
    pub(super) generation: Arc<Generation>,
    /// Plain settings to connect with.
    pub(super) settings: Value,
    pub(super) answer: Option<String>,
    pub(super) change: SettingsChange,
    pub(super) candidate: Option<Candidate>,
}

impl Channels {
    /// Connects a new channel; answers with its id. Where the provider refuses, nothing is kept.
    ///
    /// # Errors
    /// Wrong fields, the provider's refusal, an account that is connected already, a host that no provider reaches.
    pub async fn create(
        &self,
        workspace: &str,
        new: NewConnection,
        by: &Actor,
        request: Request,
    ) -> Result<String, ChannelError> {
        if let Some(begun) = &request.unfinished
            && let Some(row) = self.0.db.channel_of(workspace, begun).await?
        {
            // The host's own rounds take it up as well: where they are at it, or the plugin is held, it is theirs.
            if Self::is_interrupted(&row)
                && let Ok(generation) = self.callable(&row.plugin)
                && let Ok(turn) = self.0.turns.take(&row.id)
            {
                let entry = by.entry(self.0.clock.now(), "channel.connect", &row.id, created(&row.plugin, &row.name));
                let opening = Opening { entry: Some(entry), by: by.clone(), browser: new.browser };
                self.connect_new(turn, row.id.clone(), generation, opening).await?;
            }
            return Ok(row.id.clone());
        }
        let (generation, filled, app) = self.admit(workspace, &new).await?;
        let at = self.0.clock.now();
        let id = self.0.clock.id("ch");
        let turn = self.0.turns.take(&id)?;
        let mut secrets = filled.secrets;
        secrets.extend(form::generate(generation.plugin.manifest(), Scope::Channel));
        let mail = self.mail_address(generation.plugin.manifest())?;
        let row = NewChannel {
            mail,
            id: id.clone(),
            workspace: workspace.to_owned(),
            plugin: new.plugin,
            name: new.name.trim().to_owned(),
            app,
            settings: filled.settings,
            secrets,
        };
        let entry = by.entry(at, "channel.connect", &id, created(&row.plugin, &row.name));
        self.0.db.insert_channel(row, request.ticket, at).await?;
        let opening = Opening { entry: Some(entry), by: by.clone(), browser: new.browser };
        self.connect_new(turn, id.clone(), generation, opening).await?;
        Ok(id)
    }

    /// On a task of its own: who hangs up leaves neither half a channel nor one that nobody refused.
    async fn connect_new(
        &self,
        turn: super::turns::Turn,
        id: String,
        generation: Arc<Generation>,
        opening: Opening,
    ) -> Result<(), ChannelError> {
        let channels = self.clone();
        let done = tokio::spawn(async move {
            let _turn = turn;
            channels.connect_or_forget(&id, generation, opening).await
        });
        done.await.map_err(|_| ChannelError::Busy)?
    }

    /// Everything that can be refused before the plugin is asked, at once.
    async fn admit(
        &self,
        workspace: &str,
        new: &NewConnection,
    ) -> Result<(Arc<Generation>, Filled, Option<String>), ChannelError> {
        let mut faults = Vec::new();
        if new.name.trim().is_empty() {
            faults.push(FieldError::required("#/name"));
        }
        faults.extend(name::fault("#/name", &new.name));
        if new.plugin.trim().is_empty() {
            faults.push(FieldError::required("#/plugin"));
            return Err(ChannelError::Invalid(faults));
        }
        let Some(generation) = self.0.plugins.get(&new.plugin) else {
            faults.push(FieldError::new("#/plugin", "unknown", format!("there is no plugin `{}`", new.plugin)));
            return Err(ChannelError::Invalid(faults));
        };
        let app = match &new.app {
            None => self.0.db.default_app(&new.plugin).await?.map(|app| app.id),
            Some(id) => match self.0.db.app_for(workspace, &new.plugin, id).await? {
                Some(app) => Some(app.id),
                None => {
                    faults.push(FieldError::new("#/app", "unknown", "there is no such registration"));
                    None
                }
            },
        };
        let filled = match generation.plugin.settings_schema("channel", "en") {
            Some(schema) => form::fill(schema, Some(generation.plugin.manifest()), &new.settings),
            None => Ok(Filled { settings: json!({}), secrets: Vec::new() }),
        };
        let filled = match filled {
            Ok(filled) if faults.is_empty() => filled,
            other => {
                faults.extend(other.err().unwrap_or_default());
                return Err(ChannelError::Invalid(faults));
            }
        };
        if !generation.is_active() {
            return Err(ChannelError::PluginDisabled);
        }
        if let Some(flow) = generation.plugin.manifest().sign_in(&filled.settings) {
            self.client(flow, app.as_deref()).await?;
        }
        if self.0.base_url.public().is_some()
            && self.lacks_app(generation.plugin.manifest(), &filled.settings, app.as_deref()).await?
        {
            let fault = FieldError::of_code("#/app", "no-app");
            return Err(ChannelError::Invalid(vec![fault]));
        }
        if self.0.base_url.public().is_none()
            && super::view::only_by_webhook(generation.plugin.manifest(), &filled.settings)
        {
            return Err(ChannelError::NeedsPublicUrl);
        }
        Ok((generation, filled, app))
    }

    /// An address that nobody guesses, where the plugin receives mail.
    fn mail_address(&self, manifest: &Manifest) -> Result<Option<MailAddress>, ChannelError> {
        if !manifest.ingress.mail {
            return Ok(None);
        }
        let domain = self.0.mail_domain.as_deref().ok_or(ChannelError::NeedsMailDomain)?;
        let local = Recipient::new_local(crate::clock::random());
        let address = format!("{local}@{domain}");
        Ok(Some(MailAddress { name: FORWARDING_ADDRESS.to_owned(), local, address }))
    }

    /// Asks the plugin for the first time, or after a crash (nobody's `entry` then); where somebody has to sign in, the channel
    /// waits for that. A channel that is refused goes without a trace; after a crash only what the provider itself refused is
    /// gone, since anything else may be over at the next round.
    pub(super) async fn connect_or_forget(
        &self,
        id: &str,
        generation: Arc<Generation>,
        opening: Opening,
    ) -> Result<(), ChannelError> {
        let row = self.0.db.channel(id).await?.ok_or(ChannelError::NotFound)?;
        let resumed = opening.entry.is_none();
        let under_way = self.resume_registration(&row, &generation, opening.entry.clone()).await.transpose();
        let result = match (under_way, generation.plugin.manifest().sign_in(&row.settings)) {
            (Some(result), _) => result,
            (None, Some(flow)) if !self.is_set(id, &flow.access_token).await? => {
                let Opening { entry, by, browser } = opening;
                self.await_sign_in(&row, flow, SettingsChange::default(), browser, (&by, entry)).await
            }
            _ => {
                let attempt = Attempt {
                    settings: row.settings.clone(),
                    row: Arc::clone(&row),
                    generation: Arc::clone(&generation),
                    answer: None,
                    change: SettingsChange::default(),
                    candidate: None,
                };
                self.carry_out(attempt, opening.entry).await
            }
        };
        if result.as_ref().is_err_and(|error| !resumed || is_final(error)) {
            if self.0.db.registration_of(id).await?.is_some() {
                self.tell_provider(&row, &generation).await?;
            }
            self.0.db.delete_channel(id, None, self.0.clock.now()).await?;
        }
        result
    }

    async fn is_set(&self, channel: &str, secret: &str) -> Result<bool, ChannelError> {
        Ok(self.0.db.secrets_of(channel).await?.iter().any(|state| state.name == secret))
    }

    /// Goes on with what somebody answered to the step that the channel stands at.
    ///
    /// # Errors
    /// Nothing was asked, the answer does not fit, or the provider refuses.
    pub async fn answer(&self, workspace: &str, id: &str, answer: Value, by: &Actor) -> Result<(), ChannelError> {
        let (turn, row) = self.turn_at(workspace, id).await?;
        let generation = self.callable(&row.plugin)?;
        let (answer, secrets) = fitting(row.step.as_ref(), &answer)?;
        let entry = by.entry(
            self.0.clock.now(),
            "channel.answer",
            id,
            json!({ "step": row.step.as_ref().map(|step| &step["kind"]) }),
        );
        let mut change = self.0.db.pending_change(id).await?.unwrap_or_default();
        change.replace_secrets(secrets);
        let attempt = Attempt {
            settings: change.settings.clone().unwrap_or_else(|| row.settings.clone()),
            candidate: self.candidate(id, &change),
            row,
            generation,
            answer: Some(answer.to_string()),
            change,
        };
        self.finish(turn, attempt, entry).await
    }

    /// Takes back a change that stands at a step: what was proved before goes on as if nobody had asked.
    ///
    /// # Errors
    /// No change waits, or somebody else is at the channel.
    pub async fn abandon_change(&self, workspace: &str, id: &str, by: &Actor) -> Result<(), ChannelError> {
        let (_turn, row) = self.turn_at(workspace, id).await?;
        let detail = json!({ "step": row.step.as_ref().map(|step| &step["kind"]) });
        let entry = by.entry(self.0.clock.now(), "channel.abandon-change", id, detail);
        if !self.0.db.abandon_change(id, entry).await? {
            return Err(ChannelError::NothingWaits);
        }
        Ok(())
    }

    /// Changes a channel. Settings are proved by connecting with them before they take the place of what stands; while that
    /// needs an answer or time, a channel that was connected goes on with what stands.
    ///
    /// # Errors
    /// Wrong or locked fields, the provider's refusal, another account.
    pub async fn change(&self, workspace: &str, id: &str, change: Change, by: &Actor) -> Result<(), ChannelError> {
        self.row(workspace, id).await?;
        if change.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(ChannelError::Invalid(vec![FieldError::required("#/name")]));
        }
        if let Some(fault) = change.name.as_deref().and_then(|name| name::fault("#/name", name)) {
            return Err(ChannelError::Invalid(vec![fault]));
        }
        if let Some(patch) = &change.settings {
            let why = Why { action: "channel.settings", signs_in: false, browser: change.browser };
            self.reconnect_with((workspace, id), patch, by, why).await?;
        }
        if change.name.is_some() || change.paused.is_some() {
            let at = self.0.clock.now();
            let entry = by.entry(at, "channel.change", id, json!({ "name": change.name, "paused": change.paused }));
            let name = change.name.map(|name| name.trim().to_owned());
            self.0.db.rename_or_pause_channel(id, name, change.paused, entry, at).await?;
        }
        Ok(())
    }

    /// Signs in again in place, with the settings that stand and what `patch` changes in them.
    ///
    /// # Errors
    /// As [`Channels::change`].
    pub async fn reconnect(
        &self,
        workspace: &str,
        id: &str,
        patch: Value,
        browser: Browser,
        by: &Actor,
    ) -> Result<(), ChannelError> {
        let why = Why { action: "channel.reconnect", signs_in: true, browser };
        self.reconnect_with((workspace, id), &patch, by, why).await
    }

    async fn reconnect_with(
        &self,
        (workspace, id): (&str, &str),
        patch: &Value,
        by: &Actor,
        why: Why,
    ) -> Result<(), ChannelError> {
        let (turn, row) = self.turn_at(workspace, id).await?;
        let generation = self.callable(&row.plugin)?;
        let empty = json!({ "type": "object", "properties": {} });
        let schema = generation.plugin.settings_schema("channel", "en").unwrap_or(&empty);
        let set: Vec<String> = self.0.db.secrets_of(&row.id).await?.into_iter().map(|secret| secret.name).collect();
        let manifest = generation.plugin.manifest();
        let edited = form::edit(schema, manifest, &row.settings, &set, patch, row.account.is_some())
            .map_err(ChannelError::Invalid)?;
        let secrets = edited.filled.secrets;
        let moved: Vec<Value> = edited
            .moved
            .iter()
            .map(|(setting, old, new)| json!({ "setting": setting, "old": old, "new": new }))
            .collect();
        let detail = json!({
            "changed": changed(&row.settings, &edited.filled.settings),
            "secrets": secrets.iter().map(|secret| &secret.name).collect::<Vec<_>>(),
            "cleared": edited.cleared,
            "destinations": moved,
        });
        let entry = by.entry(self.0.clock.now(), why.action, &row.id, detail);
        let settings = edited.filled.settings;
        let change = SettingsChange { settings: Some(settings.clone()), secrets, cleared: edited.cleared, name: None };
        if let Some(flow) = manifest.sign_in(&settings)
            && (why.signs_in || !set.contains(&flow.access_token) || manifest.sign_in(&row.settings) != Some(flow))
        {
            return self.await_sign_in(&row, flow, change, why.browser, (by, Some(entry))).await;
        }
        let candidate = self.candidate(&row.id, &change);
        let attempt = Attempt { row, generation, settings, answer: None, candidate, change };
        self.finish(turn, attempt, entry).await
    }

    /// The secrets of a change, laid over what stands for one call.
    pub(super) fn candidate(&self, id: &str, change: &SettingsChange) -> Option<Candidate> {
        if change.secrets.is_empty() && change.cleared.is_empty() {
            return None;
        }
        let gone = change.cleared.iter().map(|name| (name.clone(), None));
        let new = change.secrets.iter().map(|secret| (secret.name.clone(), Some(secret.value.clone())));
        Some(self.0.candidates.offer(id, gone.chain(new)))
    }

    /// Carries an attempt out on a task of its own, so that who hangs up does not undo what the provider accepted.
    async fn finish(&self, turn: super::turns::Turn, attempt: Attempt, entry: Entry) -> Result<(), ChannelError> {
        let channels = self.clone();
        let done = tokio::spawn(async move {
            let _turn = turn;
            channels.carry_out(attempt, Some(entry)).await
        });
        done.await.map_err(|_| ChannelError::Busy)?
    }

    pub(super) async fn carry_out(&self, attempt: Attempt, entry: Option<Entry>) -> Result<(), ChannelError> {
        let answered = self.ask(&attempt).await?;
        let Attempt { row, generation, change, .. } = attempt;
        let effects = answered.effects;
        let at = self.0.clock.now();
        let step = match answered.value {
            ConnectStep::Found(account) => {
                return self
                    .go_on_with(Found { row, generation, change, account, findings: Vec::new(), effects }, entry)
                    .await;
            }
            ConnectStep::Choose(accounts) => json!({ "kind": "choose", "choices": choices(&accounts) }),
            ConnectStep::Ask(schema) => json!({ "kind": "ask", "schema": parsed(&schema)? }),
            ConnectStep::Wait(waiting) => {
                if let Some(account) = &waiting.account {
                    self.is_free(&row, &account.id).await?;
                }
                json!({ "kind": "wait", "instructions": instructions(&waiting.instructions) })
            }
            ConnectStep::Other(open) => return Err(ChannelError::Unknown(open.kind)),
        };
        self.0.db.channel_stands_at(&row.id, step, change, effects, entry, at).await?;
        Ok(())
    }

    /// Refuses an account that another channel has. It is not claimed: that it is this one's is not proved yet.
    async fn is_free(&self, row: &ChannelRow, account: &str) -> Result<(), ChannelError> {
        if let Some(own) = row.account.as_ref().filter(|own| *own != account) {
            return Err(ChannelError::AccountDiffers { account: own.clone(), found: account.to_owned() });
        }
        match self.0.db.holder_of(&row.plugin, account, &row.id).await? {
            Some(holder) => Err(taken(row, holder)),
            None => Ok(()),
        }
    }

    async fn ask(&self, attempt: &Attempt) -> Result<Answered<ConnectStep>, ChannelError> {
        let row = &attempt.row;
        let mut caller = row.caller();
        caller.settings = attempt.settings.clone();
        if let Some(candidate) = &attempt.candidate {
            caller.channel = Some(candidate.owner());
        }
        let plugin = &attempt.generation.plugin;
        let mut channel = row.to_contract(self.webhook_url(plugin.manifest(), row, &attempt.settings).await?);
        channel.settings = attempt.settings.to_string();
        match plugin.identify(&caller, channel, attempt.answer.clone()).await {
            Ok(done) => match done.value {
                Ok(step) => Ok(Answered { value: step, effects: Arc::new(done.effects) }),
                Err(faults) => Err(refused(plugin, &faults)),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Whether connecting was interrupted before the plugin answered.
    pub(super) fn is_interrupted(row: &ChannelRow) -> bool {
        row.state == ChannelState::Connecting && row.step.is_none()
    }
}

/// What the audit log tells of a new channel.
fn created(plugin: &str, name: &str) -> Value {
    json!({ "plugin": plugin, "name": name })
}

/// Names of plain settings that differ.
fn changed(old: &Value, new: &Value) -> Vec<String> {
    let names = old.as_object().into_iter().chain(new.as_object()).flat_map(|map| map.keys().cloned());
    let mut names: Vec<String> = names.filter(|name| old.get(name) != new.get(name)).collect();
    names.sort();
    names.dedup();
    names
}

/// Whether asking again cannot go better.
pub(super) fn is_final(error: &ChannelError) -> bool {
    match error {
        ChannelError::Refused(faults) => {
            faults.iter().all(|fault| !matches!(fault.code.as_str(), "unavailable" | "rate-limited"))
        }
        ChannelError::AccountTaken(_) | ChannelError::AccountDiffers { .. } => true,
        _ => false,
    }
}
