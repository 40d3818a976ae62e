//! JSON where the contract says `json`: text made from values, and values read from text.

pub use serde_json::{Value, json};

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
