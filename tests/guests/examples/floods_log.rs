//! Writes to the log without an end.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};
use sambung_sdk::log;

struct FloodsLog;

impl Guest for FloodsLog {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        while is_wrong(&request) {
            log::warn("a".repeat(1000));
        }
        Ok(good(&request))
    }
}

guest!(FloodsLog, "manifests/floods_log.toml");
