//! Compiles components for a test: the guests once, a first-party plugin or the peer when a benchmark asks for it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// Variables of the outer Cargo that would mislead the nested one or make it build everything again.
const FOREIGN: [&str; 6] = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "DEP_", "CLIPPY"];
/// What of that it needs all the same.
const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];

/// The bytes of a guest. The first call compiles all of them, into the folder that the bundled plugins are compiled to as
/// well (`target` is the outer target folder).
///
/// # Panics
/// With the compiler's words when they do not compile, or when there is no such guest.
pub fn component(target: &Path, guest: &str) -> Vec<u8> {
    read(&folder(target).join(guest).with_extension("wasm"))
}

/// The folder of compiled guests.
///
/// # Panics
/// See [`component`].
pub fn folder(target: &Path) -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| compile(target, "guest", &["--package", "sambung-guests", "--examples"]).join("examples"))
}

/// The bytes of a first-party plugin, compiled as the bundled one is.
///
/// # Panics
/// With the compiler's words when it does not compile.
pub fn plugin(target: &Path, id: &str) -> Vec<u8> {
    let folder = compile(target, "plugin", &["--package", &format!("sambung-plugin-{id}"), "--lib"]);
    read(&folder.join(format!("sambung_plugin_{id}.wasm")))
}

/// The file of the component that benchmarks serve with another program.
///
/// # Panics
/// With the compiler's words when it does not compile.
pub fn peer(target: &Path) -> PathBuf {
    compile(target, "plugin", &["--package", "sambung-peer"]).join("sambung_peer.wasm")
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("no component {}: {error}", path.display()))
}

/// Runs a nested Cargo, and answers with the folder of what it made.
fn compile(target: &Path, profile: &str, what: &[&str]) -> PathBuf {
    let nested = target.join("plugins");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let Some(word) = name.to_str() else { continue };
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
        if begins(&FOREIGN) && word != "CARGO" && !begins(&KEPT) {
            command.env_remove(word);
        }
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--profile", profile, "--target", TARGET, "--target-dir"])
        .arg(&nested)
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags=[\"-Clink-arg=-zstack-size=65536\"]"))
        .args(what)
        .output()
        .unwrap_or_else(|error| panic!("cannot run Cargo for the guests: {error}"));
    assert!(output.status.success(), "the components do not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    nested.join(TARGET).join(profile)
}
