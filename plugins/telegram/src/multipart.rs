//! `multipart/form-data`: how files go to Telegram, with a call's other parameters.

use sambung_sdk::http::Request;
use sambung_sdk::json::Value;
use sambung_sdk::types::MediaRef;

/// Ends a part; a blob's bytes come from outside, so the word only has to be unlikely in them.
const BOUNDARY: &str = "sambung-2b9d5e7a4c1f4d38a6e0";

/// A call with these parameters, and files by the names that the parameters refer to (`attach://NAME`) or that are parameters
/// themselves.
pub fn body(request: Request, parameters: &Value, files: &[(String, &MediaRef, String)]) -> Request {
    let mut head = String::new();
    for (name, value) in parameters.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        head.push_str(&format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"));
    }
    let mut request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    for (name, file, blob) in files {
        let mime = clean(file.mime.as_deref().unwrap_or("application/octet-stream"));
        let filename = file.name.as_deref().map_or_else(|| named(&file.kind, &mime), clean);
        head.push_str(&format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
             content-type: {mime}\r\n\r\n"
        ));
        request = request.body(std::mem::take(&mut head)).blob(blob);
        head.push_str("\r\n");
    }
    head.push_str(&format!("--{BOUNDARY}--\r\n"));
    request.body(head)
}

/// What must not end a header or a quoted word.
fn clean(text: &str) -> String {
    text.chars().filter(|one| !one.is_control() && *one != '"').collect()
}

/// Telegram tells kinds of files apart by their names as well.
fn named(kind: &str, mime: &str) -> String {
    let ending = match mime {
        "image/jpeg" => "jpg",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/x-m4a" => "m4a",
        "application/x-tgsticker" => "tgs",
        other => other.split_once('/').map_or("bin", |(_, ending)| ending),
    };
    format!("{kind}.{ending}")
}
