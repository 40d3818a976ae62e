//! When LINE lets an account write: at once and free of charge with an event's reply token, and at any time by push, which
//! counts against the plan's monthly quota.

use crate::Line;
use sambung_sdk::windows::{WindowRule, Windows};

/// The free answer to one event.
pub const REPLY_TOKEN: &str = "reply-token";
/// A message at any time, counted against the monthly quota, once per recipient and request.
pub const PUSH: &str = "push";

/// "Reply tokens must be used within one minute after receiving the webhook" (Messaging API reference, reply token).
const REPLY_TOKEN_LASTS_MS: u64 = 60_000;

impl Windows for Line {
    fn window_rules() -> Vec<WindowRule> {
        vec![
            WindowRule::new(REPLY_TOKEN).lasts_ms(REPLY_TOKEN_LASTS_MS).counts_from_receipt().uses(1).cost("free"),
            WindowRule::new(PUSH).always().cost("quota"),
        ]
    }
}
