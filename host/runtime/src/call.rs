//! One call of a plugin: on whose behalf, what it gave, what it wants kept, what it used, and how it may have failed.

use std::fmt;
use std::time::Duration;

use crate::capabilities::vault::Markers;
use crate::services::SecretValue;

/// On whose behalf a plugin is called. Secrets, memory, blobs and destinations are looked up with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Caller {
    /// The workspace's id.
    pub workspace: String,
    /// The plugin's id.
    pub plugin: String,
    /// The channel's id, where the call concerns one.
    pub channel: Option<String>,
    /// The registration's id, where the channel uses one or the call concerns one.
    pub app: Option<String>,
    /// The settings that destinations with `from-setting` are read from.
    pub settings: serde_json::Value,
    /// What the host made for the channel, by name: the address that receives its mail.
    pub generated: Vec<(String, String)>,
}

/// What a call gives: its result with what belongs to it, or why there is none.
pub type Called<T> = Result<Done<T>, CallError>;

/// A call that came to its end. `value` may still be the plugin's own error.
#[derive(Debug)]
pub struct Done<T> {
    /// What the plugin answered.
    pub value: T,
    /// What is to be committed together with the answer. Dropped by the host when `value` is an error.
    pub effects: Effects,
    /// What it used.
    pub usage: Usage,
    /// A request that may change something at the provider left, and its answer did not come whole: whatever `value` says,
    /// what became of it is not known.
    pub unanswered: bool,
}

/// What a call wants kept, all or nothing, with its result.
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes to the channel's memory, in order, one for each key.
    pub kv: Vec<KvWrite>,
    /// Secrets that the provider handed out.
    pub secrets: Vec<KeptSecret>,
    /// Entries for visitors' streams, in order.
    pub visitor: Vec<VisitorEntry>,
    /// What `media.resolve` wrote into the request that it answered with, for the download of it. Never stored.
    pub markers: Markers,
}

/// A write to a channel's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvWrite {
    /// At most 128 bytes.
    pub key: String,
    /// `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// A secret that a capture took out of a provider's answer.
#[derive(Debug, Clone)]
pub struct KeptSecret {
    /// A name that the manifest declares with `origin = "obtained"`.
    pub name: String,
    /// The value.
    pub value: SecretValue,
    /// When it stops working, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// An entry for a web visitor's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorEntry {
    /// The visitor's session.
    pub visitor: String,
    /// The entry's id, already told to the plugin.
    pub id: String,
    /// JSON.
    pub entry: String,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Spent computing.
    pub cpu: Duration,
    /// From the first instruction to the end.
    pub wall: Duration,
    /// The most linear memory it had, all memories together.
    pub memory_bytes: u64,
    /// Calls of imported functions.
    pub host_calls: u32,
    /// Bytes that left.
    pub egress_bytes: u64,
    /// Bytes written to the log.
    pub log_bytes: u64,
}

/// A call that gave no result. Always the plugin's fault, save [`CallFault::Busy`] and [`CallFault::Engine`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("{function}: {fault}{}{words}", if words.is_empty() { "" } else { ": " })]
pub struct CallError {
    /// What happened.
    pub fault: CallFault,
    /// A byte of a request other than GET, HEAD or OPTIONS, or of a mail, may have left: the outcome at the provider is not known.
    pub dispatched: bool,
    /// The exported function.
    pub function: &'static str,
    /// The plugin's last words (a panic's text), or the engine's.
    pub words: String,
    /// What it used until then.
    pub usage: Usage,
}

/// Why a call gave no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallFault {
    /// The code trapped: a panic, a wild read, an unreachable instruction.
    Trap,
    /// [`crate::Limits::deadline_ms`] or [`crate::Limits::pure_deadline_ms`].
    Deadline,
    /// [`crate::Limits::cpu_ms`]
    Cpu,
    /// [`crate::Limits::memory_bytes`]
    Memory,
    /// [`crate::Limits::table_elements`]
    Tables,
    /// [`crate::Limits::stack_bytes`]
    Stack,
    /// [`crate::Limits::log_bytes`]
    LogBytes,
    /// [`crate::Limits::host_calls`]
    HostCalls,
    /// [`crate::Limits::egress_bytes`]
    EgressBytes,
    /// [`crate::Limits::response_bytes`] or [`crate::Limits::blob_bytes`]
    ResponseBytes,
    /// [`crate::Limits::result_bytes`]
    ResultSize,
    /// The plugin does not export this function.
    NotExported,
    /// Too many calls at once in the whole host; nothing was called.
    Busy,
    /// The engine failed in a way that is nobody's limit.
    Engine,
}

impl CallFault {
    /// A stable word: the metric's label and the finding's code.
    pub fn code(&self) -> &'static str {
        match self {
            CallFault::Trap => "trap",
            CallFault::Deadline => "deadline",
            CallFault::Cpu => "cpu-time",
            CallFault::Memory => "memory",
            CallFault::Tables => "tables",
            CallFault::Stack => "stack",
            CallFault::LogBytes => "log-bytes",
            CallFault::HostCalls => "host-calls",
            CallFault::EgressBytes => "egress-bytes",
            CallFault::ResponseBytes => "response-bytes",
            CallFault::ResultSize => "result-size",
            CallFault::NotExported => "not-exported",
            CallFault::Busy => "busy",
            CallFault::Engine => "engine",
        }
    }

    /// Whether this is a limit that the plugin ran into.
    pub fn is_limit(&self) -> bool {
        !matches!(self, CallFault::Trap | CallFault::NotExported | CallFault::Busy | CallFault::Engine)
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallFault::Trap => "the plugin crashed",
            CallFault::Deadline => "the call took longer than it may",
            CallFault::Cpu => "the plugin computed longer than it may",
            CallFault::Memory => "the plugin wanted more memory than it may have",
            CallFault::Tables => "the plugin wanted larger tables than it may have",
            CallFault::Stack => "the plugin's calls nest too deeply",
            CallFault::LogBytes => "the plugin wrote more to the log than it may",
            CallFault::HostCalls => "the plugin asked its host for more than it may",
            CallFault::EgressBytes => "the plugin sent more than it may",
            CallFault::ResponseBytes => "the plugin was sent more than it may receive",
            CallFault::ResultSize => "the plugin handed over more at once than it may",
            CallFault::NotExported => "the plugin has no such function",
            CallFault::Busy => "too many plugins are being called at once",
            CallFault::Engine => "the engine failed",
        })
    }
}
