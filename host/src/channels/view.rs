//! Channels and registrations as the API shows them, and the addresses that providers call.

use std::sync::Arc;

use sambung_runtime::manifest::{AddressKind, Manifest, Scope, settings};
use sambung_runtime::{WEBHOOK_URL, recipe};
use serde_json::{Value, json};

use super::{ChannelError, Channels, form};
use crate::db::{AppRow, ChannelRow, DbError, ShownChannel};
use crate::model::channel::{ChannelState, Instruction};
use crate::model::shown::app::App;
use crate::model::shown::channel::{Channel, ChannelStep, Embed, WidgetSeen};
use crate::model::time::rfc3339;
use crate::plugins::Generation;

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
        let app = match &row.app {
            Some(app) => self.0.db.app(app).await?,
            None => None,
        };
        Ok(self.address_of(manifest, row, app.as_ref(), settings))
    }

    /// As [`Channels::webhook_url`], with the registration that the channel uses.
    fn address_of(
        &self,
        manifest: &Manifest,
        row: &ChannelRow,
        app: Option<&AppRow>,
        settings: &Value,
    ) -> Option<String> {
        let base = self.0.base_url.public()?;
        let webhook = recipe::receiving(&manifest.webhooks, settings)?;
        let (plugin, path) = (&row.plugin, &webhook.path);
        Some(match (webhook.address, &row.app) {
            (AddressKind::Channel, _) => format!("{base}/hooks/{plugin}/{}{path}", row.id),
            (AddressKind::App, None) => format!("{base}/hooks/{plugin}{path}"),
            (AddressKind::App, Some(_)) => self.app_address(base, app?, path),
        })
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

    /// A channel as it is shown. `whole` for those who may change it: generated secrets that are there to be copied are in it.
    ///
    /// # Errors
    /// There is no such channel in this workspace.
    pub async fn show(&self, workspace: &str, id: &str, whole: bool) -> Result<Channel, ChannelError> {
        let shown = self.0.db.shown_channel(workspace, id).await?.ok_or(ChannelError::NotFound)?;
        let row = Arc::clone(&shown.row);
        let Some(generation) = self.0.plugins.get(&row.plugin).filter(|_| whole) else {
            return Ok(self.complete(shown, None));
        };
        let manifest = generation.plugin.manifest();
        let mut secret = None;
        if let Some(name) = recipe::path_secret(&manifest.webhooks, AddressKind::Channel, &row.settings) {
            let stored = self.0.db.secret(&row.id, name).await?;
            secret = stored.map(|stored| String::from_utf8_lossy(stored.value.expose()).into_owned());
        }
        let mut channel = self.complete(shown, secret.as_deref());
        self.reveal(&row.id, &generation, Scope::Channel, &mut channel.settings).await?;
        if let Some(ChannelStep::Authorize { url, .. }) = &mut channel.step {
            *url = self.sign_in_url(&row.id).await?;
        }
        Ok(channel)
    }

    /// A page of channels as they are shown to everybody of the workspace, after the id `after`.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn page(
        &self,
        workspace: &str,
        plugin: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Channel>, ChannelError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let page = self.0.db.shown_channels(workspace, plugin, after, limit).await?;
        Ok(page.into_iter().map(|shown| self.complete(shown, None)).collect())
    }

    /// As the feed tells of a channel: to everybody of the workspace, in English.
    pub(super) fn for_the_feed(&self, shown: ShownChannel) -> Channel {
        let mut channel = self.complete(shown, None);
        self.tell(&mut channel, "en");
        channel
    }

    /// Adds what is not in the database: addresses, and settings under the names of the plugin's form. An address whose last part is
    /// a secret, since the provider signs nothing, is shown to those only who copy it into the provider's console: with
    /// `path_secret`.
    fn complete(&self, shown: ShownChannel, path_secret: Option<&str>) -> Channel {
        let ShownChannel { mut channel, row, app, seen } = shown;
        let Some(generation) = self.0.plugins.get(&row.plugin) else {
            // The plugin is installed and its file is not whole: no row of the database says so.
            if let Some(reason) = self.0.plugins.failure(&row.plugin) {
                let words = format!("The plugin `{}` does not run: {reason}", row.plugin);
                channel.stands_still("plugin-not-running", words, rfc3339(self.0.clock.now()));
                channel.state = ChannelState::NeedsAttention.as_str().to_owned();
            }
            return channel;
        };
        let manifest = generation.plugin.manifest();
        let address = self.address_of(manifest, &row, app.as_ref(), &row.settings);
        channel.webhook_url = match recipe::path_secret(&manifest.webhooks, AddressKind::Channel, &row.settings) {
            Some(_) => address.zip(path_secret).map(|(address, secret)| format!("{address}/{secret}")),
            None => address,
        };
        fill_in_address(&mut channel);
        channel.embed = manifest.ingress.visitor.then(|| self.embed(&row.id, seen));
        if let Some(schema) = generation.plugin.settings_schema("channel", "en") {
            by_field(schema, &mut channel.settings);
        }
        channel
    }

    /// How a channel whose visitors write on web pages gets onto them.
    fn embed(&self, id: &str, seen: Option<WidgetSeen>) -> Embed {
        Embed { script: format!("<script src=\"{}/widget/{id}/widget.js\" async></script>", self.base()), seen }
    }

    /// Puts generated secrets that are there to be copied in the place of `{"set": true}`.
    async fn reveal(
        &self,
        owner: &str,
        generation: &Generation,
        scope: Scope,
        settings: &mut Value,
    ) -> Result<(), ChannelError> {
        let kind = if scope == Scope::App { "app" } else { "channel" };
        let schema = generation.plugin.settings_schema(kind, "en");
        for name in form::shown(generation.plugin.manifest(), scope) {
            if let Some(secret) = self.0.db.secret(owner, name).await? {
                let field = schema.and_then(|schema| field_of(schema, name)).unwrap_or(name);
                settings[field] = json!(String::from_utf8_lossy(secret.value.expose()));
            }
        }
        Ok(())
    }

    /// A registration as the API shows it, in a language. `whole` as in [`Channels::show`].
    ///
    /// # Errors
    /// The database refuses.
    pub async fn show_app(&self, app: &AppRow, whole: bool, language: &str) -> Result<App, ChannelError> {
        let mut settings = app.settings.clone();
        for secret in self.0.db.secrets_of(&app.id).await? {
            settings[secret.name] = json!({ "set": true });
        }
        let (mut webhook_url, mut redirect_url) = (None, None);
        if let Some(generation) = self.0.plugins.get(&app.plugin) {
            let manifest = generation.plugin.manifest();
            webhook_url = self.app_webhook_url(manifest, app);
            redirect_url = (!manifest.oauth2.is_empty()).then(|| self.redirect_url());
            if let Some(schema) = generation.plugin.settings_schema("app", "en") {
                by_field(schema, &mut settings);
            }
            if whole {
                self.reveal(&app.id, &generation, Scope::App, &mut settings).await?;
            }
        }
        let mut shown = App {
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
        };
        self.tell_app(&mut shown, language);
        Ok(shown)
    }
}

