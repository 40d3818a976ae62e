//! Ends its process, which it does not have. WASI knows success and failure and no other status.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, good, guest, is_wrong};
use sambung_sdk::inbound::{Outcome, Request};

struct Exits;

impl Guest for Exits {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        if is_wrong(&request) {
            std::process::exit(3);
        }
        Ok(good(&request))
    }
}

guest!(Exits, "manifests/exits.toml");
