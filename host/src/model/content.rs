//! Contents of messages as the API, the feed and the database write them, and as the contract has them; both ways.
//!
//! Media stand as ids of rows: what is known about a file (state, size, type) is filled in when a message is read, since it
//! changes after the message was stored. Nothing here knows where files are.

mod mail;

use sambung_runtime::contract::types::{Choice, Content, Location, Media, MediaRef, Open, Target, Text};
use serde_json::{Map, Value, json};

use super::fault::FieldError;
use super::template_use;
use super::time::from_rfc3339;

/// Kinds that a media content may have.
pub const MEDIA_KINDS: [&str; 7] = ["image", "video", "audio", "voice", "document", "sticker", "animation"];
/// Every type of content that a caller may name.
const TYPES: [&str; 11] = [
    "text",
    "media",
    "location",
    "contact_cards",
    "interactive",
    "choice",
    "template",
    "mail",
    "referral",
    "system",
    "other",
];
/// Most contents of one message.
pub const MOST_CONTENTS: usize = 64;

/// Bytes of the HTML in a content.
pub fn html_bytes(content: &Content) -> usize {
    match content {
        Content::Mail(mail) => mail.html.as_ref().map_or(0, String::len),
        _ => 0,
    }
}

/// Makes the HTML in a content harmless, which takes up to a second for a megabyte of it. To be done before [`to_json`] with
/// what a plugin or a caller gave.
pub fn clean(content: &mut Content) {
    if let Content::Mail(mail) = content {
        mail::clean(mail);
    }
}

/// One content as JSON, its HTML being [`clean`]. `name_media` gives the id under which a file is kept; `None`: the file cannot be had.
pub fn to_json(content: &Content, name_media: &mut dyn FnMut(&MediaRef) -> Option<String>) -> Value {
    match content {
        Content::Text(text) => {
            let mut object = tagged("text");
            object.insert("text".into(), text.body.as_str().into());
            put_json(&mut object, "format", text.format.as_deref());
            put_extra(&mut object, &text.extra);
            object.into()
        }
        Content::Media(media) => {
            let mut object = file_to_json(&media.file, name_media);
            object.insert("type".into(), "media".into());
            put(&mut object, "caption", media.caption.as_deref());
            put_extra(&mut object, &media.extra);
            object.into()
        }
        Content::Location(place) => {
            let mut object = tagged("location");
            object.insert("latitude".into(), place.latitude.into());
            object.insert("longitude".into(), place.longitude.into());
            put(&mut object, "name", place.name.as_deref());
            put(&mut object, "address", place.address.as_deref());
            put_extra(&mut object, &place.extra);
            object.into()
        }
        Content::ContactCards(cards) => json!({"type": "contact_cards", "cards": parse(cards)}),
        Content::Interactive(body) => flattened("interactive", body),
        Content::Template(body) => flattened("template", body),
        Content::Referral(body) => flattened("referral", body),
        Content::Choice(choice) => {
            let mut object = tagged("choice");
            object.insert("id".into(), choice.id.as_str().into());
            put(&mut object, "label", choice.label.as_deref());
            if let Some(of) = &choice.of {
                let mut target = Map::from_iter([("id".to_owned(), Value::from(of.id.as_str()))]);
                put_json(&mut target, "context", of.context.as_deref());
                object.insert("of".into(), target.into());
            }
            put_extra(&mut object, &choice.extra);
            object.into()
        }
        Content::Mail(mail) => mail::to_json(mail, name_media),
        Content::System(text) => json!({"type": "system", "text": text}),
        Content::Unsupported(open) => open_to_json("unsupported", open),
        Content::Other(open) => open_to_json("other", open),
    }
}

