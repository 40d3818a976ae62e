//! Filling a template in: whether what was given (`wit/schemas/template-use.json`) is what the template
//! (`wit/schemas/template.json`) asks for, no less and no more.

use serde_json::{Map, Value};

use super::fault::FieldError;

/// Kinds of parameters that are files.
const FILES: [&str; 3] = ["image", "video", "document"];

/// A file that fills a parameter in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The parameter.
    pub parameter: String,
    /// What kind of file it has to be.
    pub kind: String,
    /// The file.
    pub media_id: String,
}

/// Every fault of what was given, with `pointer` leading to the parameters.
pub fn faults(template: &Value, given: Option<&Value>, pointer: &str) -> Vec<FieldError> {
    let empty = Map::new();
    let given = match given {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(object)) => object,
        Some(_) => return vec![FieldError::new(pointer, "type", "must be an object of parameters by name")],
    };
    let mut faults = Vec::new();
    for parameter in declared(template) {
        let Some(name) = name_of(parameter) else { continue };
        let place = format!("{pointer}/{name}");
        let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(true);
        match given.get(name).filter(|value| !is_blank(value)) {
            Some(value) => faults.extend(fault(parameter, value, place)),
            None if required => faults.push(FieldError::required(place)),
            None => {}
        }
    }
    let names: Vec<&str> = declared(template).iter().filter_map(name_of).collect();
    for name in given.keys().filter(|name| !names.contains(&name.as_str())) {
        let has = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        let words = format!("the template has no parameter `{name}`; {has}");
        faults.push(FieldError::new(format!("{pointer}/{name}"), "unknown", words));
    }
    faults
}

/// The files that were given, for whoever knows what there is.
pub fn files(template: &Value, given: Option<&Value>) -> Vec<File> {
    let kind = |parameter: &Value| Some(kind_of(parameter)).filter(|kind| FILES.contains(kind)).map(str::to_owned);
    let file = |parameter: &Value| {
        let name = name_of(parameter)?;
        let media_id = given?.get(name)?.get("media_id")?.as_str()?.to_owned();
        Some(File { parameter: name.to_owned(), kind: kind(parameter)?, media_id })
    };
    declared(template).iter().filter_map(file).collect()
}

/// A template use as the plugin gets it: each file by the host's name for its bytes as well.
pub fn for_plugin(json: &str) -> String {
    let Ok(mut used) = serde_json::from_str::<Value>(json) else { return json.to_owned() };
    for file in each_file(&mut used) {
        let id = file.get("media_id").cloned().unwrap_or_default();
        file.insert("blob".to_owned(), id);
    }
    used.to_string()
}

/// The files of a template use.
pub fn each_file(used: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let parameters = used.get_mut("parameters").and_then(Value::as_object_mut);
    let objects = parameters.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    objects.filter(|object| object.get("media_id").is_some_and(Value::is_string))
}

fn declared(template: &Value) -> &[Value] {
    template.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn name_of(parameter: &Value) -> Option<&str> {
    parameter.get("name").and_then(Value::as_str)
}

fn kind_of(parameter: &Value) -> &str {
    parameter.get("kind").and_then(Value::as_str).unwrap_or("text")
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn fault(parameter: &Value, value: &Value, place: String) -> Option<FieldError> {
    let kind = kind_of(parameter);
    if FILES.contains(&kind) {
        let named = value.get("media_id").is_some_and(Value::is_string);
        let words = format!("must be a file of the kind {kind}: {{\"media_id\": \"md_…\"}}");
        return (!named).then(|| FieldError::new(place, "type", words));
    }
    if kind == "location" {
        let degrees =
            |key: &str, most: f64| value.get(key).and_then(Value::as_f64).is_some_and(|degrees| degrees.abs() <= most);
        let words = "must be a place: {\"latitude\": -6.2, \"longitude\": 106.8, \"name\": \"…\", \"address\": \"…\"}";
        let whole = degrees("latitude", 90.0) && degrees("longitude", 180.0);
        return (!whole).then(|| FieldError::new(place, "type", words));
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Some(FieldError::new(place, "type", "must be a text")),
    };
    let most = parameter.get("max").and_then(Value::as_u64)?;
    let length = text.chars().count() as u64;
    let words = format!("at most {most} characters, and these are {length}");
    (length > most).then(|| FieldError::new(place, "too-long", words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(faults: &[FieldError]) -> Vec<(&str, &str)> {
        faults.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str())).collect()
    }

    fn template() -> Value {
        json!({"parameters": [
            {"name": "header", "in": "header", "kind": "image"},
            {"name": "1", "in": "body", "kind": "text", "max": 5},
            {"name": "2", "in": "body", "kind": "text"},
            {"name": "button.0.payload", "in": "button", "kind": "text", "required": false},
        ]})
    }

    /// A template is sent with what it has: nothing missing, nothing besides, each of its kind.
    #[test]
    fn every_parameter_that_is_not_right_is_named() {
        let given = json!({"header": "a picture", "1": "panjang", "2": " ", "3": "x", "button.0.payload": ""});
        assert_eq!(
            codes(&faults(&template(), Some(&given), "#/p")),
            [("#/p/header", "type"), ("#/p/1", "too-long"), ("#/p/2", "required"), ("#/p/3", "unknown")]
        );
        assert_eq!(
            codes(&faults(&template(), None, "#/p")),
            [("#/p/header", "required"), ("#/p/1", "required"), ("#/p/2", "required")]
        );
        let given = json!({"header": {"media_id": "md_1"}, "1": "Déwi!", "2": 42});
        assert_eq!(codes(&faults(&template(), Some(&given), "#/p")), []);
        assert_eq!(codes(&faults(&template(), Some(&json!(["x"])), "#/p")), [("#/p", "type")]);
        assert_eq!(codes(&faults(&json!({}), None, "#/p")), []);
        assert_eq!(
            faults(&json!({}), Some(&json!({"a": "b"})), "#")[0].detail,
            "the template has no parameter `a`; it has none"
        );
    }

    #[test]
    fn a_place_is_one_on_earth() {
        let template = json!({"parameters": [{"name": "header", "in": "header", "kind": "location"}]});
        let faults = |place: Value| faults(&template, Some(&json!({"header": place})), "#").len();
        assert_eq!(faults(json!({"latitude": -6.2, "longitude": 106.8})), 0);
        assert_eq!(faults(json!({"latitude": 91, "longitude": 0})), 1);
        assert_eq!(faults(json!({"latitude": "6"})), 1);
    }

    #[test]
    fn files_are_told_with_the_kind_that_is_asked_for() {
        let given = json!({"header": {"media_id": "md_1"}, "1": {"media_id": "md_2"}});
        let file = File { parameter: "header".into(), kind: "image".into(), media_id: "md_1".into() };
        assert_eq!(files(&template(), Some(&given)), [file]);
    }
}
