//! Markers: the words that a plugin writes where a secret belongs. Only words that were issued in this call are replaced,
//! once each, where the manifest binds the secret to; whatever else looks like one is text and stays so.

use memchr::memmem;
use serde_json::Value;
use url::Url;

use super::prepare::Draft;
use super::{Failure, Ground, refuse};
use crate::capabilities::vault::{Encoding, Marker, Vault};
use crate::egress::grant;
use crate::manifest::{Place, SecretDecl};

/// Writes the values of every marker that stands in the request.
pub(super) fn markers(ground: &Ground, vault: &mut Vault, draft: &mut Draft) -> Result<(), Failure> {
    for index in 0..vault.markers.len() {
        let marker = &vault.markers[index];
        let Some(place) = find(marker, draft)? else { continue };
        bound(ground, &marker.name, &place, &draft.url)?;
        let written = written(marker, &place)?;
        put(&marker.word, &place, &written, draft)?;
        let value = marker.value.clone();
        vault.markers[index].used = true;
        vault.placed(value.expose());
    }
    Ok(())
}

/// Whether a secret may stand at this place of a request to this address.
pub(super) fn bound(ground: &Ground, name: &str, place: &Place, url: &Url) -> Result<(), Failure> {
    let declared = ground.manifest.secret(name);
    let declared = declared.ok_or_else(|| refuse("secret", format!("plugin.toml declares no secret `{name}`")))?;
    if !grant::secret_may_go(declared, &ground.caller.settings, &ground.client, url) {
        let host = url.host_str().unwrap_or_default();
        return Err(refuse(
            "secret",
            format!("plugin.toml does not bind the secret `{name}` to this address at {host}"),
        ));
    }
    if !takes(declared, place) {
        return Err(refuse("secret", format!("plugin.toml does not bind the secret `{name}` to the place `{place}`")));
    }
    Ok(())
}

fn takes(declared: &SecretDecl, place: &Place) -> bool {
    declared.places.iter().any(|allowed| match (allowed, place) {
        (Place::Body(pattern), Place::Body(pointer)) => {
            let (mut pattern, mut pointer) = (pattern.split('/'), pointer.split('/'));
            pattern.by_ref().zip(pointer.by_ref()).all(|(allowed, segment)| allowed == "*" || allowed == segment)
                && pattern.next().is_none()
                && pointer.next().is_none()
        }
        _ => allowed == place,
    })
}

/// The one place where a marker stands; nothing where it stands nowhere.
fn find(marker: &Marker, draft: &Draft) -> Result<Option<Place>, Failure> {
    let word = marker.word.as_str();
    let in_headers = draft.headers.iter().map(|(_, value)| value.matches(word).count()).sum::<usize>();
    let in_body = draft.body.texts().map(|text| memmem::find_iter(text, word).count()).sum::<usize>();
    let count = draft.url.as_str().matches(word).count() + in_headers + in_body;
    if count == 0 {
        return Ok(None);
    }
    if count > 1 || marker.used {
        let words = format!("a marker stands for its secret (`{}`) once; ask for one for each place", marker.name);
        return Err(refuse("secret", words));
    }
    if let Some((name, _)) = draft.headers.iter().find(|(_, value)| value.contains(word)) {
        return Ok(Some(Place::Header(name.as_str().to_owned())));
    }
    if in_body == 0 {
        return in_address(word, &draft.url).map(Some);
    }
    in_text(word, draft).map(Some)
}

/// A word that the plugin does not know, to be put where a marker stands: what is found by it is that very place, and not
/// another one where the marker was written in an encoding.
fn probe() -> Result<String, Failure> {
    let mut random = [0u8; 24];
    getrandom::fill(&mut random).map_err(|_| refuse("limit", "the host has no randomness"))?;
    Ok(format!("sbg{}", hex::encode(random)))
}

fn in_address(word: &str, url: &Url) -> Result<Place, Failure> {
    if url.path().contains(word) {
        return Ok(Place::Path);
    }
    let probe = probe()?;
    let query = url.query().unwrap_or_default().replacen(word, &probe, 1);
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let name = pairs.find(|(_, value)| value.contains(&probe)).map(|(name, _)| name.into_owned());
    name.map(Place::Query).ok_or_else(|| refuse("secret", "a secret can stand in the address's path or query only"))
}

