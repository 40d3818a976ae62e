//! What a message holds: a file with its caption, a place, an answer to a quick reply, or text.

use crate::text::{unescape, without_link};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Content, MediaRef};

/// The parts of a message as the older API and both webhooks write them (`message_data`).
pub fn of_message_data(data: &Value) -> Vec<Content> {
    let text = data["text"].as_str().unwrap_or_default();
    let urls = data["entities"]["urls"].as_array().into_iter().flatten();
    if let Some(answer) = data.get("quick_reply_response") {
        let label = unescape(text);
        let id = answer["metadata"].as_str().map_or_else(|| label.clone(), str::to_owned);
        return vec![Content::choice(id, Some(label).filter(|label| !label.is_empty()))];
    }
    let attachment = &data["attachment"];
    if let Some(media) = attachment.get("media") {
        let words = without_link(text, urls.chain([media]));
        return of_file(media, media["media_url_https"].as_str().or(media["media_url"].as_str()), words);
    }
    let mut contents: Vec<Content> = place(attachment).or_else(|| unknown(attachment)).into_iter().collect();
    contents.extend(words(without_link(text, urls)));
    contents
}

/// The parts of a message as the second version's look-up writes them; `includes` holds its files.
pub fn of_event(event: &Value, includes: &Value) -> Vec<Content> {
    let text = event["text"].as_str().unwrap_or_default();
    let urls = event["entities"]["urls"].as_array().into_iter().flatten();
    let plain = without_link(text, urls);
    let keys = event["attachments"]["media_keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(key) = keys.first() else { return words(plain).into_iter().collect() };
    let files = includes["media"].as_array().map(Vec::as_slice).unwrap_or_default();
    let media = files.iter().find(|file| file["media_key"] == *key).unwrap_or(&Value::Null);
    of_file(media, media["url"].as_str(), plain)
}

fn words(text: String) -> Option<Content> {
    (!text.is_empty()).then(|| Content::text(text))
}

/// `address` is a picture's; that of a film is among its variants.
fn of_file(media: &Value, address: Option<&str>, words: String) -> Vec<Content> {
    let caption = Some(words).filter(|words| !words.is_empty());
    let (kind, film) = match media["type"].as_str().unwrap_or("photo") {
        "video" => ("video", true),
        "animated_gif" => ("animation", true),
        _ => ("image", false),
    };
    let best = if film { film_of(media) } else { address };
    let Some(address) = best else {
        let line = "Sent a file, and X does not tell this app where it is.";
        let mut contents = vec![Content::unsupported("file", media, line)];
        contents.extend(caption.map(Content::text));
        return contents;
    };
    let size = |long: &str, short: &str| {
        let number = media[long].as_u64().or(media["sizes"]["large"][short].as_u64());
        number.and_then(|number| u32::try_from(number).ok())
    };
    let mut file = MediaRef::new(kind).reference(address).mime(film.then(|| "video/mp4".to_owned()));
    file.width = size("width", "w");
    file.height = size("height", "h");
    file.duration_ms = media["video_info"]["duration_millis"].as_u64().or(media["duration_ms"].as_u64());
    vec![Content::media_with_caption(file, caption)]
}

/// The best MP4: films come in several, and as a playlist, which is no file.
fn film_of(media: &Value) -> Option<&str> {
    let variants = media["video_info"]["variants"].as_array().or(media["variants"].as_array())?;
    let films = variants.iter().filter(|variant| variant["content_type"] == "video/mp4");
    let rate = |variant: &&Value| variant["bitrate"].as_u64().or(variant["bit_rate"].as_u64()).unwrap_or_default();
    films.max_by_key(rate)?["url"].as_str()
}

/// A place that somebody shared: GeoJSON, so longitude comes first.
fn place(attachment: &Value) -> Option<Content> {
    let location = attachment.get("location")?;
    let point = &location["shared_coordinate"]["coordinates"]["coordinates"];
    match (point[1].as_f64(), point[0].as_f64()) {
        (Some(latitude), Some(longitude)) => Some(Content::location(latitude, longitude)),
        _ => {
            let name = location["shared_place"]["place"]["full_name"].as_str();
            let line = name.map_or_else(|| "Shared a place.".to_owned(), |name| format!("Shared a place: {name}"));
            Some(Content::unsupported("location", location, line))
        }
    }
}

/// An attachment of a kind that came after this version.
fn unknown(attachment: &Value) -> Option<Content> {
    attachment.as_object()?;
    let kind = attachment["type"].as_str().unwrap_or("attachment");
    let line = format!("Sent something new that this version cannot show: {kind}.");
    Some(Content::unsupported(kind, attachment, line))
}

/// The post or welcome message that a conversation began with.
pub fn origin(event: &Value) -> Option<Content> {
    let via = event.get("initiated_via")?;
    let (kind, id) = match (via["tweet_id"].as_str(), via["welcome_message_id"].as_str()) {
        (Some(id), _) => ("post", id),
        (None, Some(id)) => ("welcome-message", id),
        (None, None) => return None,
    };
    let mut referral = json!({ "source_type": kind, "source_id": id });
    if kind == "post" {
        referral["source_url"] = json!(format!("https://x.com/i/status/{id}"));
    }
    Some(Content::Referral(referral.to_string()))
}
