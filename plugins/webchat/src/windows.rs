//! A site's owner may always write to a visitor, who sees it when they come back.

use crate::Webchat;
use sambung_sdk::prelude::*;

impl Windows for Webchat {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}
