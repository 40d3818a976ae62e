//! A message's text as people wrote it.

use sambung_sdk::json::Value;

/// X writes `&`, `<` and `>` as HTML does.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
        match known.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, character)) => {
                plain.push(*character);
                rest = &rest[escape.len()..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The text without the link to the message's own file, which X puts at its end, and unescaped. `links` are the `urls` of
/// the text's entities and the file itself: each has a `url`, and says where in the text it stands.
pub fn without_link<'a>(text: &str, links: impl Iterator<Item = &'a Value>) -> String {
    let mut kept = text.to_owned();
    for link in links.filter(|link| is_of_file(link)) {
        let Some(url) = link["url"].as_str().filter(|url| !url.is_empty()) else { continue };
        if let Some(range) = place(&kept, link).filter(|range| kept[range.clone()] == *url) {
            kept.replace_range(range, "");
        } else if let Some(before) = kept.trim_end().strip_suffix(url) {
            kept = before.to_owned();
        }
        kept.truncate(kept.trim_end().len());
    }
    unescape(&kept)
}

/// Links to a file of a message, not those that a person wrote.
fn is_of_file(link: &Value) -> bool {
    let of_message = |name: &str| link[name].as_str().is_some_and(|address| address.contains("/messages/media/"));
    link.get("media_url_https").is_some() || link.get("media_key").is_some() || of_message("expanded_url")
}

/// Where a link stands, in bytes: `indices` or `start` and `end` count characters.
fn place(text: &str, link: &Value) -> Option<std::ops::Range<usize>> {
    let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
    let (start, end) = match link["indices"].as_array() {
        Some(indices) => (number(indices.first()?)?, number(indices.get(1)?)?),
        None => (number(&link["start"])?, number(&link["end"])?),
    };
    let byte = |wanted: usize| text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(wanted);
    (start <= end).then_some(byte(start)?..byte(end)?)
}
