//! Where in a JSON or form body something stands: found by words that only the host knows, in one pass and without the tree.

use std::collections::BTreeMap;
use std::fmt;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Failure, refuse};

/// Bytes of a pointer: a longer one is bound to nothing.
const LONGEST: usize = 1 << 10;
/// Digits of a marker's number in its word.
const DIGITS: usize = 5;

/// Words that the plugin does not know, to be put where its markers stand: what is found by them is that very place, and not
/// another one where the marker was written in an encoding.
pub(super) struct Probe(String);

impl Probe {
    pub(super) fn new() -> Result<Probe, Failure> {
        let mut random = [0u8; 24];
        getrandom::fill(&mut random).map_err(|_| refuse("limit", "the host has no randomness"))?;
        Ok(Probe(format!("sbg{}", hex::encode(random))))
    }

    /// The word for one marker.
    pub(super) fn word(&self, marker: usize) -> String {
        format!("{}{marker:0DIGITS$}", self.0)
    }

    /// The markers whose words stand in a text.
    fn markers<'t>(&'t self, text: &'t str) -> impl Iterator<Item = usize> + 't {
        let digits = move |at: usize| text.get(at + self.0.len()..at + self.0.len() + DIGITS)?.parse().ok();
        memmem::find_iter(text.as_bytes(), self.0.as_bytes()).filter_map(digits)
    }
}

/// The name of the field in whose value each marker stands.
pub(super) fn in_form(probe: &Probe, text: &str) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        for marker in probe.markers(&value).filter(|_| name.len() <= LONGEST) {
            found.insert(marker, name.clone().into_owned());
        }
    }
    found
}

/// The pointer to the text in which each marker stands; nothing where this is no JSON.
pub(super) fn in_json(probe: &Probe, text: &str) -> BTreeMap<usize, String> {
    let mut walk = Walk { probe, path: String::new(), depth: 0, found: BTreeMap::new() };
    let mut json = serde_json::Deserializer::from_str(text);
    match Node(&mut walk).deserialize(&mut json).and_then(|()| json.end()) {
        Ok(()) => walk.found,
        Err(_) => BTreeMap::new(),
    }
}

struct Walk<'p> {
    probe: &'p Probe,
    /// The pointer to where the walk is, as long as it is short.
    path: String,
    /// Segments that were not added to it.
    depth: usize,
    found: BTreeMap<usize, String>,
}

impl Walk<'_> {
    /// Goes one segment down; gives the length to return to.
    fn down(&mut self, segment: fmt::Arguments<'_>, bytes: usize) -> usize {
        let length = self.path.len();
        if self.depth > 0 || length + bytes >= LONGEST {
            self.depth += 1;
        } else {
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(&mut self.path, format_args!("/{segment}"));
        }
        length
    }

    fn up(&mut self, length: usize) {
        self.depth = self.depth.saturating_sub(1);
        self.path.truncate(length);
    }
}

/// One value of the document.
struct Node<'w, 'p>(&'w mut Walk<'p>);

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let walk = self.0;
        for marker in walk.probe.markers(text).filter(|_| walk.depth == 0) {
            walk.found.insert(marker, walk.path.clone());
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0_usize.. {
            let length = self.0.down(format_args!("{index}"), 20);
            let item = items.next_element_seed(Node(&mut *self.0))?;
            self.0.up(length);
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            let length = match name.len() < LONGEST {
                true => {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    self.0.down(format_args!("{name}"), name.len())
                }
                false => self.0.down(format_args!(""), LONGEST),
            };
            fields.next_value_seed(Node(&mut *self.0))?;
            self.0.up(length);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn found(text: impl Fn(&Probe) -> String) -> BTreeMap<usize, String> {
        let probe = Probe::new().unwrap();
        in_json(&probe, &text(&probe))
    }

    #[test]
    fn every_marker_is_found_where_it_stands() {
        let found = found(|probe| {
            let [one, two, three] = [1, 22, 255].map(|marker| probe.word(marker));
            let name = probe.word(4);
            json!({"a~/b": [0, {"c": format!("x {one} {two}")}], "": three, name: "a name"}).to_string()
        });
        let expected = [(1, "/a~0~1b/1/c"), (22, "/a~0~1b/1/c"), (255, "/")];
        assert_eq!(found, expected.map(|(marker, pointer)| (marker, pointer.to_owned())).into());
    }

    #[test]
    fn what_is_no_json_or_lies_too_deep_is_not_found() {
        assert!(found(|probe| format!("{{\"a\":\"{}\"", probe.word(0))).is_empty());
        assert!(found(|probe| format!("\"{}\" x", probe.word(0))).is_empty());
        let name = "n".repeat(600);
        let deep = found(|probe| {
            json!({&name: {&name: {"a": probe.word(0)}, "b": probe.word(1)}, "c": probe.word(2)}).to_string()
        });
        assert_eq!(deep.keys().copied().collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn a_pointer_leads_to_the_text(keys in prop::collection::vec("[a-c~/]{0,3}", 1..5), index in 0usize..4) {
            let probe = Probe::new().unwrap();
            let mut whole = json!(probe.word(7));
            for key in &keys {
                whole = json!({key: (0..=index).map(|at| if at == index { whole.clone() } else { json!(at) }).collect::<Vec<_>>()});
            }
            let pointer = in_json(&probe, &whole.to_string()).remove(&7).unwrap();
            let word = probe.word(7);
            prop_assert_eq!(whole.pointer(&pointer).and_then(Value::as_str), Some(word.as_str()));
        }
    }
}
