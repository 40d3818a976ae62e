//! Calls itself without an end.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct Recursion;

/// Keeps nothing in memory, so that it is the engine's stack that runs out and not the plugin's own.
#[inline(never)]
fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { (deeper(depth + 1) ^ depth).wrapping_mul(depth | 1).rotate_left(7) }
}

impl Guest for Recursion {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        if is_wrong(&request) {
            return Err(deeper(request.received_at).to_string());
        }
        Ok(good(&request))
    }
}

guest!(Recursion, "manifests/recursion.toml");
