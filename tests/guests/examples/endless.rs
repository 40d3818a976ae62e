//! Computes for ever.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct Endless;

impl Guest for Endless {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        let mut number = 1_u64;
        while is_wrong(&request) {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
        Ok(good(&request))
    }
}

guest!(Endless, "manifests/endless.toml");
