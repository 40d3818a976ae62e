//! The bytes of a file as an answer: whole or a range, and never as something that a browser runs.

use std::io::SeekFrom;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::problem::Problem;
use crate::db::MediaRow;
use crate::model::range::{Asked, range};
use crate::web::guard;

/// Answers with an open file; `cache` is the value of `Cache-Control`.
pub(super) async fn serve(row: &MediaRow, mut file: File, asked: &HeaderMap, cache: &str) -> Result<Response, Problem> {
    let size = row.bytes.unwrap_or_default().max(0) as u64;
    let mut headers = headers(row, cache);
    let asked = asked.get(RANGE).and_then(|value| value.to_str().ok()).map_or(Asked::Whole, |text| range(text, size));
    let (status, first, length) = match asked {
        Asked::Whole => (StatusCode::OK, 0, size),
        Asked::Beyond => {
            headers.insert(CONTENT_RANGE, value(&format!("bytes */{size}")));
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
        Asked::Part(part) => {
            headers.insert(CONTENT_RANGE, value(&format!("bytes {}-{}/{size}", part.start(), part.end())));
            (StatusCode::PARTIAL_CONTENT, *part.start(), part.end() - part.start() + 1)
        }
    };
    file.seek(SeekFrom::Start(first)).await.map_err(|error| Problem::internal(&error))?;
    headers.insert(CONTENT_LENGTH, length.into());
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), 64 << 10));
    Ok((status, headers, body).into_response())
}

fn headers(row: &MediaRow, cache: &str) -> HeaderMap {
    let mime = row.mime.as_deref().unwrap_or("application/octet-stream");
    let (shown, kind) = shown_as(mime);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, value(kind));
    headers.insert(CONTENT_DISPOSITION, value(&disposition(shown, row.name.as_deref())));
    guard::foreign(&mut headers);
    headers.insert(CACHE_CONTROL, value(cache));
    headers.insert(ACCEPT_RANGES, value("bytes"));
    headers
}

/// How a file of this type goes out. Pictures, sound and film are shown; a document is offered under its own type only where no
/// program runs what stands in it.
fn shown_as(mime: &str) -> (&'static str, &str) {
    let (kind, below) = mime.split_once('/').unwrap_or_default();
    let plain = mime.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/.+-_".contains(&byte));
    let active =
        |word: &str| below.split(['.', '+', '-']).any(|part| part == word) && !below.starts_with("vnd.openxmlformats");
    match (kind, below) {
        _ if !plain => ("attachment", "application/octet-stream"),
        ("image", "jpeg" | "png" | "gif" | "webp" | "avif") | ("video" | "audio", _) => ("inline", mime),
        ("image", "bmp" | "tiff" | "heic" | "heif")
        | ("text", "plain" | "csv" | "vcard" | "x-vcard" | "calendar" | "rtf") => ("attachment", mime),
        ("application", _)
            if !["xml", "html", "xhtml", "javascript", "ecmascript", "xslt", "flash"].into_iter().any(active) =>
        {
            ("attachment", mime)
        }
        _ => ("attachment", "application/octet-stream"),
    }
}

fn value(text: &str) -> axum::http::HeaderValue {
    text.parse().unwrap_or_else(|_| axum::http::HeaderValue::from_static("application/octet-stream"))
}

/// With the name as RFC 6266 writes it.
fn disposition(shown: &str, name: Option<&str>) -> String {
    let Some(name) = name else { return shown.to_owned() };
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) => encoded.push(char::from(byte)),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("{shown}; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_could_run_is_only_offered_for_download() {
        let active = [
            "text/html",
            "text/html; charset=utf-8",
            "image/svg+xml",
            "image/SVG+XML",
            "application/xml",
            "application/rss+xml",
            "application/xhtml+xml",
            "application/x-javascript",
            "application/xml-dtd",
            "multipart/x-mixed-replace",
            "message/rfc822",
            "text/xsl",
            "image/png\r\nset-cookie: a=b",
        ];
        for mime in active {
            let row =
                MediaRow { mime: Some(mime.to_owned()), name: Some("a\"\r\nb.html".to_owned()), ..MediaRow::default() };
            let headers = headers(&row, "no-store");
            assert_eq!(headers[CONTENT_TYPE], "application/octet-stream");
            assert_eq!(headers[CONTENT_DISPOSITION], "attachment; filename*=UTF-8''a%22%0D%0Ab.html");
            assert_eq!(headers["content-security-policy"], "default-src 'none'; sandbox");
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
        for mime in
            ["application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "text/csv"]
        {
            assert_eq!(shown_as(mime), ("attachment", mime));
        }
        for mime in ["image/png", "video/mp4", "audio/ogg"] {
            assert_eq!(shown_as(mime), ("inline", mime));
        }
    }
}
