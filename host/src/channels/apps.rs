//! Registrations with a provider: saved, prepared by the plugin where it knows how, and released.

use sambung_runtime::Caller;
use sambung_runtime::contract::apps::App;
use sambung_runtime::manifest::Scope;
use serde_json::{Value, json};

use super::form::{self, Filled};
use super::steps::instructions;
use super::{Actor, ChannelError, Channels, Request, check, refused};
use crate::db::{AppRow, NewSecret};
use crate::model::channel::Finding;
use crate::model::fault::FieldError;
use crate::model::name;
use crate::plugins::{Candidate, Generation};

/// A registration to be saved.
#[derive(Debug, Clone, Default)]
pub struct AppChange {
    /// What people call it.
    pub name: Option<String>,
    /// Settings: of an existing one, what is not named stays.
    pub settings: Value,
}

fn named(name: Option<&str>) -> Result<(), ChannelError> {
    match name.and_then(|name| name::fault("#/name", name)) {
        Some(fault) => Err(ChannelError::Invalid(vec![fault])),
        None => Ok(()),
    }
}

impl Channels {
    /// Makes a registration: of a workspace, or shared by all where `workspace` is none. Answers with its id.
    ///
    /// # Errors
    /// Wrong fields, the provider's refusal, a plugin without registrations.
    pub async fn create_app(
        &self,
        workspace: Option<&str>,
        plugin: &str,
        change: AppChange,
        is_default: bool,
        by: &Actor,
        request: Request,
    ) -> Result<String, ChannelError> {
        let generation = self.callable(plugin)?;
        if let Some(begun) = &request.unfinished
            && let Some(row) = self.0.db.app(begun).await?
        {
            let _turn = self.0.turns.take(begun)?;
            return self.complete_app(&generation, row, change.name.is_none(), by).await;
        }
        let schema = generation.plugin.settings_schema("app", "en").ok_or(ChannelError::NotFound)?;
        named(change.name.as_deref())?;
        let filled =
            form::fill(schema, Some(generation.plugin.manifest()), &change.settings).map_err(ChannelError::Invalid)?;
        let manifest = generation.plugin.manifest();
        let at = self.0.clock.now();
        let name = change.name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let row = AppRow {
            id: self.0.clock.id("app"),
            workspace: workspace.map(str::to_owned),
            plugin: plugin.to_owned(),
            name: name.clone().unwrap_or_else(|| generation.plugin.texts("en").name.clone()),
            settings: filled.settings,
            generated: Vec::new(),
            is_default,
            instructions: Vec::new(),
            findings: Vec::new(),
            checked_at: None,
            created_at: at,
            changed_at: at,
        };
        let _turn = self.0.turns.take(&row.id)?;
        let mut secrets = filled.secrets;
        secrets.extend(form::generate(manifest, Scope::App));
        // Committed before the provider is told of it: its address answers handshakes from now on.
        self.0.db.save_app(row.clone(), secrets, Vec::new(), None, request.ticket).await?;
        self.complete_app(&generation, row, name.is_none(), by).await
    }

    /// The second half of making a registration: the plugin prepares it, or it goes without a trace.
    async fn complete_app(
        &self,
        generation: &Generation,
        mut row: AppRow,
        may_name: bool,
        by: &Actor,
    ) -> Result<String, ChannelError> {
        match self.prepare(generation, &mut row, may_name, None).await {
            Ok(kept) => {
                let detail = json!({ "plugin": row.plugin, "name": row.name, "default": row.is_default });
                let entry = by.entry(row.created_at, "app.create", &row.id, detail);
                self.0.db.save_app(row.clone(), kept, Vec::new(), Some(entry), None).await?;
                Ok(row.id)
            }
            Err(error) => {
                self.0.db.delete_app(&row.id, None).await?;
                Err(error)
            }
        }
    }

    /// Changes a registration. The provider has to take the new settings before they take the place of the old.
    ///
    /// # Errors
    /// As [`Channels::create_app`].
    pub async fn change_app(&self, mut row: AppRow, change: AppChange, by: &Actor) -> Result<(), ChannelError> {
        let _turn = self.0.turns.take(&row.id)?;
        let generation = self.callable(&row.plugin)?;
        let schema = generation.plugin.settings_schema("app", "en").ok_or(ChannelError::NotFound)?;
        let set: Vec<String> = self.0.db.secrets_of(&row.id).await?.into_iter().map(|secret| secret.name).collect();
        let patch = if change.settings.is_null() { json!({}) } else { change.settings };
        let edited = form::edit(schema, generation.plugin.manifest(), &row.settings, &set, &patch, true)
            .map_err(ChannelError::Invalid)?;
        let Filled { settings, secrets } = edited.filled;
        named(change.name.as_deref())?;
        if let Some(name) = change.name {
            row.name = name.trim().to_owned();
            if row.name.is_empty() {
                return Err(ChannelError::Invalid(vec![FieldError::required("#/name")]));
            }
        }
        let detail =
            json!({ "plugin": row.plugin, "name": row.name, "secrets": names(&secrets), "cleared": edited.cleared });
        row.settings = settings;
        // They were found with the old settings.
        row.findings = Vec::new();
        row.checked_at = None;
        row.changed_at = self.0.clock.now();
        let entry = by.entry(row.changed_at, "app.change", &row.id, detail);
        let tried = secrets.iter().map(|secret| (secret.name.clone(), Some(secret.value.clone())));
        let gone = edited.cleared.iter().map(|name| (name.clone(), None));
        let candidate = self.0.candidates.offer(&row.id, gone.chain(tried));
        let kept = self.prepare(&generation, &mut row, false, Some(&candidate)).await?;
        let secrets = secrets.into_iter().chain(kept).collect();
        self.0.db.save_app(row, secrets, edited.cleared, Some(entry), None).await?;
        Ok(())
    }