/// One content from JSON that a caller sent or the database holds; `pointer` ("#/content") says where it stands. All faults
/// at once. A media's id becomes the contract's `blob`.
pub fn from_json(value: &Value, pointer: &str) -> Result<Content, Vec<FieldError>> {
    let Some(object) = value.as_object() else {
        return Err(vec![FieldError::new(pointer, "type", "must be an object with a `type`")]);
    };
    let mut reader = Reader { object, pointer, faults: Vec::new() };
    let kind = reader.required("type");
    let content = match kind.as_str() {
        "text" => {
            reader.known(&["text", "format", "extra"]);
            Content::Text(Text { body: reader.required("text"), format: reader.json("format"), extra: reader.extra() })
        }
        "media" => {
            let caption = reader.optional("caption");
            Content::Media(Media { file: reader.file(), caption, extra: reader.extra() })
        }
        "location" => {
            reader.known(&["latitude", "longitude", "name", "address", "extra"]);
            Content::Location(Location {
                latitude: reader.degrees("latitude", 90.0),
                longitude: reader.degrees("longitude", 180.0),
                name: reader.optional("name"),
                address: reader.optional("address"),
                extra: reader.extra(),
            })
        }
        "contact_cards" => {
            reader.known(&["cards"]);
            Content::ContactCards(reader.json("cards").unwrap_or_else(|| {
                reader.faults.push(FieldError::required(format!("{pointer}/cards")));
                "[]".to_owned()
            }))
        }
        "interactive" => Content::Interactive(reader.rest()),
        "template" => {
            reader.required("name");
            reader.required("language");
            Content::Template(reader.rest())
        }
        "referral" => Content::Referral(reader.rest()),
        "choice" => {
            reader.known(&["id", "label", "of", "extra"]);
            Content::Choice(Choice {
                id: reader.required("id"),
                label: reader.optional("label"),
                of: object.get("of").and_then(target),
                extra: reader.extra(),
            })
        }
        "mail" => Content::Mail(reader.mail()),
        "system" => Content::System(reader.required("text")),
        "unsupported" => Content::Unsupported(reader.open()),
        "other" => Content::Other(reader.open()),
        "" => Content::System(String::new()),
        unknown => {
            let near = TYPES.iter().min_by_key(|known| strsim::damerau_levenshtein(known, unknown)).unwrap_or(&"text");
            let words = format!("`{unknown}` is not a type of content; did you mean `{near}`?");
            reader.faults.push(FieldError::new(format!("{pointer}/type"), "unknown", words));
            Content::System(String::new())
        }
    };
    if reader.faults.is_empty() { Ok(content) } else { Err(reader.faults) }
}

/// What stands under `content`: one object, or a list of them.
pub fn list_from_json(value: &Value, pointer: &str) -> Result<Vec<Content>, Vec<FieldError>> {
    let Some(list) = value.as_array() else { return Ok(vec![from_json(value, pointer)?]) };
    if list.is_empty() {
        return Err(vec![FieldError::required(pointer)]);
    }
    if list.len() > MOST_CONTENTS {
        let words = format!("has {} contents; a message has at most {MOST_CONTENTS}", list.len());
        return Err(vec![FieldError::new(pointer, "too-many", words)]);
    }
    let (mut contents, mut faults) = (Vec::with_capacity(list.len()), Vec::new());
    for (index, one) in list.iter().enumerate() {
        match from_json(one, &format!("{pointer}/{index}")) {
            Ok(content) => contents.push(content),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(contents) } else { Err(faults) }
}

/// Ids of all media in a stored list of contents, in order.
pub fn media_ids(contents: &Value) -> Vec<String> {
    let mut ids = Vec::new();
    each_file(&mut contents.clone(), &mut |file| {
        ids.extend(file.get("media_id").and_then(Value::as_str).map(str::to_owned));
    });
    ids
}

/// Writes what is known now about each file (`state`, `reason`, `mime`, `name`, `bytes`, `width`, `height`, `duration_ms`)
/// into a stored list of contents.
pub fn fill_media(contents: &mut Value, describe: &dyn Fn(&str) -> Option<Map<String, Value>>) {
    each_file(contents, &mut |file| {
        let known = file.get("media_id").and_then(Value::as_str).and_then(describe);
        file.extend(known.into_iter().flatten());
    });
}

/// One content of a stored list, as the contract has it.
///
/// # Errors
/// Faults of what is stored.
pub fn from_stored(stored: &Value) -> Result<Content, Vec<FieldError>> {
    let mut shown = stored.clone();
    mail::show(&mut shown);
    from_json(&shown, "#/content")
}

/// A stored list of contents as the API shows it: one object, or a list when there are several.
pub fn shown(mut contents: Value) -> Value {
    contents.as_array_mut().into_iter().flatten().for_each(mail::show);
    match contents {
        Value::Array(mut list) if list.len() == 1 => list.swap_remove(0),
        other => other,
    }
}

fn each_file(contents: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Some(list) = contents.as_array_mut() else { return };
    for content in list.iter_mut() {
        if content.get("type").and_then(Value::as_str) == Some("template") {
            template_use::each_file(content).for_each(&mut *visit);
        }
        let Some(content) = content.as_object_mut() else { continue };
        match content.get("type").and_then(Value::as_str) {
            Some("media") => visit(content),
            Some("mail") => {
                let files = content.get_mut("files").and_then(Value::as_array_mut);
                files.into_iter().flatten().filter_map(Value::as_object_mut).for_each(&mut *visit);
            }
            _ => {}
        }
    }
}

fn tagged(kind: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), Value::from(kind))])
}

fn put(object: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.into());
    }
}

fn put_json(object: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), parse(value));
    }
}

fn put_extra(object: &mut Map<String, Value>, extra: &[(String, String)]) {
    if !extra.is_empty() {
        let values: Map<String, Value> = extra.iter().map(|(name, value)| (name.clone(), parse(value))).collect();
        object.insert("extra".into(), values.into());
    }
}

