//! Holds the server's answers against its own description, `/openapi.json`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The description, made once by the code that serves it.
static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(sambung::api::description()).expect("the description is JSON"));
type Validators = HashMap<String, Option<Arc<Validator>>>;
static VALIDATORS: Mutex<Option<Validators>> = Mutex::new(None);

/// The description.
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
    let Some(answer) = answers.get(status.as_str()) else { return };
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    let content = &answer["content"];
    let Some(schema) = content.get(kind).or_else(|| content.get("application/json")).and_then(|one| one.get("schema"))
    else {
        return;
    };
    let key = format!("{method} {template} {status}");
    let mut validators = VALIDATORS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validators = validators.get_or_insert_default();
    let validator = validators.entry(key.clone()).or_insert_with(|| validator(schema)).clone();
    let Some(validator) = validator else { return };
    let faults: Vec<String> =
        validator.iter_errors(body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{key} is not as it is described: {faults:#?}\n{body:#}");
}

fn validator(schema: &Value) -> Option<Arc<Validator>> {
    let document = document();
    let mut whole =
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"] });
    whole["allOf"] = json!([schema]);
    Some(Arc::new(jsonschema::validator_for(&whole).expect("the description is a schema")))
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
