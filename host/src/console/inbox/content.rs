//! What a message holds, as a bubble or as one line.

use maud::{Markup, html};
use serde_json::Value;

use super::at;
use crate::console::connect::host_of;
use crate::console::figures::bytes;
use crate::console::integrations::text;
use crate::console::layout::icon;
use crate::console::reader::Reader;
use crate::model::shown::message::Message;

/// One content, or each of a list.
pub(super) fn drawn(reader: &Reader, content: &Value) -> Markup {
    match content.as_array() {
        Some(contents) => html! { @for content in contents { (one(reader, content)) } },
        None => one(reader, content),
    }
}

/// A content, or the first of a list, in one line.
pub(super) fn line(reader: &Reader, content: &Value) -> String {
    let first = content.get(0).unwrap_or(content);
    let found = ["text", "caption", "subject", "label", "name", "line"].into_iter().map(|key| text(first, key));
    let found = found.into_iter().find(|text| !text.is_empty());
    found.unwrap_or_else(|| reader.look.words.inbox.kind(text(first, "type"))).chars().take(120).collect()
}

fn one(reader: &Reader, content: &Value) -> Markup {
    let words = &reader.look.words.inbox;
    match text(content, "type") {
        "text" | "system" => html! { div.bubble.is-lines { (text(content, "text")) } },
        "media" => media(reader, content),
        "location" => location(content),
        "choice" => html! { div.bubble { (text(content, "label")) } },
        "unsupported" | "other" => html! { div.bubble { (text(content, "line")) } },
        "template" => html! {
            div.bubble.bubble-card {
                p.bubble-kind { (icon("template", "is-small")) (words.kind("template")) " · " (text(content, "name")) }
            }
        },
        kind => {
            let body = ["/body/text", "/body", "/text"]
                .into_iter()
                .map(|path| at(content, path))
                .find(|text| !text.is_empty());
            html! { div.bubble.is-lines { (body.unwrap_or_else(|| words.kind(kind))) } }
        }
    }
}

fn media(reader: &Reader, content: &Value) -> Markup {
    let caption = text(content, "caption");
    let known = [caption, text(content, "name")].into_iter().find(|known| !known.is_empty());
    let alt = known.unwrap_or(&reader.look.words.inbox.picture);
    let is_here = content["state"] == "stored";
    let url = url_of(content);
    html! {
        div.bubble.bubble-card {
            @match (is_here, text(content, "mime").split('/').next()) {
                (true, Some("image")) => { a.opens-large href=(url) target="_blank" { img.bubble-picture src=(url) alt=(alt) loading="lazy"; } },
                (true, Some("video")) => { video.bubble-picture src=(url) controls preload="metadata" {} },
                (true, Some("audio")) => { audio src=(url) controls preload="metadata" {} },
                _ => { (file_row(reader, content)) },
            }
            @if !caption.is_empty() { p.is-lines { (caption) } }
        }
    }
}

/// The files of a message that are kept here: those sent as such, and those of mails.
pub(super) fn files<'m>(message: &'m Message<'_>) -> impl Iterator<Item = &'m Value> {
    let content = Some(&message.content).filter(|_| message.deleted_at.is_none());
    let contents =
        content.into_iter().flat_map(|content| content.as_array().map_or(std::slice::from_ref(content), Vec::as_slice));
    let files = contents.flat_map(|content| match text(content, "type") {
        "media" => std::slice::from_ref(content),
        "mail" => content["files"].as_array().map(Vec::as_slice).unwrap_or_default(),
        _ => &[],
    });
    files.filter(|file| file["state"] == "stored")
}

/// A file of a message: its name, type and size, and the button that downloads it.
pub(super) fn file_row(reader: &Reader, file: &Value) -> Markup {
    let words = &reader.look.words.inbox;
    let name = if text(file, "name").is_empty() { words.kind("media") } else { text(file, "name") };
    html! {
        div.file {
            span.file-mark { (icon("file", "")) }
            span.one-line { (name) }
            @if file["state"] == "stored" {
                span.small { (text(file, "mime")) " · " (bytes(file["bytes"].as_u64().unwrap_or_default())) }
                a.button.is-quiet.is-icon.is-small href=(url_of(file)) download=(name) {
                    (icon("download", "")) span.visually-hidden { (words.download) " " (name) }
                }
            } @else { span.small { (words.no_file(text(file, "state"))) } }
        }
    }
}

/// Where a file is.
pub(super) fn url_of(file: &Value) -> String {
    format!("/v1/media/{}", text(file, "media_id"))
}

fn location(content: &Value) -> Markup {
    let (latitude, longitude) =
        (content["latitude"].as_f64().unwrap_or_default(), content["longitude"].as_f64().unwrap_or_default());
    let map = format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=17/{latitude}/{longitude}");
    html! {
        div.bubble.bubble-card {
            @for line in ["name", "address"] { @let line = text(content, line); @if !line.is_empty() { p { (line) } } }
            a href=(map) target="_blank" rel="noreferrer" { (icon("pin", "is-small is-inline")) (latitude) ", " (longitude) " · " (host_of(&map)) }
        }
    }
}
