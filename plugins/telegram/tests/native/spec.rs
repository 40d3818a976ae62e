//! Requests held against the published description of the Bot API: the method exists, what it requires is there, and nothing is
//! there that it does not know, at any depth.

use std::path::Path;
use std::sync::LazyLock;

use sambung_sdk::http::{Piece, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::testing::Host;

static SPEC: LazyLock<Option<Value>> = LazyLock::new(|| {
    let folder = sambung_fixtures::folder("requests held against the description", "telegram/spec")?;
    read(&folder)
});

fn read(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(folder.join("bot-api-10.1.json")).ok()?).ok()
}

/// Every request that the host saw so far is one of the description's.
pub fn hold(host: &Host) {
    for request in host.requests() {
        if request.method != "GET" {
            check(&request);
        }
    }
}

fn check(request: &Request) {
    let Some(spec) = SPEC.as_ref() else { return };
    let name = request.url.rsplit('/').next().unwrap();
    let method = &spec["methods"][name];
    assert!(method.is_object(), "there is no method {name}");
    let given = parameters(request);
    let faults = of_fields(spec, &method["fields"], &given, name);
    assert!(faults.is_empty(), "{faults:?} in {given}");
}

/// The parameters, of JSON or of a form with files; a file is the text "(file)".
pub fn parameters(request: &Request) -> Value {
    let kind = request.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return serde_json::from_slice(&request.body_bytes()).unwrap_or(json!({}));
    };
    let mut text = String::new();
    for piece in &request.body {
        match piece {
            Piece::Bytes(bytes) => text.push_str(std::str::from_utf8(bytes).unwrap()),
            Piece::Blob(_) | Piece::Section(_) => text.push_str("(file)"),
            Piece::Other(open) => panic!("no such piece: {}", open.kind),
        }
    }
    assert!(text.ends_with(&format!("--{boundary}--\r\n")), "a form that does not end");
    let mut given = json!({});
    for part in text.split(&format!("--{boundary}")).filter(|part| part.starts_with("\r\n")) {
        let (head, value) = part.trim_start().split_once("\r\n\r\n").unwrap();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap();
        let value = value.strip_suffix("\r\n").unwrap();
        given[name] = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    }
    given
}

fn of_fields(spec: &Value, fields: &Value, given: &Value, place: &str) -> Vec<String> {
    let empty = Vec::new();
    let fields = fields.as_array().unwrap_or(&empty);
    let mut faults = Vec::new();
    for field in fields {
        let name = field["name"].as_str().unwrap();
        match given.get(name) {
            None if field["required"] == true => faults.push(format!("{place}.{name} is missing")),
            None => {}
            Some(value) => {
                let types: Vec<&str> = field["types"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                let tried: Vec<Vec<String>> =
                    types.iter().map(|one| of_type(spec, one, value, &format!("{place}.{name}"))).collect();
                if tried.iter().all(|faults| !faults.is_empty()) {
                    faults.extend(tried.into_iter().flatten());
                }
            }
        }
    }
    for name in given.as_object().into_iter().flatten().map(|(name, _)| name) {
        let attached = given["media"].to_string().contains(&format!("attach://{name}\""));
        if !attached && !fields.iter().any(|field| field["name"] == name.as_str()) {
            faults.push(format!("{place} knows no {name}"));
        }
    }
    faults
}

fn of_type(spec: &Value, kind: &str, value: &Value, place: &str) -> Vec<String> {
    if let Some(of) = kind.strip_prefix("Array of ") {
        let Some(all) = value.as_array() else { return vec![format!("{place} is no list")] };
        return all.iter().flat_map(|one| of_type(spec, of, one, place)).collect();
    }
    let fits = match kind {
        "Integer" => value.is_i64() || value.is_u64(),
        "Float" => value.is_number(),
        "Boolean" | "True" => value.is_boolean(),
        "String" => value.is_string(),
        "InputFile" => value == "(file)",
        _ => return of_fields(spec, &spec["types"][kind]["fields"], value, place),
    };
    if fits { Vec::new() } else { vec![format!("{place} is no {kind}")] }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let Some(spec) = SPEC.as_ref() else { return };
    let fields = &spec["methods"]["sendMessage"]["fields"];
    let faults = |given: Value| of_fields(spec, fields, &given, "sendMessage");
    assert!(faults(json!({ "chat_id": 1, "text": "a" })).is_empty());
    assert_eq!(faults(json!({ "chat_id": 1 })), ["sendMessage.text is missing"]);
    assert_eq!(faults(json!({ "chat_id": 1, "text": 1 })), ["sendMessage.text is no String"]);
    assert_eq!(faults(json!({ "chat_id": 1, "text": "a", "to": 1 })), ["sendMessage knows no to"]);
    let deep = json!({ "chat_id": 1, "text": "a", "entities": [{ "type": "bold", "offset": 0 }] });
    assert_eq!(faults(deep), ["sendMessage.entities.length is missing"]);
}

/// No field of the description's `Message` is taken for a message of an unknown kind.
#[test]
fn every_field_of_a_message_is_known() {
    let Some(spec) = SPEC.as_ref() else { return };
    let fields = spec["types"]["Message"]["fields"].as_array().unwrap();
    assert!(fields.len() > 100, "{}", fields.len());
    for field in fields {
        let name = field["name"].as_str().unwrap();
        let own = match field["types"][0].as_str().unwrap() {
            "String" => json!("x"),
            "Integer" => json!(1),
            "Boolean" | "True" => json!(true),
            kind if kind.starts_with("Array of ") => json!([{}]),
            "RichMessage" => json!({ "blocks": [{ "type": "paragraph", "text": "x" }] }),
            _ => json!({}),
        };
        if ["message_id", "chat", "date", "from"].contains(&name) {
            continue;
        }
        let told = crate::support::summary(
            &crate::support::translate(&crate::support::message(json!({ name: own }))).unwrap(),
        );
        assert!(!told.contains(&format!("unsupported {name}")), "{name}: {told}");
    }
}
