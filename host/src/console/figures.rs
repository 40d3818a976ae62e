//! Figures as people read them.

/// A number of bytes: `512 B`, `12 KB`, `3.4 MB`, `1.2 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} KB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

/// Memory: `0.3 MiB`, `32.0 MiB`.
pub(super) fn memory(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

/// A time that is given in microseconds: `0.4 ms`, `38.0 ms`, `2.1 s`.
pub(super) fn milliseconds(us: u64) -> String {
    match us {
        0..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, memory, milliseconds};

    #[test]
    fn memory_and_a_time_have_one_decimal() {
        assert_eq!((memory(32 << 20), memory(400_000)), ("32.0 MiB".to_owned(), "0.3 MiB".to_owned()));
        for (us, shown) in [(0, "0.0 ms"), (449, "0.4 ms"), (38_000, "38.0 ms"), (2_190_000, "2.1 s")] {
            assert_eq!(milliseconds(us), shown);
        }
    }

    #[test]
    fn bytes_have_at_most_one_decimal() {
        for (number, shown) in [(999, "999 B"), (1_999, "1 KB"), (3_490_000, "3.4 MB"), (12_000_000_000, "12.0 GB")] {
            assert_eq!(bytes(number), shown);
        }
    }
}
