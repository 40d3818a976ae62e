//! What somebody writes to have a template approved: whether it is whole, after `wit/schemas/new-template.json`. How much of it
//! there may be only the plugin knows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fault::FieldError;

/// Kinds of headers that are files.
const FILES: [&str; 3] = ["image", "video", "document"];

/// A template to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// Everything, after the schema.
    pub template: Value,
}

impl Draft {
    /// Reads what somebody wrote.
    ///
    /// # Errors
    /// Every fault, each with its pointer.
    pub fn read(wanted: &Value) -> Result<Draft, Vec<FieldError>> {
        let mut reader = Reader::default();
        let Some(object) = reader.object("#", wanted, &KNOWN) else { return Err(reader.faults) };
        let mut template = Map::new();
        for key in ["name", "language", "category"] {
            template.insert(key.to_owned(), reader.required("#", object, key).into());
        }
        if let Some(header) = object.get("header").filter(|header| !header.is_null()) {
            template.insert("header".to_owned(), reader.header(header));
        }
        let body = reader.body(object.get("body"));
        template.insert("body".to_owned(), body);
        if let Some(footer) = reader.optional("#", object, "footer") {
            template.insert("footer".to_owned(), footer.into());
        }
        let buttons = reader.buttons(object.get("buttons"));
        if !buttons.is_empty() {
            template.insert("buttons".to_owned(), Value::Array(buttons));
        }
        let format = reader.format(object);
        template.insert("parameter_format".to_owned(), format.into());
        if !reader.faults.is_empty() {
            return Err(reader.faults);
        }
        let word = |key: &str| template.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Draft { name: word("name"), language: word("language"), template: Value::Object(template) })
    }

    /// The file that shows what will stand in the header: its kind and its id.
    pub fn example(&self) -> Option<(&str, &str)> {
        let header = self.template.get("header")?;
        Some((header.get("kind")?.as_str()?, header.pointer("/example/media_id")?.as_str()?))
    }

    /// Adds what the host knows of that file.
    pub fn describe_example(&mut self, known: Map<String, Value>) {
        if let Some(example) = self.template.pointer_mut("/header/example").and_then(Value::as_object_mut) {
            example.extend(known);
        }
    }

    /// Whether a listed template (`wit/schemas/template.json`) says the same: what an earlier request made whose answer was
    /// lost. Words that the provider writes itself are not compared, nor what it calls the blank of an address.
    pub fn says_the_same(&self, listed: &Value) -> bool {
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let wanted = |pointer: &str| text(&self.template, pointer);
        let there = |pointer: &str| text(listed, pointer);
        let buttons = |value: &Value| {
            let list = value.get("buttons").and_then(Value::as_array);
            list.into_iter().flatten().map(outline).collect::<Vec<_>>()
        };
        wanted("/body/text") == there("/body")
            && wanted("/header/kind") == there("/header_kind")
            && wanted("/header/text") == there("/header")
            && wanted("/footer") == there("/footer")
            && buttons(&self.template) == buttons(listed)
    }
}

const KNOWN: [&str; 8] = ["name", "language", "category", "parameter_format", "header", "body", "footer", "buttons"];

fn outline(button: &Value) -> [String; 4] {
    let word = |key: &str| button.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let own_words = word("kind") == "copy-code";
    let url = word("url");
    let url = url.split("{{").next().unwrap_or_default().to_owned();
    [word("kind"), if own_words { String::new() } else { word("label") }, url, word("phone")]
}

