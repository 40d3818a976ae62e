//! How long a recording plays, read from its container: MP4, Ogg and WAV. Others say nothing cheaply.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Boxes looked at in an MP4 before giving up.
const MOST_BOXES: usize = 64;

/// Milliseconds, where the container says so. Blocks.
pub(super) fn of(path: &Path, mime: &str) -> Option<i64> {
    let mut file = File::open(path).ok()?;
    let millis = match mime {
        "video/mp4" | "video/quicktime" | "video/3gpp" | "audio/mp4" | "audio/m4a" | "audio/x-m4a" | "audio/3gpp" => {
            mp4(&mut file)
        }
        "audio/ogg" | "audio/opus" => ogg(&mut file),
        "audio/wav" => wav(&mut file),
        _ => None,
    }?;
    i64::try_from(millis).ok().filter(|millis| *millis > 0 && *millis < 7 * 86_400_000)
}

fn be32(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?).into())
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?).into())
}

/// Length and scale stand in `mvhd`, the first box of `moov`.
fn mp4(file: &mut File) -> Option<u64> {
    let end = file.metadata().ok()?.len();
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        let mut head = [0u8; 16];
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut head).ok()?;
        let (size, header) = match be32(&head, 0)? {
            1 => (be64(&head, 8)?, 16),
            0 => (end.checked_sub(at)?, 8),
            size => (size, 8),
        };
        if &head[4..8] == b"moov" {
            let mut movie = vec![0u8; 64];
            file.seek(SeekFrom::Start(at + header)).ok()?;
            file.read_exact(&mut movie).ok()?;
            return movie_header(&movie);
        }
        at = at.checked_add(size.max(8))?;
        if at >= end {
            return None;
        }
    }
    None
}

fn movie_header(movie: &[u8]) -> Option<u64> {
    if &movie[4..8] != b"mvhd" {
        return None;
    }
    let (scale, length) = match movie[8] {
        1 => (be32(movie, 28)?, be64(movie, 32)?),
        _ => (be32(movie, 20)?, be32(movie, 24)?),
    };
    (scale > 0).then(|| length.saturating_mul(1000) / scale)
}

/// The last page's position, in samples: 48 kHz in Opus, the stream's own rate in Vorbis.
fn ogg(file: &mut File) -> Option<u64> {
    let mut head = vec![0u8; 64];
    file.read_exact(&mut head).ok()?;
    let contains = |word: &[u8]| head.windows(word.len()).position(|window| window == word);
    let rate = match contains(b"OpusHead") {
        Some(_) => 48_000,
        None => le32(&head, contains(b"\x01vorbis")? + 12)?,
    };
    let end = file.metadata().ok()?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(end.saturating_sub(70_000))).ok()?;
    file.read_to_end(&mut tail).ok()?;
    let page = tail.windows(4).rposition(|window| window == b"OggS")?;
    let samples = u64::from_le_bytes(tail.get(page + 6..page + 14)?.try_into().ok()?);
    (rate > 0).then(|| samples.saturating_mul(1000) / rate)
}

/// Bytes of sound over bytes a second, in the usual layout.
fn wav(file: &mut File) -> Option<u64> {
    let mut head = vec![0u8; 44];
    file.read_exact(&mut head).ok()?;
    if &head[12..16] != b"fmt " || &head[36..40] != b"data" {
        return None;
    }
    let (rate, bytes) = (le32(&head, 28)?, le32(&head, 40)?);
    (rate > 0).then(|| bytes.saturating_mul(1000) / rate)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn an_mp4_says_how_long_it_plays() {
        let mut bytes = b"\0\0\0\x10ftypisom\0\0\0\0".to_vec();
        bytes.extend(b"\0\0\0\x48moov\0\0\0\x40mvhd\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend(1000u32.to_be_bytes());
        bytes.extend(2500u32.to_be_bytes());
        bytes.extend([0u8; 40]);
        assert_eq!(of(file(&bytes).path(), "audio/mp4"), Some(2500));
    }

    #[test]
    fn an_opus_recording_says_how_long_it_plays() {
        let mut bytes = b"OggS\0\x02".to_vec();
        bytes.extend([0u8; 22]);
        bytes.extend(b"OpusHead\x01\x01");
        bytes.extend([0u8; 40]);
        bytes.extend(b"OggS\0\x04");
        bytes.extend(96_000u64.to_le_bytes());
        bytes.extend([0u8; 14]);
        assert_eq!(of(file(&bytes).path(), "audio/ogg"), Some(2000));
    }

    #[test]
    fn a_file_that_ends_early_says_nothing() {
        for bytes in [&b""[..], b"OggS", b"\0\0\0\x01ftyp", b"RIFF"] {
            for mime in ["audio/ogg", "video/mp4", "audio/wav"] {
                assert_eq!(of(file(bytes).path(), mime), None);
            }
        }
    }
}
