//! What a browser sent of a form, as settings.

use serde_json::{Map, Value};

use super::model::{Entry, Field, Form, Kind};

/// What a field that was left empty means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Keep {
    /// Nothing was set: the setting is left out.
    Nothing,
    /// The settings stand already: an empty secret keeps the stored one, any other empty field empties its setting.
    Secrets,
}

/// The settings in the pairs of a form. Of a choice only the fields of the branch that was chosen count. What has the wrong form is
/// kept as it was sent, so that the check of the settings names it.
pub(in crate::console) fn read(form: &Form<'_>, pairs: &[(String, String)], keep: Keep) -> Value {
    let mut settings = Map::new();
    for entry in &form.entries {
        match entry {
            Entry::Field(field) => take(field, pairs, keep, &mut settings),
            Entry::Choice(choice) => {
                let chosen = given(pairs, choice.name).unwrap_or(choice.usual);
                settings.insert(choice.name.to_owned(), chosen.into());
                let branch = choice.branches.iter().find(|branch| branch.value == chosen);
                for field in branch.into_iter().flat_map(|branch| &branch.fields) {
                    take(field, pairs, keep, &mut settings);
                }
            }
        }
    }
    Value::Object(settings)
}

fn given<'p>(pairs: &'p [(String, String)], key: &str) -> Option<&'p str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn take(field: &Field<'_>, pairs: &[(String, String)], keep: Keep, settings: &mut Map<String, Value>) {
    if field.is_read_only() {
        return;
    }
    let sent = given(pairs, &field.key);
    let value = match (field.kind, sent) {
        // A browser sends nothing for a switch that is off. One that is shown beside it says that the form had it.
        (Kind::Switch, sent) => {
            if given(pairs, &shown(field)).is_none() {
                return;
            }
            Value::Bool(sent.is_some())
        }
        (_, None) => return,
        (Kind::List, Some(text)) => {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Value::Array(lines.map(Value::from).collect())
        }
        (_, Some(text)) if text.trim().is_empty() => match keep {
            Keep::Nothing => return,
            Keep::Secrets if field.kind == Kind::Secret => return,
            Keep::Secrets => Value::Null,
        },
        (Kind::Number, Some(text)) => text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        (Kind::Lines, Some(text)) => text.replace("\r\n", "\n").into(),
        (_, Some(text)) => text.into(),
    };
    settings.insert(field.name.to_owned(), value);
}

/// The name of the hidden control that says that a switch was in the form.
pub(super) fn shown(field: &Field<'_>) -> String {
    format!("{}.shown", field.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn schema() -> Value {
        json!({
            "properties": {
                "sites": { "type": "array", "items": { "type": "string" } },
                "on": { "type": "boolean" },
                "port": { "type": "integer" },
                "words": { "type": "string", "x-multiline": true },
                "made": { "type": "string", "readOnly": true },
                "mode": { "enum": ["a", "b"], "default": "a", "type": "string" }
            },
            "oneOf": [
                { "properties": { "mode": { "const": "a" }, "token": { "type": "string", "x-secret": "t" } } },
                { "properties": { "mode": { "const": "b" }, "token": { "type": "string", "x-secret": "t" } } }
            ]
        })
    }

    #[test]
    fn each_kind_is_read_as_the_schema_wants_it_and_only_the_chosen_branch_counts() {
        let schema = schema();
        let sent = pairs(&[
            ("sites", " https://a.example \r\n\r\nhttps://b.example"),
            ("on.shown", "1"),
            ("port", "587"),
            ("words", "one\r\ntwo"),
            ("made", "forged"),
            ("mode", "b"),
            ("a.token", "of a"),
            ("b.token", "of b"),
            ("stranger", "x"),
        ]);
        let wanted = json!({
            "sites": ["https://a.example", "https://b.example"], "on": false, "port": 587, "words": "one\ntwo", "mode": "b",
            "token": "of b"
        });
        assert_eq!(read(&Form::of(&schema), &sent, Keep::Nothing), wanted);
    }

    #[test]
    fn what_is_left_empty_is_left_out_of_new_settings_and_emptied_in_old_ones() {
        let schema = schema();
        let sent = pairs(&[("port", "abc"), ("words", ""), ("mode", "a"), ("a.token", "")]);
        let form = Form::of(&schema);
        assert_eq!(read(&form, &sent, Keep::Nothing), json!({ "mode": "a", "port": "abc" }));
        assert_eq!(read(&form, &sent, Keep::Secrets), json!({ "mode": "a", "port": "abc", "words": null }));
    }
}