fn in_text(word: &str, draft: &Draft) -> Result<Place, Failure> {
    let text = draft.body.text().ok_or_else(|| refuse("secret", "a secret cannot stand in a body with files"))?;
    if draft.headers.iter().filter(|(name, _)| name.as_str() == "content-type").count() > 1 {
        return Err(refuse("secret", "a body with a secret says once what it is"));
    }
    let probe = probe()?;
    let text = String::from_utf8_lossy(text).replacen(word, &probe, 1);
    let pointer = if is_form(draft) {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.find(|(_, value)| value.contains(&probe)).map(|(name, _)| format!("/{name}"))
    } else {
        let json: Option<Value> = serde_json::from_str(&text).ok();
        json.and_then(|json| pointer_to(&json, &probe, String::new()))
    };
    pointer
        .map(Place::Body)
        .ok_or_else(|| refuse("secret", "a secret can stand in a value of a JSON or form body only"))
}

fn is_form(draft: &Draft) -> bool {
    draft
        .header("content-type")
        .is_some_and(|mime| mime.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
}

fn pointer_to(value: &Value, word: &str, at: String) -> Option<String> {
    match value {
        Value::String(text) => text.contains(word).then_some(at),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| pointer_to(item, word, format!("{at}/{index}")))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointer_to(field, word, format!("{at}/{name}"))
        }),
        _ => None,
    }
}

/// The value as it is written there: refused where it would change the request's shape.
fn written(marker: &Marker, place: &Place) -> Result<String, Failure> {
    let name = &marker.name;
    let text = String::from_utf8(marker.encoding.write(marker.value.expose()))
        .map_err(|_| refuse("secret", format!("the secret `{name}` is no text; ask for it in base64")))?;
    let escaped = marker.encoding == Encoding::Url;
    let (fits, ask_for) = match place {
        Place::Path => {
            (text.chars().all(|c| is_plain(c) || ":@$,;!*()'=+".contains(c) || (escaped && c == '%')), "url")
        }
        Place::Query(_) => {
            (text.chars().all(|c| is_plain(c) || ":@$,;!*()'/".contains(c) || (escaped && c == '%')), "url")
        }
        Place::Header(_) | Place::Auth | Place::Smtp => {
            (text.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "base64")
        }
        Place::Body(_) => (marker.encoding != Encoding::Raw || !text.contains(breaks_body), "json or url"),
    };
    if fits && !matches!(text.as_str(), "" | "." | "..") {
        return Ok(text);
    }
    Err(refuse("secret", format!("the secret `{name}` cannot stand there as it is; ask for it in {ask_for}")))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~".contains(c)
}

fn breaks_body(c: char) -> bool {
    c.is_control() || "\"\\&=+%".contains(c)
}

fn put(word: &str, place: &Place, written: &str, draft: &mut Draft) -> Result<(), Failure> {
    match place {
        // No marker is ever found there: the host's own SMTP client is given the value.
        Place::Smtp => return Err(refuse("secret", "a password of a mail account stands in no request")),
        Place::Path | Place::Query(_) => {
            let before = draft.url.origin();
            let replaced = draft.url.as_str().replacen(word, written, 1);
            draft.url = Url::parse(&replaced).map_err(|_| refuse("secret", "the secret makes no address"))?;
            if draft.url.origin() != before {
                return Err(refuse("secret", "the secret changes where the request goes"));
            }
        }
        Place::Header(_) | Place::Auth => {
            for (_, value) in &mut draft.headers {
                *value = value.replacen(word, written, 1);
            }
        }
        Place::Body(_) => {
            let form = is_form(draft);
            let text = String::from_utf8_lossy(draft.body.text().unwrap_or_default()).into_owned();
            let written = match form {
                true => url::form_urlencoded::byte_serialize(&plain_of(written)).collect(),
                false => written.to_owned(),
            };
            draft.body.set(text.replacen(word, &written, 1).into_bytes());
        }
    }
    Ok(())
}

/// What a form's encoding is put around: a value that was asked for in `url` is not encoded twice.
fn plain_of(written: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(written).collect()
}
