//! Where the bytes of a file are: at an address that holds the token, for an hour, and for files of up to 20 MB.

use crate::Telegram;
use crate::api::{ask, call, file as address};
use sambung_sdk::json::json;
use sambung_sdk::media::{Media, Source};
use sambung_sdk::types::{Channel, Fault, MediaRef};

/// "Bots can download files of up to 20MB in size" (`getFile`).
const MOST_BYTES: u64 = 20 * 1024 * 1024;
/// How long a file may take that Telegram is still preparing.
const PREPARING_MS: u64 = 5_000;

impl Media for Telegram {
    fn resolve(_channel: Channel, file: MediaRef) -> Result<Source, Fault> {
        let Some(id) = file.ref_ else {
            let url = file.url.map(Source::Open);
            return url.ok_or_else(|| Fault::new("invalid", "the file names neither an id nor an address"));
        };
        if let Some(bytes) = file.bytes.filter(|bytes| *bytes > MOST_BYTES) {
            return Ok(Source::Gone(too_big(Some(bytes))));
        }
        let found = match ask(&call("getFile")?.json(&json!({ "file_id": id }))) {
            Ok(found) => found,
            Err(fault) if fault.words.contains("too big") => return Ok(Source::Gone(too_big(None))),
            // Telegram says no more than that it is one of the two.
            Err(fault) if fault.words.contains("temporarily unavailable") => {
                return Err(Fault { kind: "unavailable".to_owned(), ..fault });
            }
            Err(fault) if fault.kind == "invalid" => return Ok(Source::Gone(fault.words)),
            Err(fault) => return Err(fault),
        };
        match found["file_path"].as_str() {
            Some(path) => Ok(Source::Fetch(address(path)?)),
            None => Ok(Source::Later(PREPARING_MS)),
        }
    }
}

fn too_big(bytes: Option<u64>) -> String {
    let size = bytes.map_or(String::new(), |bytes| format!(", and this one has {} MB", bytes.div_ceil(1024 * 1024)));
    format!("Telegram gives a bot files of up to 20 MB{size}; ask for it by another way.")
}
