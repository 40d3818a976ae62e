//! The end of a mail after `DATA`, and the dots that its lines begin with.

/// Reads a mail up to `CRLF . CRLF`, the only end that it has, and removes the first dot of each line that begins with one.
///
/// A line ends with CRLF and nothing else. A lone CR or LF is part of its line, so that two servers on a mail's way cannot find two
/// different ends in it (SMTP smuggling).
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Dots {
    /// A line begins. `DATA` itself ended the line before the first.
    #[default]
    Line,
    /// A line began with a dot, which is kept back.
    Dot,
    /// A line began with a dot and CR, which are kept back.
    DotCr,
    /// Within a line.
    Text,
    /// Within a line, after CR.
    TextCr,
}

impl Dots {
    /// Appends what `bytes` add to the mail; where the mail ends in them, the number of bytes up to and with its end.
    pub fn take(&mut self, bytes: &[u8], mail: &mut Vec<u8>) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            match (*self, byte) {
                (Dots::Line, b'.') => {
                    *self = Dots::Dot;
                    continue;
                }
                (Dots::Dot, b'\r') => {
                    *self = Dots::DotCr;
                    continue;
                }
                (Dots::DotCr, b'\n') => return Some(at + 1),
                (Dots::DotCr, _) => mail.push(b'\r'),
                _ => {}
            }
            mail.push(byte);
            *self = match (*self, byte) {
                (_, b'\r') => Dots::TextCr,
                (Dots::TextCr, b'\n') => Dots::Line,
                _ => Dots::Text,
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mail in `wire` and the number of bytes up to its end, by the words of the standard.
    fn reference(wire: &[u8]) -> Option<(Vec<u8>, usize)> {
        let all = [b"\r\n", wire].concat();
        let end = all.windows(5).position(|five| five == b"\r\n.\r\n")?;
        let mut mail = Vec::new();
        let mut line_begins = true;
        for (at, &byte) in all[2..(end + 2).max(2)].iter().enumerate() {
            if !(line_begins && byte == b'.') {
                mail.push(byte);
            }
            line_begins = byte == b'\n' && at > 0 && all[at + 1] == b'\r';
        }
        Some((mail, end + 3))
    }

    #[test]
    fn nothing_but_a_dot_between_two_line_ends_ends_a_mail() {
        for near in [
            "\r\n.\r\r\n",
            "\r\n.\n",
            "\n.\r\n",
            "\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n..\r\n",
            "\r\n.\0\r\n",
            "\r\n. \r\n",
            "\r\r\n.\n",
            "\r\n\r.\r\n",
            "\n\r.\n\r",
            ".\r\r\n",
        ] {
            let wire = format!("a{near}b");
            assert_eq!(Dots::default().take(wire.as_bytes(), &mut Vec::new()), None, "{near:?}");
        }
        let mut mail = Vec::new();
        assert_eq!(Dots::default().take(b".\r\nQUIT", &mut mail), Some(3), "a mail may be empty");
        assert!(mail.is_empty());
        assert_eq!(Dots::default().take(b"a\r\n..b\r\n.c\r\n.\r\nx", &mut mail), Some(15));
        assert_eq!(mail, b"a\r\n.b\r\nc\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_end_where_the_standard_says(
            wire in prop::collection::vec(prop::sample::select(vec![b'\r', b'\n', b'.', b'a']), 0..40),
            piece in 1_usize..6,
        ) {
            let (mut dots, mut mail, mut read, mut end) = (Dots::default(), Vec::new(), 0, None);
            for piece in wire.chunks(piece) {
                if let Some(at) = dots.take(piece, &mut mail) {
                    end = Some(read + at);
                    break;
                }
                read += piece.len();
            }
            match reference(&wire) {
                Some((expected, at)) => {
                    prop_assert_eq!(end, Some(at));
                    prop_assert_eq!(mail, expected);
                }
                None => prop_assert_eq!(end, None),
            }
        }
    }
}
