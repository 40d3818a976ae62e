//! The testkit's suite, asked of every bundled channel: a file for each.

mod careless;
mod email;
mod line;
mod meta;
mod samples;
mod telegram;
mod webchat;
mod whatsapp;
mod x;

use sambung_testkit::conformance::{Subject, conform};

/// The bundled component of this id.
fn component(id: &str) -> Vec<u8> {
    let plugin = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == id);
    plugin.unwrap_or_else(|| panic!("{id} is not bundled")).wasm.to_vec()
}

async fn holds<S: Subject>(subject: S) {
    let report = conform(&subject).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(report.questions().count() > 10, "nearly nothing was asked");
    report.assert();
}

#[test]
fn every_bundled_channel_is_asked() {
    let asked = ["email", "instagram", "line", "messenger", "telegram", "webchat", "whatsapp", "x"];
    let bundled: Vec<&str> = sambung_bundle::BUNDLED.iter().map(|plugin| plugin.id).collect();
    assert_eq!(bundled, asked);
}
