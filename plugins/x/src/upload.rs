//! Files on their way to X ("Chunked media upload"): announced, sent in segments, finished, and waited for while X works on
//! them. An uploaded file can be sent for 24 hours.

use crate::api::to;
use crate::outbound::prepare;
use crate::settings::Mode;
use sambung_sdk::http::{Request, encode};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::types::MediaRef;
use std::time::Duration;

/// Bytes of a segment; X takes 5 MB at most.
const SEGMENT: u64 = 4 << 20;
/// How long a call waits for X; the host gives a call 30 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Ends a part of a multipart body; a file's bytes come from outside, so the word only has to be unlikely in them.
const BOUNDARY: &str = "sambung-b1f7d5a09c3e4f6788e2";

/// Uploads a file: what the API calls it.
///
/// # Errors
/// A file that X does not take, or what it said.
pub fn upload(file: &MediaRef, mode: Mode) -> Result<String, SendError> {
    let (Some(blob), Some(bytes)) = (file.blob.as_deref(), file.bytes) else {
        return Err(SendError::new(SendFault::Invalid, "a file without its bytes"));
    };
    let mime = file.mime.as_deref().unwrap_or_default();
    let plan = json!({ "media_type": mime, "media_category": category(file, mime)?, "total_bytes": bytes });
    let announced = answer(&mode.as_user(to("POST", "/2/media/upload/initialize")).json(&plan))?;
    let id =
        announced["data"]["id"].as_str().ok_or_else(|| unavailable("X announced no name for the file"))?.to_owned();
    for (index, offset) in (0..bytes).step_by(SEGMENT as usize).enumerate() {
        prepare(&mode.as_user(segment(&id, index, blob, offset)))?;
    }
    let finished = answer(&mode.as_user(to("POST", &format!("/2/media/upload/{}/finalize", encode(&id)))))?;
    wait(&id, mode, finished)?;
    Ok(id)
}

fn category(file: &MediaRef, mime: &str) -> Result<&'static str, SendError> {
    match file.kind.as_str() {
        "image" | "animation" if mime == "image/gif" => Ok("dm_gif"),
        "image" => Ok("dm_image"),
        "video" => Ok("dm_video"),
        other => {
            let words = format!("X takes pictures, GIFs and videos in a message, and no file of the kind {other}");
            Err(SendError::new(SendFault::Invalid, words))
        }
    }
}

fn segment(id: &str, index: usize, blob: &str, offset: u64) -> Request {
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"segment_index\"\r\n\r\n{index}\r\n--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"media\"; filename=\"segment\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    );
    to("POST", &format!("/2/media/upload/{}/append", encode(id)))
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(head)
        .section(blob, offset, SEGMENT)
        .body(format!("\r\n--{BOUNDARY}--\r\n"))
}

/// Waits until X has worked on the file. One that takes longer is uploaded again later.
fn wait(id: &str, mode: Mode, finished: Value) -> Result<(), SendError> {
    let mut told = finished;
    let mut waited = Duration::ZERO;
    loop {
        let processing = &told["data"]["processing_info"];
        match processing["state"].as_str() {
            Some("pending" | "in_progress") => {}
            Some("failed") => return Err(failed(processing)),
            _ => return Ok(()),
        }
        let pause = Duration::from_secs(processing["check_after_secs"].as_u64().unwrap_or(1));
        waited += pause.max(Duration::from_millis(100));
        if waited > LONGEST_WAIT {
            return Err(unavailable("X still works on the file"));
        }
        std::thread::sleep(pause);
        let asked = to("GET", "/2/media/upload").query("command", "STATUS").query("media_id", id);
        told = answer(&mode.as_user(asked))?;
    }
}

fn failed(processing: &Value) -> SendError {
    let error = &processing["error"];
    let words = error["message"].as_str().unwrap_or("X could not read the file");
    let refused = SendError::new(SendFault::Invalid, words).field("/file");
    match error["name"].as_str() {
        Some(name) => refused.code(name),
        None => refused,
    }
}

fn answer(request: &Request) -> Result<Value, SendError> {
    prepare(request)?.json().map_err(unavailable)
}

fn unavailable(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Unavailable, words)
}
