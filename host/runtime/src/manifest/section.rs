//! Reading TOML with its lines, so that every fault of a file is told at once and where it stands.
//!
//! A `Section` remembers which keys were asked for; `finish` calls everything else unknown and names the nearest. It knows
//! nothing of what the keys mean.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ManifestError, ManifestFault};

/// The faults found so far in one file.
pub(super) struct Faults {
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    found: RefCell<Vec<ManifestFault>>,
}

impl Faults {
    pub(super) fn new(source: &str) -> Faults {
        let lines = std::iter::once(0)
            .chain(source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        Faults { lines, found: RefCell::new(Vec::new()) }
    }

    /// `span` in bytes; none: the first line. A value may be read twice; its fault is told once.
    pub(super) fn add(&self, span: Option<Range<usize>>, key: impl Into<String>, words: impl Into<String>) {
        let start = span.map_or(0, |span| span.start);
        let line = self.lines.partition_point(|begin| *begin <= start).max(1);
        let fault = ManifestFault { line, key: key.into(), words: words.into() };
        let mut found = self.found.borrow_mut();
        if !found.contains(&fault) {
            found.push(fault);
        }
    }
}

/// Parses a file and gives its top section to `build`; whatever was found wrong on the way refuses the file.
pub(super) fn read<T>(file: &str, source: &str, build: impl FnOnce(Section<'_>) -> T) -> Result<T, ManifestError> {
    let faults = Faults::new(source);
    let value = match DeTable::parse(source) {
        Ok(top) => {
            let span = top.span();
            Some(build(Section::new(top.get_ref(), String::new(), span, &faults)))
        }
        Err(error) => {
            faults.add(error.span(), "", format!("not valid TOML: {}", error.message()));
            None
        }
    };
    let mut found = faults.found.into_inner();
    found.sort_by_key(|fault| fault.line);
    match value {
        Some(value) if found.is_empty() => Ok(value),
        _ => Err(ManifestError { file: file.to_owned(), faults: found }),
    }
}

/// One table of the file.
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    path: String,
    span: Range<usize>,
    faults: &'a Faults,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, path: String, span: Range<usize>, faults: &'a Faults) -> Section<'a> {
        Section { table, path, span, faults, asked: RefCell::new(Vec::new()) }
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn get(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let is = match value.get_ref().type_str() {
            is @ ("integer" | "array") => format!("an {is}"),
            is => format!("a {is}"),
        };
        self.faults.add(Some(value.span()), self.at(key), format!("must be {wanted}, not {is}"));
    }

    /// Says that a key's value is wrong (or the whole section, where the key is absent).
    pub(super) fn fault(&self, key: &str, words: impl Into<String>) {
        let span = self.table.get(key).map_or(self.span.clone(), Spanned::span);
        self.faults.add(Some(span), self.at(key), words);
    }

    /// Whether the key is there, without asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn string(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value, "a string");
            return None;
        };
        Some(text.to_owned())
    }

    /// A string that must be there and not be empty; "" after a fault.
    pub(super) fn required(&self, key: &'static str) -> String {
        let missing = !self.has(key);
        let text = self.string(key).unwrap_or_default();
        if missing {
            self.fault(key, "is required");
        } else if text.is_empty() && self.table.get(key).is_some_and(|value| value.get_ref().is_str()) {
            self.fault(key, "must not be empty");
        }
        text
    }

    /// One of a fixed list of words; the default where absent or wrong.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        self.choice(key, words).unwrap_or(default)
    }

    /// One of a fixed list of words that decides how the rest is read; none where absent or wrong.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        self.fault(key, format!("`{text}` is none of {known}"));
        None
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            self.wrong(key, value, "true or false");
        }
        read
    }

    pub(super) fn number(&self, key: &'static str) -> Option<u64> {
        let value = self.get(key)?;
        let read = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        if read.is_none() {
            self.wrong(key, value, "a whole number from 0");
        }
        read
    }

    pub(super) fn strings(&self, key: &'static str) -> Vec<String> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(key, value, "a list of strings");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in array.iter() {
            match entry.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(key, entry, "a list of strings"),
            }
        }
        texts
    }

    /// Strings that `parse` understands; each that it does not is a fault of its own.
    pub(super) fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut values = Vec::new();
        for text in self.strings(key) {
            match parse(&text) {
                Ok(value) => values.push(value),
                Err(words) => self.fault(key, format!("`{text}`: {words}")),
            }
        }
        values
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, value, "a table");
            return None;
        };
        Some(Section::new(table, self.at(key), value.span(), self.faults))
    }

    /// An array of tables, `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(key, value, &format!("a list of tables: write [[{key}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, entry) in array.iter().enumerate() {
            match entry.get_ref().as_table() {
                Some(table) => {
                    let path = self.at(&format!("{key}[{index}]"));
                    sections.push(Section::new(table, path, entry.span(), self.faults));
                }
                None => self.wrong(key, entry, "a list of tables"),
            }
        }
        sections
    }

    /// A table whose keys the author chooses: every entry that is a table itself.
    pub(super) fn named_tables(&self) -> Vec<(String, Section<'a>)> {
        let mut sections = Vec::new();
        for (key, value) in self.table.iter() {
            match value.get_ref().as_table() {
                Some(table) => {
                    let section = Section::new(table, self.at(key.get_ref()), value.span(), self.faults);
                    sections.push((key.get_ref().to_string(), section));
                }
                None => self.wrong(key.get_ref(), value, "a table"),
            }
        }
        sections
    }

    /// A table whose keys the author chooses, with strings.
    pub(super) fn named_strings(&self) -> Vec<(String, String)> {
        let mut strings = Vec::new();
        for (key, value) in self.table.iter() {
            match value.get_ref().as_str() {
                Some(text) => strings.push((key.get_ref().to_string(), text.to_owned())),
                None => self.wrong(key.get_ref(), value, "a string"),
            }
        }
        strings
    }

    /// Calls every key unknown that nothing asked for, and names the nearest one.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if asked.contains(&name) {
                continue;
            }
            let words = match nearest(name, asked.iter().copied()) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; known here: {}", asked.join(", ")),
            };
            self.faults.add(Some(key.span()), self.at(name), words);
        }
    }

    /// The keys that were asked for, for the test that holds the published schema to this reader.
    #[cfg(test)]
    pub(super) fn asked(&self) -> Vec<&'static str> {
        self.asked.borrow().clone()
    }
}

/// Bytes of a word that is compared with others.
const MOST_COMPARED: usize = 64;

/// The known word that somebody who wrote `word` most likely meant.
pub(crate) fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    // Comparing takes the product of the lengths, and what is that long is no typing error.
    if word.len() > MOST_COMPARED {
        return None;
    }
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
