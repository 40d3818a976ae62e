//! Workspaces of the host, as the API and the pages show them.

use serde::Serialize;
use utoipa::ToSchema;

/// A workspace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Workspace {
    /// `ws_…`
    pub id: String,
    /// Unique in the host.
    #[schema(example = "toko-kopi")]
    pub name: String,
    /// RFC 3339
    pub created_at: String,
    /// People, disabled ones included.
    pub people: i64,
    /// Channels, paused ones included.
    pub channels: i64,
    /// Bytes of files that are kept.
    pub file_bytes: i64,
    /// Most bytes of files that are kept (`media.workspace_bytes`); 0: no bound.
    pub most_file_bytes: u64,
}
