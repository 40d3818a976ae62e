//! What is said of a channel and of a registration with a provider.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable; for programs.
    pub code: String,
    /// `info`, `warning` or `error`
    pub level: String,
    /// For people.
    pub words: String,
    /// What to do about it.
    pub fix: Option<Instruction>,
}

/// Something that a person should do, with what helps to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instruction {
    /// What to do.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// A value to copy.
    pub copy: Option<String>,
}
