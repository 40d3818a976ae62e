//! Which part of a file a request asks for (RFC 9110, section 14).

use std::ops::RangeInclusive;

/// What a header `Range` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Nothing that is understood, so the whole is the answer.
    Whole,
    /// What lies beyond the end.
    Beyond,
    /// These bytes, which the file has.
    Part(RangeInclusive<u64>),
}

/// Reads a header about a file of this many bytes. Of several ranges at once none is understood.
pub fn range(header: &str, size: u64) -> Asked {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first.trim(), last.trim()) {
        ("", count) => match number(count) {
            None => Asked::Whole,
            Some(0) => Asked::Beyond,
            Some(_) if size == 0 => Asked::Beyond,
            Some(count) => Asked::Part(size.saturating_sub(count)..=size - 1),
        },
        (first, last) => {
            let last = if last.is_empty() { Some(u64::MAX) } else { number(last) };
            match (number(first), last) {
                (Some(first), Some(last)) if first >= size || last < first => Asked::Beyond,
                (Some(first), Some(last)) => Asked::Part(first..=last.min(size - 1)),
                _ => Asked::Whole,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file() {
        assert_eq!(range("bytes=0-3", 10), Asked::Part(0..=3));
        assert_eq!(range("bytes=4-", 10), Asked::Part(4..=9));
        assert_eq!(range("bytes=-3", 10), Asked::Part(7..=9));
        assert_eq!(range("bytes=-30", 10), Asked::Part(0..=9));
        assert_eq!(range("bytes=10-", 10), Asked::Beyond);
        assert_eq!(range("bytes=3-1", 10), Asked::Beyond);
        assert_eq!(range("bytes=-0", 10), Asked::Beyond);
        assert_eq!(range("bytes=-1", 0), Asked::Beyond);
        for other in ["bytes=0-1,4-5", "lines=1-2", "bytes=+1-2", "bytes=a-", "bytes=", "bytes"] {
            assert_eq!(range(other, 10), Asked::Whole, "{other}");
        }
    }
}
