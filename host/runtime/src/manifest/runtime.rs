//! `[runtime]`: what a plugin asks of the sandbox. The operator's ceilings stand above it.

use serde::{Deserialize, Serialize};

use super::section::Section;

/// Limits that a plugin asks for; none: the host's default. Asking for more than the operator allows changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeAsk {
    /// Over all memories of one call, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time of one call, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Wall-clock time of a call that may use the network, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// Wall-clock time of a call that may not, in milliseconds.
    pub pure_deadline_ms: Option<u64>,
}

pub(super) fn read(section: &Section<'_>) -> RuntimeAsk {
    let ask = RuntimeAsk {
        memory_bytes: section.number("memory-bytes"),
        cpu_ms: section.number("cpu-ms"),
        deadline_ms: section.number("deadline-ms"),
        pure_deadline_ms: section.number("pure-deadline-ms"),
    };
    section.finish();
    ask
}
