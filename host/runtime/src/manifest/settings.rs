//! The settings form: which JSON Schema may describe it ([`lint`]), whether it and the texts beside it speak of the same
//! ([`agree`]), what values fit it ([`validate`]), and which of them are secrets ([`split`]).
//!
//! The subset is what a form can be drawn from: a flat object of strings, numbers, booleans, choices and lists of strings,
//! with at most one `oneOf` whose branches a constant tells apart. Anything else is refused when a plugin is loaded, so that
//! a form that cannot be drawn never reaches a person. Nothing here knows where settings are kept.

mod agree;
mod lint;
mod pattern;
mod values;

pub use agree::agree;
pub use lint::{LintFault, lint};
pub use values::{SettingFault, is_email, is_unprintable, public, split, validate, validate_update};

use serde_json::{Map, Value};

/// One field as it stands in a schema.
#[derive(Clone, Copy, Debug)]
pub struct Field<'s> {
    /// Its key in the settings.
    pub name: &'s str,
    /// Its own schema.
    pub schema: &'s Value,
    /// Whether it must be filled in.
    pub required: bool,
}

impl<'s> Field<'s> {
    fn flag(&self, keyword: &str) -> bool {
        self.schema.get(keyword).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The name of the secret that it fills, for a field whose value is never shown again.
    pub fn secret(&self) -> Option<&'s str> {
        self.schema.get("x-secret").and_then(Value::as_str)
    }

    /// Fixed once the channel is connected.
    pub fn locked(&self) -> bool {
        self.flag("x-locked")
    }

    /// Told to a web page's visitors.
    pub fn public(&self) -> bool {
        self.flag("x-public")
    }

    /// Made by the host, shown to be copied.
    pub fn read_only(&self) -> bool {
        self.flag("readOnly")
    }
}

/// The field whose constant tells the branches of `oneOf` apart, where the schema has them.
pub fn discriminator(schema: &Value) -> Option<&str> {
    let branch = schema.get("oneOf")?.as_array()?.first()?;
    constant(branch).map(|(name, _)| name)
}

/// The fields that count for these values: those of the whole form, and of the branch that the values choose.
pub fn fields<'s>(schema: &'s Value, values: &Value) -> Vec<Field<'s>> {
    let mut found = own_fields(schema);
    if let Some(branch) = chosen(schema, values) {
        let discriminator = constant(branch).map(|(name, _)| name);
        for field in own_fields(branch) {
            if Some(field.name) == discriminator {
                found.retain(|other| other.name != field.name);
            }
            found.push(field);
        }
    }
    found
}

/// Every field of the form, whatever is chosen.
pub fn all_fields(schema: &Value) -> Vec<Field<'_>> {
    let branches = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    own_fields(schema).into_iter().chain(branches.flat_map(own_fields)).collect()
}

fn own_fields(schema: &Value) -> Vec<Field<'_>> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    properties(schema)
        .into_iter()
        .flatten()
        .map(|(name, schema)| Field { name, schema, required: required.contains(&name.as_str()) })
        .collect()
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

/// The property of a branch that has a constant, and the constant.
fn constant(branch: &Value) -> Option<(&str, &str)> {
    properties(branch)?.iter().find_map(|(name, schema)| Some((name.as_str(), schema.get("const")?.as_str()?)))
}

/// The branch whose constant stands in the values.
fn chosen<'s>(schema: &'s Value, values: &Value) -> Option<&'s Value> {
    schema.get("oneOf")?.as_array()?.iter().find(|branch| {
        constant(branch).is_some_and(|(name, value)| values.get(name).and_then(Value::as_str) == Some(value))
    })
}

#[cfg(test)]
mod tests;
