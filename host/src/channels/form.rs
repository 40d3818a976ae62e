//! From what somebody typed to plain settings and secrets: validated against the plugin's form, all faults at once.

use std::collections::BTreeMap;

use sambung_runtime::SecretValue;
use sambung_runtime::manifest::destination::HostPattern;
use sambung_runtime::manifest::settings::{self, SettingFault};
use sambung_runtime::manifest::{Generate, Manifest, Origin, Scope};
use serde_json::{Map, Value};

use crate::db::NewSecret;
use crate::model::fault::FieldError;

/// A form that was filled in right.
pub(super) struct Filled {
    /// Plain settings, an object.
    pub(super) settings: Value,
    /// Secrets that were typed.
    pub(super) secrets: Vec<NewSecret>,
}

/// What somebody changes in settings that were saved.
pub(super) struct Edited {
    pub(super) filled: Filled,
    /// Secrets that go because the destination they were bound to changed.
    pub(super) cleared: Vec<String>,
    /// Destinations that changed: setting, old, new.
    pub(super) moved: Vec<(String, Value, Value)>,
}

fn errors(faults: Vec<SettingFault>) -> Vec<FieldError> {
    faults
        .into_iter()
        .map(|fault| FieldError::new(format!("#/settings{}", fault.pointer), fault.code, fault.detail))
        .collect()
}

fn typed(secrets: BTreeMap<String, SecretValue>) -> Vec<NewSecret> {
    secrets.into_iter().map(|(name, value)| NewSecret { name, value, expires_at: None }).collect()
}

