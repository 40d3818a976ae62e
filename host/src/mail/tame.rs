//! What a parser is given of a mail, so that no mail keeps it busy for long or makes it dig without end.
//!
//! A mail within a mail is a file and is not opened: whoever nests them some ten thousand deep would overflow the parser's stack,
//! and that ends the server. Of what has more parts than any mail has, no part is taken apart. Both come about by other names for
//! the types in question, of the same length, so that every offset stays what it is.

use std::borrow::Cow;
use std::ops::Range;

/// Most types that a mail declares, its own and those of its parts.
const MOST_TYPES: usize = 1_000;
/// Most lines that may be a border between parts.
const MOST_BORDERS: usize = 50_000;
/// The name of the header, without the white space that the parser ignores in it.
const HEADER: &[u8] = b"content-type:";

/// Types that hold mails or parts, and what the parser reads in their place.
const MAIL: (&[u8], &[u8]) = (b"message", b"xessage");
const DIGEST: (&[u8], &[u8]) = (b"digest", b"mixed ");
const PARTS: (&[u8], &[u8]) = (b"multipart", b"xultipart");

/// The mail as it is parsed; borrowed where it is as it came.
pub(super) fn tame(raw: &[u8]) -> Cow<'_, [u8]> {
    let types = types(raw);
    let whole = types.len() > MOST_TYPES || borders(raw) > MOST_BORDERS;
    let mut tamed = Cow::Borrowed(raw);
    for value in types {
        let renamed: &[_] = if whole { &[MAIL, DIGEST, PARTS] } else { &[MAIL, DIGEST] };
        for (name, other) in renamed {
            let found = raw[value.clone()].windows(name.len()).position(|window| window.eq_ignore_ascii_case(name));
            if let Some(at) = found.map(|at| value.start + at) {
                tamed.to_mut()[at..at + other.len()].copy_from_slice(other);
            }
        }
    }
    tamed
}

/// A text that was parsed, as it was before.
pub(super) fn restored(text: &str) -> Cow<'_, str> {
    if !text.contains("xessage") && !text.contains("xultipart") {
        return text.into();
    }
    text.replace("xessage/", "message/").replace("xultipart/", "multipart/").into()
}

/// Where the parser finds the name of a type: up to its parameters.
fn types(raw: &[u8]) -> Vec<Range<usize>> {
    let (mut types, mut known) = (Vec::new(), 0);
    for (at, byte) in raw.iter().enumerate() {
        if *byte == b'\n' {
            known = 0;
        } else if !byte.is_ascii_whitespace() {
            let goes_on = byte.to_ascii_lowercase() == HEADER[known];
            known = if goes_on { known + 1 } else { usize::from(byte.eq_ignore_ascii_case(&HEADER[0])) };
        }
        if known == HEADER.len() {
            types.push(at + 1..end(raw, at + 1));
            known = 0;
        }
    }
    types
}

fn end(raw: &[u8], begin: usize) -> usize {
    let value = &raw[begin..];
    let parameters = value.iter().position(|byte| matches!(byte, b';' | b'\n')).unwrap_or(value.len());
    let simple = value.get(parameters) == Some(&b';')
        && !value[..parameters].iter().any(|byte| matches!(byte, b'(' | b'"' | b'\\'));
    if simple {
        return begin + parameters;
    }
    // It may go on in the next line, or in a comment.
    let line = value.windows(2).position(|two| two[0] == b'\n' && !matches!(two[1], b' ' | b'\t'));
    begin + line.unwrap_or(value.len())
}

fn borders(raw: &[u8]) -> usize {
    raw.split(|byte| *byte == b'\n').filter(|line| line.windows(2).any(|two| two == b"--")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_without_others_in_it_is_as_it_came() {
        for raw in [
            "",
            "From: a@x.example\r\nContent-Type: text/plain; name=message.txt\r\n\r\nmessage digest\r\n",
            "Content-Type: multipart/mixed; boundary=message\r\n\r\n--message\r\n",
        ] {
            assert!(matches!(tame(raw.as_bytes()), Cow::Borrowed(_)), "{raw}");
        }
    }

    #[test]
    fn however_it_is_written_a_mail_within_is_found() {
        for raw in [
            "Content-Type: message/rfc822\n\n",
            "content-type:Message/RFC822; x=y\n\n",
            "C o n t e n t - Type\t: message/rfc822\n\n",
            "::Content-Type: message/rfc822\n\n",
            "Content-Type:\n (a;b) message/rfc822\n\n",
            "--bContent-Type: message/rfc822\n\n",
            "ccontent-type: multipart/digest; boundary=b\n\n",
        ] {
            let tamed = tame(raw.as_bytes());
            assert_eq!(tamed.len(), raw.len());
            let lower = String::from_utf8_lossy(&tamed).to_ascii_lowercase();
            assert!(!lower.contains("message/") && !lower.contains("digest"), "{lower}");
        }
        assert_eq!(restored("xessage/rfc822"), "message/rfc822");
    }
}
