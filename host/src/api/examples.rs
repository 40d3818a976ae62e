//! Examples of every operation's body and answer, put into the description. A test holds that they are there and fit.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::{Content, OpenApi, RefOr, path::Operation};

/// `@name` stands for what `shown` has under that name.
const SOURCE: &str = include_str!("examples.json");

const JSON: &str = "application/json";

#[derive(Default, Deserialize)]
struct Examples {
    shown: BTreeMap<String, Value>,
    operations: BTreeMap<String, Example>,
}

/// What one operation gets and answers, where that is JSON.
#[derive(Deserialize)]
struct Example {
    request: Option<Value>,
    answer: Option<Value>,
}

impl Examples {
    fn whole(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('@').and_then(|name| self.shown.get(name)) {
                Some(shown) => self.whole(shown),
                None => value.clone(),
            },
            Value::Array(list) => list.iter().map(|one| self.whole(one)).collect(),
            Value::Object(fields) => fields.iter().map(|(name, one)| (name.clone(), self.whole(one))).collect(),
            other => other.clone(),
        }
    }

    fn put(&self, name: &str, operation: &mut Operation) {
        let Some(example) = self.operations.get(name) else { return };
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            self.set(body.content.get_mut(JSON), &example.request);
        }
        for (status, answer) in &mut operation.responses.responses {
            if let RefOr::T(answer) = answer
                && status.starts_with('2')
            {
                self.set(answer.content.get_mut(JSON), &example.answer);
            }
        }
    }

    fn set(&self, content: Option<&mut RefOr<Content>>, value: &Option<Value>) {
        if let (Some(RefOr::T(content)), Some(value)) = (content, value) {
            content.example = Some(self.whole(value));
        }
    }
}

/// Adds the examples to a description.
pub(super) fn add(document: &mut OpenApi) {
    let examples: Examples = match serde_json::from_str(SOURCE) {
        Ok(examples) => examples,
        Err(error) => {
            debug_assert!(false, "examples.json: {error}");
            Examples::default()
        }
    };
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in [
            ("GET", &mut item.get),
            ("POST", &mut item.post),
            ("PUT", &mut item.put),
            ("PATCH", &mut item.patch),
            ("DELETE", &mut item.delete),
        ] {
            if let Some(operation) = operation {
                examples.put(&format!("{method} {path}"), operation);
            }
        }
    }
}
