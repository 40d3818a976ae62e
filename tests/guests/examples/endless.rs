//! Computes for ever: at a stretch, and in small pieces with waits between them. And waits a little, often.
#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, Instant};

use sambung_guests::{Guest, good, guest, is_wrong, receipts, sends_wrong};
use sambung_sdk::inbound::{Outcome, Request};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError};
use sambung_sdk::{kv, types};

struct Endless;

impl Guest for Endless {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        let mut number = 1_u64;
        while is_wrong(&request) {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        if request.body == b"naps" {
            (0..30).for_each(|_| thread::sleep(Duration::from_millis(11)));
        }
        Ok(good(&request))
    }

    fn send(messages: Vec<Outgoing>, _channel: types::Channel) -> Vec<Result<Receipt, SendError>> {
        while sends_wrong(&messages) {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(5) {}
            // The test's memory lets one wait for this key.
            let _ = kv::get("soon");
        }
        receipts(&messages)
    }
}

guest!(Endless, "manifests/endless.toml");
