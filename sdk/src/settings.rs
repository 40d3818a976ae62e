//! The form that an admin fills in.

use serde_json::Value;

/// The settings of a plugin's channels. Required of every plugin.
pub trait Settings {
    /// JSON Schema 2020-12 of the settings of a channel (`of` is "channel") or of a registration with the provider ("app"),
    /// with its texts in `language` ("en", "id"). `Value::Null` where there are none.
    ///
    /// Called once a language when the plugin is loaded. A pure function: only `log` answers.
    fn settings_schema(of: &str, language: &str) -> Value;
}

/// Picks a text by the language that the host asked for; English where it asks for one that is not here.
pub fn text(language: &str, english: &'static str, indonesian: &'static str) -> &'static str {
    match language.split('-').next() {
        Some("id") => indonesian,
        _ => english,
    }
}
