//! The API's description: every answer is typed.

use serde_json::Value;

use super::common::described::document;

/// Whether a schema says nothing.
fn is_empty(schema: &Value) -> bool {
    let says = |key: &str| schema.get(key).is_some();
    !["$ref", "type", "oneOf", "anyOf", "allOf", "enum"].into_iter().any(says)
}

/// What a reference leads to.
fn resolved(schema: &Value) -> &Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    pointer.and_then(|pointer| document().pointer(pointer)).unwrap_or(schema)
}

#[test]
fn every_answer_is_typed() {
    let mut untyped = Vec::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(answers) = operation["responses"].as_object() else { continue };
            for (status, answer) in answers {
                let schema = resolved(&answer["content"]["application/json"]["schema"]);
                let items = schema.pointer("/properties/items/items").unwrap_or(&Value::Null);
                if (!schema.is_null() && is_empty(schema)) || (!items.is_null() && is_empty(items)) {
                    untyped.push(format!("{method} {path} {status}"));
                }
            }
        }
    }
    assert_eq!(untyped, Vec::<String>::new());
}
