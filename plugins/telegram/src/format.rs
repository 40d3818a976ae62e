//! Ranges of a text: Telegram's entities, which count UTF-16 code units, and `wit/schemas/text-format.json`.

use sambung_sdk::json::{self, Value, json};
use serde::Deserialize;

/// Kinds that have another name here; all others are called alike.
const NAMES: [(&str, &str); 4] =
    [("strikethrough", "strike"), ("custom_emoji", "emoji"), ("text_mention", "mention"), ("text_link", "link")];

/// What a bot may mark in a text of its own. Telegram finds addresses, mentions and commands by itself.
const MARKS: [&str; 9] =
    ["bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "blockquote", "expandable_blockquote"];

/// What stands out in a text that was received.
pub fn of_entities(text: &str, entities: &Value) -> Option<String> {
    let ranges: Vec<Value> = entities.as_array()?.iter().filter_map(|entity| range(text, entity)).collect();
    (!ranges.is_empty()).then(|| json!({ "unit": "utf-16", "ranges": ranges }).to_string())
}

fn range(text: &str, entity: &Value) -> Option<Value> {
    let (start, length) = (entity["offset"].as_u64()?, entity["length"].as_u64().filter(|length| *length > 0)?);
    let kind = entity["type"].as_str()?;
    let named = NAMES.iter().find(|(theirs, _)| *theirs == kind).map_or(kind, |(_, ours)| ours);
    let mut range = json!({ "kind": named, "start": start, "length": length, "data": entity });
    match kind {
        "text_link" => range["url"] = entity["url"].clone(),
        "url" => {
            range["kind"] = json!("link");
            range["url"] = json!(units(text, start, length));
        }
        _ => {}
    }
    Some(range)
}

/// A part of a text, by UTF-16 code units.
fn units(text: &str, start: u64, length: u64) -> String {
    let (start, length) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(length).unwrap_or(usize::MAX));
    let part: Vec<u16> = text.encode_utf16().skip(start).take(length).collect();
    String::from_utf16_lossy(&part)
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
struct Range {
    kind: String,
    start: usize,
    length: usize,
    url: Option<String>,
    #[serde(default)]
    data: Value,
}

/// The entities of a text that is sent. What a bot cannot mark stays plain.
///
/// # Errors
/// The format is none of the schema's.
pub fn to_entities(text: &str, format: &str) -> Result<Vec<Value>, String> {
    let format: Format = json::read(format)?;
    let unit = format.unit.as_deref().unwrap_or("utf-16");
    Ok(format.ranges.iter().filter_map(|range| entity(text, unit, range)).collect())
}

fn entity(text: &str, unit: &str, range: &Range) -> Option<Value> {
    let start = in_units(text, unit, range.start);
    let length = in_units(text, unit, range.start.saturating_add(range.length))
        .checked_sub(start)
        .filter(|length| *length > 0)?;
    let mut entity = json!({ "offset": start, "length": length });
    let theirs = NAMES.iter().find(|(_, ours)| *ours == range.kind).map_or(range.kind.as_str(), |(theirs, _)| theirs);
    match theirs {
        "text_link" => entity["url"] = json!(range.url.as_ref()?),
        "text_mention" => entity["user"] = range.data.get("user")?.clone(),
        "custom_emoji" => entity["custom_emoji_id"] = range.data.get("custom_emoji_id")?.clone(),
        "pre" => {
            if let Some(language) = range.data.get("language") {
                entity["language"] = language.clone();
            }
        }
        mark if MARKS.contains(&mark) => {}
        _ => return None,
    }
    entity["type"] = json!(theirs);
    Some(entity)
}

/// A place of the text, counted in `unit`, in UTF-16 code units.
fn in_units(text: &str, unit: &str, place: usize) -> usize {
    match unit {
        "code-points" => text.chars().take(place).map(char::len_utf16).sum(),
        "bytes" => text.char_indices().take_while(|(at, _)| *at < place).map(|(_, one)| one.len_utf16()).sum(),
        _ => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_telegram_counts_whatever_the_format_counts() {
        // "😀" is one code point, two UTF-16 code units, four bytes.
        let text = "😀 tebal";
        for (unit, start) in [("utf-16", 3), ("code-points", 2), ("bytes", 5)] {
            let format = json!({ "unit": unit, "ranges": [{ "kind": "bold", "start": start, "length": 5 }] });
            let entities = to_entities(text, &format.to_string()).expect("a format");
            assert_eq!(entities, [json!({ "type": "bold", "offset": 3, "length": 5 })], "{unit}");
        }
    }

    #[test]
    fn an_address_in_a_text_is_named_by_what_stands_there() {
        let entities = json!([{ "type": "url", "offset": 3, "length": 11 }]);
        let format = of_entities("😀 example.com", &entities).expect("a range");
        let format: Value = serde_json::from_str(&format).expect("JSON");
        assert_eq!(
            (&format["ranges"][0]["kind"], &format["ranges"][0]["url"]),
            (&json!("link"), &json!("example.com"))
        );
    }

    #[test]
    fn what_a_bot_cannot_mark_stays_plain() {
        let format = json!({ "ranges": [
            { "kind": "link", "start": 0, "length": 1 },
            { "kind": "mention", "start": 0, "length": 1 },
            { "kind": "sparkle", "start": 0, "length": 1 },
            { "kind": "bold", "start": 1, "length": 0 },
        ]});
        assert!(to_entities("abc", &format.to_string()).expect("a format").is_empty());
        assert!(to_entities("abc", "{").is_err());
    }
}
