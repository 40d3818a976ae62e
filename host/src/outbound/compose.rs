//! What may be written in a conversation now, and whether what somebody wrote may be sent: kinds, lengths, files, templates.
//!
//! The same limits stand in the composer that the API shows; the provider has the last word all the same.

use sambung_runtime::Plugin;
use sambung_runtime::contract::types::Content;
use sambung_runtime::manifest::limits::{ContentLimits, OverLimit, TextLimit, Unit};
use serde_json::Value;

use super::Outbound;
use crate::db::{ChannelRow, DbError};
use crate::keys::MediaId;
use crate::mail;
use crate::model::content;
use crate::model::fault::FieldError;
use crate::model::shown::conversation::{self as shown, Composer};
use crate::model::windows::{self, Facts, Window, Wish};

/// Why what somebody wrote is not sent.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// Faults of fields, all of them.
    #[error("the content cannot be sent as it is")]
    Fields(Vec<FieldError>),
    /// No rule is open for it.
    #[error("the messaging window is closed")]
    WindowClosed(Window),
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Outbound {
    /// Checks what is to be sent through a channel against its limits, features, files and templates: the contents in their
    /// stored form.
    ///
    /// # Errors
    /// [`ComposeError::Fields`] with every fault.
    pub async fn check(
        &self,
        channel: &ChannelRow,
        plugin: &Plugin,
        wanted: &Value,
    ) -> Result<Vec<Value>, ComposeError> {
        let contents = content::list_from_json(wanted, "#/content").map_err(ComposeError::Fields)?;
        let mut contents = mail::harmless(contents, |contents, clean| contents.iter_mut().for_each(clean)).await;
        let limits = &plugin.manifest().limits;
        let mut faults = Vec::new();
        for (index, content) in contents.iter_mut().enumerate() {
            let pointer = if wanted.is_array() { format!("#/content/{index}") } else { "#/content".to_owned() };
            if let Err(fault) = takes(limits, &channel.features, content) {
                faults.push(over(&format!("{pointer}/type"), "type", &fault));
                continue;
            }
            match content {
                Content::Text(text) => {
                    if let Err(fault) = limits.check_text(&text.body) {
                        faults.push(over(&format!("{pointer}/text"), "text", &fault));
                    }
                }
                Content::Media(media) => {
                    let file = media.file.blob.as_deref().unwrap_or_default();
                    let caption = media.caption.as_deref();
                    let kind = &media.file.kind;
                    faults.extend(self.file_fault(channel, limits, kind, file, caption, &pointer).await?);
                }
                Content::Mail(mail) => {
                    if let Err(fault) = limits.check_text(mail.text.as_deref().unwrap_or_default()) {
                        faults.push(over(&format!("{pointer}/text"), "text", &fault));
                    }
                    for (index, file) in mail.files.iter().enumerate() {
                        let (id, at) = (file.blob.as_deref().unwrap_or_default(), format!("{pointer}/files/{index}"));
                        faults.extend(self.file_fault(channel, limits, &file.kind, id, None, &at).await?);
                    }
                }
                Content::Interactive(json) => faults.extend(interactive_fault(limits, json, &pointer)),
                Content::Template(json) => match self.filled_in(channel, limits, json, &pointer).await {
                    Ok(filled) => *json = filled,
                    Err(ComposeError::Fields(more)) => faults.extend(more),
                    Err(error) => return Err(error),
                },
                _ => {}
            }
        }
        if !faults.is_empty() {
            return Err(ComposeError::Fields(faults));
        }
        Ok(contents.iter().map(|content| content::to_json(content, &mut |file| file.blob.clone())).collect())
    }

    pub(super) async fn file_fault(
        &self,
        channel: &ChannelRow,
        limits: &ContentLimits,
        kind: &str,
        id: &str,
        caption: Option<&str>,
        pointer: &str,
    ) -> Result<Option<FieldError>, DbError> {
        let at = format!("{pointer}/media_id");
        let Some(file) = self.0.db.media_of(&channel.workspace, MediaId::of(id)).await? else {
            return Ok(Some(FieldError::new(at, "unknown", "there is no such file")));
        };
        if file.state != "stored" {
            let words = format!("the file is {}, not stored", file.state);
            return Ok(Some(FieldError::new(at, "not-stored", words)));
        }
        let bytes = file.bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        let mime = file.mime.as_deref().unwrap_or("application/octet-stream");
        Ok(limits.check_media(kind, mime, bytes, caption).err().map(|fault| {
            let of_caption = match &fault {
                OverLimit::TooLong { .. } => true,
                OverLimit::Kind { kind } => kind == "captions",
                _ => false,
            };
            if of_caption { over(&format!("{pointer}/caption"), "caption", &fault) } else { over(&at, kind, &fault) }
        }))
    }

    /// What the window of a conversation looks like and what may be written in it, in the API's form.
    pub fn outlook(&self, plugin: &Plugin, features: &Value, facts: &Facts, human: bool) -> (Window, Composer) {
        let now = self.0.clock.now();
        let window = windows::look(plugin.window_rules(), facts, features, human, now);
        let composer = composer(&plugin.manifest().limits, features, &window);
        (window, composer)
    }

    /// Whether each content has an open rule.
    ///
    /// # Errors
    /// [`ComposeError::WindowClosed`] where one has none.
    pub fn may_send(
        &self,
        plugin: &Plugin,
        features: &Value,
        facts: &Facts,
        contents: &[Value],
        human: bool,
    ) -> Result<(), ComposeError> {
        let now = self.0.clock.now();
        let rules = plugin.window_rules();
        let open = |content: &Value| {
            let kind = content.get("type").and_then(Value::as_str).unwrap_or_default();
            let wish = Wish { needs: windows::need_of(kind), human, excluded: &[] };
            windows::choose(rules, facts, features, wish, now).is_some()
        };
        if contents.iter().all(open) {
            return Ok(());
        }
        Err(ComposeError::WindowClosed(windows::look(rules, facts, features, human, now)))
    }
}

