//! Panics.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct Panics;

impl Guest for Panics {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        assert!(!is_wrong(&request), "the moon is not in the body");
        Ok(good(&request))
    }
}

guest!(Panics, "manifests/panics.toml");
