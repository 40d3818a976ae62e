//! The API's description: everything is typed, every operation has examples that fit, and each change of it is reviewed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::common::described::{document, faults};

/// Schemas of JSON whose form is not the API's. Each says in its description whose it is.
const FREE: [&str; 6] = ["PluginSettings", "PluginForm", "PluginData", "StepAnswer", "AuditDetail", "ProblemMore"];

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The operations, each as `GET /v1/…`.
fn operations() -> Vec<(String, &'static Value)> {
    let mut found = Vec::new();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                found.push((format!("{} {path}", method.to_uppercase()), operation));
            }
        }
    }
    assert!(found.len() > 80, "{}", found.len());
    found
}

/// The schemas of an operation, with where each stands.
fn schemas(operation: &'static Value) -> Vec<(String, &'static Value)> {
    let mut found = Vec::new();
    for (at, parameter) in operation["parameters"].as_array().into_iter().flatten().enumerate() {
        found.push((format!("parameter {at}"), &parameter["schema"]));
    }
    let mut of_content = |place: &str, content: &'static Value| {
        for (kind, media) in content.as_object().into_iter().flatten() {
            found.push((format!("{place} {kind}"), &media["schema"]));
        }
    };
    of_content("body", &operation["requestBody"]["content"]);
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        of_content(status, &answer["content"]);
    }
    found
}

/// Where a schema says nothing of what may stand there.
fn untyped(schema: &Value, place: &str, found: &mut Vec<String>) {
    let says = |key: &str| schema.get(key).is_some();
    if says("$ref") {
        return;
    }
    let is = |wanted: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == wanted),
        kind => kind == wanted,
    };
    let combined = ["oneOf", "anyOf", "allOf"].into_iter().any(says);
    let known = says("type") || says("enum") || says("const") || combined;
    let free = is("object") && !says("properties") && !says("additionalProperties") && !combined;
    let any = is("array") && !says("items") && !says("prefixItems");
    if !known || free || any {
        found.push(place.to_owned());
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        untyped(property, &format!("{place}.{name}"), found);
    }
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            untyped(&schema[key], &format!("{place}[]"), found);
        }
    }
    for key in ["oneOf", "anyOf", "allOf", "prefixItems"] {
        for one in schema[key].as_array().into_iter().flatten() {
            untyped(one, &format!("{place}|"), found);
        }
    }
}

#[test]
fn every_body_and_every_answer_is_typed_at_every_level() {
    let mut found = Vec::new();
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        match FREE.contains(&name.as_str()) {
            true => assert!(schema["description"].is_string(), "{name} says whose form it has"),
            false => untyped(schema, name, &mut found),
        }
    }
    for (name, operation) in operations() {
        for (place, schema) in schemas(operation) {
            untyped(schema, &format!("{name} {place}"), &mut found);
        }
    }
    assert_eq!(found, Vec::<String>::new(), "give these a type, or name whose form they have (model/shown/free.rs)");
}

#[test]
fn what_says_nothing_is_found_at_every_level() {
    let schema = serde_json::json!({"type": "object", "properties": {
        "free": {"type": "object"}, "any": {"description": "?"}, "list": {"type": "array", "items": {}},
        "good": {"type": "object", "additionalProperties": {"type": "string"}},
        "either": {"oneOf": [{"type": "null"}, {"type": ["object", "null"]}]},
    }});
    let mut found = Vec::new();
    untyped(&schema, "S", &mut found);
    found.sort();
    assert_eq!(found, ["S.any", "S.either|", "S.free", "S.list[]"]);
}

#[test]
fn every_operation_has_examples_of_its_body_and_its_answer_and_they_fit() {
    let mut missing = BTreeSet::new();
    for (name, operation) in operations() {
        let mut check = |place: &str, content: &'static Value| {
            for (kind, media) in content.as_object().into_iter().flatten() {
                if !kind.ends_with("json") {
                    continue;
                }
                let Some(example) = media.get("example") else {
                    missing.insert(format!("{name} {place}"));
                    continue;
                };
                let faults = faults(&media["schema"], example);
                assert!(faults.is_empty(), "the example of {name} {place} does not fit: {faults:#?}\n{example:#}");
            }
        };
        check("body", &operation["requestBody"]["content"]);
        for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
            if status.starts_with('2') {
                check(status, &answer["content"]);
            }
        }
    }
    assert!(missing.is_empty(), "put examples of these into host/src/api/examples.json: {missing:#?}");
}

/// A schema in a few words.
fn in_words(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for (key, join) in [("oneOf", " | "), ("anyOf", " | "), ("allOf", " & ")] {
        if let Some(list) = schema[key].as_array() {
            return list.iter().map(in_words).collect::<Vec<_>>().join(join);
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = |kind: &&str| match *kind {
        "array" => format!("[{}]", in_words(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("{{{}}}", in_words(&schema["additionalProperties"]))
        }
        "object" => {
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mark = |name: &str| if required.contains(&name) { "" } else { "?" };
            let properties = schema["properties"].as_object().into_iter().flatten();
            let list: Vec<_> =
                properties.map(|(name, one)| format!("{name}{}: {}", mark(name), in_words(one))).collect();
            format!("{{ {} }}", list.join(", "))
        }
        other => match schema["enum"].as_array() {
            Some(words) => words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
            None => other.to_owned(),
        },
    };
    kinds.iter().map(kind).collect::<Vec<_>>().join(" | ")
}

/// The description without its texts: an operation and a property is a line.
fn outline() -> String {
    let mut text = String::new();
    for (name, operation) in operations() {
        writeln!(text, "{name}").unwrap();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (place, name) = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
            writeln!(text, "  {place} {name}: {}", in_words(&parameter["schema"])).unwrap();
        }
        for (place, schema) in schemas(operation).into_iter().filter(|(place, _)| !place.starts_with("parameter")) {
            writeln!(text, "  {place}: {}", in_words(schema)).unwrap();
        }
        for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
            if answer["content"].is_null() {
                writeln!(text, "  {status}").unwrap();
            }
        }
    }
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        // A page is written out in each operation that answers with one.
        match schema["properties"].as_object() {
            Some(properties) => {
                writeln!(text, "{name}").unwrap();
                let required = schema["required"].as_array();
                let is_required = |name: &str| required.is_some_and(|list| list.iter().any(|one| one == name));
                for (property, schema) in properties {
                    let mark = if is_required(property) { "" } else { "?" };
                    writeln!(text, "  {property}{mark}: {}", in_words(schema)).unwrap();
                }
            }
            None => writeln!(text, "{name} = {}", in_words(schema)).unwrap(),
        }
    }
    text
}

#[test]
fn the_description_is_as_it_was_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.snapshot.txt");
    let now = outline();
    if std::env::var_os("SAMBUNG_RENEW_SNAPSHOT").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (reviewed.lines().collect(), now.lines().collect());
    assert!(
        reviewed == now,
        "the API is described otherwise than host/tests/openapi.snapshot.txt has it. If that is meant, renew the file with\n  \
         SAMBUNG_RENEW_SNAPSHOT=1 cargo test -p sambung --test host described\nand review its difference.\ngone: {:#?}\nnew: {:#?}",
        was.difference(&is).collect::<Vec<_>>(),
        is.difference(&was).collect::<Vec<_>>()
    );
}
