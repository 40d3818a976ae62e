//! The whole server: opens what is below, joins it, starts the loops, and stops them in order.
//!
//! `serve` and the tests start this very type.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api;
use crate::auth::Auth;
use crate::base_url::BaseUrl;
use crate::channels::Channels;
use crate::clock::Clock;
use crate::config::{Config, RelaySecurity};
use crate::console;
use crate::data_dir::{DataDir, DataDirError, Lock};
use crate::db::{Db, DbConfig, DbError};
use crate::disk::{Disk, Thresholds};
use crate::feed::Feed;
use crate::inbound::Inbound;
use crate::ingress;
use crate::mail::{Deliverer, DelivererError, Relay};
use crate::media::{BlobService, Media, MediaConfig, Quotas};
use crate::outbound::Outbound;
use crate::plugins::{CallAccount, Candidates, Figures, FolderError, KvService, Registry, Renewals, SecretService};
use crate::retention::Retention;
use crate::upkeep::Upkeep;
use crate::wake::Wakes;
use crate::web::listener;
use crate::web::state::{Limits, Parts, Readiness, State};
use sambung_runtime::shares::Shares;
use sambung_runtime::{EngineError, MailSecurity, Runtime, RuntimeConfig, Services, egress};

/// Why the server does not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The data folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The sandbox.
    #[error("the sandbox does not start: {0}")]
    Engine(#[from] EngineError),
    /// The operator's rules for connections.
    #[error(transparent)]
    Egress(egress::PolicyError),
    /// Mail that comes in.
    #[error(transparent)]
    Smtp(#[from] ingress::SmtpError),
    /// Mail that goes out.
    #[error(transparent)]
    Mail(#[from] DelivererError),
    /// A file of the configuration.
    #[error("{key}: {path} cannot be read: {error}", path = path.display())]
    File {
        /// The key.
        key: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A folder of plugins.
    #[error(transparent)]
    Plugins(#[from] FolderError),
    /// The folder of files.
    #[error("the folder of files cannot be used: {0}")]
    Media(std::io::Error),
    /// A listener.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Where.
        address: String,
        /// The system's words.
        error: std::io::Error,
    },
}

/// What the loops have at least to end what they hold.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// A server that is built and not yet listening.
pub struct App {
    state: State,
    base_url: BaseUrl,
    tasks: TaskTracker,
    setup_link: Option<String>,
    smtp: Option<ingress::Smtp>,
    _lock: Lock,
}

impl App {
    /// Opens or makes the data folder and everything in it. Nothing runs yet.
    pub async fn build(config: Config, clock: Clock) -> Result<App, AppError> {
        // A second call finds the provider installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Before anything counts: what is counted before a recorder is there goes nowhere.
        let metrics = recorder();
        let data = DataDir::at(&config.server.data_dir);
        data.make()?;
        let lock = data.lock()?;
        let vault = data.vault()?;
        let db = Db::open(
            DbConfig {
                path: data.database(),
                readers: config.database.readers,
                queue: config.database.write_queue,
                read_queue: config.database.read_queue,
                together: config.database.group_commit_max,
                max_pages: (config.database.max_pages > 0).then_some(config.database.max_pages),
            },
            vault,
        )?;
        db.take_over(clock.now()).await?;
        let auth = Auth::new(db.clone(), clock.clone(), &config.auth);
        auth.default_workspace().await?;
        let setup_link = auth.setup_link().await?.map(|minted| minted.value);
        let wakes = db.wakes().clone();
        let candidates = Candidates::default();
        let disk = disk(&config);
        let base_url = BaseUrl::new(config.server.public_url());
        let media = media(&config, base_url.clone(), &db, &clock, &disk)?;
        let figures = Figures::default();
        let outcomes = CallAccount::new(db.clone(), clock.clone(), figures.clone());
        let runtime = runtime(&config, &data, &db, &candidates, &media, outcomes)?;
        let plugins = Registry::new(db.clone(), runtime.clone(), clock.clone(), wakes.clone(), data.path())?;
        plugins.boot().await?;
        if config.plugins.bundled {
            let bundled: Vec<_> = sambung_bundle::BUNDLED.iter().map(|plugin| (plugin.id, plugin.wasm)).collect();
            plugins.install_bundled(&bundled).await?;
        }
        plugins.tidy_native_code().await;
        let tasks = TaskTracker::new();
        let renewals = Renewals::new(db.clone(), clock.clone(), plugins.clone(), tasks.clone());
        let upkeep = Upkeep::new(config.runtime.upkeep);
        let channels = Channels::new(
            db.clone(),
            clock.clone(),
            wakes.clone(),
            plugins.clone(),
            candidates.clone(),
            (renewals.clone(), upkeep.clone()),
            (base_url.clone(), config.mail.domain().map(ToOwned::to_owned)),
        );
        let settings = crate::inbound::Settings {
            requests: config.inbound.requests,
            polls: config.inbound.polls,
            fetches: config.inbound.fetches,
            most_events: config.inbound.events_per_request,
            unreachable: config.server.public_url().is_none(),
        };
        let everyone = (plugins.clone(), renewals.clone(), upkeep.clone());
        let inbound = Inbound::new(db.clone(), clock.clone(), wakes.clone(), everyone, media.clone(), settings);
        let outbound = outbound(&config, &db, &clock, &wakes, (&plugins, renewals, upkeep));
        let feed = feed(&config, &db, &clock, &wakes)?;
        let state = State::from(Parts {
            outbound,
            feed,
            runtime,
            plugins,
            figures,
            candidates,
            channels,
            media,
            disk,
            inbound,
            limits: Limits::new(&config),
            api: Shares::new("api_requests", config.server.api_requests),
            proxies: Arc::new(config.server.proxies()),
            config: Arc::new(config),
            wakes,
            metrics,
            readiness: Readiness::default(),
            started_at: clock.now(),
            stop: CancellationToken::new(),
            db,
            clock,
            auth,
        });
        let smtp = ingress::Smtp::bind(&state).await?;
        Ok(App { state, base_url, tasks, setup_link, smtp, _lock: lock })
    }

    /// What handlers reach; tests look at the same.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The value of the link that sets the first operator's password, while there is none. Each start makes a new one.
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// Where mail servers hand mail over, if they do.
    pub fn mail_address(&self) -> Option<SocketAddr> {
        self.smtp.as_ref().and_then(ingress::Smtp::address)
    }

    /// Cancelling it stops the server: what is in flight ends, or goes back into its queue.
    pub fn stop_handle(&self) -> CancellationToken {
        self.state.stop.clone()
    }

    /// Every address there is.
    fn router(&self) -> Router {
        api::router(&self.state)
            .merge(console::routes(&self.state))
            .merge(ingress::routes(&self.state))
            .with_state(self.state.clone())
    }

    /// Starts the loops, serves until [`App::stop_handle`] is cancelled, then ends in order: no new requests, what is in
    /// flight, the loops, the database.
    pub async fn serve(mut self, listener: TcpListener) -> Result<(), AppError> {
        let stop = self.state.stop.clone();
        if let Ok(address) = listener.local_addr() {
            self.base_url.listens_at(address);
        }
        self.start_loops();
        if let Some(smtp) = self.smtp.take() {
            smtp.start(&self.tasks, &stop);
        }
        self.start_metrics_listener().await?;
        self.state.readiness.set(true);
        let bounds = listener::Bounds::of(&self.state.config.server);
        let proxies = Arc::clone(&self.state.proxies);
        let server = listener::serve(listener, self.router(), bounds, proxies, stop.clone());
        let grace = Duration::from_millis(self.state.config.server.shutdown_grace_ms);
        let readiness = self.state.readiness.clone();
        let stopped = OnceLock::new();
        let patience = async {
            stop.cancelled().await;
            let _ = stopped.set(Instant::now());
            readiness.set(false);
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            () = server => {}
            () = patience => tracing::warn!("requests were still open when the time for stopping was over"),
        }
        stop.cancel();
        // What requests took of the time is not given to the loops again.
        let grace = grace.saturating_sub(stopped.get().map_or(Duration::ZERO, Instant::elapsed)).max(LEAST_GRACE);
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.tasks.len(),
                "loops did not end in time; what they held goes on at the next start"
            );
        }
        self.state.db.close().await;
        Ok(())
    }

    /// The loops of every part, each until `stop`.
    fn start_loops(&self) {
        let retention = Retention::new(
            self.state.db.clone(),
            self.state.media.clone(),
            self.state.clock.clone(),
            &self.state.config.retention,
        );
        let until = self.state.stop.clone();
        self.tasks.spawn(async move { retention.run(until).await });
        let (plugins, channels) = (self.state.plugins.clone(), self.state.channels.clone());
        let stop = &self.state.stop;
        self.tasks.spawn({
            let stop = stop.clone();
            async move { plugins.watch(stop).await }
        });
        self.tasks.spawn({
            let stop = stop.clone();
            async move { channels.run(stop).await }
        });
        let inbound = self.state.inbound.clone();
        self.tasks.spawn({
            let stop = stop.clone();
            async move { inbound.run(stop).await }
        });
        let (outbound, feed) = (self.state.outbound.clone(), self.state.feed.clone());
        self.tasks.spawn({
            let stop = stop.clone();
            async move { outbound.run(stop).await }
        });
        self.tasks.spawn({
            let stop = stop.clone();
            async move { feed.run(stop).await }
        });
    }

    async fn start_metrics_listener(&self) -> Result<(), AppError> {
        let address = self.state.config.metrics.listen.clone();
        if address.is_empty() {
            return Ok(());
        }
        let listener = TcpListener::bind(&address).await.map_err(|error| AppError::Listen { address, error })?;
        let router = api::ops::metrics_listener().with_state(self.state.clone());
        let stop = self.state.stop.clone();
        let bounds = listener::Bounds::of(&self.state.config.server).small();
        self.tasks.spawn(listener::serve(listener, router, bounds, Arc::default(), stop));
        Ok(())
    }
}

fn disk(config: &Config) -> Disk {
    let least = Thresholds {
        requests: config.database.min_free_bytes,
        files: config.media.min_free_bytes,
        visitor_files: config.media.visitors_min_free_bytes,
    };
    Disk::new(config.server.data_dir.clone(), least)
}

fn media(config: &Config, base_url: BaseUrl, db: &Db, clock: &Clock, disk: &Disk) -> Result<Media, AppError> {
    let media = MediaConfig {
        data_dir: config.server.data_dir.clone(),
        base_url,
        max_bytes: config.media.max_bytes,
        publish_days: config.media.publish_days,
        quotas: Quotas {
            visitor: config.media.visitor_bytes,
            channel: config.media.channel_bytes,
            workspace: config.media.workspace_bytes,
            total: config.media.total_bytes,
            visitors_an_hour: config.media.visitors_bytes_per_hour,
        },
        disk: disk.clone(),
    };
    Media::open(db.clone(), clock.clone(), media).map_err(AppError::Media)
}

fn outbound(
    config: &Config,
    db: &Db,
    clock: &Clock,
    wakes: &Wakes,
    (plugins, renewals, upkeep): (&Registry, Renewals, Upkeep),
) -> Outbound {
    let settings = crate::outbound::Settings {
        calls: config.outbound.calls,
        calls_per_channel: config.outbound.calls_per_channel,
        most_queued: config.outbound.most_queued,
        lane_wait_ms: config.outbound.unknown_wait_ms,
    };
    Outbound::new(db.clone(), clock.clone(), wakes.clone(), (plugins.clone(), renewals, upkeep), settings)
}

/// Where the operator lets anybody connect.
fn policy(config: &Config) -> egress::Policy {
    egress::Policy { denied_hosts: config.egress.denied_hosts.clone(), overrides: config.egress.overrides.clone() }
}

fn feed(config: &Config, db: &Db, clock: &Clock, wakes: &Wakes) -> Result<Feed, AppError> {
    let client = egress::Client::for_endpoints(policy(config)).map_err(AppError::Egress)?;
    let settings = crate::feed::Settings {
        streams: config.feed.streams,
        deliveries: config.feed.deliveries,
        waiting_per_endpoint: config.feed.waiting_per_endpoint,
        timeout_ms: config.feed.timeout_ms,
    };
    Ok(Feed::new(db.clone(), clock.clone(), wakes.clone(), client, settings))
}

/// The sandbox with what it may reach of the host's data.
fn runtime(
    config: &Config,
    data: &DataDir,
    db: &Db,
    candidates: &Candidates,
    media: &Media,
    outcomes: CallAccount,
) -> Result<Runtime, AppError> {
    let blobs = Arc::new(BlobService::new(media.clone()));
    let services = Services {
        secrets: Arc::new(SecretService::new(db.clone(), candidates.clone())),
        kv: Arc::new(KvService::new(db.clone())),
        blobs: blobs.clone(),
        mailer: Arc::new(deliverer(config, blobs)?),
        outcomes: Arc::new(outcomes),
    };
    let cache = &config.runtime.cache_dir;
    let runtime = RuntimeConfig {
        cache_dir: Some(if cache.as_os_str().is_empty() { data.cache() } else { cache.clone() }),
        cache_bytes: config.runtime.cache_bytes,
        cache_shared: !cache.as_os_str().is_empty(),
        limits: config.runtime.limits.clone(),
        code: config.runtime.code.clone(),
        egress: policy(config),
        instances: config.runtime.instances,
    };
    Ok(Runtime::new(runtime, services)?)
}

/// How mail leaves.
fn deliverer(config: &Config, blobs: Arc<BlobService>) -> Result<Deliverer, AppError> {
    let relay = &config.mail.relay;
    let authority = match relay.ca_file.as_os_str().is_empty() {
        true => None,
        false => Some(std::fs::read(&relay.ca_file).map_err(|error| AppError::File {
            key: "mail.relay.ca_file",
            path: relay.ca_file.clone(),
            error,
        })?),
    };
    let relay = (!relay.host.is_empty()).then(|| Relay {
        host: relay.host.clone(),
        port: relay.port,
        security: match relay.security {
            RelaySecurity::StartTls => Some(MailSecurity::StartTls),
            RelaySecurity::Tls => Some(MailSecurity::Tls),
            RelaySecurity::None => None,
        },
        user: relay.user.clone(),
        password: relay.password.clone(),
        authority,
    });
    let client = egress::Client::new(policy(config)).map_err(AppError::Egress)?;
    Ok(Deliverer::new(relay, client, blobs, config.mail.hostname())?)
}

/// The process has one recorder, however many servers a test starts in it.
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder of metrics is installed; /metrics will be empty");
            }
            handle
        })
        .clone()
}
