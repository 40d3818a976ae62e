//! From attachments to contents: files, what was shared, places, and what cannot be shown.
//!
//! A file's address works for a while and without a token, so the host fetches it at once.

use crate::Network;
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, Location, MediaRef, Open};

/// Below these names lie files; what was shared from elsewhere is a page to look at.
const FILES: [&str; 3] = ["fbcdn.net", "fbsbx.com", "cdninstagram.com"];

/// The contents of a message's `attachments`, which is a list, and in some answers one object.
pub fn contents(network: &Network, own: &Value) -> Vec<Content> {
    let one = std::slice::from_ref(own);
    let all = match own {
        Value::Array(all) => all.as_slice(),
        Value::Object(_) => one,
        _ => &[],
    };
    let is_sticker = |one: &Value| one["type"] == "sticker";
    let stickers: Vec<&Value> = all.iter().filter(|one| is_sticker(one)).collect();
    // Until all apps know stickers, one comes as an image beside itself.
    let again = |one: &Value| {
        let same = |sticker: &&Value| sticker["payload"]["sticker_id"] == one["payload"]["sticker_id"];
        !is_sticker(one) && !one["payload"]["sticker_id"].is_null() && stickers.iter().any(same)
    };
    // While apps learn to read `ig_post`, a shared post comes as `share` beside it ("Instagram Post Shares").
    let posts: Vec<&Value> = all.iter().filter(|one| one["type"] == "ig_post").collect();
    let shared_again = |one: &Value| one["type"] == "share" && posts.iter().any(|post| is_same_post(post, one));
    all.iter().filter(|one| !again(one) && !shared_again(one)).flat_map(|one| content(network, one)).collect()
}

/// Whether two attachments are one post: by its id, by the id in its file's address, or by the address.
fn is_same_post(one: &Value, other: &Value) -> bool {
    fn text<'v>(own: &'v Value, name: &str) -> Option<&'v str> {
        own["payload"][name].as_str().filter(|text| !text.is_empty())
    }
    fn asset(url: &str) -> Option<&str> {
        url.split_once("asset_id=")?.1.split(|c: char| !c.is_ascii_digit()).next().filter(|id| !id.is_empty())
    }
    let same = |one: Option<&str>, other: Option<&str>| one.is_some() && one == other;
    let (here, there) = (text(one, "url"), text(other, "url"));
    same(text(one, "ig_post_media_id"), text(other, "ig_post_media_id"))
        || same(here, there)
        || same(here.and_then(asset), there.and_then(asset))
}

fn content(network: &Network, own: &Value) -> Vec<Content> {
    let kind = own["type"].as_str().unwrap_or_default();
    let payload = &own["payload"];
    match kind {
        "image" if !payload["sticker_id"].is_null() => vec![file(network, "sticker", own)],
        "image" => vec![file(network, "image", own)],
        "video" => vec![file(network, "video", own)],
        "audio" => vec![file(network, "audio", own)],
        "file" => vec![file(network, "document", own)],
        "sticker" => vec![file(network, "sticker", own)],
        "story_mention" => {
            let mention = json!({ "source_type": "story-mention", "source_url": payload["url"] });
            let mut contents = vec![Content::Referral(mention.to_string())];
            contents.extend(payload["url"].as_str().filter(|url| is_file(url)).map(picture));
            contents
        }
        "reel" | "ig_reel" => vec![shared("video", "a reel", own)],
        "post" | "ig_post" => vec![shared("image", "a post", own)],
        "story" | "ig_story" => vec![shared("image", "a story", own)],
        "share" | "media" => vec![shared("image", "something", own)],
        "fallback" => vec![shared("image", "a link", own)],
        "location" => vec![place(own).unwrap_or_else(|| unknown(network, kind, own))],
        "like_heart" => vec![Content::text("❤️")],
        "template" => vec![template(own)],
        "ephemeral" => {
            let line = "Sent a photo or video that can be looked at once, in the app only.";
            vec![Content::unsupported(kind, own, line)]
        }
        _ => vec![unknown(network, kind, own)],
    }
}

fn unknown(network: &Network, kind: &str, own: &Value) -> Content {
    let line = format!("Sent something that {} does not show here: {kind}.", network.name);
    Content::unsupported(kind, own, line)
}

fn file(network: &Network, kind: &str, own: &Value) -> Content {
    let payload = &own["payload"];
    let Some(url) = payload["url"].as_str() else {
        return unknown(network, own["type"].as_str().unwrap_or_default(), own);
    };
    let mut file = MediaRef::new(kind).url(url);
    if kind == "document" {
        file = file.name(name(url));
    }
    if !payload["sticker_id"].is_null() {
        file.extra.push(("sticker".to_owned(), payload["sticker_id"].to_string()));
    }
    Content::media(file)
}

/// A picture, of which is known that it is one or a video.
pub fn picture(url: &str) -> Content {
    Content::media(MediaRef::new("image").url(url))
}

/// What somebody passed on: the file where Meta gives one, else a line with the address.
fn shared(kind: &str, what: &str, own: &Value) -> Content {
    let payload = &own["payload"];
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let title = text(&payload["title"]).or_else(|| text(&own["title"]));
    let url = text(&payload["url"]).or_else(|| text(&own["url"])).or_else(|| text(&own["URL"]));
    if let Some(url) = url.as_deref().filter(|url| is_file(url)) {
        return Content::media_with_caption(MediaRef::new(kind).url(url), title);
    }
    let told: Vec<String> = title.into_iter().chain(url).collect();
    let line = if told.is_empty() { format!("Shared {what}.") } else { format!("Shared {what}: {}", told.join(" ")) };
    Content::Other(Open::new(own["type"].as_str().unwrap_or("share"), own, line))
}

fn place(own: &Value) -> Option<Content> {
    let at = &own["payload"]["coordinates"];
    let (latitude, longitude) = (at["lat"].as_f64()?, at["long"].as_f64()?);
    let name = own["title"].as_str().map(str::to_owned);
    Some(Content::Location(Location { latitude, longitude, name, ..Location::default() }))
}

/// A card of the business's, or a product that somebody shared.
fn template(own: &Value) -> Content {
    let payload = &own["payload"];
    let told = [
        &own["title"],
        &payload["text"],
        &payload["elements"][0]["title"],
        &payload["generic"]["elements"][0]["title"],
    ];
    let line = told.into_iter().find_map(Value::as_str).unwrap_or("A card.");
    Content::Other(Open::new("template", own, line))
}

/// Whether an address is a file of Meta's, by its host.
pub fn is_file(url: &str) -> bool {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', ':']).next()).unwrap_or_default();
    FILES.iter().any(|name| host.strip_suffix(name).is_some_and(|front| front.ends_with('.')))
}

/// The name that a file's address ends with, where it looks like one.
fn name(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let last = path.rsplit('/').next()?;
    last.contains('.').then(|| last.to_owned())
}
