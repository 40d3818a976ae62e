//! Where the bytes of a file are: with LINE, by the message's id, once LINE has prepared them.

use crate::Line;
use crate::api::{self, ask};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::types::{Channel, Fault, MediaRef};
use serde::Deserialize;

/// How long LINE may take to prepare a video or a recording is not documented; seconds for short ones.
const PREPARING_MS: u64 = 3_000;

#[derive(Deserialize)]
struct Preparation {
    status: String,
}

impl Media for Line {
    fn resolve(_channel: Channel, file: MediaRef) -> Result<Source, Fault> {
        let Some(message) = file.ref_ else {
            return file
                .url
                .map(Source::Open)
                .ok_or_else(|| Fault::new("invalid", "the file names neither a message nor an address"));
        };
        if matches!(file.kind.as_str(), "video" | "audio" | "voice") {
            let status = match ask(&api::content(&message, "content/transcoding")) {
                Ok(response) => response.json::<Preparation>().map_err(Fault::unavailable)?.status,
                Err(fault) if fault.kind == "not-found" => return Ok(Source::Gone(fault.words)),
                Err(fault) => return Err(fault),
            };
            match status.as_str() {
                "processing" => return Ok(Source::Later(PREPARING_MS)),
                "failed" => return Ok(Source::Gone("LINE could not prepare the file".to_owned())),
                _ => {}
            }
        }
        Ok(Source::Fetch(api::content(&message, "content")))
    }
}
