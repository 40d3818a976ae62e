//! How much one call may use. Every number is a ceiling of the operator's; a plugin may ask for less, never for more.

use std::time::Duration;

/// Ceilings of one call. Each has a [`crate::CallFault`] that says it was reached.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of linear memory, all memories together.
    pub memory_bytes: u64,
    /// Elements of tables, all tables together.
    pub table_elements: u32,
    /// Bytes of the native stack that guest code may use. One value for all plugins.
    pub stack_bytes: u32,
    /// Milliseconds of computing, the host's on the call's behalf included; waiting does not count. Looked at every [`TICK`]
    /// and at every call of an import.
    pub cpu_ms: u32,
    /// Milliseconds from the first instruction to the result, waiting included.
    pub deadline_ms: u32,
    /// The same for calls that may not wait for anything: `handle-webhook` and what is asked when a plugin is loaded.
    pub pure_deadline_ms: u32,
    /// Bytes written to the log, to standard output and to standard error.
    pub log_bytes: u64,
    /// Calls of imported functions of the contract.
    pub host_calls: u32,
    /// Bytes that leave: lines, headers and bodies of all requests together.
    pub egress_bytes: u64,
    /// Bytes that come back into the plugin's memory: bodies of all answers together. Bodies that go into a blob count
    /// against `blob_bytes`.
    pub response_bytes: u64,
    /// Bytes of answers that go into blobs, all together.
    pub blob_bytes: u64,
    /// Bytes that a result, or the arguments of one host call, may take in the host's memory.
    pub result_bytes: u64,
    /// Markers that one call is given.
    pub markers: u32,
    /// Values that captures of one call take out of answers.
    pub captures: u32,
    /// Bytes of the forms in which the secrets of one call are looked for in what comes back.
    pub secret_bytes: u32,
    /// Pieces of one request's body, and of what is hashed or signed at once.
    pub body_pieces: u32,
    /// Bytes of a plugin file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            stack_bytes: 512 << 10,
            cpu_ms: 1_000,
            deadline_ms: 30_000,
            pure_deadline_ms: 2_000,
            log_bytes: 64 << 10,
            host_calls: 1_000,
            egress_bytes: 128 << 20,
            response_bytes: 8 << 20,
            blob_bytes: 128 << 20,
            result_bytes: 8 << 20,
            markers: 256,
            captures: 256,
            secret_bytes: 512 << 10,
            body_pieces: 256,
            file_bytes: 32 << 20,
        }
    }
}

/// How often a call that computes is looked at, and lets others on its thread have a turn.
pub const TICK: Duration = Duration::from_millis(10);
