//! What was released stays as it was. `wit/released/` holds every frozen version of the contract; `wit/` may add to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wit_parser::{Resolve, WorldItem, WorldKey};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

/// The folders of released versions.
fn released() -> Vec<PathBuf> {
    let versions: Vec<PathBuf> = in_folder(&wit().join("released"));
    assert!(versions.iter().any(|path| path.ends_with("1.0.0")), "1.0.0 was released");
    versions
}

fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A text of the contract without what it says to people.
fn shape(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn no_interface_that_was_released_has_changed() {
    for version in released() {
        let interfaces: Vec<PathBuf> = in_folder(&version)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ext| ext == "wit") && !path.ends_with("world.wit"))
            .collect();
        assert!(interfaces.len() >= 22, "{}: {}", version.display(), interfaces.len());
        for frozen in interfaces {
            let now = wit().join(frozen.file_name().expect("a file"));
            assert_eq!(
                shape(&read(&frozen)),
                shape(&read(&now)),
                "{} differs; add a new version beside it",
                now.display()
            );
        }
    }
}

/// What a world takes and gives, by name.
fn sides(folder: &Path, world: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut resolve = Resolve::default();
    resolve.push_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let (_, world) = resolve.worlds.iter().find(|(_, one)| one.name == world).expect("the world is there");
    let name = |(key, _): (&WorldKey, &WorldItem)| resolve.name_world_key(key);
    (world.imports.iter().map(name).collect(), world.exports.iter().map(name).collect())
}

#[test]
fn a_plugin_of_an_old_release_has_what_it_needs_and_is_all_that_is_asked_for() {
    for version in released() {
        let ((old_imports, old_exports), (imports, exports)) = (sides(&version, "plugin"), sides(&wit(), "plugin"));
        assert!(imports.is_superset(&old_imports), "an import is gone: {old_imports:?}");
        assert_eq!(exports, old_exports, "a new export is an optional interface");
        let (old_calls, calls) = (sides(&version, "everything").1, sides(&wit(), "everything").1);
        assert!(calls.is_superset(&old_calls), "the host calls something no more: {old_calls:?}");
    }
}

#[test]
fn every_word_that_was_released_is_still_listed() {
    for version in released() {
        for file in ["names.md", "calls.md"] {
            let (old, now) = (read(&version.join(file)), read(&wit().join(file)));
            let words =
                |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<String>>();
            let gone: Vec<String> = words(&old).difference(&words(&now)).cloned().collect();
            assert!(gone.is_empty(), "{file} lists no more: {gone:?}");
        }
    }
}

/// A writer of the released version is understood by a reader of today.
#[test]
fn what_a_released_schema_allows_is_allowed_today() {
    for version in released() {
        for frozen in in_folder(&version.join("schemas")) {
            let now = wit().join("schemas").join(frozen.file_name().expect("a file"));
            let json = |path: &Path| serde_json::from_str::<Value>(&read(path)).expect("JSON");
            let validator = jsonschema::validator_for(&json(&now)).expect("a schema");
            for example in json(&frozen)["examples"].as_array().expect("examples") {
                let faults: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
                assert_eq!(faults, Vec::<String>::new(), "{}", now.display());
            }
        }
    }
}
