//! How large an attack is: whole against a release build, short against a debug build.
#![allow(dead_code)]

use std::time::Duration;

/// Whether this run is the short form.
pub const SHORT: bool = cfg!(debug_assertions);

/// One of two amounts: of the short form, and of the whole attack.
pub const fn pick(short: usize, whole: usize) -> usize {
    if SHORT { short } else { whole }
}

/// How long the quiet before an attack is measured.
pub const fn quiet() -> Duration {
    if SHORT { Duration::from_secs(1) } else { Duration::from_secs(10) }
}

/// How long an attack lasts that has no end of its own.
pub const fn lasting() -> Duration {
    if SHORT { Duration::from_secs(2) } else { Duration::from_secs(10) }
}
