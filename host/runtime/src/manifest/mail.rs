//! `[mail]`: as whom a plugin may send mail.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::section::Section;

/// The permission to send mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// Whose addresses may stand in `From` and `Reply-To`, and send the envelope. Never empty.
    pub from: Vec<AddressSource>,
}

/// Where an address of the channel's own stands; written `setting:NAME` or `generated:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AddressSource {
    /// In a setting of the channel.
    Setting(String),
    /// Made by the host for the channel. What stands between a `+` and the `@` is the plugin's to choose.
    Generated(String),
}

impl AddressSource {
    /// Whether an address is the one that stands there.
    pub fn is(&self, address: &str, settings: &Value, generated: &[(String, String)]) -> bool {
        match self {
            AddressSource::Setting(name) => settings
                .get(name)
                .and_then(Value::as_str)
                .is_some_and(|own| !own.trim().is_empty() && own.trim().eq_ignore_ascii_case(address)),
            AddressSource::Generated(name) => {
                let own = generated.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
                own.is_some_and(|own| own.eq_ignore_ascii_case(&without_suffix(address)))
            }
        }
    }
}

fn without_suffix(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    format!("{}@{domain}", local.split('+').next().unwrap_or_default())
}

impl fmt::Display for AddressSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressSource::Setting(name) => write!(out, "setting:{name}"),
            AddressSource::Generated(name) => write!(out, "generated:{name}"),
        }
    }
}

impl From<AddressSource> for String {
    fn from(source: AddressSource) -> String {
        source.to_string()
    }
}

impl TryFrom<String> for AddressSource {
    type Error = String;

    fn try_from(text: String) -> Result<AddressSource, String> {
        parse(&text)
    }
}

fn parse(text: &str) -> Result<AddressSource, String> {
    match text.split_once(':') {
        Some(("setting", name)) if !name.is_empty() => Ok(AddressSource::Setting(name.to_owned())),
        Some(("generated", name)) if !name.is_empty() => Ok(AddressSource::Generated(name.to_owned())),
        _ => Err(format!("`{text}` is neither `setting:NAME` nor `generated:NAME`")),
    }
}

pub(super) fn read(section: &Section<'_>) -> Sending {
    let from = section.parsed("from", parse);
    if from.is_empty() {
        section.fault("from", "is required: whose addresses it may write as, such as `[\"setting:address\"]`");
    }
    section.finish();
    Sending { from }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_the_channels_own_in_any_case_and_with_a_suffix_where_the_host_made_it() {
        let settings = json!({ "address": " Support@Shop.example ", "other": "x@y.example", "empty": "" });
        let generated = [("forwarding_address".to_owned(), "abc@in.example".to_owned())];
        let is = |source: &str, address: &str| parse(source).expect("a source").is(address, &settings, &generated);
        assert!(is("setting:address", "support@shop.example"));
        assert!(!is("setting:address", "support+x@shop.example") && !is("setting:address", "x@y.example"));
        assert!(!is("setting:empty", "") && !is("setting:missing", ""));
        assert!(is("generated:forwarding_address", "ABC+token@in.example"));
        assert!(!is("generated:forwarding_address", "abcd@in.example"));
        assert!(!is("generated:forwarding_address", "abc@in.example.evil.example"));
        assert!(parse("address").is_err() && parse("setting:").is_err());
    }
}
