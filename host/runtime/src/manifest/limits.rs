//! `[limits]`: what a provider takes in one message, and the arithmetic over it. Pure functions; who refuses or
//! waits is the host's business.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::section::Section;

/// What one message may hold. What has no section cannot be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContentLimits {
    /// How many contents one call of `send` may take.
    pub together: u32,
    /// Kinds of content that `send` takes: "text", "media", "location", "interactive", "template", "contact-cards".
    pub contents: Vec<String>,
    /// A text's length.
    pub text: Option<TextLimit>,
    /// A caption's length; none: media carry no caption.
    pub caption: Option<TextLimit>,
    /// By kind: "image", "video", "audio", "voice", "document", "sticker", "animation".
    pub media: BTreeMap<String, MediaLimit>,
    /// Buttons and rows.
    pub interactive: Option<InteractiveLimit>,
    /// How often the provider may be called.
    pub rates: Vec<RateLimit>,
}

impl Default for ContentLimits {
    fn default() -> ContentLimits {
        ContentLimits {
            together: 1,
            contents: vec!["text".to_owned()],
            text: None,
            caption: None,
            media: BTreeMap::new(),
            interactive: None,
            rates: Vec::new(),
        }
    }
}

/// How a provider counts text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Of UTF-8.
    Bytes,
    /// Unicode scalar values.
    CodePoints,
    /// UTF-16 code units, so an emoji counts two or more.
    #[serde(rename = "utf-16")]
    Utf16,
}

impl Unit {
    /// The length of a text in this unit.
    pub fn count(self, text: &str) -> u64 {
        text.chars().map(|character| self.of(character)).sum()
    }

    fn of(self, character: char) -> u64 {
        match self {
            Unit::Bytes => character.len_utf8() as u64,
            Unit::CodePoints => 1,
            Unit::Utf16 => character.len_utf16() as u64,
        }
    }
}

/// The greatest length of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextLimit {
    /// In `unit`.
    pub max: u64,
    /// How it is counted.
    pub unit: Unit,
}

/// Files of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLimit {
    /// "image/jpeg", "audio/*"; empty: any.
    pub types: Vec<String>,
    /// Size of one file.
    pub max_bytes: u64,
}

/// Buttons and rows of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractiveLimit {
    /// At most so many buttons.
    pub buttons: u32,
    /// At most so many rows of a list, over all sections; 0: no lists.
    pub rows: u32,
    /// What is written on one.
    pub label: Option<TextLimit>,
}

/// How often the provider may be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// "thread", "recipient", "channel" or "app": what is counted together.
    pub scope: String,
    /// So many calls …
    pub count: u32,
    /// … in so many milliseconds.
    pub per_ms: u64,
}

/// What is over a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum OverLimit {
    /// A text, a caption or a label.
    #[error("{actual} {unit} are more than the {max} that the channel takes", unit = unit_word(*.unit))]
    TooLong {
        /// Its length.
        actual: u64,
        /// The limit.
        max: u64,
        /// What both count.
        unit: Unit,
    },
    /// The channel does not take this kind of content or file at all.
    #[error("the channel takes no {kind}")]
    Kind {
        /// Which.
        kind: String,
    },
    /// A file's type.
    #[error("the channel takes no {mime} as {kind}; it takes {}", .takes.join(", "))]
    MediaType {
        /// Of what kind it was sent.
        kind: String,
        /// Its type.
        mime: String,
        /// What would be taken.
        takes: Vec<String>,
    },
    /// A file's size.
    #[error("{actual} bytes are more than the {max} that the channel takes")]
    TooLarge {
        /// Its size in bytes.
        actual: u64,
        /// The limit.
        max: u64,
    },
    /// Buttons or rows.
    #[error("{actual} {what} are more than the {max} that the channel takes")]
    TooMany {
        /// "buttons" or "rows".
        what: String,
        /// How many there are.
        actual: u64,
        /// The limit.
        max: u64,
    },
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::CodePoints => "characters",
        Unit::Utf16 => "UTF-16 units",
    }
}

