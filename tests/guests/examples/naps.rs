//! Waits a third of a second before it translates a request: without work, so that only places are taken.
#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use sambung_guests::{Guest, good, guest};
use sambung_sdk::inbound::{Outcome, Request};

struct Naps;

impl Guest for Naps {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        thread::sleep(Duration::from_millis(330));
        Ok(good(&request))
    }
}

guest!(Naps, "manifests/naps.toml");