/// A feature that `connect` or `check` took away from this channel.
pub(super) fn lacks(features: &Value, feature: &str) -> bool {
    // Without its list nobody could say which template may be sent.
    let feature = if feature == "template" { "templates" } else { feature };
    features.get(feature).and_then(Value::as_bool) == Some(false)
}

fn takes(limits: &ContentLimits, features: &Value, content: &Content) -> Result<(), OverLimit> {
    let kind = content.word();
    limits.takes(kind)?;
    let file = if let Content::Media(media) = content { media.file.kind.as_str() } else { kind };
    for feature in [kind, file] {
        if lacks(features, feature) {
            return Err(OverLimit::Kind { kind: feature.to_owned() });
        }
    }
    Ok(())
}

fn over(pointer: &str, what: &str, fault: &OverLimit) -> FieldError {
    let code = match fault {
        OverLimit::TooLong { .. } => "too-long",
        OverLimit::Kind { .. } => "not-supported",
        OverLimit::MediaType { .. } => "media-type",
        OverLimit::TooLarge { .. } => "too-large",
        OverLimit::TooMany { .. } => "too-many",
    };
    FieldError::new(pointer, code, format!("{what}: {fault}"))
}

fn interactive_fault(limits: &ContentLimits, json: &str, pointer: &str) -> Option<FieldError> {
    let limit = limits.interactive?;
    let shown: Value = serde_json::from_str(json).ok()?;
    let mut tally = Tally::default();
    tally.count(&shown);
    let labels = tally.labels.iter().map(String::as_str);
    limit.check(tally.buttons, tally.rows, labels).err().map(|fault| over(pointer, "interactive", &fault))
}

/// Buttons and rows wherever they stand.
#[derive(Default)]
struct Tally {
    buttons: u64,
    rows: u64,
    labels: Vec<String>,
}

impl Tally {
    fn count(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                for (key, inner) in object {
                    if let ("buttons" | "rows", Value::Array(list)) = (key.as_str(), inner) {
                        let counter = if key == "buttons" { &mut self.buttons } else { &mut self.rows };
                        *counter += list.len() as u64;
                        let label = |item: &Value| {
                            let text = item.get("label").or_else(|| item.get("title"));
                            text.and_then(Value::as_str).map(str::to_owned)
                        };
                        self.labels.extend(list.iter().filter_map(label));
                    }
                    self.count(inner);
                }
            }
            Value::Array(list) => list.iter().for_each(|inner| self.count(inner)),
            _ => {}
        }
    }
}

/// What may be sent now, and its limits.
fn composer(limits: &ContentLimits, features: &Value, window: &Window) -> Composer {
    let allows = |need: &str| window.allows.iter().any(|allowed| allowed == need);
    let contents = limits
        .contents
        .iter()
        .filter(|kind| !lacks(features, kind))
        .filter(|kind| allows(windows::need_of(kind)))
        .map(|kind| kind.replace('-', "_"))
        .collect();
    let media = limits.media.iter().filter(|(kind, _)| !lacks(features, kind)).map(|(kind, limit)| {
        (kind.clone(), shown::MediaLimit { types: limit.types.clone(), max_bytes: limit.max_bytes })
    });
    Composer {
        contents,
        text: limits.text.map(text_limit),
        caption: limits.caption.map(text_limit),
        media: media.collect(),
        interactive: limits.interactive.map(|limit| shown::InteractiveLimit {
            buttons: limit.buttons,
            rows: limit.rows,
            label: limit.label.map(text_limit),
        }),
        together: limits.together,
        templates: None,
    }
}

/// With the unit's word as manifests write it.
fn text_limit(limit: TextLimit) -> shown::TextLimit {
    let unit = match limit.unit {
        Unit::Bytes => "bytes",
        Unit::CodePoints => "code-points",
        Unit::Utf16 => "utf-16",
    };
    shown::TextLimit { max: limit.max, unit: unit.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Buttons and rows count wherever they stand.
    #[test]
    fn interactive_contents_are_counted() {
        let mut tally = Tally::default();
        tally.count(&json!({"buttons": [{"label": "a"}], "list": {"sections": [{"rows": [{"title": "b"}, {}]}]}}));
        assert_eq!((tally.buttons, tally.rows, tally.labels), (1, 2, vec!["a".to_owned(), "b".to_owned()]));
    }

    /// Outside the window the composer offers templates alone, and what the channel lacks never.
    #[test]
    fn the_composer_offers_what_may_be_sent() {
        let limits = ContentLimits {
            contents: ["text", "media", "template", "contact-cards"].map(str::to_owned).to_vec(),
            ..ContentLimits::default()
        };
        let window = |allows: &[&str]| Window {
            open: true,
            closes_at: None,
            allows: allows.iter().map(|word| (*word).to_owned()).collect(),
            reason: None,
        };
        let features = json!({"media": false});
        let contents = |window: &Window| json!(composer(&limits, &features, window).contents);
        assert_eq!(contents(&window(&["template"])), json!(["template"]));
        let without = json!({"templates": false});
        assert!(composer(&limits, &without, &window(&["template"])).contents.is_empty());
        assert_eq!(contents(&window(&["free-form", "template"])), json!(["text", "template", "contact_cards"]));
    }
}
