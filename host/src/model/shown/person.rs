//! People of a workspace and its tokens, as the API and the pages show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
    /// Whether this person has a password; until then a link waits for them to set it.
    pub has_password: bool,
    /// RFC 3339
    pub created_at: String,
}

/// A link by which a person sets their own password, once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordLink {
    /// What the person opens in a browser. Not shown again.
    #[schema(example = "https://chat.example.com/password/…")]
    pub url: String,
    /// When it stops working; RFC 3339.
    pub expires_at: String,
}

/// A person who was just added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeUser {
    /// The person.
    #[serde(flatten)]
    pub user: User,
    /// For a person who was added without a password.
    pub password_link: Option<PasswordLink>,
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
