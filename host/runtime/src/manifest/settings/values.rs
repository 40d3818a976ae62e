//! Whether values fit a form, and what among them is secret or public.

use std::collections::{BTreeMap, BTreeSet};

use email_address::{EmailAddress, Options};
use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Field, all_fields, discriminator, fields, pattern};
use crate::manifest::section::nearest;
use crate::services::SecretValue;

/// One value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingFault {
    /// JSON Pointer into the settings: `/channel_secret`.
    pub pointer: String,
    /// "required", "unknown", "type", "choice", "format", "pattern", "too-short", "too-long", "too-small", "too-large",
    /// "too-few", "too-many", "repeated", "read-only".
    pub code: String,
    /// One line for a person; exactly `field is required` for an empty or missing required field.
    pub detail: String,
}

fn fault(name: &str, code: &str, detail: impl Into<String>) -> SettingFault {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    SettingFault { pointer, code: code.to_owned(), detail: detail.into() }
}

/// Unknown fields that are told; each is compared with every known one.
const MOST_UNKNOWN: usize = 50;

/// What in new settings does not fit, all of it at once; empty: they fit.
pub fn validate(schema: &Value, values: &Value) -> Vec<SettingFault> {
    validate_update(schema, values, &|_| false)
}

/// As [`validate`], for settings that were saved before: `is_set` knows the names of secrets that have a value already and
/// so need not be typed again.
pub fn validate_update(schema: &Value, values: &Value, is_set: &dyn Fn(&str) -> bool) -> Vec<SettingFault> {
    let Some(object) = values.as_object() else {
        return vec![SettingFault {
            pointer: String::new(),
            code: "type".to_owned(),
            detail: "must be an object".to_owned(),
        }];
    };
    let mut faults = Vec::new();
    let fields = fields(schema, values);
    for field in &fields {
        check(field, object.get(field.name), is_set, &mut faults);
    }
    // The field that chooses may say the same of its own value.
    if let Some(fault) = unchosen(schema, values).filter(|fault| faults.iter().all(|one| one.pointer != fault.pointer))
    {
        faults.insert(0, fault);
    }
    let known: BTreeSet<&str> = fields.iter().map(|field| field.name).collect();
    for name in object.keys().filter(|name| !known.contains(name.as_str())).take(MOST_UNKNOWN) {
        if discriminator(schema) != Some(name) {
            faults.push(unknown(schema, &fields, name));
        }
    }
    faults
}

fn unknown(schema: &Value, fields: &[Field<'_>], name: &str) -> SettingFault {
    if let (true, Some(by)) = (all_fields(schema).iter().any(|field| field.name == name), discriminator(schema)) {
        return fault(name, "unknown", format!("field does not belong to the chosen {by}"));
    }
    let near = nearest(name, fields.iter().map(|field| field.name));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    fault(name, "unknown", format!("unknown field{hint}"))
}

/// What is wrong with the choice between branches.
fn unchosen(schema: &Value, values: &Value) -> Option<SettingFault> {
    let name = discriminator(schema)?;
    if super::chosen(schema, values).is_some() {
        return None;
    }
    if is_empty(values.get(name)) {
        return Some(fault(name, "required", "field is required"));
    }
    let choices: Vec<&str> =
        schema["oneOf"].as_array()?.iter().filter_map(|branch| branch["properties"][name]["const"].as_str()).collect();
    Some(fault(name, "choice", format!("must be one of {}", choices.join(", "))))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn check(field: &Field<'_>, value: Option<&Value>, is_set: &dyn Fn(&str) -> bool, faults: &mut Vec<SettingFault>) {
    if field.read_only() {
        if !is_empty(value) {
            faults.push(fault(field.name, "read-only", "field is filled in by the host"));
        }
        return;
    }
    let Some(value) = value.filter(|value| !is_empty(Some(value))) else {
        if field.required && !field.secret().is_some_and(is_set) {
            faults.push(fault(field.name, "required", "field is required"));
        }
        return;
    };
    let problem = match value {
        Value::String(text) if field.schema["type"] == "string" || field.schema.get("const").is_some() => {
            string(field.schema, text, pattern_of(field.schema).as_ref())
        }
        Value::Array(items) if field.schema["type"] == "array" => list(field.schema, items),
        Value::Bool(_) if field.schema["type"] == "boolean" => None,
        Value::Number(number) if is_number(field.schema, number) => range(field.schema, number),
        _ => Some(("type", format!("must be {}", type_words(field.schema)))),
    };
    if let Some((code, detail)) = problem {
        faults.push(fault(field.name, code, detail));
    }
}

type Problem = Option<(&'static str, String)>;

fn type_words(schema: &Value) -> &'static str {
    match schema["type"].as_str() {
        Some("array") => "a list of texts",
        Some("boolean") => "true or false",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        _ => "a text",
    }
}

fn is_number(schema: &Value, number: &serde_json::Number) -> bool {
    match schema["type"].as_str() {
        Some("integer") => number.is_i64() || number.is_u64(),
        Some("number") => true,
        _ => false,
    }
}

fn range(schema: &Value, number: &serde_json::Number) -> Problem {
    let value = number.as_f64()?;
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| value < *least) {
        return Some(("too-small", format!("must be at least {least}")));
    }
    let most = bound("maximum").filter(|most| value > *most)?;
    Some(("too-large", format!("must be at most {most}")))
}

fn string(schema: &Value, text: &str, pattern: Option<&Validator>) -> Problem {
    let choices = schema.get("enum").and_then(Value::as_array);
    if let Some(choices) = choices.filter(|choices| !choices.iter().any(|choice| choice == text)) {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        return Some(("choice", format!("must be one of {}", choices.join(", "))));
    }
    let length = text.chars().count() as u64;
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    if let Some(least) = bound("minLength").filter(|least| length < *least) {
        return Some(("too-short", format!("must have at least {least} characters")));
    }
    // Whatever a schema says, no setting is a place to store files in.
    let most = bound("maxLength").unwrap_or(16 << 10);
    if length > most {
        return Some(("too-long", format!("must have at most {most} characters")));
    }
    if text.contains(|c| is_unprintable(c) && !matches!(c, '\n' | '\r' | '\t')) {
        return Some(("format", "must not contain control characters".to_owned()));
    }
    if pattern.is_some_and(|pattern| !pattern.is_valid(&Value::from(text))) {
        return Some(("pattern", "does not have the expected form".to_owned()));
    }
    if is_origins(schema) && !is_origin(text) {
        return Some(("format", "must be a site such as https://example.com or example.com".to_owned()));
    }
    format(schema.get("format")?.as_str()?, text)
}

/// The field's pattern, where it has one: compiled once, however many texts there are.
fn pattern_of(schema: &Value) -> Option<Validator> {
    schema.get("pattern").and_then(pattern::compiled)
}

fn list(schema: &Value, items: &[Value]) -> Problem {
    let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
    if let Some(least) = bound("minItems").filter(|least| (items.len() as u64) < *least) {
        return Some(("too-few", format!("must have at least {least} entries")));
    }
    let most = bound("maxItems").unwrap_or(1000);
    if items.len() as u64 > most {
        return Some(("too-many", format!("must have at most {most} entries")));
    }
    let pattern = pattern_of(&schema["items"]);
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        let Some(text) = item.as_str() else { return Some(("type", "must be a list of texts".to_owned())) };
        if text.trim().is_empty() {
            return Some(("format", "an entry is empty".to_owned()));
        }
        if schema["uniqueItems"] == Value::Bool(true) && !seen.insert(text) {
            return Some(("repeated", format!("`{text}` stands there twice")));
        }
        if is_origins(schema) && !is_origin(text) {
            return Some(("format", format!("`{text}` is no site such as https://example.com or example.com")));
        }
        if let Some((code, words)) = string(&schema["items"], text, pattern.as_ref()) {
            return Some((code, format!("`{text}` {words}")));
        }
    }
    None
}

