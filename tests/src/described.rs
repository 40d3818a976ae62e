//! Holds the host's answers against its own description, `/openapi.json`. Every client of the tests does so ([`crate::api::Api`]).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The description, made once by the code that serves it.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(sambung::api::description()).expect("the description is JSON"));
type Validators = HashMap<String, Arc<Validator>>;
static VALIDATORS: Mutex<Option<Validators>> = Mutex::new(None);

/// The description.
///
/// # Panics
/// When it cannot be written as JSON.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Checks an answer.
///
/// # Panics
/// When the description says something else of it.
pub fn check(method: &Method, path: &str, status: StatusCode, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let Some((template, answers)) = answers(method, path) else { return };
    let Some(answer) = answers.get(status.as_str()) else {
        assert!(!status.is_success(), "{method} {template} is not described to answer with {status}: {body:#}");
        // What any address may answer with: 401, 403, 429, 503 and the like.
        let faults = faults(&json!({ "$ref": "#/components/schemas/Problem" }), body);
        assert!(faults.is_empty(), "{method} {template} {status} is no problem document: {faults:#?}\n{body:#}");
        return;
    };
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let content = &answer["content"];
    let Some(schema) = content.get(kind).or_else(|| content.get("application/json")).and_then(|one| one.get("schema"))
    else {
        return;
    };
    let key = format!("{method} {template} {status}");
    let known = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().get(&key).cloned();
    let validator = known.unwrap_or_else(|| {
        let made = validator(schema);
        let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        validators.get_or_insert_default().insert(key.clone(), Arc::clone(&made));
        made
    });
    let faults: Vec<String> =
        validator.iter_errors(body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{key} is not as it is described: {faults:#?}\n{body:#}");
}

/// Why a value does not fit a schema of the description.
///
/// # Panics
/// When the schema is none.
pub fn faults(schema: &Value, value: &Value) -> Vec<String> {
    validator(schema).iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

fn validator(schema: &Value) -> Arc<Validator> {
    let document = document();
    let mut whole =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"] });
    whole["allOf"] = json!([schema]);
    Arc::new(jsonschema::validator_for(&whole).expect("the description is a schema"))
}

/// The operation that an address belongs to, and its answers.
fn answers(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = document()["paths"].as_object()?;
    let method = method.as_str().to_ascii_lowercase();
    let mut found: Vec<_> = paths.iter().filter(|(template, _)| fits(template, path)).collect();
    // A word is meant rather than a parameter.
    found.sort_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = found.into_iter().find(|(_, item)| item.get(&method).is_some())?;
    Some((template, item.get(&method)?.get("responses")?))
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') || wanted == given => {}
            _ => return false,
        }
    }
}
