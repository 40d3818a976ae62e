//! Messages in and out of a channel by the hour, as the API and the pages show them.

use serde::Serialize;
use utoipa::ToSchema;

/// Messages of the last 24 hours of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Traffic {
    /// Messages of customers.
    pub received: u64,
    /// Messages of the business, whether written here or in the provider's own app.
    pub sent: u64,
    /// The 24 hours, the oldest first; the last is the current one.
    pub hours: Vec<TrafficHour>,
}

/// Messages of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrafficHour {
    /// When the hour began; RFC 3339.
    pub at: String,
    /// Messages of customers.
    pub received: u64,
    /// Messages of the business.
    pub sent: u64,
}
