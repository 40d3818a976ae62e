//! Writes to standard error without an end.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct FloodsStderr;

impl Guest for FloodsStderr {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        while is_wrong(&request) {
            eprintln!("a line that says nothing");
        }
        Ok(good(&request))
    }
}

guest!(FloodsStderr, "manifests/floods_stderr.toml");
