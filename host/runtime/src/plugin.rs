//! One loaded plugin: what it said about itself, and its functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::assets;
use crate::call::{Called, Caller};
use crate::calls::Function;
use crate::capabilities::http::Ground;
use crate::capabilities::http::download::{Download, DownloadError, Downloaded, download};
use crate::contract::apps::{App, Prepared};
use crate::contract::assets::Asset;
use crate::contract::connection::{ConnectStep, Connected, Health};
use crate::contract::inbound::{Outcome, Request};
use crate::contract::media::Source;
use crate::contract::outbound::{Outgoing, Receipt, SendError};
use crate::contract::polling::Polled;
use crate::contract::reconcile::{Lost, Verdict};
use crate::contract::templates::Page;
use crate::contract::types::{Channel, Fault, Finding, Identity, MediaRef, Person, Target, Thread};
use crate::contract::windows::WindowRule;
use crate::inspect::{Inspection, Interfaces};
use crate::invoke::Callable;
use crate::issuers::Verifier;
use crate::load::LoadError;
use crate::manifest::settings::LintFault;
use crate::manifest::{self, AddressKind, Manifest, OAuth2, Scope, Texts};
use crate::meter::Budget;
use crate::oauth2::{OAuthClient, Provider};
use crate::wasi::Moment;

/// One generation of one plugin. Cheap to clone; what is in flight keeps it alive.
#[derive(Clone)]
pub struct Plugin(Arc<Inner>);

struct Inner {
    callable: Callable,
    inspection: Inspection,
    verifier: Verifier,
    schemas: Schemas,
    windows: Arc<[WindowRule]>,
    assets: Vec<Asset>,
}

/// The forms, by "channel" or "app", and language.
type Schemas = BTreeMap<(&'static str, &'static str), serde_json::Value>;

/// Bytes of a settings schema: it is walked through for every form that is filled in.
const SCHEMA_BYTES: usize = 256 << 10;

const LANGUAGES: [&str; 2] = ["en", "id"];

/// When and with which randomness a plugin is loaded: always the same.
const AT_LOAD: Moment = Moment::Fixed { ms: 0, seed: 0 };

/// An exported function, called with references to arguments that the call owns.
macro_rules! call {
    ($callable:expr, $function:ident, $caller:expr, $moment:expr, $method:ident ( $($argument:expr),* )) => {
        $callable.call(Function::$function, $caller, $moment, move |store, instance, exports| {
            Box::pin(async move { exports.$method(store, instance, $($argument),*).await })
        }).await
    };
}

impl Plugin {
    /// Asks for everything that is asked once, and refuses what cannot be used.
    pub(crate) async fn try_out(
        callable: Callable,
        inspection: Inspection,
        verifier: Verifier,
    ) -> Result<Plugin, LoadError> {
        let caller = Arc::new(Caller { plugin: inspection.manifest.id.clone(), ..Caller::default() });
        let schemas = schemas(&callable, &inspection, &caller).await?;
        check_texts(&inspection, &schemas)?;
        check_sign_ins(&inspection.manifest, &schemas)?;
        let windows = call!(callable, WindowRules, caller.clone(), AT_LOAD, window_rules())?.value.into();
        let assets = match inspection.interfaces.assets {
            true => call!(callable, AssetFiles, caller.clone(), AT_LOAD, files())?.value,
            false => Vec::new(),
        };
        let assets = assets::checked(assets)?;
        Ok(Plugin(Arc::new(Inner { callable, inspection, verifier, schemas, windows, assets })))
    }

    /// SHA-256 of the file, in hex.
    pub fn digest(&self) -> &str {
        &self.0.inspection.digest
    }

