//! Components for tests: compiled once from `tests/guests`, and other builds of the same made by changing letters in place.

use std::path::Path;

/// The component `connects`: settings tell it how to connect.
pub fn connects() -> Vec<u8> {
    guest("connects")
}

/// A component of `tests/guests/examples`.
pub fn guest(name: &str) -> Vec<u8> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    sambung_guests::component(target, name)
}

/// The same component with `from` replaced by `to` wherever it stands: another build, with another digest. Both have the
/// same length, so that the file stays whole.
pub fn with(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..wasm.len().saturating_sub(from.len())).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} does not stand in the component");
    for at in places {
        wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    wasm
}

/// Another version of a component.
pub fn version(wasm: Vec<u8>, to: &str) -> Vec<u8> {
    with(wasm, "version = \"1.0.0\"", &format!("version = \"{to}\""))
}
