//! While it connects, it writes what looks like other lines of its host's log: into a message, a field, the standard streams, and
//! its last words.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::ConnectStep;
use sambung_sdk::log;
use sambung_sdk::types::{Channel, Fault};

struct ForgesLog;

const FORGED: &str =
    "harmless\r\n2026-01-01T00:00:00Z  WARN sambung: forged by a plugin\u{1b}[2J\u{2028}and more\rforged again";

impl Guest for ForgesLog {
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let fields = [("field".to_owned(), FORGED.to_owned()), (FORGED.to_owned(), "name".to_owned())];
        log::log("warn", FORGED, &fields);
        eprintln!("{FORGED}");
        panic!("{FORGED}");
    }
}

guest!(ForgesLog, "manifests/forges_log.toml");
