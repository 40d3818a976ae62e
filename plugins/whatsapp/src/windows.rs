//! When a business may write: freely for 24 hours after the customer's last message, with an approved template at any time.

use crate::WhatsApp;
use sambung_sdk::windows::{WindowRule, Windows};

/// Opened by every message of the customer's (Cloud API, "Customer service windows").
pub const CUSTOMER_SERVICE: &str = "customer-service";
/// Opened by an answer to a conversation that an advertisement began; templates are free in it, and the provider says when
/// it ends.
pub const FREE_ENTRY_POINT: &str = "free-entry-point";
/// A template at any time, billed by its category.
pub const TEMPLATE: &str = "template";

/// The feature without which nobody could say which templates there are.
const TEMPLATES: &str = "templates";

/// "24 hours".
const CUSTOMER_SERVICE_MS: u64 = 24 * 3_600_000;
/// "72 hours"; the provider's own end goes before it.
const FREE_ENTRY_POINT_MS: u64 = 72 * 3_600_000;

impl Windows for WhatsApp {
    fn window_rules() -> Vec<WindowRule> {
        vec![
            WindowRule::new(CUSTOMER_SERVICE)
                .lasts_ms(CUSTOMER_SERVICE_MS)
                .allows(["free-form", "template"])
                .cost("free"),
            WindowRule::new(FREE_ENTRY_POINT).lasts_ms(FREE_ENTRY_POINT_MS).allows(["template"]).cost("free"),
            WindowRule::new(TEMPLATE).always().allows(["template"]).cost("paid").only_if(TEMPLATES),
        ]
    }
}