impl TextLimit {
    /// Whether a text fits.
    ///
    /// # Errors
    /// [`OverLimit::TooLong`].
    pub fn check(&self, text: &str) -> Result<(), OverLimit> {
        let actual = self.unit.count(text);
        if actual <= self.max {
            return Ok(());
        }
        Err(OverLimit::TooLong { actual, max: self.max, unit: self.unit })
    }
}

impl MediaLimit {
    /// Whether a file's measured type and size fit.
    ///
    /// # Errors
    /// [`OverLimit::MediaType`] or [`OverLimit::TooLarge`].
    pub fn check(&self, kind: &str, mime: &str, bytes: u64) -> Result<(), OverLimit> {
        let plain = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !self.types.is_empty() && !self.types.iter().any(|pattern| mime_matches(pattern, &plain)) {
            return Err(OverLimit::MediaType { kind: kind.to_owned(), mime: plain, takes: self.types.clone() });
        }
        if bytes > self.max_bytes {
            return Err(OverLimit::TooLarge { actual: bytes, max: self.max_bytes });
        }
        Ok(())
    }
}

fn mime_matches(pattern: &str, mime: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(family) => mime.split_once('/').is_some_and(|(front, _)| front == family),
        None => pattern == mime,
    }
}

impl ContentLimits {
    /// Whether `send` takes this kind of content.
    ///
    /// # Errors
    /// [`OverLimit::Kind`].
    pub fn takes(&self, content: &str) -> Result<(), OverLimit> {
        if self.contents.iter().any(|kind| kind == content) {
            return Ok(());
        }
        Err(OverLimit::Kind { kind: content.to_owned() })
    }

    /// Whether a text fits; without a limit any does.
    ///
    /// # Errors
    /// [`OverLimit::TooLong`].
    pub fn check_text(&self, text: &str) -> Result<(), OverLimit> {
        self.text.map_or(Ok(()), |limit| limit.check(text))
    }

    /// Whether a file, with its caption, fits.
    ///
    /// # Errors
    /// The first of what does not.
    pub fn check_media(&self, kind: &str, mime: &str, bytes: u64, caption: Option<&str>) -> Result<(), OverLimit> {
        let limit = self.media.get(kind).ok_or_else(|| OverLimit::Kind { kind: kind.to_owned() })?;
        limit.check(kind, mime, bytes)?;
        match (caption, self.caption) {
            (None | Some(""), _) => Ok(()),
            (Some(caption), Some(limit)) => limit.check(caption),
            (Some(_), None) => Err(OverLimit::Kind { kind: "captions".to_owned() }),
        }
    }

    /// Cuts `count` contents that are due, in order, into groups that one call of `send` may take.
    pub fn groups(&self, count: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = (self.together.max(1)) as usize;
        (0..count).step_by(size).map(move |start| start..(start + size).min(count))
    }
}

impl InteractiveLimit {
    /// Whether buttons, rows and what is written on them fit.
    ///
    /// # Errors
    /// The first of what does not.
    pub fn check<'l>(&self, buttons: u64, rows: u64, labels: impl Iterator<Item = &'l str>) -> Result<(), OverLimit> {
        for (what, actual, max) in [("buttons", buttons, self.buttons), ("rows", rows, self.rows)] {
            if actual > u64::from(max) {
                return Err(OverLimit::TooMany { what: what.to_owned(), actual, max: u64::from(max) });
            }
        }
        let Some(limit) = self.label else { return Ok(()) };
        labels.into_iter().try_for_each(|label| limit.check(label))
    }
}

const MEDIA_KINDS: [&str; 7] = ["image", "video", "audio", "voice", "document", "sticker", "animation"];
const CONTENTS: [&str; 7] = ["text", "media", "location", "contact-cards", "interactive", "template", "mail"];

