//! Simulators: small servers on loopback that behave as the providers' documentation says, for stories over real HTTP.

pub mod email;
pub mod line;
pub mod meta;
mod served;
pub mod telegram;
pub mod whatsapp;
pub mod x;

use std::sync::OnceLock;

pub use served::{Meddled, Meddling, Recorded};

/// A client for loopback, one for all tests.
///
/// # Panics
/// When it cannot be built, which would be a fault of the build.
pub fn http_client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let build = || {
        // Installed once in a process; another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A connection belongs to the runtime that opened it, and each test has its own: none is kept.
        reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client without special options can be built")
    };
    CLIENT.get_or_init(build).clone()
}

/// A text without its percent-encoding, as it stands in a query or a form.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
                _ => bytes.push(b'%'),
            },
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