    /// What the file says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.inspection.manifest
    }

    /// What verifies requests by the manifest's recipes. It may outlive the plugin.
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// What a person reads, in this language (`id`, also `id-ID`), else in English.
    pub fn texts(&self, language: &str) -> &Texts {
        let texts = &self.0.inspection.texts;
        texts.get(primary(language)).unwrap_or_else(|| texts.get("en").expect("English is always there"))
    }

    /// An SVG as it stands in the file; whoever shows it cleans it first.
    pub fn icon(&self) -> Option<&str> {
        self.0.inspection.icon.as_deref()
    }

    /// Which optional interfaces there are.
    pub fn interfaces(&self) -> &Interfaces {
        &self.0.inspection.interfaces
    }

    /// Everything that was read from the file before it was compiled.
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    /// The form of a `channel` or an `app`, in this language, else in English. `None` where the plugin has no such form.
    pub fn settings_schema(&self, of: &str, language: &str) -> Option<&serde_json::Value> {
        let schema = |language: &str| {
            self.0
                .schemas
                .iter()
                .find(|((kind, tongue), _)| *kind == of && *tongue == language)
                .map(|(_, schema)| schema)
        };
        schema(primary(language)).or_else(|| schema("en"))
    }

    /// When a business may write.
    pub fn window_rules(&self) -> &Arc<[WindowRule]> {
        &self.0.windows
    }

    /// Files for visitors' browsers.
    pub fn assets(&self) -> &[Asset] {
        &self.0.assets
    }

    /// Translates a journalled request. A function of its arguments: the clock stands at `request.received_at`, and `seed`
    /// (made from the row's id) feeds randomness.
    ///
    /// # Errors
    /// As every call here: [`crate::CallError`] says which limit or crash ended it.
    pub async fn handle_webhook(
        &self,
        caller: &Caller,
        seed: u64,
        request: Request,
        channel: Option<Channel>,
    ) -> Called<Result<Outcome, String>> {
        let moment = Moment::Fixed { ms: request.received_at, seed };
        // A pure call reaches no destination, so it needs no settings.
        let caller = Arc::new(Caller {
            workspace: caller.workspace.clone(),
            plugin: caller.plugin.clone(),
            channel: caller.channel.clone(),
            app: caller.app.clone(),
            settings: serde_json::Value::Null,
            generated: Vec::new(),
        });
        call!(self.0.callable, HandleWebhook, caller, moment, handle_webhook(&request, channel.as_ref()))
    }

    /// Proves the credential and finds out whose it is, or goes on with `answer` to what the last step asked. Changes nothing at
    /// the provider.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn identify(
        &self,
        caller: &Caller,
        channel: Channel,
        answer: Option<String>,
    ) -> Called<Result<ConnectStep, Vec<Fault>>> {
        let identify =
            self.0.callable.call(Function::Identify, shared(caller), Moment::Now, move |store, instance, exports| {
                Box::pin(async move {
                    let channel = store.data_mut().mark_address(channel).await;
                    let mut step = exports.identify(store, instance, &channel, answer.as_deref()).await?;
                    step.iter_mut().for_each(|step| store.data().unmark_step(step));
                    Ok(step)
                })
            });
        identify.await
    }

    /// Makes the provider deliver to the channel's address.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`]; [`crate::CallError::dispatched`] says whether the provider may have got something.
    pub async fn register(&self, caller: &Caller, channel: Channel) -> Called<Result<Connected, Vec<Fault>>> {
        let register =
            self.0.callable.call(Function::Register, shared(caller), Moment::Now, move |store, instance, exports| {
                Box::pin(async move {
                    let channel = store.data_mut().mark_address(channel).await;
                    let mut connected = exports.register(store, instance, &channel).await?;
                    connected.iter_mut().for_each(|connected| store.data().unmark_connected(connected));
                    Ok(connected)
                })
            });
        register.await
    }

    /// How a channel is.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn check(&self, caller: &Caller, channel: Channel) -> Called<Result<Health, Fault>> {
        let check =
            self.0.callable.call(Function::Check, shared(caller), Moment::Now, move |store, instance, exports| {
                Box::pin(async move {
                    let channel = store.data_mut().mark_address(channel).await;
                    let mut health = exports.check_channel(store, instance, &channel).await?;
                    health.iter_mut().for_each(|health| store.data().unmark_health(health));
                    Ok(health)
                })
            });
        check.await
    }

    /// Takes leave of the provider.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn disconnect(&self, caller: &Caller, channel: Channel) -> Called<Result<(), Fault>> {
        let disconnect =
            self.0.callable.call(Function::Disconnect, shared(caller), Moment::Now, move |store, instance, exports| {
                Box::pin(async move {
                    let channel = store.data_mut().mark_address(channel).await;
                    exports.disconnect(store, instance, &channel).await
                })
            });
        disconnect.await
    }

    /// Sends the contents of one message that are due together. One result for each, in order: an answer of another length
    /// is taken for a crash.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`]; [`crate::CallError::dispatched`] says whether the provider may have got something.
    pub async fn send(
        &self,
        caller: &Caller,
        messages: Vec<Outgoing>,
        channel: Channel,
    ) -> Called<Vec<Result<Receipt, SendError>>> {
        self.0
            .callable
            .call(Function::Send, shared(caller), Moment::Now, move |store, instance, exports| {
                Box::pin(async move {
                    let results = exports.send(store, instance, &messages, &channel).await?;
                    if results.len() != messages.len() {
                        return Err(wasmtime::Error::msg(format!(
                            "{} results for {} contents",
                            results.len(),
                            messages.len()
                        )));
                    }
                    Ok(results)
                })
            })
            .await
    }

    /// One page of the provider's message templates.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn list_templates(
        &self,
        caller: &Caller,
        channel: Channel,
        cursor: Option<String>,
    ) -> Called<Result<Page, Fault>> {
        call!(self.0.callable, ListTemplates, shared(caller), Moment::Now, list_templates(&channel, cursor.as_deref()))
    }

    /// Submits a template for the provider's approval.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`]; [`crate::CallError::dispatched`] says whether the provider may have got it.
    pub async fn create_template(
        &self,
        caller: &Caller,
        channel: Channel,
        template: String,
    ) -> Called<Result<String, Vec<Fault>>> {
        call!(self.0.callable, CreateTemplate, shared(caller), Moment::Now, create_template(&channel, &template))
    }

    /// Removes a template at the provider.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn delete_template(
        &self,
        caller: &Caller,
        channel: Channel,
        template: String,
    ) -> Called<Result<(), Fault>> {
        call!(self.0.callable, DeleteTemplate, shared(caller), Moment::Now, delete_template(&channel, &template))
    }

    /// What the provider knows about a person.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn look_up(
        &self,
        caller: &Caller,
        channel: Channel,
        who: Identity,
        thread: Option<Thread>,
    ) -> Called<Result<Option<Person>, Fault>> {
        call!(self.0.callable, LookUp, shared(caller), Moment::Now, look_up(&channel, &who, thread.as_ref()))
    }

    /// Where the bytes of an inbound file are.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn resolve(&self, caller: &Caller, channel: Channel, file: MediaRef) -> Called<Result<Source, Fault>> {
        call!(self.0.callable, Resolve, shared(caller), Moment::Now, resolve(&channel, &file))
    }

    /// A small courtesy: "typing", "read", "acknowledge".
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn signal(
        &self,
        caller: &Caller,
        channel: Channel,
        thread: Thread,
        kind: String,
        about: Option<Target>,
    ) -> Called<Result<(), Fault>> {
        call!(self.0.callable, Signal, shared(caller), Moment::Now, signal(&channel, &thread, &kind, about.as_ref()))
    }

    /// What became of sends whose answers were lost.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn reconcile(
        &self,
        caller: &Caller,
        channel: Channel,
        attempts: Vec<Lost>,
    ) -> Called<Vec<Result<Verdict, Fault>>> {
        call!(self.0.callable, Reconcile, shared(caller), Moment::Now, reconcile(&channel, &attempts))
    }

    /// What is new at the provider since `cursor`.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn poll(
        &self,
        caller: &Caller,
        channel: Channel,
        cursor: Option<String>,
    ) -> Called<Result<Polled, Fault>> {
        call!(self.0.callable, Poll, shared(caller), Moment::Now, poll(&channel, cursor.as_deref()))
    }

    /// Registers with the provider.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn prepare_app(&self, caller: &Caller, app: App) -> Called<Result<Prepared, Vec<Fault>>> {
        call!(self.0.callable, PrepareApp, shared(caller), Moment::Now, prepare(&app))
    }

    /// How a registration is.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn check_app(&self, caller: &Caller, app: App) -> Called<Result<Vec<Finding>, Fault>> {
        call!(self.0.callable, CheckApp, shared(caller), Moment::Now, check_app(&app))
    }

    /// Takes a registration back.
    ///
    /// # Errors
    /// See [`Plugin::handle_webhook`].
    pub async fn release_app(&self, caller: &Caller, app: App) -> Called<Result<(), Fault>> {
        call!(self.0.callable, ReleaseApp, shared(caller), Moment::Now, release(&app))
    }
}

