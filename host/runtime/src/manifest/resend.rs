//! `[resend]`: whether the same attempt may be sent again when its answer was lost.

use serde::{Deserialize, Serialize};

use super::section::Section;

/// The provider recognises an attempt by its key, and answers a repetition without delivering twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// Milliseconds since the first try in which it does.
    pub for_ms: u64,
    /// Window rules under which it does not: an attempt that was sent under one of these is never resent.
    pub except_rules: Vec<String>,
}

pub(super) fn read(section: &Section<'_>) -> Resend {
    let for_ms = section.number("for-ms");
    if for_ms == Some(0) || !section.has("for-ms") {
        section.fault("for-ms", "is required: for how many milliseconds the provider honours the attempt key");
    }
    let except_rules = section.strings("except-rules");
    section.finish();
    Resend { for_ms: for_ms.unwrap_or(0), except_rules }
}
