//! Manifests and texts as authors write them: every fault has a line of the file, and what is read can be used.

use sambung_runtime::manifest::{self, AddressKind, ManifestError};

use crate::recipes;

/// A manifest, a line `---`, texts.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (toml, texts) = text.split_once("\n---\n").unwrap_or((&text, ""));
    match manifest::read(toml) {
        Ok(manifest) => {
            for address in [AddressKind::Channel, AddressKind::App] {
                recipes::request(
                    &manifest.webhooks,
                    address,
                    "cloud",
                    b"POST\n\nhub.mode=subscribe&hub.challenge=1\n\n{}",
                );
            }
            if let Err(error) = manifest::read_texts("texts.en.toml", texts, &manifest) {
                told(&error, texts);
            }
        }
        Err(error) => told(&error, toml),
    }
    let known = manifest::read(recipes::MANIFESTS[0]).expect("a manifest");
    if let Err(error) = manifest::read_texts("texts.en.toml", &text, &known) {
        told(&error, &text);
    }
}

fn told(error: &ManifestError, toml: &str) {
    assert!(!error.faults.is_empty() && !error.to_string().is_empty());
    let lines = toml.lines().count() + 1;
    for fault in &error.faults {
        assert!(fault.line <= lines, "line {} of {lines}: {fault:?}", fault.line);
    }
}
