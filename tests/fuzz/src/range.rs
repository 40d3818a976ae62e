//! The header `Range`: what is served lies inside the file.

use sambung::model::range::{Asked, range};

/// Eight bytes of size, the header.
pub fn run(data: &[u8]) {
    let Some((size, header)) = data.split_first_chunk::<8>() else { return };
    let size = u64::from_be_bytes(*size);
    if let Asked::Part(part) = range(&String::from_utf8_lossy(header), size) {
        assert!(part.start() <= part.end() && *part.end() < size, "{part:?} of {size}");
    }
}
