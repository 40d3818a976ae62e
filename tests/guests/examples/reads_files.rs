//! Reads a file.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, tell};
use sambung_sdk::inbound::{Outcome, Request};

struct ReadsFiles;

impl Guest for ReadsFiles {
    fn handle_webhook(_request: Request) -> Result<Outcome, String> {
        std::fs::read_to_string("/etc/passwd").map(tell).map_err(|error| error.to_string())
    }
}

guest!(ReadsFiles, "manifests/reads_files.toml");
