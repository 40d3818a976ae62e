//! What a listener's connections may hold.

use std::time::Duration;

use crate::config;

/// Most connections where the configuration leaves the number to the system's limit.
const MOST: usize = 16_384;
/// Files that the rest of the server needs: the database, calls to providers, mail, uploads.
const OTHER_FILES: usize = 256;

/// What the connections of one listener may hold, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client address, and requests at a time of one.
    pub per_address: usize,
    /// Connections beyond `connections` for health and sign-in.
    pub reserved: usize,
    /// Until the head of a request is there.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Until a client reads on.
    pub stalled: Duration,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams: u32,
    /// Requests of one HTTP/2 connection that its client may abort in a minute.
    pub http2_resets: u32,
    /// HTTP/2 connections of one client that the server may have to close in a minute, because the client misused them.
    pub http2_misuses: u32,
    /// Clients whose misuses are remembered.
    pub clients: usize,
    /// How slow a body may be.
    pub pace: Pace,
}

/// The least rate of a body.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time that a body may wait before its rate counts.
    pub grace: Duration,
    /// Bytes a second after that.
    pub rate: u32,
}

impl Pace {
    /// As configured.
    pub fn of(config: &config::Server) -> Pace {
        Pace { grace: Duration::from_millis(config.body_grace_ms), rate: config.body_bytes_per_s }
    }

    /// How long the server waits, in all, for a body of which so many bytes came, and for its next.
    pub fn patience(&self, came: u64) -> Duration {
        let earned = came.saturating_mul(1000) / u64::from(self.rate.max(1));
        self.grace.saturating_add(Duration::from_millis(earned))
    }
}

impl Bounds {
    /// As configured, for a process that may open so many files.
    pub fn new(config: &config::Server, files: usize) -> Bounds {
        let connections = match config.connections {
            0 => (files.saturating_sub(OTHER_FILES) / 2).clamp(64, MOST),
            most => most,
        };
        if connections.saturating_add(config.reserved_connections + OTHER_FILES) > files {
            tracing::warn!(
                connections,
                files,
                "server.connections is more than the files that this process may open; raise the limit (ulimit -n)"
            );
        }
        Bounds {
            connections,
            per_address: config.connections_per_address.min((connections / 2).max(1)),
            reserved: config.reserved_connections,
            head: Duration::from_millis(config.head_ms),
            idle: Duration::from_millis(config.idle_ms),
            stalled: Duration::from_millis(config.stalled_ms),
            head_bytes: config.head_bytes,
            http2_streams: config.http2_streams,
            http2_resets: config.http2_resets_per_minute,
            http2_misuses: config.http2_misuses_per_minute,
            clients: config.limiter_keys,
            pace: Pace::of(config),
        }
    }

    /// How often a connection is looked at.
    pub(super) fn tick(&self) -> Duration {
        let least = self.head.min(self.idle).min(self.stalled) / 4;
        least.clamp(Duration::from_millis(10), Duration::from_secs(5))
    }
}

/// How many files this process may open.
pub fn open_files() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    usize::MAX
}

/// Most files that the process asks the system for.
#[cfg(unix)]
const MOST_FILES: u64 = 65_536;

/// Raises the number of files that this process may open to what the system allows it, at most 65,536, because a shell's usual
/// limit of 1,024 leaves room for a few hundred connections only.
pub fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = maximum.map_or(MOST_FILES, |maximum| maximum.min(MOST_FILES));
        if current.is_some_and(|current| current < wanted)
            && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        {
            tracing::warn!(%error, wanted, "the number of open files was not raised");
        }
    }
}

impl Bounds {
    /// As configured, for this process.
    pub fn of(config: &config::Server) -> Bounds {
        Bounds::new(config, open_files())
    }

    /// For a listener of few clients beside the main one.
    #[must_use]
    pub fn small(self) -> Bounds {
        Bounds { connections: 64, per_address: 64, reserved: 0, ..self }
    }
}