/// A plugin's JSON text; what is no JSON is kept as the string it is.
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// A JSON object with our `type` beside its own keys; what is no object, or has a `type` of its own, stands under `data`.
fn flattened(kind: &str, body: &str) -> Value {
    match parse(body) {
        Value::Object(mut object) if !object.contains_key("type") => {
            object.insert("type".into(), kind.into());
            object.into()
        }
        other => json!({"type": kind, "data": other}),
    }
}

fn open_to_json(kind: &str, open: &Open) -> Value {
    let mut object = tagged(kind);
    object.insert("kind".into(), open.kind.as_str().into());
    object.insert("line".into(), open.line.as_str().into());
    object.insert("data".into(), parse(&open.data));
    put_extra(&mut object, &open.extra);
    object.into()
}

fn file_to_json(file: &MediaRef, name_media: &mut dyn FnMut(&MediaRef) -> Option<String>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("kind".into(), file.kind.as_str().into());
    match name_media(file) {
        Some(id) => object.insert("media_id".into(), id.into()),
        None => object.insert("state".into(), "failed".into()),
    };
    object
}

fn target(value: &Value) -> Option<Target> {
    let id = value.get("id")?.as_str()?.to_owned();
    Some(Target { id, context: value.get("context").map(Value::to_string), extra: Vec::new() })
}

/// Reads one object and collects what is wrong with it.
struct Reader<'a> {
    object: &'a Map<String, Value>,
    pointer: &'a str,
    faults: Vec<FieldError>,
}