    /// Asks how a registration is; what is wrong with it becomes its findings.
    ///
    /// # Errors
    /// It is gone, its plugin is held, does not look after registrations or failed, or somebody else is at it.
    pub async fn check_app(&self, id: &str, by: &Actor) -> Result<(), ChannelError> {
        let _turn = self.0.turns.take(id)?;
        let mut row = self.0.db.app(id).await?.ok_or(ChannelError::NotFound)?;
        let generation = self.callable(&row.plugin)?;
        if !generation.plugin.interfaces().apps {
            return Err(ChannelError::NoCheck);
        }
        let app = self.contract(&generation, &row);
        let done = generation.plugin.check_app(&caller(&row, None), app).await?;
        let findings: Vec<Finding> = match &done.value {
            Ok(found) => found.iter().map(check::finding).collect(),
            Err(fault) => vec![check::of_fault(fault)],
        };
        let at = self.0.clock.now();
        row.findings.clone_from(&findings);
        row.checked_at = Some(at);
        let kept = done.effects.secrets.iter().map(NewSecret::handed_out).collect();
        let entry = by.entry(at, "app.check", id, json!({ "findings": findings.len() }));
        self.0.db.save_app(row, kept, Vec::new(), Some(entry), None).await?;
        Ok(())
    }

    /// Saves the settings of a plugin's default registration, made where there is none. Answers with its id.
    ///
    /// # Errors
    /// As [`Channels::create_app`].
    pub async fn save_default_app(&self, plugin: &str, settings: Value, by: &Actor) -> Result<String, ChannelError> {
        let change = AppChange { name: None, settings };
        match self.0.db.default_app(plugin).await? {
            Some(row) => {
                let id = row.id.clone();
                self.change_app(row, change, by).await?;
                Ok(id)
            }
            None => self.create_app(None, plugin, change, true, by, Request::default()).await,
        }
    }

    /// Takes a registration back. A provider that cannot be reached does not keep it.
    ///
    /// # Errors
    /// Channels use it, or somebody else is at it.
    pub async fn delete_app(&self, row: &AppRow, by: &Actor) -> Result<(), ChannelError> {
        let _turn = self.0.turns.take(&row.id)?;
        if self.0.db.app_is_used(&row.id).await? {
            return Err(ChannelError::InUse);
        }
        let mut told = "not told".to_owned();
        if let Ok(generation) = self.callable(&row.plugin)
            && generation.plugin.interfaces().apps
        {
            let app = self.contract(&generation, row);
            told = match generation.plugin.release_app(&caller(row, None), app).await {
                Ok(done) => done.value.err().map_or("told".to_owned(), |fault| format!("not told: {}", fault.words)),
                Err(error) => format!("not told: {error}"),
            };
        }
        let detail = json!({ "plugin": row.plugin, "name": row.name, "provider": told });
        let entry = by.entry(self.0.clock.now(), "app.delete", &row.id, detail);
        match self.0.db.delete_app(&row.id, Some(entry)).await? {
            true => Ok(()),
            false => Err(ChannelError::InUse),
        }
    }

    /// Lets the plugin register with the provider, where it knows how. Answers with the secrets that the provider handed out.
    async fn prepare(
        &self,
        generation: &Generation,
        row: &mut AppRow,
        may_name: bool,
        candidate: Option<&Candidate>,
    ) -> Result<Vec<NewSecret>, ChannelError> {
        if !generation.plugin.interfaces().apps {
            return Ok(Vec::new());
        }
        let app = self.contract(generation, row);
        let done = generation.plugin.prepare_app(&caller(row, candidate), app).await?;
        let prepared = done.value.map_err(|faults| refused(&generation.plugin, &faults))?;
        row.instructions = instructions(&prepared.instructions);
        if let Some(name) = prepared.name.filter(|_| may_name) {
            row.name = name;
        }
        Ok(done.effects.secrets.iter().map(NewSecret::handed_out).collect())
    }

    fn contract(&self, generation: &Generation, row: &AppRow) -> App {
        App {
            id: row.id.clone(),
            webhook_url: self.app_webhook_url(generation.plugin.manifest(), row),
            settings: row.settings.to_string(),
            generated: row.generated.clone(),
            extra: Vec::new(),
        }
    }
}

fn caller(row: &AppRow, candidate: Option<&Candidate>) -> Caller {
    Caller {
        workspace: row.workspace.clone().unwrap_or_default(),
        plugin: row.plugin.clone(),
        channel: None,
        app: Some(candidate.map_or_else(|| row.id.clone(), Candidate::owner)),
        settings: row.settings.clone(),
        generated: Vec::new(),
    }
}

fn names(secrets: &[NewSecret]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.name.as_str()).collect()
}
