//! The one place that reads the clock and the system's random source; everything else is handed a [`Clock`].

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time and mints ids. Cheap to clone; a test hands in its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)))
    }

    /// A clock that says what `read` says, in milliseconds since 1970.
    pub fn from_fn(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Milliseconds since 1970, UTC.
    pub fn now(&self) -> i64 {
        (self.0)()
    }

    /// A new id with this prefix.
    pub fn id(&self, prefix: &str) -> String {
        crate::ids::mint(prefix, self.now(), random())
    }
}

/// A number from 0 to 1, by which things that failed together are spread.
pub fn chance() -> f64 {
    f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX)
}

/// Bytes from the system's random source.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the system has a random source");
    bytes
}
