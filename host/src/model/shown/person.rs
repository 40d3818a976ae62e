//! People of a workspace and its tokens, as the API and the pages show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct User {
    /// `usr_…`
    pub id: String,
    /// What the person signs in with.
    pub email: String,
    /// As shown.
    pub name: String,
    /// `agent`, `supervisor`, `admin` or `operator`
    pub role: String,
    /// Whether this person may not sign in.
    pub disabled: bool,
    /// RFC 3339
    pub created_at: String,
}

/// A token, without its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// `tok_…`
    pub id: String,
    /// As shown.
    pub name: String,
    /// `agent`, `supervisor`, `admin` or `operator`
    pub role: String,
    /// RFC 3339
    pub created_at: String,
    /// When it last opened something, to the minute.
    pub last_used_at: Option<String>,
    /// When it stops working; never where it is absent.
    pub expires_at: Option<String>,
}

/// A token that was just made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// What its holder presents as `Authorization: Bearer`. Not shown again.
    pub value: String,
}
