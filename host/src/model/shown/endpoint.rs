//! Endpoints and what was delivered to them, as the API and the pages show them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::keys::{DeliveryId, EventId};

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// `ep_…`
    pub id: String,
    /// Where deliveries go.
    #[schema(example = "https://receiver.example/sambung")]
    pub url: String,
    /// Feed types it wants; empty: all.
    pub types: Vec<String>,
    /// Whether it gets deliveries.
    pub enabled: bool,
    /// Why it was disabled, if not by an admin.
    pub disabled_reason: Option<String>,
    /// Since when nothing was delivered.
    pub failing_since: Option<String>,
    /// Until when deliveries are signed with the secret before besides.
    pub previous_secret_until: Option<String>,
    /// RFC 3339
    pub created_at: String,
}

/// An endpoint whose secret was just made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MadeEndpoint {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: Endpoint,
    /// `whsec_…`: what its deliveries are signed with. Not shown again.
    pub secret: String,
}

/// A delivery of one event to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// `dlv_…`
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The event's id, which the receiver reads in `webhook-id`.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// The event's type.
    #[serde(rename = "type")]
    #[schema(example = "message.created")]
    pub kind: String,
    /// `pending`, `delivered` or `failed`
    pub state: String,
    /// Tries so far.
    pub tries: i64,
    /// When it is tried next; null where it is not.
    pub due_at: Option<String>,
    /// The HTTP status of the last answer.
    pub status: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// RFC 3339
    pub created_at: String,
    /// When the receiver took it.
    pub delivered_at: Option<String>,
}
