//! The host itself, as the API and the pages show it to operators.

use serde::Serialize;
use utoipa::ToSchema;

/// How the host is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct System {
    /// The server's version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// When the server started; RFC 3339.
    pub started_at: String,
    /// Whether requests are welcome: everything is started and nothing is being stopped.
    pub ready: bool,
    /// Since when sending, polling and renewing are held after a restore; null where they are not. RFC 3339.
    pub held_since: Option<String>,
    /// Where the host listens and is reached.
    pub addresses: Addresses,
    /// Room for data.
    pub storage: Storage,
    /// What waits.
    pub queues: Vec<Queue>,
    /// Places that are shared by all workspaces, by name.
    pub pools: Vec<Pool>,
    /// Keys of the configuration whose value is not the default.
    pub overrides: Vec<Override>,
}

/// Where the host listens and is reached.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Addresses {
    /// What providers and browsers reach; null where there is none.
    pub public_url: Option<String>,
    /// The address of the API, the pages and the webhooks.
    #[schema(example = "127.0.0.1:8080")]
    pub listen: String,
    /// The address of `/metrics` alone; null where it has none of its own.
    pub metrics: Option<String>,
    /// The address for mail servers; null where there is none.
    pub mail: Option<String>,
    /// Whether mail servers are offered STARTTLS with the configured certificate.
    pub mail_tls: bool,
    /// What follows the `@` in channels' addresses; null where no channel receives mail.
    pub mail_domain: Option<String>,
}

/// Room for data.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Storage {
    /// Free bytes of the file system of the data folder; null where it does not tell.
    pub free_bytes: Option<u64>,
    /// Free bytes below which requests of providers are refused (`database.min_free_bytes`).
    pub least_free_bytes: u64,
    /// Bytes of the database, without its log.
    pub database_bytes: u64,
    /// Bytes of files that are kept.
    pub file_bytes: i64,
    /// Most bytes of files that are kept (`media.total_bytes`); 0: no bound.
    pub most_file_bytes: u64,
}

/// What waits of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Queue {
    /// `writes` of the database, `requests` of providers, `parked` ones, `messages`, `deliveries` to endpoints, or `files` to be fetched
    #[schema(example = "messages")]
    pub name: String,
    /// How many, counted up to 10,000.
    pub waiting: u64,
}

/// Places that are shared by all workspaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pool {
    /// `api_requests`, `outbound_calls` …
    #[schema(example = "api_requests")]
    pub name: String,
    /// How many places there are.
    pub places: u64,
    /// How many are taken now.
    pub taken: u64,
    /// How often a place was refused since the server started.
    pub refused: u64,
}

/// A key of the configuration whose value is not the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Override {
    /// `section.key`
    #[schema(example = "server.public_url")]
    pub key: String,
    /// What it is, without marks; `(set)` for a secret.
    #[schema(example = "https://chat.example.com")]
    pub value: String,
    /// What it is where nothing is said.
    pub default: String,
}