/// Plugins see an address with a secret in it as a marker, which their findings and instructions name as [`WEBHOOK_URL`]: here it
/// becomes the address again, where it may be shown.
fn fill_in_address(channel: &mut Channel) {
    let address = channel.webhook_url.as_deref().unwrap_or("…");
    let fill = |text: &mut String| {
        if text.contains(WEBHOOK_URL) {
            *text = text.replace(WEBHOOK_URL, address);
        }
    };
    let fill_in = |instruction: &mut Instruction| {
        fill(&mut instruction.text);
        instruction.link.as_mut().map(fill);
        instruction.copy.as_mut().map(fill);
    };
    for finding in &mut channel.findings {
        fill(&mut finding.words);
        fill(&mut finding.detail);
        finding.fix.as_mut().map(fill_in);
    }
    match &mut channel.step {
        Some(ChannelStep::Wait { instructions }) => instructions.iter_mut().for_each(fill_in),
        Some(ChannelStep::Ask { schema }) => fill_in_texts(schema, &fill),
        _ => {}
    }
}

fn fill_in_texts(value: &mut Value, fill: &dyn Fn(&mut String)) {
    match value {
        Value::String(text) => fill(text),
        Value::Array(values) => values.iter_mut().for_each(|value| fill_in_texts(value, fill)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill_in_texts(value, fill)),
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

/// The field of the form that holds a secret.
fn field_of<'s>(schema: &'s Value, secret: &str) -> Option<&'s str> {
    settings::all_fields(schema).into_iter().find(|field| field.secret() == Some(secret)).map(|field| field.name)
}
