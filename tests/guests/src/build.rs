//! Compiles the guests for a test, once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "guest";

/// Variables of the outer Cargo that would mislead the nested one or make it build everything again.
const FOREIGN: [&str; 6] = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "DEP_", "CLIPPY"];
/// What of that it needs all the same.
const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];

/// The bytes of a guest. The first call compiles all of them, into the folder that the bundled plugins are compiled to as
/// well (`target` is the outer target folder), so that the two share their dependencies.
///
/// # Panics
/// With the compiler's words when they do not compile, or when there is no such guest.
pub fn component(target: &Path, guest: &str) -> Vec<u8> {
    let path = folder(target).join(guest).with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("no guest {}: {error}", path.display()))
}

/// The folder of compiled guests.
///
/// # Panics
/// See [`component`].
pub fn folder(target: &Path) -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let nested = target.join("plugins");
        compile(&nested);
        nested.join(TARGET).join(PROFILE).join("examples")
    })
}

fn compile(nested: &Path) {
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
        .args(["build", "--locked", "--package", "sambung-guests", "--examples"])
        .args(["--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(nested)
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags=[\"-Clink-arg=-zstack-size=65536\"]"))
        .output()
        .unwrap_or_else(|error| panic!("cannot run Cargo for the guests: {error}"));
    assert!(output.status.success(), "the guests do not compile:\n{}", String::from_utf8_lossy(&output.stderr));
}
