//! What a file is, told from its bytes: media type, size of a picture, length of a recording. Claims count only where bytes
//! do not say.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::duration;

/// Bytes at the front that tell the type.
pub(super) const HEAD: usize = 512;

/// What was measured.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) mime: Option<String>,
    pub(super) width: Option<i64>,
    pub(super) height: Option<i64>,
    pub(super) duration_ms: Option<i64>,
}

/// Measures a file on disk. Blocks.
pub(super) fn measure(path: &Path, head: &[u8], claimed: Option<&str>) -> Facts {
    let mime = media_type(head, claimed);
    let (width, height) = match mime.as_deref() {
        Some(mime) if mime.starts_with("image/") => dimensions(path),
        _ => (None, None),
    };
    let duration_ms = mime.as_deref().and_then(|mime| duration::of(path, mime));
    Facts { mime, width, height, duration_ms }
}

fn dimensions(path: &Path) -> (Option<i64>, Option<i64>) {
    let reader =
        File::open(path).ok().and_then(|file| image::ImageReader::new(BufReader::new(file)).with_guessed_format().ok());
    match reader.and_then(|reader| reader.into_dimensions().ok()) {
        Some((width, height)) => (Some(width.into()), Some(height.into())),
        None => (None, None),
    }
}

/// The type that the bytes show; else the claim, where it is one and does not contradict them.
fn media_type(head: &[u8], claimed: Option<&str>) -> Option<String> {
    let claimed = claimed.and_then(plain);
    let Some(seen) = sniff(head) else {
        // Nothing may pass for a page or a picture by its sender's word alone.
        return claimed
            .filter(|claim| !claim.starts_with("image/") && claim != "text/html" && claim != "application/xhtml+xml");
    };
    // One container holds many things: the more exact word of the same family counts.
    let family: &[&str] = match seen {
        "application/zip" => &["application/vnd.openxmlformats", "application/vnd.oasis", "application/epub+zip"],
        "video/mp4" => {
            &["audio/mp4", "audio/m4a", "audio/x-m4a", "audio/aac", "video/quicktime", "video/3gpp", "audio/3gpp"]
        }
        "audio/ogg" => &["audio/opus", "video/ogg", "application/ogg"],
        "video/webm" => &["audio/webm", "video/x-matroska"],
        _ => &[],
    };
    match claimed {
        Some(claim) if family.iter().any(|front| claim.starts_with(front)) => Some(claim),
        _ => Some(seen.to_owned()),
    }
}

/// `type/subtype` in lower case, without parameters.
fn plain(claim: &str) -> Option<String> {
    let bare = claim.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let (front, back) = bare.split_once('/')?;
    (token(front) && token(back) && bare.len() <= 127).then_some(bare)
}

fn sniff(head: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    let known: [(usize, &[u8], &str); 14] = [
        (0, b"\xFF\xD8\xFF", "image/jpeg"),
        (0, b"\x89PNG\r\n\x1A\n", "image/png"),
        (0, b"GIF87a", "image/gif"),
        (0, b"GIF89a", "image/gif"),
        (8, b"WEBP", "image/webp"),
        (0, b"%PDF-", "application/pdf"),
        (4, b"ftypM4A", "audio/mp4"),
        (4, b"ftypqt", "video/quicktime"),
        (4, b"ftyp", "video/mp4"),
        (0, b"OggS", "audio/ogg"),
        (0, b"ID3", "audio/mpeg"),
        (8, b"WAVE", "audio/wav"),
        (0, b"\x1A\x45\xDF\xA3", "video/webm"),
        (0, b"PK\x03\x04", "application/zip"),
    ];
    if let Some((_, _, mime)) = known.iter().find(|(offset, magic, _)| at(*offset, magic)) {
        return Some(mime);
    }
    match head {
        [b'#', b'!', b'A', b'M', b'R', ..] => Some("audio/amr"),
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => Some("audio/aac"),
        [0xFF, second, ..] if second & 0xE6 == 0xE2 => Some("audio/mpeg"),
        _ => None,
    }
}

/// What kind of content a media type is.
pub(super) fn kind(mime: Option<&str>) -> &'static str {
    match mime.and_then(|mime| mime.split('/').next()) {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "document",
    }
}

/// The usual ending of a file name.
pub(super) fn ending(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        "video/mp4" => "mp4",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        "audio/ogg" | "audio/opus" => "ogg",
        "audio/mpeg" => "mp3",
        "audio/wav" => "wav",
        "audio/aac" => "aac",
        "audio/amr" => "amr",
        "application/zip" => "zip",
        "text/plain" => "txt",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_believed_before_what_is_claimed() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1A\nrest", Some("image/jpeg")).as_deref(), Some("image/png"));
        assert_eq!(media_type(b"%PDF-1.7", Some("text/html")).as_deref(), Some("application/pdf"));
        assert_eq!(media_type(b"<html>", Some("image/png")), None);
        assert_eq!(media_type(b"<html>", Some("text/html; charset=utf-8")), None);
        assert_eq!(media_type(b"a,b\n", Some("text/csv; charset=utf-8")).as_deref(), Some("text/csv"));
        assert_eq!(media_type(b"", Some("not a type")), None);
    }

    #[test]
    fn a_container_takes_the_more_exact_word() {
        let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(media_type(b"PK\x03\x04....", Some(docx)).as_deref(), Some(docx));
        assert_eq!(media_type(b"PK\x03\x04....", Some("image/png")).as_deref(), Some("application/zip"));
        assert_eq!(media_type(b"\0\0\0\x20ftypisom", Some("audio/mp4")).as_deref(), Some("audio/mp4"));
        assert_eq!(media_type(b"OggS\0", Some("audio/ogg; codecs=opus")).as_deref(), Some("audio/ogg"));
    }
}