fn is_origins(schema: &Value) -> bool {
    schema["x-origins"] == Value::Bool(true)
}

/// An origin, or a host that stands for its https origin.
fn is_origin(text: &str) -> bool {
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let plain = whole.strip_suffix('/').unwrap_or(&whole);
    url::Url::parse(plain).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.host_str().is_some_and(|host| !host.contains('*'))
    })
}

fn format(name: &str, text: &str) -> Problem {
    // A parser of addresses passes over line ends and tabs.
    let fits = !text.contains(is_unprintable)
        && match name {
            "uri" => url::Url::parse(text).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.fragment().is_none()
            }),
            "email" => is_email(text) && text.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.')),
            "hostname" => matches!(url::Host::parse(text), Ok(url::Host::Domain(_))),
            "color" => {
                text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            _ => true,
        };
    if fits {
        return None;
    }
    let words = match name {
        "uri" => "must be an address such as https://example.com/api",
        "email" => "must be an e-mail address",
        "hostname" => "must be a host name",
        _ => "must be a colour such as #1a73e8",
    };
    Some(("format", words.to_owned()))
}

/// Whether this is one plain e-mail address with nothing around it: no name, no quotes, no address of a machine in brackets.
pub fn is_email(text: &str) -> bool {
    let plain = Options::default().without_display_text().without_domain_literal();
    EmailAddress::parse_with_options(text, plain).is_ok_and(|address| {
        !address.local_part().starts_with('"')
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && matches!(url::Host::parse(address.domain()), Ok(url::Host::Domain(_)))
    })
}

/// Characters that no line of text holds: control characters, and those that end a line or turn its direction. Another
/// character may be invisible and still mean something.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Takes the secrets out of settings that [`validate`] found right: the plain values that are stored as they are, and the
/// secrets by the name that `x-secret` gives them. Empty secrets are left out: they leave what is stored as it is.
pub fn split(schema: &Value, values: &Value) -> (Value, BTreeMap<String, SecretValue>) {
    let mut plain = values.as_object().cloned().unwrap_or_default();
    let mut secrets = BTreeMap::new();
    for field in all_fields(schema) {
        let Some(name) = field.secret() else { continue };
        if let Some(Value::String(value)) = plain.remove(field.name)
            && !value.trim().is_empty()
        {
            secrets.insert(name.to_owned(), SecretValue::from(value.trim().to_owned()));
        }
    }
    plain.retain(|_, value| !value.is_null());
    (Value::Object(plain), secrets)
}

/// The settings that a web page's visitors may read, with the schema's defaults where nothing is set.
pub fn public(schema: &Value, values: &Value) -> Value {
    let shown: Map<String, Value> = fields(schema, values)
        .into_iter()
        .filter(|field| field.public() && field.secret().is_none())
        .filter_map(|field| {
            let value = values.get(field.name).or_else(|| field.schema.get("default"))?;
            Some((field.name.to_owned(), value.clone()))
        })
        .collect();
    Value::Object(shown)
}
