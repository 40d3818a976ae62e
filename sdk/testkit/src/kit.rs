//! One plugin, one channel of it, and everything around them that a host would be.

use std::path::Path;

use sambung_runtime::contract::apps::{App, Prepared};
use sambung_runtime::contract::connection::{Account, ConnectStep, Connected, Health};
use sambung_runtime::contract::inbound::{Outcome, Request};
use sambung_runtime::contract::outbound::{Outgoing, Receipt, SendError};
use sambung_runtime::contract::polling::Polled;
use sambung_runtime::contract::types::{Channel, Content, Mail, Thread};
use sambung_runtime::egress::Policy;
use sambung_runtime::manifest::destination::HostPattern;
use sambung_runtime::manifest::settings::{SettingFault, split, validate};
use sambung_runtime::manifest::{AddressKind, Destination, Generate, Origin, Scope, Target};
use sambung_runtime::recipe::{Raw, Verdict, path_secret, receiving};
use sambung_runtime::{Caller, Done, Effects, Plugin, Runtime, RuntimeConfig, SecretValue};
use serde_json::Value;

use crate::KitError;
use crate::memory::{Blob, Memory};
use crate::provider::Provider;
use crate::webhook::{Webhook, WebhookAnswer};

/// 2026-01-01T00:00:00Z: every kit begins here.
const EPOCH_MS: u64 = 1_767_225_600_000;
const PUBLIC_URL: &str = "https://sambung.example";

/// A plugin in the real runtime, with one channel, a scripted provider and a clock that stands still.
pub struct Kit {
    plugin: Plugin,
    caller: Caller,
    channel: Channel,
    memory: Memory,
    provider: Provider,
    now_ms: u64,
    calls: u64,
    visitor_entries: Vec<(String, Value)>,
    cursor: Option<String>,
}

impl Kit {
    /// Loads a component as a host does: inspected, compiled, tried.
    ///
    /// # Errors
    /// What the host would say to refuse the file.
    pub async fn load(wasm: impl Into<Vec<u8>>) -> Result<Self, KitError> {
        Self::load_with(wasm, &[]).await
    }

    /// Loads a component whose provider answers at more origins than its manifest names one by one: where a setting leads,
    /// or what a wildcard stands for.
    ///
    /// # Errors
    /// As [`Kit::load`].
    pub async fn load_with(wasm: impl Into<Vec<u8>>, origins: &[&str]) -> Result<Self, KitError> {
        Self::load_by(wasm.into(), origins, None).await
    }

    /// As [`Kit::load_with`]; its native code is kept in this folder, so that another kit of the same component need not compile it.
    pub(crate) async fn load_by(wasm: Vec<u8>, origins: &[&str], cache: Option<&Path>) -> Result<Self, KitError> {
        let provider = Provider::start().await.map_err(KitError::Provider)?;
        let mut config = config(&wasm, &provider, origins)?;
        config.cache_dir = cache.map(Path::to_owned);
        Self::with(wasm, provider, config).await
    }

    /// Loads a component whose provider nobody reaches: where it should be, nobody listens.
    ///
    /// # Errors
    /// As [`Kit::load`].
    pub async fn load_unreachable(wasm: impl Into<Vec<u8>>, origins: &[&str]) -> Result<Self, KitError> {
        Self::load_unreachable_by(wasm.into(), origins, None).await
    }

    /// As [`Kit::load_unreachable`], with native code as in [`Kit::load_by`].
    pub(crate) async fn load_unreachable_by(
        wasm: Vec<u8>,
        origins: &[&str],
        cache: Option<&Path>,
    ) -> Result<Self, KitError> {
        let provider = Provider::start().await.map_err(KitError::Provider)?;
        let mut config = config(&wasm, &provider, origins)?;
        config.cache_dir = cache.map(Path::to_owned);
        // The port is free again when the listener is dropped.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(KitError::Provider)?;
        let nobody = listener.local_addr().map_err(KitError::Provider)?;
        drop(listener);
        config.egress.overrides.values_mut().for_each(|origin| *origin = format!("http://{nobody}"));
        Self::with(wasm, provider, config).await
    }