impl Plugin {
    /// Streams what [`Source`] names into a blob, with the plugin's destinations, secrets and limits. Nothing of it enters the
    /// plugin's memory, and no code of it runs.
    ///
    /// # Errors
    /// There is no such file, not yet, or not any more; [`DownloadError::is_temporary`] says whether to try again.
    pub async fn download(
        &self,
        caller: &Caller,
        source: Download,
        max_bytes: u64,
    ) -> Result<Downloaded, DownloadError> {
        let callable = &self.0.callable;
        let ground = Ground {
            manifest: callable.manifest.clone(),
            caller: shared(caller),
            services: callable.services.clone(),
            client: callable.client.clone(),
            budget: Arc::new(Budget::new(&callable.limits)),
            limits: callable.limits.clone(),
            workers: callable.workers.clone(),
            watch: Arc::default(),
        };
        download(&ground, source, max_bytes).await
    }

    /// The provider's side of a sign-in, asked under the operator's policy. No code of the plugin runs.
    pub fn provider<'a>(&'a self, flow: &'a OAuth2, client: &'a OAuthClient, workspace: &'a str) -> Provider<'a> {
        Provider { flow, client, workspace, dials: &self.0.callable.client }
    }
}

fn shared(caller: &Caller) -> Arc<Caller> {
    Arc::new(caller.clone())
}

