//! Messages on their way out: parts that are due → attempts on disk → the plugin's `send` → receipt, retry, failure or unknown.
//!
//! A lane for each conversation: a part waits for the earlier ones of its conversation. An unknown part holds up the rest of its
//! own message until it is decided, and later messages for [`Settings::lane_wait_ms`]. What a plugin's error names is held back
//! and no more. Knows no HTTP and no channel's life; how an attempt ends is decided in `endings`, what is on disk in `db/`.

mod authoring;
mod carry;
pub mod compose;
mod dispatch;
mod endings;
mod rates;
mod reconcile;
mod recovery;
mod sync;
mod templates;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sambung_runtime::shares::Shares;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, chance};
use crate::db::Db;
use crate::plugins::{Registry, Renewals};
use crate::upkeep::Upkeep;
use crate::wake::Wakes;

pub use authoring::{AuthoringError, Made};
pub use sync::SyncError;

/// Bounds of the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Calls of `send` at a time, shared by all workspaces and their channels.
    pub calls: usize,
    /// Most calls of `send` at a time for one channel.
    pub calls_per_channel: u32,
    /// Parts that may wait in one channel; past it the API answers 503.
    pub most_queued: u32,
    /// How long later messages of a conversation wait for an unknown one, in milliseconds.
    pub lane_wait_ms: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { calls: 128, calls_per_channel: 8, most_queued: 10_000, lane_wait_ms: 60_000 }
    }
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    wakes: Wakes,
    plugins: Registry,
    renewals: Renewals,
    settings: Settings,
    slots: Shares,
    upkeep: Upkeep,
    rates: Mutex<rates::Rates>,
    template_turns: turns::Turns,
}

impl Outbound {
    /// A way out that does nothing before [`Outbound::run`].
    pub fn new(
        db: Db,
        clock: Clock,
        wakes: Wakes,
        (plugins, renewals, upkeep): (Registry, Renewals, Upkeep),
        settings: Settings,
    ) -> Outbound {
        Outbound(Arc::new(Inner {
            slots: Shares::limited("sends", settings.calls, settings.calls_per_channel as usize),
            upkeep,
            rates: Mutex::default(),
            template_turns: turns::Turns::default(),
            db,
            clock,
            wakes,
            plugins,
            renewals,
            settings,
        }))
    }

    /// Settles what a crash left, then sends, asks what became of unknown attempts and keeps templates fresh, until `stop`.
    /// Calls in flight are waited for; whoever does not want to wait longer drops this, and the next start settles them.
    pub async fn run(&self, stop: CancellationToken) {
        if !self.settle_lost(&stop).await {
            return;
        }
        tokio::join!(self.dispatch(stop.clone()), self.ask_unknown(stop.clone()), self.keep_templates(stop));
    }

    /// The bounds.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