pub(super) fn read(section: &Section<'_>) -> ContentLimits {
    let media = section.table("media").map(|media| media.named_tables()).unwrap_or_default();
    let limits = ContentLimits {
        together: together(section),
        contents: contents(section, !media.is_empty()),
        text: section.table("text").map(|text| text_limit(&text)),
        caption: section.table("caption").map(|caption| text_limit(&caption)),
        media: media.iter().map(|(kind, limit)| (kind.clone(), media_limit(kind, limit))).collect(),
        interactive: section.table("interactive").map(|interactive| interactive_limit(&interactive)),
        rates: section.tables("rate").iter().map(rate).collect(),
    };
    if media.is_empty() && limits.takes("media").is_ok() {
        section.fault("contents", "`media` needs a [limits.media.KIND] for each kind that the provider takes");
    }
    section.finish();
    limits
}

fn together(section: &Section<'_>) -> u32 {
    match section.number("together").unwrap_or(1) {
        count @ 1..=100 => count as u32,
        _ => {
            section.fault("together", "from 1 to 100");
            1
        }
    }
}

fn contents(section: &Section<'_>, media: bool) -> Vec<String> {
    let named = section.parsed("contents", |word| match CONTENTS.contains(&word) {
        true => Ok(word.to_owned()),
        false => Err(format!("one of {}", CONTENTS.join(", "))),
    });
    match (section.has("contents"), media) {
        (true, _) => named,
        (false, true) => vec!["text".to_owned(), "media".to_owned()],
        (false, false) => vec!["text".to_owned()],
    }
}

fn text_limit(section: &Section<'_>) -> TextLimit {
    let units = [("bytes", Unit::Bytes), ("code-points", Unit::CodePoints), ("utf-16", Unit::Utf16)];
    let max = section.number("max");
    if max.is_none_or(|max| max == 0) {
        section.fault("max", "is required, at least 1");
    }
    section.required("unit");
    let limit = TextLimit { max: max.unwrap_or(1).max(1), unit: section.word("unit", &units, Unit::CodePoints) };
    section.finish();
    limit
}

fn media_limit(kind: &str, section: &Section<'_>) -> MediaLimit {
    if !MEDIA_KINDS.contains(&kind) {
        section.fault("", format!("one of {}", MEDIA_KINDS.join(", ")));
    }
    let types = section.parsed("types", |word| match word.split_once('/') {
        Some((family, subtype)) if !family.is_empty() && !subtype.is_empty() => Ok(word.to_ascii_lowercase()),
        _ => Err("a media type such as image/jpeg or audio/*".to_owned()),
    });
    let max_bytes = section.number("max-bytes");
    if max_bytes.is_none() {
        section.fault("max-bytes", "is required");
    }
    section.finish();
    MediaLimit { types, max_bytes: max_bytes.unwrap_or(0) }
}

fn interactive_limit(section: &Section<'_>) -> InteractiveLimit {
    let limit = InteractiveLimit {
        buttons: section.number("buttons").unwrap_or(0).min(1000) as u32,
        rows: section.number("rows").unwrap_or(0).min(1000) as u32,
        label: section.table("label").map(|label| text_limit(&label)),
    };
    section.finish();
    limit
}

fn rate(section: &Section<'_>) -> RateLimit {
    let scopes = ["thread", "recipient", "channel", "app"].map(|scope| (scope, scope));
    let scope = section.word("scope", &scopes, "channel").to_owned();
    let count = section.number("count");
    let per_ms = section.number("per-ms");
    for (key, value) in [("count", count), ("per-ms", per_ms)] {
        if value.is_none_or(|value| value == 0) {
            section.fault(key, "is required, at least 1");
        }
    }
    section.finish();
    RateLimit { scope, count: count.unwrap_or(1).clamp(1, 1_000_000) as u32, per_ms: per_ms.unwrap_or(1).max(1) }
}
