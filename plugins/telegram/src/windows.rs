//! When a bot may write: always, to whoever began to talk to it and has not blocked it.

use crate::Telegram;
use sambung_sdk::windows::{WindowRule, Windows};

impl Windows for Telegram {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}
