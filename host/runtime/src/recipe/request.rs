//! Values of a request, each read when a recipe first asks for it.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde_json::Value;

use super::Raw;
use crate::manifest::{Segment, Source};

/// A request with what was read of it so far.
pub(super) struct Parsed<'a> {
    pub(super) raw: &'a Raw<'a>,
    /// The path below the webhook's own.
    pub(super) below: &'a str,
    json: OnceCell<Option<Value>>,
}

impl<'a> Parsed<'a> {
    pub(super) fn new(raw: &'a Raw<'a>, below: &'a str) -> Parsed<'a> {
        Parsed { raw, below, json: OnceCell::new() }
    }

    /// The one value that stands there; nothing where it is missing or stands there twice.
    pub(super) fn value(&self, source: &Source) -> Option<Cow<'_, str>> {
        match source {
            Source::Header(name) => self.header(name).map(Cow::Borrowed),
            Source::Query(name) => only(pairs(self.raw.query.as_bytes()), name),
            Source::Form(name) => only(pairs(self.raw.body), name),
            Source::Json(pointer) => self.json_value(pointer),
            Source::Path => {
                let first = self.below.trim_start_matches('/').split('/').next().unwrap_or_default();
                (!first.is_empty()).then_some(Cow::Borrowed(first))
            }
            Source::Method => Some(Cow::Borrowed(self.raw.method)),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.raw.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Some(value.trim()),
            _ => None,
        }
    }

    fn json_value(&self, pointer: &str) -> Option<Cow<'_, str>> {
        let json = self.json.get_or_init(|| serde_json::from_slice(self.raw.body).ok()).as_ref()?;
        match json.pointer(pointer)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Null => None,
            other => Some(Cow::Owned(other.to_string())),
        }
    }

    /// What a segment stands for; nothing where the request does not have it.
    pub(super) fn segment<'s>(&'s self, segment: &'s Segment) -> Option<Cow<'s, [u8]>> {
        match segment {
            Segment::Literal(text) => Some(Cow::Borrowed(text.as_bytes())),
            Segment::Body => Some(Cow::Borrowed(self.raw.body)),
            Segment::Url => self.raw.url.map(|url| Cow::Borrowed(url.as_bytes())),
            Segment::SortedForm => Some(Cow::Owned(self.sorted_form())),
            Segment::Of(source) => self.value(source).map(|value| match value {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        }
    }

    fn sorted_form(&self) -> Vec<u8> {
        let mut fields: Vec<_> = pairs(self.raw.body).collect();
        fields.sort();
        fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()].concat()).collect()
    }
}

fn pairs(encoded: &[u8]) -> url::form_urlencoded::Parse<'_> {
    url::form_urlencoded::parse(encoded)
}

fn only<'p>(pairs: url::form_urlencoded::Parse<'p>, name: &str) -> Option<Cow<'p, str>> {
    let mut values = pairs.filter(|(key, _)| key == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}
