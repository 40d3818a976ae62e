//! Findings and instructions of the bundled plugins in the reader's language.

use std::collections::BTreeSet;
use std::path::Path;

use sambung_tests::host::Host;
use serde_json::{Value, json};

const PLUGINS: [&str; 8] = ["email", "instagram", "line", "messenger", "telegram", "webchat", "whatsapp", "x"];
/// Their codes are in the crate that they share.
const META: [&str; 3] = ["instagram", "messenger", "whatsapp"];
/// Codes of that crate that only channels of a page have.
const OF_PAGES: [&str; 2] = ["permission-lost", "unsubscribed"];

/// What stands in quotes after each of these, in the sources below a folder.
fn quoted_after(folder: &Path, beginnings: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut quoted_after(&path, beginnings));
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap_or_default();
        for beginning in beginnings {
            let rests = source.split(beginning).skip(1);
            found.extend(rests.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
        if source.contains("Finding::elsewhere(") {
            found.insert("webhook-elsewhere".to_owned());
        }
    }
    found
}

#[test]
fn each_finding_of_a_bundled_plugin_has_words_in_both_languages() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let beginnings = [
        "Finding::new(\"warning\", \"",
        "Finding::new(\"error\", \"",
        "Finding::new(\"info\", \"",
        ".reason(\"",
        "asking(\"",
    ];
    for plugin in PLUGINS {
        let folder = plugins.join(plugin);
        let mut codes = quoted_after(&folder.join("src"), &beginnings);
        if META.contains(&plugin) {
            codes.append(&mut quoted_after(&plugins.join("meta/src"), &beginnings));
        }
        if plugin == "whatsapp" {
            codes.retain(|code| !OF_PAGES.contains(&code.as_str()));
        }
        for language in ["en", "id"] {
            let text = std::fs::read_to_string(folder.join(format!("texts.{language}.toml"))).unwrap();
            let reasons = text.split("[reasons]").nth(1).unwrap_or_default();
            let keys: BTreeSet<_> = reasons.lines().filter_map(|line| line.split(" = ").next()).collect();
            let missing: Vec<_> = codes.iter().filter(|code| !keys.contains(code.as_str())).collect();
            assert!(missing.is_empty(), "plugins/{plugin}/texts.{language}.toml has no reason for {missing:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_and_findings_are_told_in_the_language_of_the_reader() {
    let host = Host::start("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\n").await;
    let api = host.api();
    let settings = json!({ "address": "toko@shop.example", "display_name": "Toko", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Email", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    api.expect(200, "POST", &format!("{path}/check"), json!({})).await;
    let texts = |language: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/email/texts.{language}.toml"));
        std::fs::read_to_string(file).unwrap()
    };
    let mut told = Vec::new();
    for language in ["en", "id"] {
        let request = api.request("GET", &path).header("accept-language", language);
        let shown: Value = request.send().await.unwrap().json().await.unwrap();
        let step = &shown["step"]["instructions"][3];
        assert_eq!(step["reason"], "wait-try", "{shown}");
        let finding = shown["findings"].as_array().unwrap().iter().find(|one| one["code"] == "no-relay").unwrap();
        assert_eq!(finding["reason"], "no-relay", "{shown}");
        for words in [&step["text"], &finding["detail"]] {
            let words = words.as_str().unwrap();
            assert!(texts(language).contains(words), "{language}: {words}");
            told.push(words.to_owned());
        }
    }
    assert!(told[0] != told[2] && told[1] != told[3], "{told:?}");
}
