//! Compiles every folder here that has a `plugin.toml` to a component, with a nested Cargo whose output goes to a folder of
//! its own inside the outer target folder, so that every profile and every tool of the outer build shares it.

use std::env;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";
/// A component is instantiated for every call, and every page it has is work; 64 KiB are plenty for translating.
const STACK_BYTES: u32 = 64 * 1024;
/// What only spares a call is not worth a copy in every place: with the whole program before it the compiler inlines
/// until a component is a sixth larger and a call in it a twentieth faster. And the linker need not leave room
/// for addresses that it knows.
const SMALL: [&str; 2] = ["-Cllvm-args=-inline-threshold=5", "-Clink-arg=--compress-relocations"];
/// What Cargo and its tools set for this build would make the nested one build everything again (clippy's wrapper does), or
/// mislead it.
const FOREIGN: [&str; 6] = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "DEP_", "CLIPPY"];
/// What of that the nested build needs all the same: itself, the shared jobserver, and the way to the registry.
const KEPT: [&str; 6] =
    ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];

struct Plugin {
    id: String,
    package: String,
}

fn main() {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    watch(&here);
    let plugins = find(&here);
    let target = target_folder(&out);
    for plugin in &plugins {
        build(&here, &target, plugin);
    }
    let list = out.join("bundled.rs");
    fs::write(&list, source(&target, &plugins))
        .unwrap_or_else(|error| fail(&format!("cannot write {}: {error}", list.display())));
}

/// `target/<profile>/build/<package>/out` is what Cargo gives; `target/plugins` is what is wanted.
fn target_folder(out: &Path) -> PathBuf {
    let outer = out.ancestors().nth(4);
    outer.unwrap_or_else(|| fail(&format!("{} is no output folder of Cargo", out.display()))).join("plugins")
}

fn folders(here: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(here).unwrap_or_else(|error| fail(&format!("cannot read {}: {error}", here.display())));
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The plugins, by the name of their folder; the package of `plugins/line` is `sambung-plugin-line`.
fn find(here: &Path) -> Vec<Plugin> {
    folders(here)
        .iter()
        .filter(|folder| folder.join("plugin.toml").is_file())
        .filter_map(|folder| folder.file_name()?.to_str())
        .map(|id| Plugin { id: id.to_owned(), package: format!("sambung-plugin-{id}") })
        .collect()
}

/// Names what a component is made of. Never a folder that a build writes to, and every plugin's manifest by name, so that
/// a folder gaining one is noticed.
fn watch(here: &Path) {
    let root = here.join("..");
    for shared in ["Cargo.toml", "Cargo.lock", "wit", "sdk/Cargo.toml", "sdk/src"] {
        println!("cargo::rerun-if-changed={}", root.join(shared).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    for folder in folders(here) {
        for part in ["Cargo.toml", "src", "assets", "plugin.toml", "texts.en.toml", "texts.id.toml", "icon.svg"] {
            let path = folder.join(part);
            // Cargo takes a path that does not exist for changed every time.
            if path.exists() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
        if !folder.join("plugin.toml").exists() {
            println!("cargo::rerun-if-changed={}", folder.display());
        }
    }
}

fn build(here: &Path, target: &Path, plugin: &Plugin) {
    let mut output = cargo(here, target, plugin);
    if !output.status.success() && lacks_target(&output) {
        add_target(here);
        output = cargo(here, target, plugin);
    }
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        fail(&format!("the plugin {} does not compile:\n{words}", plugin.id));
    }
}

/// One plugin at a time, as a component and nothing else: where a library is made as well, for its tests, Cargo leaves the
/// optimisation of the whole program out without a word.
fn cargo(here: &Path, target: &Path, plugin: &Plugin) -> Output {
    let mut command = Command::new(variable("CARGO"));
    clean(&mut command);
    command
        .current_dir(here.join(".."))
        .args(["rustc", "--locked", "--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(target)
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags={:?}", flags()))
        .args(["--package", &plugin.package, "--lib", "--crate-type", "cdylib"]);
    command.output().unwrap_or_else(|error| fail(&format!("cannot run Cargo for the plugins: {error}")))
}

/// Panics tell where they are, and whose machine a component was built on is nobody's business: crates are named alone.
fn flags() -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let folders = sources.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut flags: Vec<String> = SMALL.map(str::to_owned).into();
    flags.push(format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
    flags.extend(folders.map(|folder| format!("--remap-path-prefix={}=crates", folder.display())));
    flags.sort();
    flags
}

fn clean(command: &mut Command) {
    let set_by_cargo = ["TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG", "NUM_JOBS"];
    for (name, _) in env::vars_os() {
        let Some(word) = name.to_str() else { continue };
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| word.starts_with(prefix));
        let foreign = begins(&FOREIGN) || set_by_cargo.contains(&word);
        if foreign && word != "CARGO" && !begins(&KEPT) {
            command.env_remove(word);
        }
    }
}

/// Without the target's standard library the compiler finds no `core`.
fn lacks_target(output: &Output) -> bool {
    let words = String::from_utf8_lossy(&output.stderr);
    words.contains("can't find crate for `core`") || words.contains("can't find crate for `std`")
}

/// Asks rustup for the target, of the toolchain that builds this.
fn add_target(here: &Path) {
    let by_hand = format!("plugins need the target {TARGET}: run `rustup target add {TARGET}`");
    let mut command = Command::new("rustup");
    command.current_dir(here.join(".."));
    command.args(["target", "add", TARGET]);
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            fail(&format!("{by_hand} (rustup said: {})", words.trim()))
        }
        Err(_) => fail(&format!("{by_hand}, or install it as your distribution does")),
    }
}

/// The Rust that holds the components' bytes.
fn source(target: &Path, plugins: &[Plugin]) -> String {
    let mut source = String::from("&[\n");
    for plugin in plugins {
        let file = target.join(TARGET).join(PROFILE).join(plugin.package.replace('-', "_")).with_extension("wasm");
        // Writing to a string cannot fail.
        let _ = writeln!(
            source,
            "    Bundled {{ id: {:?}, wasm: include_bytes!({:?}) }},",
            plugin.id,
            file.display().to_string(),
        );
    }
    source.push_str("]\n");
    source
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| fail(&format!("Cargo did not set {name}")))
}

/// Ends the build with words for a person, without a panic's frame around them.
fn fail(words: &str) -> ! {
    for line in words.lines() {
        println!("cargo::error={line}");
    }
    std::process::exit(1);
}
