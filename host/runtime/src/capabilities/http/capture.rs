//! Captures: secrets that a provider hands out are taken from its answer before the plugin sees it.

use serde_json::Value;

use crate::capabilities::vault::Vault;
use crate::contract::http::Capture;
use crate::services::SecretValue;

/// Captures of one request.
const MAX_CAPTURES: usize = 32;
/// Bytes of a label: it is written once for each value that is found.
const LABEL_BYTES: usize = 128;

/// Whether these captures can be asked for at all; known before anything leaves.
pub(super) fn check(captures: &[Capture]) -> Result<(), String> {
    if captures.len() > MAX_CAPTURES {
        return Err(format!("at most {MAX_CAPTURES} captures in one request"));
    }
    if captures.iter().any(|capture| capture.label.len() > LABEL_BYTES) {
        return Err(format!("a capture's label has at most {LABEL_BYTES} bytes"));
    }
    Ok(())
}

/// Takes what the captures name out of a body and gives the body with labels in the values' places. One value has the
/// capture's label; where a pointer with `*` finds several, they are `label:0`, `label:1`, …
///
/// # Errors
/// There are more values than one call may capture: the plugin sees nothing of the answer.
pub(super) fn take(
    vault: &mut Vault,
    captures: &[Capture],
    mime: Option<&str>,
    body: Vec<u8>,
) -> Result<Vec<u8>, String> {
    if captures.is_empty() {
        return Ok(body);
    }
    if mime.is_some_and(|mime| mime.starts_with("application/x-www-form-urlencoded")) {
        return from_form(vault, captures, &body);
    }
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else {
        // Some providers answer with a form and call it text.
        return if body.contains(&b'=') { from_form(vault, captures, &body) } else { Ok(body) };
    };
    for capture in captures {
        let mut found = Vec::new();
        collect(&mut json, &pointer(&capture.pointer), &mut found);
        let several = capture.pointer.split('/').any(|segment| segment == "*");
        for (index, value) in found.into_iter().enumerate() {
            let label = if several { format!("{}:{index}", capture.label) } else { capture.label.clone() };
            let taken = match std::mem::replace(value, Value::String(label.clone())) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            vault.capture(label, SecretValue::from(taken))?;
        }
    }
    Ok(json.to_string().into_bytes())
}

fn pointer(text: &str) -> Vec<String> {
    text.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn collect<'v>(value: &'v mut Value, path: &[String], found: &mut Vec<&'v mut Value>) {
    let Some((segment, rest)) = path.split_first() else {
        if !value.is_null() {
            found.push(value);
        }
        return;
    };
    match (value, segment.as_str()) {
        (Value::Array(items), "*") => items.iter_mut().for_each(|item| collect(item, rest, found)),
        (Value::Object(fields), "*") => fields.values_mut().for_each(|field| collect(field, rest, found)),
        (Value::Array(items), index) => {
            if let Some(item) = index.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                collect(item, rest, found);
            }
        }
        (Value::Object(fields), name) => {
            if let Some(field) = fields.get_mut(name) {
                collect(field, rest, found);
            }
        }
        _ => {}
    }
}

fn from_form(vault: &mut Vault, captures: &[Capture], body: &[u8]) -> Result<Vec<u8>, String> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(body) {
        let capture = captures.iter().find(|capture| capture.pointer.trim_start_matches('/') == name);
        match capture {
            Some(capture) => {
                vault.capture(capture.label.clone(), SecretValue::from(value.into_owned()))?;
                form.append_pair(&name, &capture.label);
            }
            None => {
                form.append_pair(&name, &value);
            }
        }
    }
    Ok(form.finish().into_bytes())
}
