//! JSON where the contract says `json`: text made from values, and values read from text.

pub use serde_json::{Value, json};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

/// Reads a field of what a provider sent, and takes a value of an unexpected shape for an absent one, because the rest of the
/// object is worth reading without it. For `#[serde(default, deserialize_with = "sambung_sdk::json::lenient")]`.
///
/// # Errors
/// The text is no JSON.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// Reads a list of what a provider sent, and leaves out the entries of an unexpected shape. For
/// `#[serde(default, deserialize_with = "sambung_sdk::json::lenient_list")]`.
///
/// # Errors
/// The text is no JSON.
pub fn lenient_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let entries: Vec<Box<RawValue>> = lenient(deserializer)?;
    Ok(entries.iter().filter_map(|entry| serde_json::from_str(entry.get()).ok()).collect())
}

/// Reads a JSON text of the contract (settings, features, a thread's `context`) into a type of the author's.
///
/// # Errors
/// The parser's words, with line and column.
pub fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Writes a value as JSON text.
///
/// What cannot be written (a map whose keys are not strings) becomes `null`; values that come from
/// [`json!`] or from a struct with named fields always can.
pub fn write<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        name: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        age: u32,
        #[serde(default, deserialize_with = "lenient_list")]
        phones: Vec<String>,
    }

    #[test]
    fn a_field_of_an_unexpected_shape_takes_no_other_with_it() {
        let rows = [
            (r#"{"id":"1","name":"Ana","age":3,"phones":["a","b"]}"#, Some("Ana"), 3, vec!["a", "b"]),
            (r#"{"id":"1","name":{"first":"Ana"},"age":3,"phones":["a",7,"b"]}"#, None, 3, vec!["a", "b"]),
            (r#"{"id":"1","name":"Ana","age":-3,"phones":"a"}"#, Some("Ana"), 0, vec![]),
            (r#"{"id":"1","name":"\ud800","age":1e999,"phones":null}"#, None, 0, vec![]),
            (r#"{"id":"1"}"#, None, 0, vec![]),
        ];
        for (text, name, age, phones) in rows {
            let phones = phones.into_iter().map(str::to_owned).collect();
            let expected = Person { id: "1".to_owned(), name: name.map(str::to_owned), age, phones };
            assert_eq!(read::<Person>(text).as_ref(), Ok(&expected), "{text}");
        }
        assert!(read::<Person>(r#"{"id":7}"#).is_err(), "what makes it one is required");
    }
}
