//! What stands in a form, in order: the fields that every answer has, and for a choice the fields of each of its branches.

use sambung_runtime::manifest::settings::discriminator;
use serde_json::{Map, Value};

/// A form.
pub(in crate::console) struct Form<'s> {
    /// Its entries, in order.
    pub entries: Vec<Entry<'s>>,
}

/// An entry of a form.
pub(in crate::console) enum Entry<'s> {
    /// One field.
    Field(Field<'s>),
    /// A choice, each of which has fields of its own.
    Choice(Choice<'s>),
}

/// A choice between branches.
pub(in crate::console) struct Choice<'s> {
    /// The setting that holds what was chosen.
    pub name: &'s str,
    /// The question.
    pub title: &'s str,
    /// What is chosen while nothing is.
    pub usual: &'s str,
    /// Whether it is fixed once the channel is connected.
    pub is_locked: bool,
    /// What can be chosen, in order.
    pub branches: Vec<Branch<'s>>,
}

/// A branch of a choice.
pub(in crate::console) struct Branch<'s> {
    /// The value of the choice.
    pub value: &'s str,
    /// The value in words.
    pub title: &'s str,
    /// Its fields, in order.
    pub fields: Vec<Field<'s>>,
}

/// A field.
pub(in crate::console) struct Field<'s> {
    /// The setting's name.
    pub name: &'s str,
    /// Its name among the form's controls: two branches may have a setting of the same name.
    pub key: String,
    /// How it is filled in.
    pub kind: Kind,
    schema: &'s Value,
}

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum Kind {
    /// One line, of this `type` of HTML's.
    Line(&'static str),
    /// Several lines.
    Lines,
    /// A list, a line each.
    List,
    /// A whole number.
    Number,
    /// Yes or no.
    Switch,
    /// One of a few words.
    Select,
    /// What is never shown again.
    Secret,
}

impl<'s> Form<'s> {
    /// Reads a schema, whose texts are in the reader's language already.
    pub fn of(schema: &'s Value) -> Form<'s> {
        let name = discriminator(schema);
        let mut entries: Vec<(i64, Entry<'s>)> = Vec::new();
        for (own, property) in properties(schema).into_iter().flatten() {
            if Some(own.as_str()) != name {
                entries.push((order(property), Entry::Field(Field::of(own, property, None))));
            }
        }
        if let Some(choice) = name.and_then(|name| Choice::of(schema, name)) {
            entries.push(choice);
        }
        entries.sort_by_key(|(order, _)| *order);
        Form { entries: entries.into_iter().map(|(_, entry)| entry).collect() }
    }
}

impl Form<'_> {
    /// The names of the settings whose fields a person sees, with these values.
    pub fn shown(&self, values: &Value) -> Vec<&str> {
        let mut names = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::Field(field) => names.push(field.name),
                Entry::Choice(choice) => {
                    let current = values[choice.name].as_str().unwrap_or(choice.usual);
                    let branch = choice.branches.iter().find(|branch| branch.value == current);
                    names.extend(branch.into_iter().flat_map(|branch| &branch.fields).map(|field| field.name));
                }
            }
        }
        names
    }
}

impl<'s> Form<'s> {
    /// Its choice between branches, if it has one.
    pub fn choice(&self) -> Option<&Choice<'s>> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Choice(choice) => Some(choice),
            Entry::Field(_) => None,
        })
    }

    /// What the branch is called that these values chose.
    pub fn branch_title(&self, values: &Value) -> Option<&'s str> {
        let choice = self.choice()?;
        let current = values[choice.name].as_str().unwrap_or(choice.usual);
        choice.branches.iter().find(|branch| branch.value == current).map(|branch| branch.title)
    }
}

impl<'s> Choice<'s> {
    fn of(schema: &'s Value, name: &'s str) -> Option<(i64, Entry<'s>)> {
        let own = &schema["properties"][name];
        let branches = schema.get("oneOf")?.as_array()?;
        let constant = |branch: &'s Value| branch["properties"][name]["const"].as_str();
        let first = branches.first()?;
        let of_first = &first["properties"][name];
        let title = [own, of_first].into_iter().find_map(|at| at["title"].as_str()).unwrap_or(name);
        let choice = Choice {
            name,
            title,
            usual: own["default"].as_str().or_else(|| constant(first)).unwrap_or_default(),
            is_locked: own["x-locked"] == true,
            branches: branches.iter().filter_map(|branch| Some(Branch::of(branch, constant(branch)?, name))).collect(),
        };
        let order = if own["x-order"].is_i64() { order(own) } else { order(of_first) };
        Some((order, Entry::Choice(choice)))
    }
}

