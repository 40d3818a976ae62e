//! Building a plugin crate to a component, for its own tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::KitError;

const TARGET: &str = "wasm32-wasip2";

/// How a crate becomes a component.
#[derive(Debug, Clone)]
pub struct Build {
    package: PathBuf,
    example: Option<String>,
    profile: String,
}

impl Build {
    /// The library of the package in this folder: `env!("CARGO_MANIFEST_DIR")`. Built like a release, unless more is said.
    pub fn package(folder: impl Into<PathBuf>) -> Self {
        Self { package: folder.into(), example: None, profile: "release".to_owned() }
    }

    /// An example of the package instead of its library.
    pub fn example(mut self, name: impl Into<String>) -> Self {
        self.example = Some(name.into());
        self
    }

    /// With this profile of the package's workspace.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profile = name.into();
        self
    }

    /// Builds, and answers with the component.
    ///
    /// # Errors
    /// The compiler's words, or that there is no component among what it made.
    pub fn run(&self) -> Result<Vec<u8>, KitError> {
        let output = self.cargo().output().map_err(|error| KitError::Build(format!("cannot run Cargo: {error}")))?;
        if !output.status.success() {
            return Err(KitError::Build(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let file = messages.lines().rev().find_map(component).ok_or_else(|| {
            KitError::Build(format!("no component came of {}: is it a library?", self.package.display()))
        })?;
        std::fs::read(&file).map_err(|error| KitError::Build(format!("{file}: {error}")))
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // Beside a library for tests Cargo would leave the optimisation of the whole program out.
        command.current_dir(&self.package).args(["rustc", "--crate-type", "cdylib", "--target", TARGET]);
        command.args(["--profile", &self.profile]);
        command.args(["--message-format", "json-render-diagnostics", "--target-dir"]).arg(target_folder());
        match &self.example {
            Some(name) => command.args(["--example", name]),
            None => command.arg("--lib"),
        };
        // What the outer `cargo test` was told about its own target is not for this one.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WORKSPACE_WRAPPER"] {
            command.env_remove(variable);
        }
        command
    }
}

/// A folder beside what `cargo test` writes, so that neither build undoes the other: a test runs from `target/debug/deps`.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().ok();
    let target = test.as_deref().and_then(|test| test.ancestors().nth(3)).unwrap_or(Path::new("target"));
    target.join("plugins")
}

/// The component among the files of one of Cargo's messages.
fn component(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let files = message["filenames"].as_array()?;
    files.iter().filter_map(|file| file.as_str()).find(|file| file.ends_with(".wasm")).map(str::to_owned)
}
