//! Rich messages (Bot API 10.1): a document of blocks becomes texts and files, in the order of the blocks.

use crate::message::{location, media};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Text};

/// Kinds of rich text that have another name in `wit/schemas/text-format.json`; all others are called alike.
const NAMES: [(&str, &str); 5] = [
    ("strikethrough", "strike"),
    ("url", "link"),
    ("email_address", "link"),
    ("custom_emoji", "emoji"),
    ("text_mention", "mention"),
];
/// Blocks that are a file: the block's type, which is also the field with the file, and the file's kind.
const FILES: [(&str, &str); 4] =
    [("animation", "animation"), ("audio", "audio"), ("video", "video"), ("voice_note", "voice")];

/// The contents of a `RichMessage`. A block that this version does not know, or that is not as described, is a line of its text,
/// and none of the others is lost.
pub fn contents(own: &Value) -> Vec<Content> {
    let mut writer = Writer::default();
    writer.blocks(&own["blocks"], "");
    writer.end_text();
    writer.contents
}

/// Contents under construction: what is finished, and the text that grows.
#[derive(Default)]
struct Writer {
    contents: Vec<Content>,
    body: String,
    /// Length of `body` in UTF-16 code units.
    units: usize,
    ranges: Vec<Value>,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.body.push_str(text);
        self.units += text.encode_utf16().count();
    }

    /// Begins another line, unless one begins here.
    fn line(&mut self, prefix: &str) {
        if !self.body.is_empty() && !self.body.ends_with('\n') {
            self.push("\n");
        }
        self.push(prefix);
    }

    fn end_text(&mut self) {
        let body = std::mem::take(&mut self.body);
        let ranges = std::mem::take(&mut self.ranges);
        self.units = 0;
        if body.trim().is_empty() {
            return;
        }
        let format = (!ranges.is_empty()).then(|| json!({ "unit": "utf-16", "ranges": ranges }).to_string());
        self.contents.push(Content::Text(Text { body: body.trim_end().to_owned(), format, ..Text::default() }));
    }

    fn blocks(&mut self, blocks: &Value, prefix: &str) {
        for block in blocks.as_array().into_iter().flatten() {
            self.block(block, prefix);
        }
    }

    fn block(&mut self, block: &Value, prefix: &str) {
        let kind = block["type"].as_str().unwrap_or_default();
        if let Some((field, kind)) = FILES.iter().find(|(field, _)| *field == kind) {
            return self.file(block, media(kind, &block[*field]).ok());
        }
        match kind {
            "photo" => {
                let largest = block["photo"].as_array().and_then(|sizes| sizes.last()).unwrap_or(&Value::Null);
                self.file(block, media("image", largest).ok().map(|file| file.mime("image/jpeg".to_owned())));
            }
            "map" => {
                self.end_text();
                self.contents.extend(location(&block["location"], None).ok());
                self.caption(&block["caption"]);
            }
            "divider" => self.line("⸻"),
            "anchor" => {}
            "mathematical_expression" => {
                self.line(prefix);
                self.push(block["expression"].as_str().unwrap_or_default());
            }
            "heading" => self.marked("bold", &block["text"], prefix, block),
            "pre" => self.marked("pre", &block["text"], prefix, block),
            "list" => self.list(&block["items"], prefix),
            "blockquote" => {
                self.blocks(&block["blocks"], &format!("{prefix}> "));
                self.credit(&block["credit"], prefix);
            }
            "pullquote" => {
                self.marked("blockquote", &block["text"], prefix, block);
                self.credit(&block["credit"], prefix);
            }
            "collage" | "slideshow" => {
                self.blocks(&block["blocks"], prefix);
                self.caption(&block["caption"]);
            }
            "details" => {
                self.marked("bold", &block["summary"], prefix, block);
                self.blocks(&block["blocks"], prefix);
            }
            "table" => self.table(block, prefix),
            // Paragraphs and footers, and what came after this version: whatever stands in it.
            _ => {
                if !block["text"].is_null() {
                    self.line(prefix);
                    self.text(&block["text"]);
                }
                self.blocks(&block["blocks"], prefix);
                self.caption(&block["caption"]);
            }
        }
    }

    fn file(&mut self, block: &Value, file: Option<sambung_sdk::types::MediaRef>) {
        self.end_text();
        let caption = plain(&block["caption"]["text"]);
        match file {
            Some(file) => {
                self.contents.push(Content::media_with_caption(file, (!caption.is_empty()).then_some(caption)))
            }
            None => self.caption(&block["caption"]),
        }
        self.credit(&block["caption"]["credit"], "");
    }

    fn list(&mut self, items: &Value, prefix: &str) {
        for item in items.as_array().into_iter().flatten() {
            let label = match (item["has_checkbox"] == true, item["is_checked"] == true) {
                (true, true) => "☑",
                (true, false) => "☐",
                (false, _) => item["label"].as_str().unwrap_or("•"),
            };
            self.line(&format!("{prefix}{label} "));
            let mut blocks = item["blocks"].as_array().into_iter().flatten();
            // The first paragraph stands beside the label.
            match blocks.next() {
                Some(first) if first["type"] == "paragraph" => self.text(&first["text"]),
                Some(first) => self.block(first, &format!("{prefix}  ")),
                None => {}
            }
            for block in blocks {
                self.block(block, &format!("{prefix}  "));
            }
        }
    }

    fn table(&mut self, block: &Value, prefix: &str) {
        for row in block["cells"].as_array().into_iter().flatten() {
            self.line(prefix);
            for (at, cell) in row.as_array().into_iter().flatten().enumerate() {
                if at > 0 {
                    self.push(" | ");
                }
                self.text(&cell["text"]);
            }
        }
        if !block["caption"].is_null() {
            self.line(prefix);
            self.text(&block["caption"]);
        }
    }

    fn caption(&mut self, caption: &Value) {
        if !caption["text"].is_null() {
            self.line("");
            self.text(&caption["text"]);
        }
        self.credit(&caption["credit"], "");
    }

    fn credit(&mut self, credit: &Value, prefix: &str) {
        if !credit.is_null() {
            self.line(&format!("{prefix}— "));
            self.text(credit);
        }
    }

    /// A line that is a range as a whole.
    fn marked(&mut self, kind: &str, text: &Value, prefix: &str, data: &Value) {
        self.line(prefix);
        let start = self.units;
        self.text(text);
        let about = json!({ "type": data["type"], "size": data["size"], "language": data["language"] });
        self.range(kind, start, &about, None);
    }

    fn range(&mut self, kind: &str, start: usize, data: &Value, url: Option<String>) {
        if self.units > start {
            let mut range = json!({ "kind": kind, "start": start, "length": self.units - start, "data": data });
            if let Some(url) = url {
                range["url"] = json!(url);
            }
            self.ranges.push(range);
        }
    }

    /// A `RichText`: a text, a list of them, or one of a kind.
    fn text(&mut self, own: &Value) {
        match own {
            Value::String(text) => self.push(text),
            Value::Array(parts) => parts.iter().for_each(|part| self.text(part)),
            Value::Object(_) => self.kind_of_text(own),
            _ => {}
        }
    }

    fn kind_of_text(&mut self, own: &Value) {
        let kind = own["type"].as_str().unwrap_or_default();
        let start = self.units;
        match kind {
            "custom_emoji" => self.push(own["alternative_text"].as_str().unwrap_or_default()),
            "mathematical_expression" => self.push(own["expression"].as_str().unwrap_or_default()),
            _ => self.text(&own["text"]),
        }
        let named = NAMES.iter().find(|(theirs, _)| *theirs == kind).map_or(kind, |(_, ours)| ours);
        let url = match kind {
            "url" => own["url"].as_str().map(str::to_owned),
            "email_address" => own["email_address"].as_str().map(|address| format!("mailto:{address}")),
            _ => None,
        };
        let mut data = own.clone();
        if let Some(fields) = data.as_object_mut() {
            fields.remove("text");
        }
        if !named.is_empty() {
            self.range(named, start, &data, url);
        }
    }
}

/// A `RichText` without what stands out in it.
fn plain(text: &Value) -> String {
    let mut writer = Writer::default();
    writer.text(text);
    writer.body
}
