//! Where in a request a value stands, as the short words that manifests use: `header:x-signature`, `query:hub.mode`,
//! `form:token`, `json:/type`, `path`, `method`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where one value of a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A header, its name in lower case. Missing or repeated, it has no value.
    Header(String),
    /// A parameter of the query, decoded. Missing or repeated, it has no value.
    Query(String),
    /// A field of a form body, decoded. Missing or repeated, it has no value.
    Form(String),
    /// What a JSON Pointer (RFC 6901) finds in the body: strings as they are, anything else as compact JSON.
    Json(String),
    /// The path below the webhook's own; for a compared secret its first segment.
    Path,
    /// The method, in upper case.
    Method,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(word: &str) -> Result<Source, String> {
        let (kind, name) = word.split_once(':').unwrap_or((word, ""));
        match (kind, name) {
            ("path", "") => Ok(Source::Path),
            ("method", "") => Ok(Source::Method),
            ("header", name) if is_header_name(name) => Ok(Source::Header(name.to_ascii_lowercase())),
            ("query", name) if !name.is_empty() => Ok(Source::Query(name.to_owned())),
            ("form", name) if !name.is_empty() => Ok(Source::Form(name.to_owned())),
            ("json", pointer) if pointer.starts_with('/') => Ok(Source::Json(pointer.to_owned())),
            _ => Err("expected header:NAME, query:NAME, form:NAME, json:/POINTER, path or method".to_owned()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Header(name) => write!(out, "header:{name}"),
            Source::Query(name) => write!(out, "query:{name}"),
            Source::Form(name) => write!(out, "form:{name}"),
            Source::Json(pointer) => write!(out, "json:{pointer}"),
            Source::Path => out.write_str("path"),
            Source::Method => out.write_str("method"),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;
    fn try_from(word: String) -> Result<Source, String> {
        word.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

/// One piece of what a signature covers; the pieces follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Segment {
    /// Fixed text: `literal:.`
    Literal(String),
    /// The raw body.
    Body,
    /// The address as the provider called it, with its query. Needs the host's public address.
    Url,
    /// Every form field, sorted by name (then value), name and value one after the other without separators.
    SortedForm,
    /// One value of the request; without a value the request is refused.
    Of(Source),
}

impl FromStr for Segment {
    type Err = String;

    fn from_str(word: &str) -> Result<Segment, String> {
        match word {
            "body" => Ok(Segment::Body),
            "url" => Ok(Segment::Url),
            "sorted-form" => Ok(Segment::SortedForm),
            _ => match word.strip_prefix("literal:") {
                Some(text) => Ok(Segment::Literal(text.to_owned())),
                None => word
                    .parse()
                    .map(Segment::Of)
                    .map_err(|words| format!("{words}, literal:TEXT, body, url or sorted-form")),
            },
        }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Literal(text) => write!(out, "literal:{text}"),
            Segment::Body => out.write_str("body"),
            Segment::Url => out.write_str("url"),
            Segment::SortedForm => out.write_str("sorted-form"),
            Segment::Of(source) => source.fmt(out),
        }
    }
}

impl TryFrom<String> for Segment {
    type Error = String;
    fn try_from(word: String) -> Result<Segment, String> {
        word.parse()
    }
}

impl From<Segment> for String {
    fn from(segment: Segment) -> String {
        segment.to_string()
    }
}

/// Whether this is a header name (RFC 9110 token).
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
