//! Channels and registrations as the API shows them, and the addresses that providers call.

use sambung_runtime::manifest::{AddressKind, Manifest, Scope, settings};
use sambung_runtime::{WEBHOOK_URL, recipe};
use serde_json::{Value, json};

use super::{ChannelError, Channels, form};
use crate::db::{AppRow, ChannelRow, DbError, stands_still};
use crate::model::channel::ChannelState;
use crate::model::shown::app::App;
use crate::model::shown::channel::{Embed, WidgetSeen};
use crate::model::time::rfc3339;

/// Whether a channel with these settings can receive only what a provider posts to a public address.
pub(super) fn only_by_webhook(manifest: &Manifest, settings: &Value) -> bool {
    let ingress = &manifest.ingress;
    recipe::receiving(&manifest.webhooks, settings).is_some() && !ingress.visitor && !ingress.poll && !ingress.mail
}

impl Channels {
    /// Whether nothing can reach a channel with these settings because its provider delivers to a registration, and none is filled
    /// in by which a delivery could be verified.
    pub(super) async fn lacks_app(
        &self,
        manifest: &Manifest,
        settings: &Value,
        app: Option<&str>,
    ) -> Result<bool, DbError> {
        let Some(webhook) = recipe::receiving(&manifest.webhooks, settings) else { return Ok(false) };
        if webhook.address != AddressKind::App || !only_by_webhook(manifest, settings) {
            return Ok(false);
        }
        let Some(app) = app else { return Ok(true) };
        let set = self.0.db.secrets_of(app).await?;
        let is_usable = |keys: &[String]| keys.is_empty() || set.iter().any(|secret| keys.contains(&secret.name));
        Ok(!webhook.verify.iter().any(|verify| is_usable(verify.keys())))
    }

    /// The address for the provider to call for this channel, where it has one and the host is reached from outside.
    pub(super) async fn webhook_url(
        &self,
        manifest: &Manifest,
        row: &ChannelRow,
        settings: &Value,
    ) -> Result<Option<String>, DbError> {
        let Some(base) = self.0.base_url.public() else { return Ok(None) };
        let Some(webhook) = recipe::receiving(&manifest.webhooks, settings) else { return Ok(None) };
        let plugin = &row.plugin;
        let path = &webhook.path;
        Ok(Some(match (webhook.address, &row.app) {
            (AddressKind::Channel, _) => format!("{base}/hooks/{plugin}/{}{path}", row.id),
            (AddressKind::App, None) => format!("{base}/hooks/{plugin}{path}"),
            (AddressKind::App, Some(app)) => match self.0.db.app(app).await? {
                Some(app) => self.app_address(base, &app, path),
                None => return Ok(None),
            },
        }))
    }

    fn app_address(&self, base: &str, app: &AppRow, path: &str) -> String {
        match app.is_default {
            true => format!("{base}/hooks/{}{path}", app.plugin),
            false => format!("{base}/hooks/{}/{}{path}", app.plugin, app.id),
        }
    }

    /// The address for the provider to call for a registration.
    pub(super) fn app_webhook_url(&self, manifest: &Manifest, app: &AppRow) -> Option<String> {
        let base = self.0.base_url.public()?;
        let mut of_apps = manifest.webhooks.iter().filter(|webhook| webhook.address == AddressKind::App);
        let webhook = of_apps.clone().find(|webhook| webhook.receives_events()).or_else(|| of_apps.next())?;
        Some(self.app_address(base, app, &webhook.path))
    }

    /// A channel as the API shows it. `whole` for those who may change it: generated secrets that are there to be copied
    /// are in it.
    ///
    /// # Errors
    /// There is no such channel in this workspace.
    pub async fn show(&self, workspace: &str, id: &str, whole: bool) -> Result<Value, ChannelError> {
        let value = self.0.db.channel_json(workspace, id).await?.ok_or(ChannelError::NotFound)?;
        self.complete(workspace, value, whole).await
    }

