//! Building a plugin crate to a component, for its own tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::KitError;

/// Builds the package in this folder (`env!("CARGO_MANIFEST_DIR")`) for `wasm32-wasip2` and answers with the component.
///
/// # Errors
/// The compiler's words, or that the file is not where Cargo should have put it.
pub fn build(package: impl AsRef<Path>) -> Result<Vec<u8>, KitError> {
    let package = package.as_ref();
    let target = package.join("target").join("component");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(package).args(["build", "--release", "--lib", "--target", "wasm32-wasip2", "--target-dir"]);
    command.arg(&target).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = command.output().map_err(|error| KitError::Build(format!("cannot run Cargo: {error}")))?;
    if !output.status.success() {
        return Err(KitError::Build(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let built = target.join("wasm32-wasip2").join("release");
    let file = component_in(&built).ok_or_else(|| {
        KitError::Build(format!("no component in {}: is the crate-type \"cdylib\"?", built.display()))
    })?;
    std::fs::read(&file).map_err(|error| KitError::Build(format!("{}: {error}", file.display())))
}

/// The folder is the package's own, so the newest component in it is the one just built.
fn component_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
}
