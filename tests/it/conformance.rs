//! The testkit's suite, asked of every bundled channel: a file for each.

mod careless;
mod email;
mod gateway;
mod hooked;
mod line;
mod meta;
mod samples;
mod telegram;
mod webchat;
mod whatsapp;
mod x;

use std::path::{Path, PathBuf};

use sambung_testkit::conformance::{Subject, conform};

/// The bundled component of this id.
fn bundled(id: &str) -> &'static [u8] {
    let plugin = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == id);
    plugin.unwrap_or_else(|| panic!("{id} is not bundled")).wasm
}

/// Where components stand as they were built when a version of the contract was released: what third parties run for years.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The components of this id in the corpus, with their paths.
fn frozen(id: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let releases = std::fs::read_dir(corpus()).expect("the corpus is there");
    let files = releases.map(|release| release.expect("readable").path().join(format!("{id}.wasm")));
    let mut files: Vec<PathBuf> = files.filter(|file| file.is_file()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).expect("readable"))).collect()
}

/// Asks today's component and every frozen one.
async fn holds<S: Subject>(id: &str, subject: S) {
    let mut components = vec![(PathBuf::from("bundled"), bundled(id).to_vec())];
    components.extend(frozen(id));
    for (path, wasm) in components {
        let path = path.display();
        let report = conform(&subject, &wasm).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(report.questions().count() > 10, "{path}: nearly nothing was asked");
        assert_eq!(report.wrong().collect::<Vec<_>>(), [], "{path}");
    }
}

#[test]
fn the_corpus_has_every_channel_that_the_first_release_had() {
    let files = std::fs::read_dir(corpus().join("1.0.0")).expect("the first release is kept");
    let mut names: Vec<String> =
        files.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let first = ["email", "instagram", "line", "messenger", "telegram", "webchat", "whatsapp", "x"];
    assert_eq!(names, first.map(|id| format!("{id}.wasm")));
}

#[test]
fn every_bundled_channel_is_asked() {
    let asked = ["email", "instagram", "line", "messenger", "telegram", "webchat", "whatsapp", "x"];
    let bundled: Vec<&str> = sambung_bundle::BUNDLED.iter().map(|plugin| plugin.id).collect();
    assert_eq!(bundled, asked);
}
