//! What a channel is to everybody who reads one: its state, the step it stands at, and what is wrong with it.

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

/// Something that a person should do, with what helps to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// What to do.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// A value to copy.
    pub copy: Option<String>,
}

/// Something that a person should know about a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `info`, `warning` or `error`.
    pub level: String,
    /// A stable word; one finding of a code at a time.
    pub code: String,
    /// For people.
    pub words: String,
    /// What to do about it.
    pub fix: Option<Instruction>,
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