/// The names of a text's blanks, each once, in order.
///
/// # Errors
/// Why they cannot be read.
pub fn blanks(text: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut pieces = text.split("{{");
    let before = pieces.next().unwrap_or_default();
    if before.contains("}}") {
        return Err("`}}` ends a blank that does not begin".to_owned());
    }
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").ok_or("`{{` begins a blank that does not end with `}}`")?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(format!("the blank `{{{{{name}}}}}` needs a number or a word of letters, digits and `_`"));
        }
        if rest.contains("}}") {
            return Err("`}}` ends a blank that does not begin".to_owned());
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

#[derive(Default)]
struct Reader {
    faults: Vec<FieldError>,
    /// Whether a text has numbers for blanks, or words.
    kinds: BTreeSet<&'static str>,
}

impl Reader {
    fn fault(&mut self, pointer: impl Into<String>, code: &str, words: impl Into<String>) {
        self.faults.push(FieldError::new(pointer, code, words));
    }

    fn object<'v>(&mut self, pointer: &str, value: &'v Value, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.fault(pointer, "type", "must be an object");
            return None;
        };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.fault(format!("{pointer}/{key}"), "unknown", "there is no such field");
        }
        Some(object)
    }

    /// A text where there is one; an empty one is none.
    fn optional(&mut self, pointer: &str, object: &Map<String, Value>, key: &str) -> Option<String> {
        match object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Some(_) => {
                self.fault(format!("{pointer}/{key}"), "type", "must be a text");
                None
            }
        }
    }

    fn required(&mut self, pointer: &str, object: &Map<String, Value>, key: &str) -> String {
        let before = self.faults.len();
        let text = self.optional(pointer, object, key);
        if text.is_none() && self.faults.len() == before {
            self.faults.push(FieldError::required(format!("{pointer}/{key}")));
        }
        text.unwrap_or_default()
    }

    fn header(&mut self, header: &Value) -> Value {
        let pointer = "#/header";
        let Some(object) = self.object(pointer, header, &["kind", "text", "examples", "example"]) else {
            return Value::Null;
        };
        let kind = self.required(pointer, object, "kind");
        let mut read = json!({"kind": kind});
        if kind == "text" {
            read["text"] = self.required(pointer, object, "text").into();
            read["examples"] = self.examples(pointer, &read["text"], object.get("examples"));
        } else if FILES.contains(&kind.as_str()) {
            let example = object.get("example").filter(|example| !example.is_null());
            let example = example.map(|example| self.object("#/header/example", example, &["media_id"]));
            match example {
                Some(Some(example)) => {
                    read["example"] = json!({"media_id": self.required("#/header/example", example, "media_id")});
                }
                Some(None) => {}
                None => self.faults.push(FieldError::required("#/header/example")),
            }
        }
        read
    }

    fn body(&mut self, body: Option<&Value>) -> Value {
        let Some(body) = body.filter(|body| !body.is_null()) else {
            self.faults.push(FieldError::required("#/body"));
            return Value::Null;
        };
        let Some(object) = self.object("#/body", body, &["text", "examples"]) else { return Value::Null };
        let text = Value::from(self.required("#/body", object, "text"));
        let examples = self.examples("#/body", &text, object.get("examples"));
        json!({"text": text, "examples": examples})
    }

    /// An example for each blank of a text, and for nothing else.
    fn examples(&mut self, pointer: &str, text: &Value, given: Option<&Value>) -> Value {
        let names = match blanks(text.as_str().unwrap_or_default()) {
            Ok(names) => names,
            Err(words) => {
                self.fault(format!("{pointer}/text"), "blank", words);
                return json!({});
            }
        };
        let numbers: BTreeSet<usize> = names.iter().filter_map(|name| name.parse().ok()).collect();
        if !numbers.is_empty() && numbers != (1..=numbers.len()).collect() {
            self.fault(format!("{pointer}/text"), "blank", "numbered blanks are {{1}}, {{2}} and so on without a gap");
        }
        self.kinds.extend(names.iter().map(|name| if name.parse::<usize>().is_ok() { "positional" } else { "named" }));
        let pointer = format!("{pointer}/examples");
        let empty = Value::Object(Map::new());
        let given = given.filter(|given| !given.is_null()).unwrap_or(&empty);
        let Some(object) = self.object(&pointer, given, &names) else { return json!({}) };
        let mut read = Map::new();
        for name in names {
            read.insert(name.to_owned(), self.required(&pointer, object, name).into());
        }
        Value::Object(read)
    }

    fn buttons(&mut self, buttons: Option<&Value>) -> Vec<Value> {
        let list = match buttons {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.fault("#/buttons", "type", "must be a list");
                return Vec::new();
            }
        };
        list.iter().enumerate().map(|(at, button)| self.button(&format!("#/buttons/{at}"), button)).collect()
    }

    fn button(&mut self, pointer: &str, button: &Value) -> Value {
        let Some(object) = self.object(pointer, button, &["kind", "label", "url", "phone", "example"]) else {
            return Value::Null;
        };
        let kind = self.required(pointer, object, "kind");
        let mut read = json!({"kind": kind});
        let needs: &[&str] = match kind.as_str() {
            "quick-reply" => &["label"],
            "url" => &["label", "url"],
            "phone" => &["label", "phone"],
            "copy-code" => &["example"],
            _ => &[],
        };
        for key in ["label", "url", "phone", "example"] {
            let text = match needs.contains(&key) {
                true => Some(self.required(pointer, object, key)),
                false => self.optional(pointer, object, key),
            };
            if let Some(text) = text {
                read[key] = text.into();
            }
        }
        let open = read.get("url").and_then(Value::as_str).map(|url| blanks(url).map(|names| !names.is_empty()));
        match open {
            Some(Err(words)) => self.fault(format!("{pointer}/url"), "blank", words),
            Some(Ok(true)) if read.get("example").is_none() => {
                self.faults.push(FieldError::required(format!("{pointer}/example")));
            }
            _ => {}
        }
        read
    }

    /// Which kind of blanks there are, which is one.
    fn format(&mut self, object: &Map<String, Value>) -> &'static str {
        if self.kinds.len() > 1 {
            self.fault("#/body/text", "blank", "the blanks of one template are numbers or words, not both");
        }
        let given = self.optional("#", object, "parameter_format");
        let found = self.kinds.first().copied();
        match given.as_deref() {
            Some(word @ ("positional" | "named")) if found.is_some_and(|found| found != word) => {
                self.fault("#/parameter_format", "blank", format!("the blanks of this template are not {word}"));
            }
            Some("named") => return "named",
            None | Some("positional") => {}
            Some(_) => self.fault("#/parameter_format", "unknown", "must be `positional` or `named`"),
        }
        found.unwrap_or("positional")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../../wit/schemas/new-template.json")).unwrap()
    }

    fn places(wanted: &Value) -> Vec<(String, String)> {
        let faults = Draft::read(wanted).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    fn place(pointer: &str, code: &str) -> (String, String) {
        (pointer.to_owned(), code.to_owned())
    }

    /// What is read is what the contract's schema says: its own examples are whole, and come out as templates after it.
    #[test]
    fn the_schemas_examples_are_read_and_give_templates_after_the_schema() {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for example in schema["examples"].as_array().unwrap() {
            let mut wanted = example.clone();
            if let Some(file) = wanted.pointer_mut("/header/example") {
                *file = json!({"media_id": file["media_id"]});
            }
            let draft = Draft::read(&wanted).unwrap();
            assert!(validator.is_valid(&draft.template), "{}", draft.template);
            assert_eq!(draft.template["parameter_format"], example["parameter_format"]);
        }
    }

    #[test]
    fn everything_that_is_missing_or_odd_is_told_at_once() {
        let wanted = json!({
            "language": " ", "category": 7, "colour": "red",
            "header": {"kind": "image"},
            "body": {"text": "Halo {{1}} {{3}}", "examples": {"1": "", "2": "x"}},
            "buttons": [{"kind": "url", "label": "Go", "url": "https://x/{{1}}"}, {"kind": "phone"}, "x", {}],
        });
        assert_eq!(
            places(&wanted),
            [
                place("#/colour", "unknown"),
                place("#/name", "required"),
                place("#/language", "required"),
                place("#/category", "type"),
                place("#/header/example", "required"),
                place("#/body/text", "blank"),
                place("#/body/examples/2", "unknown"),
                place("#/body/examples/1", "required"),
                place("#/body/examples/3", "required"),
                place("#/buttons/0/example", "required"),
                place("#/buttons/1/label", "required"),
                place("#/buttons/1/phone", "required"),
                place("#/buttons/2", "type"),
                place("#/buttons/3/kind", "required"),
            ]
        );
        assert_eq!(places(&json!([])), [place("#", "type")]);
        let empty = places(&json!({}));
        assert_eq!(
            empty.iter().map(|(pointer, _)| pointer.as_str()).collect::<Vec<_>>(),
            ["#/name", "#/language", "#/category", "#/body"]
        );
    }

    #[test]
    fn blanks_are_of_one_kind_and_whole() {
        let with = |text: &str, more: Value| {
            let names = blanks(text).unwrap_or_default();
            let examples: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
            let mut wanted = json!({"name": "n", "language": "id", "category": "utility", "body": {"text": text, "examples": examples}});
            wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            places(&wanted)
        };
        assert_eq!(with("{{1}} {{ 2 }} {{1}}", json!({})), []);
        assert_eq!(with("{{nama}}", json!({"parameter_format": "named"})), []);
        for text in ["{{1}} {{nama}}", "{{2}}", "{{1", "{{}}", "{{a b}}", "a}}", "{{1}} }}"] {
            assert_eq!(with(text, json!({})), [place("#/body/text", "blank")], "{text}");
        }
        assert_eq!(with("{{1}}", json!({"parameter_format": "named"})), [place("#/parameter_format", "blank")]);
        assert_eq!(with("x", json!({"parameter_format": "both"})), [place("#/parameter_format", "unknown")]);
    }

    /// A request whose answer was lost is found again by what it said, and not by what the provider made of it.
    #[test]
    fn a_listed_template_that_says_the_same_is_recognised() {
        let draft = Draft::read(&json!({
            "name": "n", "language": "id", "category": "utility", "header": {"kind": "text", "text": "H"}, "body": {"text": "B"},
            "buttons": [{"kind": "url", "label": "L", "url": "https://x/{{a}}", "example": "https://x/1"}, {"kind": "copy-code", "example": "C"}],
        }))
        .unwrap();
        let listed = json!({
            "name": "n", "status": "pending", "category": "marketing", "header_kind": "text", "header": "H", "body": "B",
            "buttons": [{"kind": "url", "label": "L", "url": "https://x/{{1}}"}, {"kind": "copy-code", "label": "Salin kode"}],
        });
        assert!(draft.says_the_same(&listed));
        for (pointer, other) in [("/body", json!("C")), ("/buttons", json!([])), ("/header_kind", json!("image"))] {
            let mut listed = listed.clone();
            *listed.pointer_mut(pointer).unwrap() = other;
            assert!(!draft.says_the_same(&listed), "{pointer}");
        }
    }
}
