//! Which files become plugins, and in which words the others are refused.

use std::fs;

use sambung_runtime::{Limits, LoadError, Runtime};

use crate::support::{guest, plugin, runtime, works};

async fn refusal(wasm: Vec<u8>) -> LoadError {
    match runtime(Limits::default()).load(wasm).await {
        Err(error) => error,
        Ok(plugin) => panic!("{} was loaded", plugin.manifest().id),
    }
}

#[tokio::test]
async fn a_loaded_plugin_shows_what_its_file_says() {
    let plugin = plugin("good").await;
    assert_eq!(plugin.manifest().id, "good");
    assert_eq!(plugin.texts("id-ID").name, "Guest");
    assert_eq!(plugin.texts("fr").name, "Guest");
    assert_eq!(plugin.icon(), None);
    assert_eq!(plugin.digest().len(), 64);
    assert!(!plugin.interfaces().templates);
    assert!(plugin.settings_schema("channel", "en").is_some());
    assert!(plugin.settings_schema("app", "en").is_none());
    assert!(plugin.window_rules().is_empty());
    assert!(plugin.assets().is_empty());
}

#[test]
fn a_file_shows_its_facts_without_being_compiled() {
    let inspection = Runtime::inspect(&guest("good")).expect("a plugin file");
    assert_eq!(inspection.manifest.id, "good");
    assert!(inspection.exports.contains(&"sambung:channel/inbound@1.0.0".to_owned()), "{:?}", inspection.exports);
    assert!(inspection.imports.iter().any(|name| name.starts_with("wasi:cli/")), "{:?}", inspection.imports);
}

#[tokio::test]
async fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = guest("good");
    for end in [9, 100, whole.len() / 2, whole.len() - 1] {
        let error = refusal(whole[..end].to_vec()).await;
        let words = error.to_string();
        assert!(matches!(error, LoadError::Malformed { .. } | LoadError::MissingExport { .. }), "{end}: {words}");
    }
}

#[tokio::test]
async fn a_file_with_damaged_code_is_refused() {
    let mut wasm = guest("good");
    let middle = wasm.len() / 2;
    wasm[middle..middle + 64].fill(0xff);
    let error = refusal(wasm).await;
    assert!(matches!(error, LoadError::Malformed { .. } | LoadError::Compile(_)), "{error}");
}

#[tokio::test]
async fn a_foreign_file_is_refused() {
    assert!(matches!(refusal(b"{\"json\": true}".to_vec()).await, LoadError::NotWasm));
    assert!(matches!(refusal(b"\0asm\x01\0\0\0".to_vec()).await, LoadError::CoreModule));
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_unread() {
    let limits = Limits { file_bytes: 1000, ..Limits::default() };
    let error = runtime(limits).load(vec![0; 1001]).await.err().expect("refused");
    assert!(matches!(error, LoadError::TooLarge { bytes: 1001, limit: 1000 }), "{error}");
}

#[tokio::test]
async fn a_plugin_for_another_version_of_the_contract_is_told_both_versions() {
    let wasm = replaced(guest("good"), b"sambung:channel/inbound@1.0.0", b"sambung:channel/inbound@9.0.0");
    let error = refusal(wasm).await;
    let words = error.to_string();
    assert!(matches!(error, LoadError::Version { .. }), "{words}");
    assert!(words.contains("inbound@9.0.0") && words.contains("sambung:channel@1.0.0"), "{words}");
}

/// The file with every `old` written over by a `new` of the same length.
fn replaced<const N: usize>(mut wasm: Vec<u8>, old: &[u8; N], new: &[u8; N]) -> Vec<u8> {
    let places: Vec<usize> = wasm.windows(N).enumerate().filter(|(_, bytes)| *bytes == old).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{} is not in the file", old.escape_ascii());
    for at in places {
        wasm[at..at + N].copy_from_slice(new);
    }
    wasm
}

#[tokio::test]
async fn a_plugin_that_wants_files_or_sockets_is_refused_with_what_to_do() {
    let error = refusal(guest("reads_files")).await;
    assert!(matches!(&error, LoadError::Forbidden { import, .. } if import.starts_with("wasi:filesystem/")), "{error}");
    let error = refusal(guest("opens_sockets")).await;
    assert!(matches!(&error, LoadError::Forbidden { import, .. } if import.starts_with("wasi:sockets/")), "{error}");
    assert!(error.to_string().contains("http.fetch"), "{error}");
}

#[tokio::test]
async fn a_component_without_a_manifest_is_refused() {
    let wasm = replaced(guest("good"), b"sambung:plugin.toml", b"another:plugin.toml");
    assert!(matches!(refusal(wasm).await, LoadError::NoManifest));
}

#[tokio::test]
async fn a_manifest_with_a_fault_is_refused_with_its_line() {
    let wasm = replaced(guest("good"), b"publisher = \"Sambung\"", b"publishes = \"Sambung\"");
    let error = refusal(wasm).await;
    assert!(matches!(error, LoadError::Manifest(_)), "{error}");
    assert!(error.to_string().contains("line 3"), "{error}");
}

/// A wrong word in the texts would leave a person without the help or the value that it means.
#[tokio::test]
async fn texts_that_speak_of_what_is_not_there_are_refused_with_the_word() {
    let wasm = replaced(guest("connects"), b"copy = \"webhook_url\"", b"copy = \"webhook_uri\"");
    let error = refusal(wasm).await.to_string();
    assert!(error.starts_with("texts.en.toml: line 6: `instructions[0].copy`: `webhook_uri`"), "{error}");
    assert!(error.contains("did you mean `webhook_url`?"), "{error}");
    let wasm = replaced(guest("connects"), b"[fields.token]", b"[fields.tokan]");
    let error = refusal(wasm).await;
    assert!(matches!(&error, LoadError::Section { name, .. } if name == "texts.en.toml"), "{error}");
    assert!(
        error.to_string().contains("[fields.tokan]: no form has a field of this name; did you mean `token`?"),
        "{error}"
    );
}

#[tokio::test]
async fn damaged_native_code_is_compiled_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let load = async || {
        let runtime = crate::support::runtime_in(folder.path());
        runtime.load(guest("exits")).await.expect("loads")
    };
    works(&load().await).await;
    let code = fs::read_dir(folder.path())
        .expect("lists")
        .map(|entry| entry.expect("entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .expect("native code was kept");
    let whole = fs::read(&code).expect("reads");
    fs::write(&code, &whole[..whole.len() / 2]).expect("writes");
    works(&load().await).await;
    assert_eq!(fs::read(&code).expect("reads").len(), whole.len(), "it was written again");
}
