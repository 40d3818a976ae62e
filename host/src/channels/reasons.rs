//! What a plugin's texts say of a refusal: from the codes of faults and findings to its `reasons`, in both languages.

use sambung_runtime::Plugin;
use sambung_runtime::contract::types::Fault;

use super::Channels;
use crate::model::shown::channel::{Channel, ChannelStep};
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
    pub fn tell(&self, channel: &mut Channel, language: &str) {
        let generation = self.0.plugins.get(&channel.plugin);
        for finding in &mut channel.findings {
            let key = key_of(&finding.code);
            let own = generation.as_ref().and_then(|one| said(&one.plugin, key, language));
            let is_host = finding.code == "no-app" || finding.code.starts_with("account-");
            let host = told::of_fault(key, language).filter(|_| is_host);
            let detail = own.clone().or_else(|| host.map(str::to_owned)).unwrap_or_else(|| finding.words.clone());
            finding.reason = own.map(|_| key.to_owned());
            finding.detail = detail;
        }
        if let Some(ChannelStep::Authorize { error: Some(error), .. }) = &mut channel.step {
            let words = std::mem::take(&mut error.detail);
            error.detail = told::of_fault(&error.code, language).unwrap_or(&words).to_owned();
            error.provider = Some(words);
        }
    }
}
