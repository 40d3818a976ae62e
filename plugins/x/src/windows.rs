//! When a business may write: at any time, to whoever takes its messages.

use crate::X;
use sambung_sdk::windows::{WindowRule, Windows};

impl Windows for X {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}
