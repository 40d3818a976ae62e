//! Times as they are shown: RFC 3339 in UTC. Inside, a time is milliseconds since 1970.

use jiff::Timestamp;

/// `2026-11-21T08:00:00.123Z`; a time that no calendar has is shown as the epoch.
pub fn rfc3339(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Milliseconds since 1970 of an RFC 3339 time.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour in milliseconds.
pub const HOUR: i64 = 3_600_000;
/// A day in milliseconds.
pub const DAY: i64 = 24 * HOUR;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_back_as_it_was_shown() {
        assert_eq!(rfc3339(1_795_248_000_123), "2026-11-21T08:00:00.123Z");
        assert_eq!(from_rfc3339("2026-11-21T08:00:00.123Z"), Some(1_795_248_000_123));
        assert_eq!(from_rfc3339("yesterday"), None);
    }
}