    /// Loads a component whose provider is another server, a simulator for instance: what is meant for the first origin of a
    /// pair goes to the second.
    ///
    /// # Errors
    /// As [`Kit::load`].
    pub async fn load_at(
        wasm: impl Into<Vec<u8>>,
        overrides: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, KitError> {
        let provider = Provider::start().await.map_err(KitError::Provider)?;
        let egress = Policy { overrides: overrides.into_iter().collect(), ..Policy::default() };
        let config = RuntimeConfig { egress, instances: 8, ..RuntimeConfig::default() };
        Self::with(wasm.into(), provider, config).await
    }

    async fn with(wasm: Vec<u8>, provider: Provider, config: RuntimeConfig) -> Result<Self, KitError> {
        let memory = Memory::default();
        let plugin = Runtime::new(config, memory.services())?.load(wasm).await?;
        let id = plugin.manifest().id.clone();
        let caller = Caller {
            workspace: "ws_1".to_owned(),
            plugin: id.clone(),
            channel: Some("ch_1".to_owned()),
            app: None,
            settings: Value::Object(serde_json::Map::new()),
            generated: Vec::new(),
        };
        let channel = Channel {
            id: "ch_1".to_owned(),
            account: None,
            app: None,
            webhook_url: None,
            settings: "{}".to_owned(),
            generated: Vec::new(),
            features: "{}".to_owned(),
            extra: Vec::new(),
        };
        let mut kit = Self {
            plugin,
            caller,
            channel,
            memory,
            provider,
            now_ms: EPOCH_MS,
            calls: 0,
            visitor_entries: Vec::new(),
            cursor: None,
        };
        kit.channel.webhook_url = kit.webhook_url();
        Ok(kit)
    }

    /// The address that a host hands out for the channel as its form is filled in.
    fn webhook_url(&self) -> Option<String> {
        let id = &self.caller.plugin;
        let webhook = receiving(&self.plugin.manifest().webhooks, &self.caller.settings)?;
        Some(match webhook.address {
            AddressKind::App => format!("{PUBLIC_URL}/hooks/{id}{}", webhook.path),
            AddressKind::Channel => format!("{PUBLIC_URL}/hooks/{id}/{}{}", self.channel.id, webhook.path),
        })
    }

    /// The loaded plugin, for what the kit has no word for.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// On whose behalf the kit calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The channel as the plugin sees it.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The provider: everything that the manifest's destinations name leads to it.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Moves the clock, in milliseconds since 1970: what comes in is received then.
    pub fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The clock, in milliseconds since 1970.
    pub fn time(&self) -> u64 {
        self.now_ms
    }

    /// Sets a secret as it is, without a form.
    pub fn secret(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.memory.lock().secrets.insert(name.into(), SecretValue::new(value.into()));
    }

    /// The value of a secret: what was typed, generated or captured.
    pub fn secret_value(&self, name: &str) -> Option<Vec<u8>> {
        self.memory.lock().secrets.get(name).map(|value| value.expose().to_vec())
    }

    /// Holds a file, and answers with its blob's name.
    pub fn blob(&mut self, blob: Blob) -> String {
        self.memory.add(blob)
    }

    /// A file that the kit holds.
    pub fn blob_content(&self, id: &str) -> Option<Blob> {
        self.memory.lock().blobs.get(id).cloned()
    }

    /// What the channel remembers under a key.
    pub fn remembered(&self, key: &str) -> Option<Vec<u8>> {
        self.memory.lock().kv.get(key).cloned()
    }

    /// The blobs published so far, with for how many milliseconds.
    pub fn published(&self) -> Vec<(String, u64)> {
        self.memory.lock().published.clone()
    }

    /// The entries of visitors' streams so far: whose, and what.
    pub fn visitor_entries(&self) -> &[(String, Value)] {
        &self.visitor_entries
    }

    /// Fills in the channel's form, as an admin would: validated by the plugin's own schema, secrets taken out, generated
    /// ones made.
    ///
    /// # Errors
    /// Every fault of the form at once.
    pub fn fill_in(&mut self, settings: &Value) -> Result<(), Vec<SettingFault>> {
        let plain = self.take_in("channel", settings)?;
        self.channel.settings = plain.to_string();
        self.caller.settings = plain;
        self.channel.webhook_url = self.webhook_url();
        self.generate(Scope::Channel);
        Ok(())
    }

    /// Fills in the form of a registration with the provider, and prepares it where the plugin has that.
    ///
    /// # Errors
    /// Every fault of the form, the call's end without a result, or the provider's refusal.
    pub async fn register_app(&mut self, settings: &Value) -> Result<Option<Prepared>, KitError> {
        let plain = self.take_in("app", settings).map_err(KitError::Form)?;
        self.generate(Scope::App);
        self.caller.app = Some("app_1".to_owned());
        self.channel.app = Some("app_1".to_owned());
        if !self.plugin.interfaces().apps {
            return Ok(None);
        }
        let app = App {
            id: "app_1".to_owned(),
            webhook_url: Some(format!("{PUBLIC_URL}/hooks/{}", self.caller.plugin)),
            settings: plain.to_string(),
            generated: Vec::new(),
            extra: Vec::new(),
        };
        let done = self.plugin.prepare_app(&self.caller, app).await?;
        let prepared = self.settle(done).map_err(KitError::Faults)?;
        Ok(Some(prepared))
    }

    /// Has the channel be this account, as if it were connected.
    pub fn set_account(&mut self, account: impl Into<String>) {
        self.channel.account = Some(account.into());
    }

    /// Asks whose the credential is, or goes on with an answer (JSON) to what the last step asked.
    ///
    /// # Errors
    /// The call's end without a result, or the plugin's faults.
    pub async fn identify(&mut self, answer: Option<&Value>) -> Result<ConnectStep, KitError> {
        let answer = answer.map(Value::to_string);
        let done = self.plugin.identify(&self.caller, self.channel.clone(), answer).await?;
        self.settle(done).map_err(KitError::Faults)
    }

    /// Has the provider deliver to the channel's address, as the account that it is.
    ///
    /// # Errors
    /// The call's end without a result, or the plugin's faults.
    pub async fn register(&mut self) -> Result<Connected, KitError> {
        let done = self.plugin.register(&self.caller, self.channel.clone()).await?;
        let connected = self.settle(done).map_err(KitError::Faults)?;
        self.become_account(&connected.account);
        Ok(connected)
    }

    /// Connects the channel as a host does: finds out whose it is, then registers it.
    ///
    /// # Errors
    /// The call's end without a result, the plugin's faults, or a step that a person has to take.
    pub async fn connect(&mut self, answer: Option<&Value>) -> Result<Connected, KitError> {
        match self.identify(answer).await? {
            ConnectStep::Found(account) => {
                self.become_account(&account);
                self.register().await
            }
            step => Err(KitError::Step(Box::new(step))),
        }
    }

    /// Finds out whose the channel is, so that it can be registered.
    pub(crate) async fn connect_without_registering(&mut self) -> Result<(), KitError> {
        match self.identify(None).await? {
            ConnectStep::Found(account) => self.become_account(&account),
            ConnectStep::Wait(waiting) => waiting.account.iter().for_each(|account| self.become_account(account)),
            step => return Err(KitError::Step(Box::new(step))),
        }
        Ok(())
    }

    /// Whose the address is that a host hands out for the channel, and what stands below it.
    pub fn handed_out(&self) -> Option<(AddressKind, String)> {
        let webhooks = &self.plugin.manifest().webhooks;
        let webhook = receiving(webhooks, &self.caller.settings)?;
        let secret = path_secret(webhooks, webhook.address, &self.caller.settings)
            .and_then(|name| self.secret_value(name))
            .map(|value| format!("/{}", String::from_utf8_lossy(&value)));
        Some((webhook.address, format!("{}{}", webhook.path, secret.unwrap_or_default())))
    }

    fn become_account(&mut self, account: &Account) {
        self.channel.account = Some(account.id.clone());
        self.channel.features = account.features.clone();
    }

    /// Asks how the channel is.
    ///
    /// # Errors
    /// The call's end without a result, or the plugin's fault.
    pub async fn check(&mut self) -> Result<Health, KitError> {
        let done = self.plugin.check(&self.caller, self.channel.clone()).await?;
        self.settle(done).map_err(|fault| KitError::Faults(vec![fault]))
    }

    /// Disconnects the channel.
    ///
    /// # Errors
    /// The call's end without a result, or the plugin's fault.
    pub async fn disconnect(&mut self) -> Result<(), KitError> {
        let done = self.plugin.disconnect(&self.caller, self.channel.clone()).await?;
        self.settle(done).map_err(|fault| KitError::Faults(vec![fault]))
    }

    /// A provider's webhook: verified by the manifest's recipes on the raw bytes, then translated, twice: a replay must give
    /// the same.
    ///
    /// # Errors
    /// The call's end without a result, the plugin's refusal of the whole request, or two translations that differ.
    pub async fn webhook(&mut self, webhook: &Webhook) -> Result<WebhookAnswer, KitError> {
        let raw = Raw {
            method: &webhook.method,
            path: &webhook.path,
            query: &webhook.query,
            headers: &webhook.headers,
            body: &webhook.body,
            url: self.channel.webhook_url.as_deref(),
            received_at_ms: self.now_ms,
        };
        let memory = self.memory.clone();
        let secrets = |name: &str| memory.lock().secrets.get(name).cloned().into_iter().collect::<Vec<_>>();
        let verifier = self.plugin.verifier();
        match verifier.receive(webhook.address, &self.caller.settings, &raw, &secrets).await {
            Verdict::NoMatch => Ok(WebhookAnswer { status: 404, ..WebhookAnswer::default() }),
            Verdict::Refuse { status, reason } => {
                Ok(WebhookAnswer { status, refused: Some(reason), ..WebhookAnswer::default() })
            }
            Verdict::Undecided { reason } => {
                Ok(WebhookAnswer { status: 503, refused: Some(reason), ..WebhookAnswer::default() })
            }
            Verdict::Accept { recipe, answer, kept_headers, path, query, handshake, .. } => {
                let outcome = if handshake {
                    None
                } else {
                    let request = Request {
                        recipe,
                        method: webhook.method.clone(),
                        path,
                        query,
                        headers: kept_headers,
                        body: webhook.body.clone(),
                        mail: None,
                        received_at: self.now_ms,
                        extra: Vec::new(),
                    };
                    Some(self.translate(request).await?)
                };
                Ok(WebhookAnswer {
                    status: answer.status,
                    headers: answer.headers,
                    body: answer.body,
                    refused: None,
                    outcome,
                })
            }
        }
    }

    /// The mails that were handed over.
    pub fn mails(&self) -> Vec<Mail> {
        self.memory.lock().mails.clone()
    }

    /// A mail, as the host parsed it.
    ///
    /// # Errors
    /// As [`Kit::webhook`].
    pub async fn mail(&mut self, mail: Mail) -> Result<Outcome, KitError> {
        let request = Request { method: "MAIL".to_owned(), mail: Some(mail), ..self.own_way("mail", Vec::new()) };
        self.translate(request).await
    }

    /// Takes the host's public address away, so that no provider can call it.
    pub fn without_public_url(&mut self) {
        self.channel.webhook_url = None;
    }

    /// Asks the provider for what is new since the last poll, and translates it as the host does.
    ///
    /// # Errors
    /// The call's end without a result, the plugin's fault, or as [`Kit::webhook`].
    pub async fn poll(&mut self) -> Result<(Polled, Vec<Outcome>), KitError> {
        let done = self.plugin.poll(&self.caller, self.channel.clone(), self.cursor.clone()).await?;
        let polled = self.settle(done).map_err(|fault| KitError::Faults(vec![fault]))?;
        let mut outcomes = Vec::new();
        for raw in &polled.requests {
            let request = Request {
                path: raw.path.clone(),
                query: raw.query.clone(),
                headers: raw.headers.clone(),
                ..self.own_way("poll", raw.body.clone())
            };
            outcomes.push(self.translate(request).await?);
        }
        self.cursor = polled.cursor.clone().or(self.cursor.take());
        Ok((polled, outcomes))
    }

    /// A web visitor's message, as the host journals it.
    ///
    /// # Errors
    /// As [`Kit::webhook`].
    pub async fn visitor(&mut self, message: &Value) -> Result<Outcome, KitError> {
        self.translate(self.own_way("visitor", message.to_string().into_bytes())).await
    }

    /// What came in by one of the host's own ways.
    fn own_way(&self, recipe: &str, body: Vec<u8>) -> Request {
        Request {
            recipe: recipe.to_owned(),
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body,
            mail: None,
            received_at: self.now_ms,
            extra: Vec::new(),
        }
    }

    /// Translates a journalled request, twice: a replay must give the same.
    ///
    /// # Errors
    /// As [`Kit::webhook`].
    pub async fn translate(&mut self, request: Request) -> Result<Outcome, KitError> {
        self.calls += 1;
        let channel = Some(self.channel.clone());
        let translate = || self.plugin.handle_webhook(&self.caller, self.calls, request.clone(), channel.clone());
        let first = translate().await?.value.map_err(KitError::Parked)?;
        let again = translate().await?.value.map_err(KitError::Parked)?;
        if first == again { Ok(first) } else { Err(KitError::Replay) }
    }

    /// Sends one content to a thread.
    ///
    /// # Errors
    /// The call's end without a result. What the plugin says of the content is inside.
    pub async fn send(&mut self, thread: Thread, content: Content) -> Result<Result<Receipt, SendError>, KitError> {
        let outgoing = self.outgoing(thread, content);
        let mut results = self.send_all(vec![outgoing]).await?;
        Ok(results.remove(0))
    }

    /// Sends several contents that are due together.
    ///
    /// # Errors
    /// The call's end without a result. The runtime holds the plugin to one answer for each.
    pub async fn send_all(&mut self, messages: Vec<Outgoing>) -> Result<Vec<Result<Receipt, SendError>>, KitError> {
        let done = self.plugin.send(&self.caller, messages, self.channel.clone()).await?;
        self.keep(done.effects);
        Ok(done.value)
    }

    /// A content on its way, with an attempt key of its own.
    pub fn outgoing(&mut self, thread: Thread, content: Content) -> Outgoing {
        self.calls += 1;
        Outgoing {
            attempt_key: format!("00000000-0000-4000-8000-{:012}", self.calls),
            thread: Some(thread),
            to: Vec::new(),
            content,
            reply_to: None,
            rule: None,
            token: None,
            human: true,
            extra: Vec::new(),
        }
    }

    /// Keeps a call's effects when its result is no error, as the host does.
    fn settle<T, E>(&mut self, done: Done<Result<T, E>>) -> Result<T, E> {
        if done.value.is_ok() {
            self.keep(done.effects);
        }
        done.value
    }

    fn keep(&mut self, effects: Effects) {
        let mut held = self.memory.lock();
        for write in effects.kv {
            match write.value {
                Some(value) => held.kv.insert(write.key, value),
                None => held.kv.remove(&write.key),
            };
        }
        for secret in effects.secrets {
            held.secrets.insert(secret.name, secret.value);
        }
        drop(held);
        for entry in effects.visitor {
            let value = serde_json::from_str(&entry.entry).unwrap_or(Value::String(entry.entry));
            self.visitor_entries.push((entry.visitor, value));
        }
    }

    fn take_in(&mut self, of: &str, settings: &Value) -> Result<Value, Vec<SettingFault>> {
        let Some(schema) = self.plugin.settings_schema(of, "en") else {
            return Ok(settings.clone());
        };
        let faults = validate(schema, settings);
        if !faults.is_empty() {
            return Err(faults);
        }
        let (plain, secrets) = split(schema, settings);
        self.memory.lock().secrets.extend(secrets);
        Ok(plain)
    }

    fn generate(&mut self, scope: Scope) {
        let mut held = self.memory.lock();
        for secret in &self.plugin.manifest().secrets {
            if secret.scope != scope || held.secrets.contains_key(&secret.name) {
                continue;
            }
            if let Origin::Generated(generate) = &secret.origin {
                held.secrets.insert(secret.name.clone(), made(generate));
            }
        }
    }
}

/// The same every time, so that a test may quote it: the alphabet, over and over.
fn made(generate: &Generate) -> SecretValue {
    let characters = generate.alphabet.characters();
    let value: Vec<u8> = characters.bytes().cycle().take(generate.length as usize).collect();
    SecretValue::new(value)
}

/// Every host that the manifest names leads to the scripted provider, and so do the origins that a test adds: what settings
/// or a wildcard stand for.
fn config(wasm: &[u8], provider: &Provider, origins: &[&str]) -> Result<RuntimeConfig, KitError> {
    let manifest = Runtime::inspect(wasm)?.manifest;
    let named = manifest.egress.iter().filter_map(|destination| match destination {
        Destination::Host { target, .. } => origin(target),
        Destination::FromSetting { .. } | Destination::MediaFromAnywhere => None,
    });
    let added = origins.iter().map(|origin| (*origin).to_owned());
    let overrides = named.chain(added).map(|origin| (origin, provider.origin())).collect();
    let egress = Policy { overrides, ..Policy::default() };
    Ok(RuntimeConfig { egress, instances: 8, ..RuntimeConfig::default() })
}

fn origin(target: &Target) -> Option<String> {
    let HostPattern::Exact(host) = &target.host else { return None };
    Some(format!("{}://{host}:{}", target.scheme, target.port))
}