/// Reads new settings, and holds those that name destinations to https where the plugin's manifest is given.
pub(super) fn fill(schema: &Value, manifest: Option<&Manifest>, values: &Value) -> Result<Filled, Vec<FieldError>> {
    let mut faults = errors(settings::validate(schema, values));
    if let Some(manifest) = manifest {
        faults.extend(unsealed(schema, manifest, values, &faults));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let (settings, secrets) = settings::split(schema, values);
    Ok(Filled { settings, secrets: typed(secrets) })
}

/// Reads a change of settings: what is not named stays, `null` empties, an empty secret keeps the stored one. `set` names the
/// secrets that are stored; `locked` says whether locked fields may not change any more.
pub(super) fn edit(
    schema: &Value,
    manifest: &Manifest,
    stored: &Value,
    set: &[String],
    patch: &Value,
    locked: bool,
) -> Result<Edited, Vec<FieldError>> {
    let Some(patch) = patch.as_object() else {
        return Err(vec![FieldError::new("#/settings", "type", "must be an object")]);
    };
    let patch = without_echoes(schema, patch);
    let merged = merge(stored, &patch);
    let moved = moved(manifest, stored, &merged);
    let mut cleared = bound_to(manifest, &moved, set);
    cleared.extend(emptied(schema, &patch, set).filter(|name| !cleared.contains(name)).collect::<Vec<_>>());
    let is_set = |name: &str| set.iter().any(|known| known == name) && !cleared.iter().any(|gone| gone == name);
    let mut faults = errors(settings::validate_update(schema, &merged, &is_set));
    faults.extend(unsealed(schema, manifest, &merged, &faults));
    if locked {
        faults.extend(touched_locks(schema, stored, set, &patch));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let (settings, secrets) = settings::split(schema, &merged);
    Ok(Edited { filled: Filled { settings, secrets: typed(secrets) }, cleared, moved })
}

/// Web addresses that requests with secrets go to, where they are not https: no call to them would be let out.
fn unsealed(schema: &Value, manifest: &Manifest, values: &Value, known: &[FieldError]) -> Vec<FieldError> {
    let fields = settings::all_fields(schema);
    let is_address = |name: &str| fields.iter().any(|field| field.name == name && field.schema["format"] == "uri");
    let told = |pointer: &String| known.iter().any(|fault| fault.pointer == *pointer);
    let names = manifest.destination_settings().filter(|name| is_address(name));
    let plain = names.filter(|name| {
        values[name].as_str().is_some_and(|text| !text.trim().is_empty() && !text.trim().starts_with("https://"))
    });
    let pointers = plain.map(|name| format!("#/settings/{name}")).filter(|pointer| !told(pointer));
    pointers.map(|pointer| FieldError::of_code(pointer, "https")).collect()
}

/// What was read and sent back unchanged: `{"set": true}` for a secret, the value of a field that the host fills in.
fn without_echoes(schema: &Value, patch: &Map<String, Value>) -> Map<String, Value> {
    let echoed = |name: &str, value: &Value| {
        settings::all_fields(schema).iter().any(|field| {
            field.name == name && ((field.secret().is_some() && value.get("set").is_some()) || field.read_only())
        })
    };
    patch
        .iter()
        .filter(|(name, value)| !echoed(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn merge(stored: &Value, patch: &Map<String, Value>) -> Value {
    let mut merged = stored.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        match value {
            Value::Null => merged.remove(name),
            value => merged.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(merged)
}

/// Stored secrets that somebody empties. One that the form requires is then missing.
fn emptied<'a>(
    schema: &'a Value,
    patch: &'a Map<String, Value>,
    set: &'a [String],
) -> impl Iterator<Item = String> + 'a {
    settings::all_fields(schema)
        .into_iter()
        .filter(|field| patch.get(field.name).is_some_and(Value::is_null))
        .filter_map(|field| field.secret())
        .filter(|name| set.iter().any(|known| known == name))
        .map(str::to_owned)
}

fn touched_locks(schema: &Value, stored: &Value, set: &[String], patch: &Map<String, Value>) -> Vec<FieldError> {
    let fields = settings::all_fields(schema);
    let touched = fields.iter().filter(|field| field.locked()).filter(|field| match patch.get(field.name) {
        None => false,
        Some(Value::Null) if field.secret().is_some() => {
            field.secret().is_some_and(|name| set.iter().any(|known| known == name))
        }
        Some(value) if field.secret().is_some() => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        Some(value) => stored.get(field.name).unwrap_or(&Value::Null) != value,
    });
    touched
        .map(|field| FieldError::new(format!("#/settings/{}", field.name), "locked", "field is fixed once connected"))
        .collect()
}

fn moved(manifest: &Manifest, stored: &Value, merged: &Value) -> Vec<(String, Value, Value)> {
    let value = |of: &Value, name: &str| of.get(name).cloned().unwrap_or_default();
    manifest
        .destination_settings()
        .map(|name| (name.to_owned(), value(stored, name), value(merged, name)))
        .filter(|(_, old, new)| old != new)
        .collect()
}

/// Stored secrets that may stand in requests to a destination that moved.
fn bound_to(manifest: &Manifest, moved: &[(String, Value, Value)], set: &[String]) -> Vec<String> {
    let is_moved = |pattern: &HostPattern| match pattern {
        HostPattern::Setting(name) => moved.iter().any(|(setting, _, _)| setting == name),
        _ => false,
    };
    let bound =
        manifest.secrets.iter().filter(|secret| secret.destinations.iter().any(|target| is_moved(&target.host)));
    bound.map(|secret| secret.name.clone()).filter(|name| set.contains(name)).collect()
}

/// What the host makes for a new channel or registration.
pub(super) fn generate(manifest: &Manifest, scope: Scope) -> Vec<NewSecret> {
    let made =
        manifest.secrets.iter().filter(|secret| secret.scope == scope).filter_map(|secret| match &secret.origin {
            Origin::Generated(how) => Some(NewSecret {
                name: secret.name.clone(),
                value: SecretValue::from(random_text(how)),
                expires_at: None,
            }),
            Origin::Admin | Origin::Obtained => None,
        });
    made.collect()
}

/// Characters drawn evenly: a byte that would favour some of them is thrown away.
fn random_text(how: &Generate) -> String {
    let characters = how.alphabet.characters().as_bytes();
    let fair = 256 - 256 % characters.len();
    let mut text = String::with_capacity(how.length as usize);
    while text.len() < how.length as usize {
        for byte in crate::clock::random::<32>() {
            if usize::from(byte) < fair && text.len() < how.length as usize {
                text.push(char::from(characters[usize::from(byte) % characters.len()]));
            }
        }
    }
    text
}

/// Names of generated secrets that a person copies into the provider's console.
pub(super) fn shown(manifest: &Manifest, scope: Scope) -> impl Iterator<Item = &str> {
    manifest.secrets.iter().filter_map(move |secret| match &secret.origin {
        Origin::Generated(how) if how.shown && secret.scope == scope => Some(secret.name.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let text = "id = \"demo\"\nversion = \"1.0.0\"\npublisher = \"Tests\"\n\
            [[egress]]\nfrom-setting = \"base_url\"\nmethods = [\"POST\"]\n\
            [[secret]]\nname = \"token\"\nscope = \"channel\"\norigin = \"admin\"\ndestinations = [\"setting:base_url\"]\nplaces = [\"auth\"]\n\
            [[secret]]\nname = \"key\"\nscope = \"channel\"\norigin = \"admin\"\n";
        sambung_runtime::manifest::read(text).expect("the test's manifest is right")
    }

    fn schema() -> Value {
        json!({ "type": "object", "required": ["base_url", "token", "account"], "properties": {
            "base_url": { "type": "string", "format": "uri" },
            "token": { "type": "string", "x-secret": "token" },
            "key": { "type": "string", "x-secret": "key" },
            "account": { "type": "string", "x-locked": true },
            "pin": { "type": "string", "x-secret": "pin", "x-locked": true },
            "note": { "type": "string" } } })
    }

    fn edited(patch: Value) -> Result<Edited, Vec<FieldError>> {
        let stored = json!({ "base_url": "https://one.example.com", "account": "a", "note": "n" });
        edit(&schema(), &manifest(), &stored, &["token", "key", "pin"].map(str::to_owned), &patch, true)
    }

    #[test]
    fn every_empty_required_field_says_field_is_required() {
        let Err(faults) = fill(&schema(), Some(&manifest()), &json!({ "token": " ", "account": "" })) else {
            panic!("three are missing")
        };
        let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["#/settings/account", "#/settings/base_url", "#/settings/token"]);
        assert!(faults.iter().all(|fault| fault.detail == "field is required" && fault.code == "required"));
    }

    #[test]
    fn what_is_not_named_stays_and_an_empty_secret_keeps_the_stored_one() {
        let change = edited(json!({ "note": null, "token": "", "key": { "set": true } })).expect("fits");
        assert_eq!(change.filled.settings, json!({ "base_url": "https://one.example.com", "account": "a" }));
        assert!(change.filled.secrets.is_empty() && change.cleared.is_empty());
    }

    #[test]
    fn a_required_secret_cannot_be_emptied_and_another_one_is() {
        let Err(faults) = edited(json!({ "token": null })) else { panic!("the token is required") };
        assert_eq!(faults, [FieldError::required("#/settings/token")]);
        let change = edited(json!({ "key": null })).expect("nobody requires it");
        assert_eq!(change.cleared, ["key"]);
        assert!(change.filled.settings.get("key").is_none() && change.filled.secrets.is_empty());
    }

    #[test]
    fn a_web_address_that_secrets_go_to_begins_with_https() {
        let wrong = json!({ "base_url": "http://one.example.com", "token": "t", "account": "a" });
        let Err(faults) = fill(&schema(), Some(&manifest()), &wrong) else { panic!("it is not https") };
        assert_eq!(faults, [FieldError::of_code("#/settings/base_url", "https")]);
        assert_eq!(faults[0].detail, "must begin with https://");
        let Err(faults) = edited(json!({ "base_url": "http://one.example.com", "token": "new" })) else {
            panic!("as well")
        };
        assert_eq!(faults, [FieldError::of_code("#/settings/base_url", "https")]);
    }

    #[test]
    fn a_destination_that_moves_takes_the_secrets_bound_to_it_along() {
        let Err(faults) = edited(json!({ "base_url": "https://two.example.com" })) else { panic!("the token is gone") };
        assert_eq!(faults, [FieldError::required("#/settings/token")]);
        let change = edited(json!({ "base_url": "https://two.example.com", "token": "new" })).expect("typed again");
        assert_eq!(change.cleared, ["token"], "the other secret is not bound to it");
        assert_eq!(change.moved[0].1, "https://one.example.com");
        assert_eq!(change.moved[0].2, "https://two.example.com");
    }

    #[test]
    fn a_locked_field_is_refused_and_its_own_value_is_not() {
        let Err(faults) = edited(json!({ "account": "b" })) else { panic!("locked") };
        assert_eq!((faults[0].pointer.as_str(), faults[0].code.as_str()), ("#/settings/account", "locked"));
        assert!(edited(json!({ "account": "a" })).is_ok());
        for secret in [json!("another"), Value::Null] {
            let Err(faults) = edited(json!({ "pin": secret })) else { panic!("locked") };
            assert_eq!((faults[0].pointer.as_str(), faults[0].code.as_str()), ("#/settings/pin", "locked"));
        }
        assert!(edited(json!({ "pin": "" })).is_ok(), "it stays as it is");
    }

    #[test]
    fn generated_texts_have_the_length_and_alphabet_that_were_asked_for() {
        let how = Generate { length: 43, alphabet: sambung_runtime::manifest::Alphabet::UrlSafe, shown: true };
        let (one, other) = (random_text(&how), random_text(&how));
        assert_eq!(one.len(), 43);
        assert!(one.chars().all(|character| how.alphabet.characters().contains(character)));
        assert_ne!(one, other);
    }
}
