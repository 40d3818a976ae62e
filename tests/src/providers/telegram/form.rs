//! A call's parameters, of JSON or of `multipart/form-data`.

use serde_json::{Value, json};

/// The parameters; a file is `{"name", "mime", "bytes"}`. None: the body is neither.
pub(super) fn parameters(kind: &str, body: &[u8]) -> Option<Value> {
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return if body.is_empty() { Some(json!({})) } else { serde_json::from_slice(body).ok() };
    };
    let end = format!("--{boundary}--\r\n");
    let body = body.strip_suffix(end.as_bytes())?;
    let mut given = json!({});
    for part in split(body, format!("--{boundary}\r\n").as_bytes()).into_iter().skip(1) {
        let blank = find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&part[..blank]).ok()?;
        let value = part[blank + 4..].strip_suffix(b"\r\n")?;
        let name = quoted(head, "; name=\"")?;
        given[name] = match quoted(head, "; filename=\"") {
            Some(file) => {
                let mime = head.lines().find_map(|line| line.strip_prefix("content-type: "));
                json!({ "name": file, "mime": mime, "bytes": value.len() })
            }
            None => {
                let text = std::str::from_utf8(value).ok()?;
                serde_json::from_str(text).unwrap_or_else(|_| json!(text))
            }
        };
    }
    Some(given)
}

fn quoted<'h>(head: &'h str, before: &str) -> Option<&'h str> {
    head.split_once(before)?.1.split('"').next()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn split<'b>(mut bytes: &'b [u8], by: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(bytes, by) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + by.len()..];
    }
    parts.push(bytes);
    parts
}
