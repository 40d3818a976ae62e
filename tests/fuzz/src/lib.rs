//! What outsiders and plugin authors may send, as functions of bytes that must neither panic nor break what they promise.
//!
//! The program `fuzz` gives them to libFuzzer, and `tests/short.rs` to proptest. A target's seeds lie in `corpus/NAME`.
#![forbid(unsafe_code)]

pub mod bodies;
pub mod mail;
pub mod manifest;
pub mod plugins;
pub mod range;
pub mod recipes;
pub mod server;
pub mod settings;
pub mod smtp;
pub mod tokens;

/// A function of bytes that must hold for all of them.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("bodies", bodies::run),
    ("mail_in", mail::read),
    ("mail_out", mail::written),
    ("manifest", manifest::run),
    ("plugins", plugins::run),
    ("range", range::run),
    ("recipes", recipes::run),
    ("settings", settings::run),
    ("smtp", smtp::run),
    ("tokens", tokens::run),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// The first byte and what follows it.
fn picked(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

/// Text before the first empty line, and the bytes behind it.
fn head_and_body(data: &[u8]) -> (String, &[u8]) {
    let at = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + 2..]));
    (String::from_utf8_lossy(head).into_owned(), body)
}
