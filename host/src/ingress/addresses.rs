//! The addresses that providers call, prepared: recipes, settings and secrets, so that a webhook asks nobody, save an issuer
//! whose key is not known yet.
//!
//! An entry holds as long as nothing about channels, registrations or plugins changed and the same generation runs.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use sambung_runtime::manifest::{AddressKind, Scope};
use sambung_runtime::recipe::{self, Raw, Verdict};
use sambung_runtime::{SecretValue, Verifier};
use serde_json::Value;

use crate::db::{Db, DbError};
use crate::ids;
use crate::plugins::{Candidates, Generation, Registry};
use crate::web::state::State;

/// Addresses kept at most; past it all are forgotten, and those in use are soon back.
const MOST: usize = 20_000;

/// One address, ready to verify.
pub(super) struct Address {
    pub plugin: Arc<str>,
    /// Names the address in the journal.
    pub name: Arc<str>,
    kind: AddressKind,
    pub workspace: Option<Arc<str>>,
    pub channel: Option<Arc<str>>,
    pub app: Option<Arc<str>>,
    settings: Value,
    /// The generation's own.
    verifier: Verifier,
    secrets: HashMap<String, (String, Vec<SecretValue>)>,
    candidates: Candidates,
    pub accepted: metrics::Counter,
    pub refused: metrics::Counter,
    epoch: u64,
    generation: i64,
}

impl Address {
    /// Whether some recipe has this method and path.
    pub fn takes(&self, method: &str, path: &str) -> bool {
        self.verifier.takes(self.kind, &self.settings, method, path)
    }

    /// What becomes of a request to it.
    pub async fn receive(&self, raw: &Raw<'_>) -> Verdict {
        self.verifier.receive(self.kind, &self.settings, raw, &|name| self.secrets(name)).await
    }

    /// Every current value of a secret: what is stored, and what is being tried out.
    fn secrets(&self, name: &str) -> Vec<SecretValue> {
        let Some((owner, stored)) = self.secrets.get(name) else { return Vec::new() };
        let mut values = self.candidates.of(owner, name);
        values.extend(stored.iter().cloned());
        values
    }
}

/// The prepared addresses.
pub(super) struct Addresses {
    db: Db,
    plugins: Registry,
    candidates: Candidates,
    known: RwLock<HashMap<String, Arc<Address>>>,
}

/// The parts of a webhook's path: the address (`{plugin}` or `{plugin}/{id}`), and what is below it.
pub(super) struct Called<'p> {
    pub address: &'p str,
    pub plugin: &'p str,
    pub id: Option<&'p str>,
    pub below: &'p str,
}

impl<'p> Called<'p> {
    /// Reads what follows `/hooks/`.
    pub fn read(path: &'p str) -> Called<'p> {
        let plugin = path.split('/').next().unwrap_or_default();
        let rest = path[plugin.len()..].strip_prefix('/');
        let id = rest.and_then(|rest| rest.split('/').next()).filter(|id| ids::is("ch", id) || ids::is("app", id));
        let length = plugin.len() + id.map_or(0, |id| id.len() + 1);
        Called { address: &path[..length], plugin, id, below: &path[length..] }
    }
}

impl Addresses {
    pub fn new(state: &State) -> Addresses {
        Addresses {
            db: state.db.clone(),
            plugins: state.plugins.clone(),
            candidates: state.candidates.clone(),
            known: RwLock::default(),
        }
    }

    /// The address that was called; none where there is none, or its plugin was removed.
    pub async fn find(&self, called: &Called<'_>) -> Result<Option<Arc<Address>>, DbError> {
        let Some(generation) = self.plugins.get(called.plugin) else { return Ok(None) };
        let epoch = self.db.addresses_epoch();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(called.address).cloned();
        if let Some(known) = known
            && known.epoch == epoch
            && known.generation == generation.number
        {
            return Ok(Some(known));
        }
        let Some(address) = self.prepare(called, &generation, epoch).await? else { return Ok(None) };
        let address = Arc::new(address);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(called.address.to_owned(), Arc::clone(&address));
        Ok(Some(address))
    }

    async fn prepare(
        &self,
        called: &Called<'_>,
        generation: &Generation,
        epoch: u64,
    ) -> Result<Option<Address>, DbError> {
        let channel = called.id.filter(|id| id.starts_with("ch_"));
        let (kind, workspace, channel, app, settings) = match channel {
            Some(id) => {
                let Some(row) = self.db.channel(id).await?.filter(|row| row.plugin == called.plugin) else {
                    return Ok(None);
                };
                let app = match &row.app {
                    Some(app) => Some(app.clone()),
                    None => self.db.default_app(called.plugin).await?.map(|app| app.id),
                };
                (AddressKind::Channel, Some(row.workspace.clone()), Some(row.id.clone()), app, row.settings.clone())
            }
            None => {
                let row = match called.id {
                    Some(id) => self.db.app(id).await?.filter(|row| row.plugin == called.plugin),
                    None => self.db.default_app(called.plugin).await?,
                };
                let Some(row) = row else { return Ok(None) };
                (AddressKind::App, row.workspace, None, Some(row.id), row.settings)
            }
        };
        let manifest = generation.plugin.manifest();
        let waiting = match &channel {
            Some(channel) => self.db.pending_change(channel).await?.map(|change| change.secrets).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut secrets = HashMap::new();
        for name in recipe::secrets_of(&manifest.webhooks, kind) {
            let of_app = manifest.secrets.iter().any(|secret| secret.name == name && secret.scope == Scope::App);
            let Some(owner) = (if of_app { &app } else { &channel }) else { continue };
            let stored = self.db.secret(owner, name).await?.map(|secret| secret.value);
            // What a changed channel waits for may be a request that is signed with the new secret.
            let new = waiting.iter().filter(|secret| !of_app && secret.name == name).map(|secret| secret.value.clone());
            secrets.insert(name.to_owned(), (owner.clone(), stored.into_iter().chain(new).collect()));
        }
        let counter = |outcome: &'static str| metrics::counter!("sambung_webhooks_total", "plugin" => called.plugin.to_owned(), "outcome" => outcome);
        Ok(Some(Address {
            plugin: called.plugin.into(),
            name: called.address.into(),
            kind,
            workspace: workspace.map(Into::into),
            channel: channel.map(Into::into),
            app: app.map(Into::into),
            settings,
            verifier: generation.plugin.verifier().clone(),
            secrets,
            candidates: self.candidates.clone(),
            accepted: counter("accepted"),
            refused: counter("refused"),
            epoch,
            generation: generation.number,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_an_address_and_what_is_below_it() {
        let id = ids::mint("ch", 1, [7; 10]);
        let path = format!("chat/{id}/a/b");
        let called = Called::read(&path);
        assert_eq!((called.plugin, called.id, called.below), ("chat", Some(id.as_str()), "/a/b"));
        assert_eq!(called.address, format!("chat/{id}"));
        let called = Called::read("chat/ch_no-id/x");
        assert_eq!((called.address, called.id, called.below), ("chat", None, "/ch_no-id/x"));
        let called = Called::read("chat");
        assert_eq!((called.address, called.below), ("chat", ""));
    }
}