    /// A page of channels as the API shows them, after the id `after`.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn page(
        &self,
        workspace: &str,
        plugin: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Value>, ChannelError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut page = Vec::new();
        for value in self.0.db.channels_page(workspace, plugin, after, limit).await? {
            page.push(self.complete(workspace, value, false).await?);
        }
        Ok(page)
    }

    /// Adds what is not in the database's form: the webhook's address, and settings under the names of the plugin's form.
    async fn complete(&self, workspace: &str, mut value: Value, whole: bool) -> Result<Value, ChannelError> {
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        let Some(row) = self.0.db.channel_of(workspace, &id).await? else { return Ok(value) };
        let Some(generation) = self.0.plugins.get(&row.plugin) else {
            value["webhook_url"] = Value::Null;
            value["embed"] = Value::Null;
            // The plugin is installed and its file is not whole: no row of the database says so.
            if let Some(reason) = self.0.plugins.failure(&row.plugin) {
                let words = format!("The plugin `{}` does not run: {reason}", row.plugin);
                stands_still(&mut value["findings"], "plugin-not-running", &words, self.0.clock.now());
                value["state"] = ChannelState::NeedsAttention.as_str().into();
            }
            return Ok(value);
        };
        let manifest = generation.plugin.manifest();
        let address = self.webhook_url(manifest, &row, &row.settings).await?;
        let address = self.with_path_secret(manifest, &row, address, whole).await?;
        fill_in_address(&mut value, address.as_deref());
        value["webhook_url"] = json!(address);
        value["embed"] = match manifest.ingress.visitor {
            true => json!(self.embed(&row.id).await?),
            false => Value::Null,
        };
        if value["step"]["kind"] == "choose" {
            self.tell_connected(&row, &mut value["step"]["choices"]).await?;
        }
        if whole {
            self.reveal(&row.id, manifest, Scope::Channel, &mut value["settings"]).await?;
            if value["step"]["kind"] == "authorize" {
                value["step"]["url"] = json!(self.sign_in_url(&row.id).await?);
            }
        }
        if let Some(schema) = generation.plugin.settings_schema("channel", "en") {
            by_field(schema, &mut value["settings"]);
        }
        Ok(value)
    }

    /// Says of each choice whether another channel has its account, and which, where it is this workspace's.
    async fn tell_connected(&self, row: &ChannelRow, choices: &mut Value) -> Result<(), ChannelError> {
        for choice in choices.as_array_mut().into_iter().flatten() {
            let account = choice["id"].as_str().unwrap_or_default();
            let holder = self.0.db.holder_of(&row.plugin, account, &row.id).await?;
            choice["connected"] = holder.is_some().into();
            let own = holder.filter(|holder| holder.workspace == row.workspace);
            choice["channel"] = own.map_or(Value::Null, |holder| json!({ "id": holder.id, "name": holder.name }));
        }
        Ok(())
    }

    /// How a channel whose visitors write on web pages gets onto them.
    async fn embed(&self, id: &str) -> Result<Embed, ChannelError> {
        let script = format!("<script src=\"{}/widget/{id}/widget.js\" async></script>", self.base());
        let seen = self.0.db.widget_load(id).await?.map(|(site, at)| WidgetSeen { site, at: rfc3339(at) });
        Ok(Embed { script, seen })
    }

    /// An address whose last part is a secret, since the provider signs nothing: whole for those who copy it into the
    /// provider's console, and no address at all for everybody else.
    async fn with_path_secret(
        &self,
        manifest: &Manifest,
        row: &ChannelRow,
        address: Option<String>,
        whole: bool,
    ) -> Result<Option<String>, ChannelError> {
        let secret = recipe::path_secret(&manifest.webhooks, AddressKind::Channel, &row.settings);
        let (Some(address), Some(name)) = (&address, secret) else { return Ok(address) };
        if !whole {
            return Ok(None);
        }
        let secret = self.0.db.secret(&row.id, name).await?;
        Ok(secret.map(|secret| format!("{address}/{}", String::from_utf8_lossy(secret.value.expose()))))
    }

    /// Puts generated secrets that are there to be copied in the place of `{"set": true}`.
    async fn reveal(
        &self,
        owner: &str,
        manifest: &Manifest,
        scope: Scope,
        settings: &mut Value,
    ) -> Result<(), ChannelError> {
        for name in form::shown(manifest, scope) {
            if let Some(secret) = self.0.db.secret(owner, name).await? {
                settings[name] = json!(String::from_utf8_lossy(secret.value.expose()));
            }
        }
        Ok(())
    }

    /// A registration as the API shows it. `whole` as in [`Channels::show`].
    ///
    /// # Errors
    /// The database refuses.
    pub async fn show_app(&self, app: &AppRow, whole: bool) -> Result<App, ChannelError> {
        let mut settings = app.settings.clone();
        for secret in self.0.db.secrets_of(&app.id).await? {
            settings[secret.name] = json!({ "set": true });
        }
        let (mut webhook_url, mut redirect_url) = (None, None);
        if let Some(generation) = self.0.plugins.get(&app.plugin) {
            let manifest = generation.plugin.manifest();
            webhook_url = self.app_webhook_url(manifest, app);
            redirect_url = (!manifest.oauth2.is_empty()).then(|| self.redirect_url());
            if whole {
                self.reveal(&app.id, manifest, Scope::App, &mut settings).await?;
            }
            if let Some(schema) = generation.plugin.settings_schema("app", "en") {
                by_field(schema, &mut settings);
            }
        }
        Ok(App {
            id: app.id.clone(),
            plugin: app.plugin.clone(),
            name: app.name.clone(),
            shared: app.workspace.is_none(),
            default: app.is_default,
            settings,
            webhook_url,
            redirect_url,
            instructions: app.instructions.clone(),
            findings: app.findings.clone(),
            checked_at: app.checked_at.map(rfc3339),
            created_at: rfc3339(app.created_at),
            changed_at: rfc3339(app.changed_at),
        })
    }
}

/// Plugins see an address with a secret in it as a marker, which their findings and instructions name as
/// [`WEBHOOK_URL`]: here it becomes the address again, where it may be shown.
fn fill_in_address(value: &mut Value, address: Option<&str>) {
    match value {
        Value::String(text) if text.contains(WEBHOOK_URL) => {
            *text = text.replace(WEBHOOK_URL, address.unwrap_or("…"));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fill_in_address(value, address)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill_in_address(value, address)),
        _ => {}
    }
}

/// Secrets stand under their own names in the database, and under their fields' names in the form.
fn by_field(schema: &Value, settings: &mut Value) {
    let Some(map) = settings.as_object_mut() else { return };
    for field in settings::all_fields(schema) {
        if let Some(name) = field.secret().filter(|name| *name != field.name)
            && let Some(value) = map.remove(name)
        {
            map.insert(field.name.to_owned(), value);
        }
    }
}