impl<'s> Branch<'s> {
    fn of(schema: &'s Value, value: &'s str, choice: &str) -> Branch<'s> {
        let own = properties(schema).into_iter().flatten().filter(|(name, _)| *name != choice);
        let mut fields: Vec<_> = own.map(|(name, property)| Field::of(name, property, Some(value))).collect();
        fields.sort_by_key(|field| order(field.schema));
        Branch { value, title: schema["title"].as_str().unwrap_or(value), fields }
    }
}

impl<'s> Field<'s> {
    fn of(name: &'s str, schema: &'s Value, branch: Option<&str>) -> Field<'s> {
        let key = branch.map_or_else(|| name.to_owned(), |branch| format!("{branch}.{name}"));
        Field { name, key, kind: Kind::of(schema), schema }
    }

    /// Its label.
    pub fn title(&self) -> &'s str {
        self.schema["title"].as_str().unwrap_or(self.name)
    }

    /// Where to find the value and what it is for.
    pub fn help(&self) -> Option<&'s str> {
        self.schema["description"].as_str()
    }

    /// An example.
    pub fn placeholder(&self) -> Option<&'s str> {
        self.schema["x-placeholder"].as_str()
    }

    /// The step of the instructions that tells of it.
    pub fn anchor(&self) -> Option<&'s str> {
        self.schema["x-help-anchor"].as_str()
    }

    /// Its value while none is given.
    pub fn usual(&self) -> &'s Value {
        &self.schema["default"]
    }

    /// Whether it is fixed once the channel is connected.
    pub fn is_locked(&self) -> bool {
        self.schema["x-locked"] == true
    }

    /// Whether few people need it.
    pub fn is_advanced(&self) -> bool {
        self.schema["x-advanced"] == true
    }

    /// Whether the host fills it in, to be copied.
    pub fn is_read_only(&self) -> bool {
        self.schema["readOnly"] == true
    }

    /// The words of a [`Kind::Select`], each with what a person reads.
    pub fn options(&self) -> Vec<(&'s str, &'s str)> {
        let values = self.schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let label = |(at, value)| (value, self.schema["x-labels"][at].as_str().unwrap_or(value));
        values.enumerate().map(label).collect()
    }
}

impl Kind {
    fn of(schema: &Value) -> Kind {
        if schema["x-secret"].is_string() {
            return Kind::Secret;
        }
        match schema["type"].as_str().unwrap_or_default() {
            "boolean" => Kind::Switch,
            "integer" | "number" => Kind::Number,
            "array" => Kind::List,
            _ if schema["enum"].is_array() => Kind::Select,
            _ if schema["x-multiline"] == true => Kind::Lines,
            _ => Kind::Line(match schema["format"].as_str().unwrap_or_default() {
                "color" => "color",
                "email" => "email",
                "uri" => "url",
                "date" => "date",
                _ => "text",
            }),
        }
    }
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema["properties"].as_object()
}

fn order(schema: &Value) -> i64 {
    schema["x-order"].as_i64().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_stand_in_order_and_those_of_a_branch_within_it() {
        let schema = json!({
            "properties": {
                "mode": { "enum": ["a", "b"], "default": "b", "title": "How?", "type": "string", "x-order": 2 },
                "last": { "type": "boolean", "x-order": 9 },
                "first": { "type": "array", "items": { "type": "string" }, "x-order": 1 }
            },
            "oneOf": [
                { "title": "By A", "properties": { "mode": { "const": "a" }, "token": { "type": "string", "x-secret": "t" } } },
                { "title": "By B", "properties": { "mode": { "const": "b" } } }
            ]
        });
        let form = Form::of(&schema);
        let names: Vec<_> = form
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Field(field) => field.name,
                Entry::Choice(choice) => choice.name,
            })
            .collect();
        assert_eq!(names, ["first", "mode", "last"]);
        let Entry::Choice(choice) = &form.entries[1] else { panic!("the second entry is the choice") };
        assert_eq!((choice.title, choice.usual, choice.branches.len()), ("How?", "b", 2));
        let token = &choice.branches[0].fields[0];
        assert_eq!((token.key.as_str(), token.kind), ("a.token", Kind::Secret));
    }
}
