//! A registration with a provider: what its developer console calls an app.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::channel::{Finding, Instruction};
use super::free::PluginSettings;

/// A registration with a provider.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct App {
    /// `app_…`
    pub id: String,
    /// The id of the plugin.
    pub plugin: String,
    /// The name that its maker gave it.
    pub name: String,
    /// Every workspace may use it.
    pub shared: bool,
    /// Channels that name no registration use it.
    pub default: bool,
    /// After the plugin's settings schema of an `app`; secrets only as `{"set": true}`.
    #[schema(value_type = PluginSettings)]
    pub settings: Value,
    /// The address for the provider to call; null where there is none or `server.public_url` is not set.
    pub webhook_url: Option<String>,
    /// The address that the provider sends people back to after they signed in.
    pub redirect_url: Option<String>,
    /// What is left to do at the provider.
    pub instructions: Vec<Instruction>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
    /// When the provider was asked last.
    pub checked_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was changed last.
    pub changed_at: String,
}
