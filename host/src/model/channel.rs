//! What a channel is to everybody who reads one: its state, the step it stands at, and what is wrong with it.

use sambung_runtime::contract::types;
use serde::{Deserialize, Serialize};

/// How far the connection to the account has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Not yet: `connect` runs, or a person or the provider has to do something first.
    Connecting,
    /// Messages go both ways.
    Connected,
    /// The provider refused the credential: outbound waits, inbound goes on.
    NeedsAttention,
}

impl ChannelState {
    /// The word in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelState::Connecting => "connecting",
            ChannelState::Connected => "connected",
            ChannelState::NeedsAttention => "needs_attention",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<ChannelState> {
        match word {
            "connecting" => Some(ChannelState::Connecting),
            "connected" => Some(ChannelState::Connected),
            "needs_attention" => Some(ChannelState::NeedsAttention),
            _ => None,
        }
    }
}

pub use super::shown::channel::{Finding, Instruction};

impl From<&types::Instruction> for Instruction {
    fn from(told: &types::Instruction) -> Instruction {
        let reason = told.extra.iter().find(|(name, _)| name == "reason");
        Instruction {
            reason: reason.and_then(|(_, value)| serde_json::from_str(value).ok()),
            text: told.text.clone(),
            link: told.link.clone(),
            copy: told.copy.clone(),
        }
    }
}

/// Who noticed a finding, and with it what makes it go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingSource {
    /// The plugin's `check` or `connect`: the next one replaces it.
    Check,
    /// A `notice` among the provider's events: the next `check` that succeeds clears it.
    Notice,
    /// A call that failed: a call of the same function that succeeds clears it.
    Call,
    /// A call that the provider refused: a call of the same function that it accepts clears it.
    Refused,
    /// A credential that the provider refused: connecting again clears it.
    Credential,
}

impl FindingSource {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingSource::Check => "check",
            FindingSource::Notice => "notice",
            FindingSource::Call => "call",
            FindingSource::Refused => "refused",
            FindingSource::Credential => "credential",
        }
    }
}
