//! When a business may write: freely for 24 hours after the person's last action, and for seven days where a person of the
//! business answers and Meta approved the app for it. There is no other tag.

use sambung_sdk::inbound::Event;
use sambung_sdk::inbound::Opening;
use sambung_sdk::windows::WindowRule;

/// "Standard messaging window".
pub const CUSTOMER_SERVICE: &str = "customer-service";
/// "Human agent": the tag, the feature of the channel that says the app is approved for it, and the rule.
pub const HUMAN_AGENT: &str = "human-agent";

/// "24 hours".
const CUSTOMER_SERVICE_MS: u64 = 24 * 3_600_000;
/// "7 days".
const HUMAN_AGENT_MS: u64 = 7 * 24 * 3_600_000;

/// Both rules; the first goes before the second while both stand open.
pub fn rules() -> Vec<WindowRule> {
    vec![
        WindowRule::new(CUSTOMER_SERVICE).lasts_ms(CUSTOMER_SERVICE_MS),
        WindowRule::new(HUMAN_AGENT).lasts_ms(HUMAN_AGENT_MS).requires(["human"]).only_if(HUMAN_AGENT),
    ]
}

/// The event is something that the person did.
pub fn opened(event: Event) -> Event {
    event.opens(Opening::new(CUSTOMER_SERVICE)).opens(Opening::new(HUMAN_AGENT))
}
