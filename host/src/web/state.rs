//! What a handler reaches. `app.rs` makes it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use sambung_runtime::shares::Shares;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::auth::rate::Limiter;
use crate::channels::Channels;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::disk::Disk;
use crate::feed::Feed;
use crate::inbound::Inbound;
use crate::media::Media;
use crate::model::client_key::ClientKey;
use crate::model::proxies::Range;
use crate::outbound::Outbound;
use crate::plugins::{Candidates, Figures, Registry};
use crate::wake::Wakes;

/// What a handler reaches. Cheap to clone: every request does.
#[derive(Clone)]
pub struct State(Arc<Parts>);

impl From<Parts> for State {
    fn from(parts: Parts) -> State {
        State(Arc::new(parts))
    }
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The parts of [`State`].
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Time and ids.
    pub clock: Clock,
    /// Signals between loops.
    pub wakes: Wakes,
    /// The configuration.
    pub config: Arc<Config>,
    /// Where plugins run.
    pub runtime: sambung_runtime::Runtime,
    /// Installed plugins.
    pub plugins: Registry,
    /// What plugins used and said.
    pub figures: Figures,
    /// Credentials that are being tried out.
    pub candidates: Candidates,
    /// The life of channels.
    pub channels: Channels,
    /// Files.
    pub media: Media,
    /// The room that is left on the disk.
    pub disk: Disk,
    /// From the journal to conversations.
    pub inbound: Inbound,
    /// Messages on their way out.
    pub outbound: Outbound,
    /// The event feed.
    pub feed: Feed,
    /// Who somebody is.
    pub auth: Auth,
    /// How often somebody may try.
    pub limits: Limits,
    /// Places of API requests, shared by all workspaces.
    pub api: Shares,
    /// Proxies whose word on the client's address counts.
    pub proxies: Arc<Vec<Range>>,
    /// What is measured.
    pub metrics: PrometheusHandle,
    /// Whether requests are welcome yet, and still.
    pub readiness: Readiness,
    /// When the server started, in milliseconds since 1970.
    pub started_at: i64,
    /// Ends when the server stops: streams that stay open end with it.
    pub stop: CancellationToken,
}

/// How often somebody may try.
#[derive(Clone)]
pub struct Limits {
    /// Sign-ins of one address.
    pub sign_in: Limiter<ClientKey>,
    /// Sign-ins for one e-mail address from clients where its person never signed in.
    pub sign_in_email: Limiter<str>,
    /// Webhooks without a good signature from one address.
    pub unverified: Limiter<ClientKey>,
    /// Showing the customer of a conversation that a user types.
    pub typing: Limiter<str>,
}

/// Least time between two times that a customer is shown that a user types.
const TYPING: Duration = Duration::from_secs(3);

impl Limits {
    /// As configured.
    pub fn new(config: &Config) -> Limits {
        let keys = config.server.limiter_keys;
        Limits {
            sign_in: Limiter::per_minute(config.auth.sign_in_per_minute, keys),
            sign_in_email: Limiter::per_minute(config.auth.sign_in_per_minute, keys),
            unverified: Limiter::per_minute(config.ingress.unverified_per_minute, keys),
            typing: Limiter::once_in(TYPING, keys),
        }
    }
}

/// Whether requests are welcome. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Everything is started.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether everything is started and nothing is being stopped.
    pub fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
