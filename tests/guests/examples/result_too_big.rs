//! Hands over more at once than it may: as a result, and as an argument.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Item, Outcome, Request};
use sambung_sdk::log;

struct ResultTooBig;

impl Guest for ResultTooBig {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        if is_wrong(&request) {
            return Ok((0..200_000).map(|_| Item::ignored("")).collect());
        }
        if request.body == b"argument" {
            log::info("a".repeat(12 << 20));
        }
        Ok(good(&request))
    }
}

guest!(ResultTooBig, "manifests/result_too_big.toml");
