//! Waits for longer than it may: in a sleep of its own, and in a function of its host.
#![forbid(unsafe_code)]

use std::thread;
use std::time::Duration;

use sambung_guests::{Guest, good, guest, is_wrong, receipts, sends_wrong};
use sambung_sdk::inbound::{Outcome, Request};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError};
use sambung_sdk::{kv, types};

struct Sleeps;

impl Guest for Sleeps {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        if is_wrong(&request) {
            thread::sleep(Duration::from_secs(3600));
        }
        Ok(good(&request))
    }

    fn send(messages: Vec<Outgoing>, _channel: types::Channel) -> Vec<Result<Receipt, SendError>> {
        if sends_wrong(&messages) {
            // The test's memory never answers for this key.
            let _ = kv::get("never");
        }
        receipts(&messages)
    }
}

guest!(Sleeps, "manifests/sleeps.toml");
