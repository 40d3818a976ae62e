//! Whether a form can be drawn from a schema.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{constant, pattern, properties};
use crate::manifest::secret::Origin;
use crate::manifest::section::nearest;
use crate::manifest::{Manifest, SecretDecl};

/// What in a schema cannot be drawn or does not agree with the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFault {
    /// JSON Pointer into the schema.
    pub pointer: String,
    /// What is wrong and what to do.
    pub words: String,
}

impl std::fmt::Display for LintFault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.pointer, self.words)
    }
}

const TOP: [&str; 9] =
    ["$schema", "$id", "title", "description", "type", "properties", "required", "additionalProperties", "oneOf"];
const BRANCH: [&str; 6] = ["title", "description", "type", "properties", "required", "x-order"];
const FIELD: [&str; 31] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "readOnly",
    "x-secret",
    "x-locked",
    "x-origins",
    "x-public",
    "x-order",
    "x-group",
    "x-multiline",
    "x-placeholder",
    "x-help-anchor",
    "x-advanced",
    "x-labels",
    "x-color",
    "$comment",
];
const FORMATS: [&str; 4] = ["uri", "email", "hostname", "color"];

/// Whether a settings schema is in the subset, and agrees with the manifest.
///
/// # Errors
/// Every fault at once.
pub fn lint(schema: &Value, manifest: &Manifest) -> Result<(), Vec<LintFault>> {
    let mut lint = Lint { manifest, faults: Vec::new() };
    lint.top(schema);
    if lint.faults.is_empty() { Ok(()) } else { Err(lint.faults) }
}

struct Lint<'m> {
    manifest: &'m Manifest,
    faults: Vec<LintFault>,
}