impl Reader<'_> {
    fn fault(&mut self, key: &str, code: &str, words: impl Into<String>) {
        self.faults.push(FieldError::new(format!("{}/{key}", self.pointer), code, words));
    }

    fn required(&mut self, key: &str) -> String {
        match self.object.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return text.clone(),
            None | Some(Value::Null | Value::String(_)) => {
                self.faults.push(FieldError::required(format!("{}/{key}", self.pointer)));
            }
            Some(_) => self.fault(key, "type", "must be a text"),
        }
        String::new()
    }

    fn optional(&mut self, key: &str) -> Option<String> {
        match self.object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.fault(key, "type", "must be a text");
                None
            }
        }
    }

    /// A time in RFC 3339, as milliseconds since 1970.
    fn time(&mut self, key: &str) -> Option<u64> {
        let text = self.optional(key)?;
        let time = from_rfc3339(&text).and_then(|time| u64::try_from(time).ok());
        if time.is_none() {
            self.fault(key, "time", "must be a time such as 2026-11-21T08:00:00Z");
        }
        time
    }

    fn json(&self, key: &str) -> Option<String> {
        self.object.get(key).filter(|value| !value.is_null()).map(Value::to_string)
    }

    fn extra(&self) -> Vec<(String, String)> {
        let values = self.object.get("extra").and_then(Value::as_object);
        values.into_iter().flatten().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    fn known(&mut self, keys: &[&str]) {
        let unknown: Vec<&String> =
            self.object.keys().filter(|key| *key != "type" && !keys.contains(&key.as_str())).collect();
        for key in unknown {
            let near = keys.iter().min_by_key(|known| strsim::damerau_levenshtein(known, key)).unwrap_or(&"type");
            self.fault(key, "unknown", format!("there is no such field; did you mean `{near}`?"));
        }
    }

    fn degrees(&mut self, key: &str, most: f64) -> f64 {
        match self.object.get(key).map(Value::as_f64) {
            None => self.faults.push(FieldError::required(format!("{}/{key}", self.pointer))),
            Some(Some(degrees)) if degrees.abs() <= most => return degrees,
            Some(_) => self.fault(key, "range", format!("must be a number from -{most} to {most}")),
        }
        0.0
    }

    /// The object without our `type`, as a JSON text; the reverse of [`flattened`].
    fn rest(&self) -> String {
        if let Some(data) = self.object.get("data")
            && self.object.len() == 2
        {
            return data.to_string();
        }
        let mut rest = self.object.clone();
        rest.remove("type");
        Value::Object(rest).to_string()
    }

    fn file(&mut self) -> MediaRef {
        let kind = self.required("kind");
        if !kind.is_empty() && !MEDIA_KINDS.contains(&kind.as_str()) {
            self.fault("kind", "unknown", format!("must be one of {}", MEDIA_KINDS.join(", ")));
        }
        let number = |key: &str| self.object.get(key).and_then(Value::as_u64);
        let (bytes, duration_ms) = (number("bytes"), number("duration_ms"));
        let width = number("width").and_then(|edge| u32::try_from(edge).ok());
        let height = number("height").and_then(|edge| u32::try_from(edge).ok());
        let blob = match self.object.get("state").and_then(Value::as_str) {
            Some("failed") if !self.object.contains_key("media_id") => None,
            _ => Some(self.required("media_id")),
        };
        MediaRef {
            kind,
            blob,
            ref_: None,
            url: None,
            mime: self.optional("mime"),
            name: self.optional("name"),
            bytes,
            width,
            height,
            duration_ms,
            extra: Vec::new(),
        }
    }

    fn open(&mut self) -> Open {
        Open {
            kind: self.optional("kind").unwrap_or_default(),
            data: self.json("data").unwrap_or_else(|| "null".to_owned()),
            line: self.optional("line").unwrap_or_default(),
            extra: self.extra(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::html;

    fn back(content: &Content) -> Content {
        let json = to_json(content, &mut |file| file.blob.clone());
        from_json(&json, "#/content").expect("what was written is read back")
    }

    fn open() -> Open {
        Open { kind: "poll".into(), data: r#"{"a":1}"#.into(), line: "A poll".into(), extra: vec![] }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let contents = [
            Content::Text(Text {
                body: "halo".into(),
                format: Some("[]".into()),
                extra: vec![("x".into(), "1".into())],
            }),
            Content::Location(Location { latitude: -6.2, longitude: 106.8, name: None, address: None, extra: vec![] }),
            Content::ContactCards(r#"[{"name":"Sari"}]"#.into()),
            Content::Interactive(r#"{"body":"Pick","buttons":[]}"#.into()),
            Content::Interactive(r#"{"type":"button"}"#.into()),
            Content::System("joined".into()),
            Content::Unsupported(open()),
            Content::Other(open()),
            Content::Choice(Choice {
                id: "yes".into(),
                label: Some("Ya".into()),
                of: Some(Target { id: "m1".into(), context: Some(r#"{"q":1}"#.into()), extra: vec![] }),
                extra: vec![],
            }),
        ];
        for content in &contents {
            assert_eq!(&back(content), content);
        }
    }

    #[test]
    fn a_file_stands_as_the_id_of_its_row_and_is_described_when_read() {
        let file = MediaRef {
            kind: "image".into(),
            blob: None,
            ref_: Some("provider's".into()),
            url: None,
            mime: None,
            name: None,
            bytes: None,
            width: None,
            height: None,
            duration_ms: None,
            extra: vec![],
        };
        let content = Content::Media(Media { file, caption: Some("lihat".into()), extra: vec![] });
        let mut stored = json!([to_json(&content, &mut |_| Some("md_1".into()))]);
        assert_eq!(media_ids(&stored), ["md_1"]);
        fill_media(&mut stored, &|_| Some(Map::from_iter([("state".to_owned(), json!("stored"))])));
        assert_eq!(
            shown(stored),
            json!({"type": "media", "kind": "image", "media_id": "md_1", "caption": "lihat", "state": "stored"})
        );
    }

    #[test]
    fn html_that_an_earlier_cleaner_let_through_is_cleaned_before_it_is_shown_or_handed_on() {
        let stored =
            |cleaner: Value| json!({"type": "mail", "html": "<b>x</b><script>y</script>", "html_cleaner": cleaner});
        let now = html::VERSION;
        for (cleaner, expected) in [
            (json!(now), "<b>x</b><script>y</script>"),
            (json!(now - 1), "<b>x</b>"),
            (json!(now + 1), "<b>x</b>"),
            (Value::Null, "<b>x</b>"),
        ] {
            assert_eq!(shown(json!([stored(cleaner.clone())])), json!({"type": "mail", "html": expected}), "{cleaner}");
            let Ok(Content::Mail(mail)) = from_stored(&stored(cleaner)) else { panic!("it is a mail") };
            assert_eq!(mail.html.as_deref(), Some(expected));
        }
        let faults = from_json(&stored(json!(now)), "#/content").expect_err("no caller says which cleaner it was");
        assert_eq!(faults[0].pointer, "#/content/html_cleaner");
    }

    #[test]
    fn all_faults_of_a_content_are_told_at_once() {
        let faults = from_json(&json!({"type": "location", "latitude": 91, "lattitude": 1}), "#/content");
        let faults = faults.expect_err("it has faults");
        let told: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str())).collect();
        assert_eq!(
            told,
            [("#/content/lattitude", "unknown"), ("#/content/latitude", "range"), ("#/content/longitude", "required")]
        );
    }

    #[test]
    fn an_empty_text_and_an_unknown_type_are_refused_where_they_stand() {
        let faults = list_from_json(&json!([{"type": "text", "text": ""}, {"type": "txt"}]), "#/content");
        let faults = faults.expect_err("it has faults");
        assert_eq!(faults[0], FieldError::required("#/content/0/text"));
        assert!(faults[1].detail.contains("did you mean `text`"), "{}", faults[1].detail);
    }
}