/// `id` of `id-ID`.
fn primary(language: &str) -> &str {
    language.split(['-', '_']).next().unwrap_or(language)
}

fn sentence(faults: &[LintFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

async fn schemas(callable: &Callable, inspection: &Inspection, caller: &Arc<Caller>) -> Result<Schemas, LoadError> {
    let mut schemas = BTreeMap::new();
    let kinds: &[&'static str] = if has_registrations(inspection) { &["channel", "app"] } else { &["channel"] };
    for &of in kinds {
        for language in LANGUAGES {
            let text = call!(callable, SettingsSchema, caller.clone(), AT_LOAD, settings_schema(of, language))?.value;
            if text.len() > SCHEMA_BYTES {
                return Err(LoadError::Answer {
                    function: Function::SettingsSchema.name(),
                    words: format!("the schema of a {of} has {} bytes; {SCHEMA_BYTES} are allowed", text.len()),
                });
            }
            let schema = serde_json::from_str(&text).map_err(|error| LoadError::Answer {
                function: Function::SettingsSchema.name(),
                words: format!("the schema of a {of} in {language:?} is not JSON: {error}"),
            })?;
            manifest::settings::lint(&schema, &inspection.manifest).map_err(|faults| LoadError::Answer {
                function: Function::SettingsSchema.name(),
                words: format!("the schema of a {of} in {language:?}: {}", sentence(&faults)),
            })?;
            schemas.insert((of, language), schema);
        }
    }
    Ok(schemas)
}

/// Forms and texts that speak of what is not there would leave a person without help.
fn check_texts(inspection: &Inspection, schemas: &Schemas) -> Result<(), LoadError> {
    for language in LANGUAGES {
        let texts = |language: &'static str| Some((language, inspection.texts.get(language)?));
        let Some((of_texts, texts)) = texts(language).or_else(|| texts("en")) else { continue };
        let forms: Vec<_> = schemas
            .iter()
            .filter(|((_, tongue), _)| *tongue == language)
            .map(|((of, _), schema)| (*of, schema))
            .collect();
        manifest::settings::agree(&forms, texts).map_err(|faults| LoadError::Section {
            name: format!("texts.{of_texts}.toml"),
            words: format!("and the forms in {language:?} do not agree: {}", sentence(&faults)),
        })?;
    }
    Ok(())
}

/// A sign-in whose client nobody can type in would never begin.
fn check_sign_ins(manifest: &Manifest, schemas: &Schemas) -> Result<(), LoadError> {
    let schema = |of: &'static str| schemas.get(&(of, "en")).unwrap_or(&serde_json::Value::Null);
    let has = |of: &'static str, name: &str| {
        manifest::settings::all_fields(schema(of)).iter().any(|field| field.name == name && field.secret().is_none())
    };
    for flow in &manifest.oauth2 {
        let when = flow.when.as_ref().map(|when| ("channel", &when.setting));
        for (of, name) in [("app", &flow.client_id)].into_iter().chain(when) {
            if !has(of, name) {
                return Err(LoadError::Answer {
                    function: Function::SettingsSchema.name(),
                    words: format!("[[oauth2]] needs the setting `{name}`, which the schema of a {of} does not have"),
                });
            }
        }
    }
    Ok(())
}

/// Whether channels of this plugin use registrations with the provider, which then have a form of their own.
fn has_registrations(inspection: &Inspection) -> bool {
    inspection.interfaces.apps
        || inspection.manifest.secrets.iter().any(|secret| secret.scope == Scope::App)
        || inspection.manifest.webhooks.iter().any(|webhook| webhook.address == AddressKind::App)
        || !inspection.manifest.oauth2.is_empty()
}
