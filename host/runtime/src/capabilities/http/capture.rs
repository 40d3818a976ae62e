//! Captures: secrets that a provider hands out are taken from its answer before the plugin sees it.

use serde_json::Value;

use super::{Failure, broken};
use crate::capabilities::vault::Vault;
use crate::contract::http::Capture;
use crate::services::SecretValue;

/// Captures of one request.
const MAX_CAPTURES: usize = 32;
/// Bytes of a label: it is written once for each value that is found.
const LABEL_BYTES: usize = 128;
/// Bytes of a pointer.
const POINTER_BYTES: usize = 1 << 10;

/// What one value of a parsed document takes in memory, with its share of what holds it.
const NODE_BYTES: usize = 64;

/// What a body may take when it is parsed, at most.
pub(super) fn tree_bytes(body: &[u8]) -> u64 {
    let opening = memchr::memchr3_iter(b'[', b'{', b',', body).count();
    (body.len() + opening * NODE_BYTES) as u64
}

/// Whether these captures can be asked for at all; known before anything leaves.
pub(super) fn check(captures: &[Capture]) -> Result<(), String> {
    if captures.len() > MAX_CAPTURES {
        return Err(format!("at most {MAX_CAPTURES} captures in one request"));
    }
    if captures.iter().any(|capture| capture.label.len() > LABEL_BYTES) {
        return Err(format!("a capture's label has at most {LABEL_BYTES} bytes"));
    }
    if captures.iter().any(|capture| capture.pointer.len() > POINTER_BYTES) {
        return Err(format!("a capture's pointer has at most {POINTER_BYTES} bytes"));
    }
    Ok(())
}

/// Takes what the captures name out of a body and gives the body with labels in the values' places. One value has the
/// capture's label; where a pointer with `*` finds several, they are `label:0`, `label:1`, …
///
/// A body that cannot be searched may hold what should be taken out of it, so the plugin never sees one: a success is an
/// error then, and of another answer only the status is left.
///
/// # Errors
/// A success that is neither JSON nor a form, or more values than one call may capture.
pub(super) fn take(
    vault: &mut Vault,
    captures: &[Capture],
    (status, mime): (u16, Option<&str>),
    body: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    if captures.is_empty() || body.is_empty() {
        return Ok(body);
    }
    if let Ok(json) = serde_json::from_slice::<Value>(&body) {
        return from_json(vault, captures, json);
    }
    if let Some(form) = form(&body)
        && (says_form(mime) || form.iter().any(|(name, _)| of_field(captures, name).is_some()))
    {
        return from_form(vault, captures, form);
    }
    if (200..300).contains(&status) {
        return Err(broken(
            "invalid",
            "the answer is neither JSON nor a form, so what `captures` names cannot be taken out of it",
        ));
    }
    Ok(Vec::new())
}

fn from_json(vault: &mut Vault, captures: &[Capture], mut json: Value) -> Result<Vec<u8>, Failure> {
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
            keep(vault, label, taken)?;
        }
    }
    Ok(json.to_string().into_bytes())
}

fn keep(vault: &mut Vault, label: String, value: String) -> Result<(), Failure> {
    vault.capture(label, SecretValue::from(value)).map_err(|words| broken("limit", words))
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

fn says_form(mime: Option<&str>) -> bool {
    mime.is_some_and(|mime| mime.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
}

/// The fields of a form, if this can be nothing else. Some providers answer with one and call it text.
fn form(body: &[u8]) -> Option<Vec<(String, String)>> {
    let written = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~*+%:/,;@!$'()".contains(byte);
    let is_field = |field: &[u8]| {
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next());
        !name.is_empty() && value.is_some_and(|value| name.iter().chain(value).all(written))
    };
    let whole = body.trim_ascii();
    let fits = whole.split(|byte| *byte == b'&').all(is_field);
    fits.then(|| url::form_urlencoded::parse(whole).into_owned().collect())
}

fn of_field<'c>(captures: &'c [Capture], name: &str) -> Option<&'c Capture> {
    captures.iter().find(|capture| capture.pointer.trim_start_matches('/') == name)
}

fn from_form(vault: &mut Vault, captures: &[Capture], form: Vec<(String, String)>) -> Result<Vec<u8>, Failure> {
    let mut left = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in form {
        match of_field(captures, &name) {
            Some(capture) => {
                left.append_pair(&name, &capture.label);
                keep(vault, capture.label.clone(), value)?;
            }
            None => {
                left.append_pair(&name, &value);
            }
        }
    }
    Ok(left.finish().into_bytes())
}
