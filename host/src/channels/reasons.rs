//! What a plugin's texts say of a refusal: from the codes of faults and findings to its `reasons`, in both languages.

use sambung_runtime::Plugin;
use sambung_runtime::contract::types::Fault;
use serde_json::{Value, json};

use super::Channels;
use crate::model::told;

/// What a finding's code has before the kind of the fault that it was made of.
const MADE_OF_FAULTS: [&str; 2] = ["check-", "register-"];

/// The reason of a fault, with its texts in English and Indonesian: by the provider's code, or by the fault's kind and the setting
/// that is to blame (`refused-token`), or by the kind where none is (`unauthorized`).
pub(super) fn of_fault(plugin: &Plugin, fault: &Fault) -> Option<(String, [String; 2])> {
    let by_kind = match &fault.field {
        Some(field) => format!("{}-{}", fault.kind, field.trim_start_matches('/')),
        None => fault.kind.clone(),
    };
    let key = fault.code.iter().chain([&by_kind]).find(|key| plugin.texts("en").reasons.contains_key(*key))?;
    Some((key.clone(), ["en", "id"].map(|language| said(plugin, key, language).unwrap_or_default())))
}

/// What the texts say of a reason in a language; in English where they have it in no other.
fn said(plugin: &Plugin, key: &str, language: &str) -> Option<String> {
    let texts = [language, "en"].map(|language| plugin.texts(language));
    texts.into_iter().find_map(|texts| texts.reasons.get(key)).cloned()
}

/// The key under which the texts may have a finding's code.
fn key_of(code: &str) -> &str {
    match code {
        "credential-refused" => "unauthorized",
        code => MADE_OF_FAULTS.iter().find_map(|made| code.strip_prefix(made)).unwrap_or(code),
    }
}

impl Channels {
    /// Says in a language what a channel's findings and its step say, beside what stands in them.
    pub fn tell(&self, channel: &mut Value, language: &str) {
        let generation = self.0.plugins.get(channel["plugin"].as_str().unwrap_or_default());
        for finding in channel["findings"].as_array_mut().into_iter().flatten() {
            let code = finding["code"].as_str().unwrap_or_default().to_owned();
            let key = key_of(&code);
            let own = generation.as_ref().and_then(|one| said(&one.plugin, key, language));
            finding["reason"] = own.as_ref().map_or(Value::Null, |_| key.into());
            let host = told::of_fault(key, language).filter(|_| code == "no-app" || code.starts_with("account-"));
            let words = finding["words"].clone();
            finding["detail"] = own.map(Value::from).or_else(|| host.map(Value::from)).unwrap_or(words);
        }
        let Some(error) = channel.pointer_mut("/step/error") else { return };
        if let Some(words) = error["detail"].as_str().map(str::to_owned) {
            let code = error["code"].as_str().unwrap_or_default();
            let detail = told::of_fault(code, language).unwrap_or(&words);
            *error = json!({ "code": code, "detail": detail, "provider": words });
        }
    }
}