impl Lint<'_> {
    fn fault(&mut self, pointer: &str, words: impl Into<String>) {
        self.faults.push(LintFault { pointer: pointer.to_owned(), words: words.into() });
    }

    fn keywords(&mut self, pointer: &str, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = nearest(key, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let words = format!("`{key}` is not in the subset that forms are drawn from{}", hint.unwrap_or_default());
            self.fault(&format!("{pointer}/{}", escape(key)), words);
        }
    }

    fn top(&mut self, schema: &Value) {
        let Some(object) = schema.as_object() else {
            self.fault("", "must be an object");
            return;
        };
        self.keywords("", object, &TOP);
        if schema["type"] != "object" {
            self.fault("/type", "must be \"object\"");
        }
        if object.get("additionalProperties").is_some_and(|value| *value != Value::Bool(false)) {
            self.fault("/additionalProperties", "must be false or absent: unknown settings are always refused");
        }
        self.fields("", schema, None);
        if let Some(branches) = object.get("oneOf") {
            self.branches(branches, schema);
        }
    }

    fn branches(&mut self, branches: &Value, schema: &Value) {
        let Some(branches) = branches.as_array().filter(|branches| branches.len() >= 2) else {
            self.fault("/oneOf", "must be a list of at least two branches");
            return;
        };
        let discriminator = branches.first().and_then(constant).map(|(name, _)| name);
        let mut constants = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let pointer = format!("/oneOf/{index}");
            let Some(object) = branch.as_object() else {
                self.fault(&pointer, "must be an object");
                continue;
            };
            self.keywords(&pointer, object, &BRANCH);
            if !object.get("title").is_some_and(Value::is_string) {
                self.fault(&pointer, "needs a title: it is what a person chooses");
            }
            match constant(branch) {
                Some((name, value)) if Some(name) == discriminator && !constants.contains(&value) => {
                    constants.push(value);
                }
                _ => self.fault(
                    &pointer,
                    "needs a property with a `const` of its own, of the same name in every branch, to tell them apart",
                ),
            }
            self.fields(&pointer, branch, discriminator);
            self.repeated(&pointer, branch, schema, discriminator);
        }
    }

    /// A field of a branch must not stand in the whole form too.
    fn repeated(&mut self, pointer: &str, branch: &Value, schema: &Value, discriminator: Option<&str>) {
        for name in properties(branch).into_iter().flat_map(Map::keys) {
            if Some(name.as_str()) != discriminator && properties(schema).is_some_and(|all| all.contains_key(name)) {
                self.fault(&format!("{pointer}/properties/{}", escape(name)), "stands in the whole form already");
            }
        }
    }

    fn fields(&mut self, pointer: &str, schema: &Value, discriminator: Option<&str>) {
        let Some(properties) = properties(schema) else {
            self.fault(&format!("{pointer}/properties"), "must be an object with the fields");
            return;
        };
        for (name, field) in properties {
            let at = format!("{pointer}/properties/{}", escape(name));
            let proper =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !proper {
                self.fault(&at, "a field's name has lower-case letters, digits and underscores");
            }
            match field.as_object() {
                Some(object) => self.field(&at, field, object, Some(name.as_str()) == discriminator),
                None => self.fault(&at, "must be an object"),
            }
        }
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !name.as_str().is_some_and(|name| properties.contains_key(name)) {
                self.fault(&format!("{pointer}/required"), format!("{name} is no field here"));
            }
        }
    }

    fn field(&mut self, at: &str, field: &Value, object: &Map<String, Value>, discriminator: bool) {
        self.keywords(at, object, &FIELD);
        if object.contains_key("const") {
            if !discriminator || !field["const"].is_string() {
                self.fault(&format!("{at}/const"), "only the field that tells branches apart has a constant, a string");
            }
            return;
        }
        if object.get("title").and_then(Value::as_str).unwrap_or_default().is_empty() {
            self.fault(at, "needs a title: it is the label that a person reads");
        }
        match field["type"].as_str() {
            Some("string") => {}
            Some("integer" | "number" | "boolean") => self.only_for_strings(at, object),
            Some("array") => self.list(at, field, object),
            _ => self.fault(&format!("{at}/type"), "one of string, integer, number, boolean, array"),
        }
        self.choices(at, field, object);
        if let Some(format) = object.get("format")
            && !format.as_str().is_some_and(|format| FORMATS.contains(&format))
        {
            self.fault(&format!("{at}/format"), format!("one of {}", FORMATS.join(", ")));
        }
        if let Some(pattern) = object.get("pattern")
            && pattern::compiled(pattern).is_none()
        {
            let most = pattern::MOST_CHARACTERS;
            let words = format!(
                "not a regular expression of at most {most} characters without look-around and back-references"
            );
            self.fault(&format!("{at}/pattern"), words);
        }
        if let Some(name) = object.get("x-secret") {
            self.secret(at, field, object, name);
        }
    }

    fn only_for_strings(&mut self, at: &str, object: &Map<String, Value>) {
        for key in ["format", "pattern", "minLength", "maxLength", "x-secret", "x-origins", "x-multiline"] {
            if object.contains_key(key) {
                self.fault(&format!("{at}/{key}"), "only for strings");
            }
        }
    }

    fn list(&mut self, at: &str, field: &Value, object: &Map<String, Value>) {
        if field["items"]["type"] != "string" {
            self.fault(&format!("{at}/items"), "a list is of strings: {\"type\": \"string\"}");
        }
        if object.contains_key("x-secret") {
            self.fault(&format!("{at}/x-secret"), "a secret is a string");
        }
    }

    fn choices(&mut self, at: &str, field: &Value, object: &Map<String, Value>) {
        let Some(choices) = object.get("enum") else { return };
        let Some(choices) = choices.as_array().filter(|choices| !choices.is_empty()) else {
            self.fault(&format!("{at}/enum"), "a list with at least one choice");
            return;
        };
        if field["type"] != "string" || !choices.iter().all(Value::is_string) {
            self.fault(&format!("{at}/enum"), "choices are strings, in a field of type string");
        }
        if let Some(labels) = object.get("x-labels")
            && labels.as_array().map(Vec::len) != Some(choices.len())
        {
            self.fault(&format!("{at}/x-labels"), "one label for each choice");
        }
    }

    fn secret(&mut self, at: &str, field: &Value, object: &Map<String, Value>, name: &Value) {
        let pointer = format!("{at}/x-secret");
        let Some(declared) = name.as_str().and_then(|name| self.manifest.secret(name)) else {
            let known = self.manifest.secrets.iter().map(|secret| secret.name.as_str());
            let hint =
                nearest(name.as_str().unwrap_or_default(), known).map(|near| format!("; did you mean `{near}`?"));
            self.fault(&pointer, format!("{name} is no [[secret]] of the manifest{}", hint.unwrap_or_default()));
            return;
        };
        for key in ["default", "examples", "enum", "x-public"] {
            if object.contains_key(key) {
                self.fault(&format!("{at}/{key}"), "a secret is never shown, so it has none of this");
            }
        }
        let read_only = field["readOnly"] == Value::Bool(true);
        if let Some(words) = secret_disagrees(declared, read_only) {
            self.fault(&pointer, words);
        }
    }
}

fn secret_disagrees(declared: &SecretDecl, read_only: bool) -> Option<&'static str> {
    match &declared.origin {
        Origin::Admin if read_only => Some("a secret that a person types is not readOnly"),
        Origin::Generated(generate) if !generate.shown => {
            Some("a generated secret stands in a form only when it is shown")
        }
        Origin::Generated(_) if !read_only => Some("a generated secret is readOnly in the form"),
        Origin::Obtained => Some("a secret that the provider hands out stands in no form"),
        _ => None,
    }
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
