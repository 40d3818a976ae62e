//! What a plugin's texts say of a refusal: from the codes of faults and findings to its `reasons`, in both languages.

use sambung_runtime::Plugin;
use sambung_runtime::contract::types::Fault;

use super::Channels;
use crate::model::channel::Instruction;
use crate::model::shown::app::App;
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

/// What is said of a finding in a language: by the plugin's texts, by the host's, or in its own words. With the key of the plugin's.
fn told_of<'k>(plugin: Option<&Plugin>, code: &'k str, words: &str, language: &str) -> (Option<&'k str>, String) {
    let key = key_of(code);
    if let Some(own) = plugin.and_then(|plugin| said(plugin, key, language)) {
        return (Some(key), own);
    }
    let of_fault =
        || told::of_fault(key, language).filter(|_| key != code || code == "no-app" || code.starts_with("account-"));
    (None, told::of_finding(code, language).or_else(of_fault).unwrap_or(words).to_owned())
}

fn tell_instruction(plugin: Option<&Plugin>, instruction: &mut Instruction, language: &str) {
    let text = instruction.reason.as_deref().zip(plugin).and_then(|(key, plugin)| said(plugin, key, language));
    match text {
        Some(text) => instruction.text = text,
        None => instruction.reason = None,
    }
}

impl Channels {
    /// Says in a language what a channel's findings and its step say, beside what stands in them.
    pub fn tell(&self, channel: &mut Channel, language: &str) {
        let generation = self.0.plugins.get(&channel.plugin);
        let plugin = generation.as_ref().map(|one| &one.plugin);
        for finding in &mut channel.findings {
            let (reason, detail) = told_of(plugin, &finding.code, &finding.words, language);
            (finding.reason, finding.detail) = (reason.map(str::to_owned), detail);
            if let Some(fix) = &mut finding.fix {
                tell_instruction(plugin, fix, language);
            }
        }
        match &mut channel.step {
            Some(ChannelStep::Wait { instructions }) => {
                instructions.iter_mut().for_each(|one| tell_instruction(plugin, one, language));
            }
            Some(ChannelStep::Authorize { error: Some(error), .. }) => {
                let words = std::mem::take(&mut error.detail);
                error.detail = told::of_fault(&error.code, language).unwrap_or(&words).to_owned();
                error.provider = Some(words);
            }
            _ => {}
        }
    }

    /// As [`Channels::tell`], of a registration.
    pub(super) fn tell_app(&self, app: &mut App, language: &str) {
        let generation = self.0.plugins.get(&app.plugin);
        let plugin = generation.as_ref().map(|one| &one.plugin);
        for finding in &mut app.findings {
            let (reason, detail) = told_of(plugin, &finding.code, &finding.words, language);
            (finding.reason, finding.detail) = (reason.map(str::to_owned), detail);
            if let Some(fix) = &mut finding.fix {
                tell_instruction(plugin, fix, language);
            }
        }
        app.instructions.iter_mut().for_each(|one| tell_instruction(plugin, one, language));
    }
}
