//! libFuzzer over the target that `SAMBUNG_FUZZ` names.
#![no_main]
// The macro exports the function that libFuzzer calls.
#![allow(unsafe_code)]

use std::sync::LazyLock;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("SAMBUNG_FUZZ").unwrap_or_default();
    let names: Vec<&str> = sambung_fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
    sambung_fuzz::target(&name).unwrap_or_else(|| panic!("SAMBUNG_FUZZ names one of {names:?}"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET(data));
