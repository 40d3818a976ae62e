//! Markers: the words that a plugin writes where a secret belongs. Only words that were issued in this call are replaced,
//! once each, where the manifest binds the secret to; whatever else looks like one is text and stays so.
//!
//! Address, headers and body are read once each, however many markers there are.

use std::collections::BTreeMap;

use url::{Position, Url};

use super::pointer::{self, Probe};
use super::prepare::Draft;
use super::{Failure, Ground, SECRET_BYTE, refuse};
use crate::capabilities::vault::{Encoding, Marker, Vault};
use crate::egress::grant;
use crate::manifest::{Place, SecretDecl};

/// Writes the values of every marker that stands in the request.
pub(super) async fn markers(ground: &Ground, vault: &mut Vault, draft: Draft) -> Result<Draft, Failure> {
    if vault.markers.is_empty() {
        return Ok(draft);
    }
    let secrets: usize = vault.markers.iter().map(|marker| marker.value.expose().len()).sum();
    let bytes = draft.body.texts().map(<[u8]>::len).sum::<usize>() + secrets.saturating_mul(SECRET_BYTE);
    let (of_request, mut of_call) = (ground.clone(), std::mem::take(vault));
    let work = move || {
        let written = write(&of_request, &mut of_call, draft);
        (of_call, written)
    };
    let (of_call, written) = ground.compute(bytes, work).await;
    *vault = of_call;
    written
}

/// A marker in the request: its number, and the offset in what it stands in.
#[derive(Clone, Copy)]
struct Hit {
    marker: usize,
    at: usize,
}

/// Every marker in the request, each once.
#[derive(Default)]
struct Hits {
    path: Vec<Hit>,
    query: Vec<Hit>,
    /// With the number of the header.
    headers: Vec<(usize, Hit)>,
    body: Vec<Hit>,
}

fn write(ground: &Ground, vault: &mut Vault, mut draft: Draft) -> Result<Draft, Failure> {
    let hits = find(vault, &draft)?;
    let places = places(vault, &draft, &hits)?;
    for (marker, place) in &places {
        bound(ground, &vault.markers[*marker].name, place, &draft.url)?;
    }
    let mut values = BTreeMap::new();
    for (marker, place) in &places {
        values.insert(*marker, written(&vault.markers[*marker], place)?);
    }
    for (index, hits) in by_header(&hits.headers) {
        let (_, value) = &mut draft.headers[index];
        *value = filled(value, &hits, vault, |marker| values[&marker].clone());
    }
    if !hits.body.is_empty() {
        let form = is_form(&draft);
        let value = |marker: usize| match form {
            true => url::form_urlencoded::byte_serialize(&plain_of(&values[&marker])).collect(),
            false => values[&marker].clone(),
        };
        let text = String::from_utf8_lossy(draft.body.text().unwrap_or_default());
        let filled = filled(&text, &hits.body, vault, value);
        draft.body.set(filled.into_bytes())?;
    }
    let in_address: Vec<Hit> = hits.path.iter().chain(&hits.query).copied().collect();
    if !in_address.is_empty() {
        let before = draft.url.origin();
        let whole = filled(draft.url.as_str(), &in_address, vault, |marker| values[&marker].clone());
        draft.url = Url::parse(&whole).map_err(|_| refuse("secret", "the secret makes no address"))?;
        if draft.url.origin() != before {
            return Err(refuse("secret", "the secret changes where the request goes"));
        }
        // A value in the path may have led elsewhere than the others are bound to.
        for (marker, place) in &places {
            bound(ground, &vault.markers[*marker].name, place, &draft.url)?;
        }
    }
    for marker in places.keys() {
        let value = vault.markers[*marker].value.clone();
        vault.markers[*marker].used = true;
        vault.placed(value.expose()).map_err(|words| refuse("limit", words))?;
    }
    Ok(draft)
}

/// Finds every marker, and refuses one that stands twice.
fn find(vault: &Vault, draft: &Draft) -> Result<Hits, Failure> {
    let mut hits = Hits::default();
    let in_url = vault.find_markers(draft.url.as_str().as_bytes());
    let (path, query) = (draft.url[..Position::BeforePath].len(), draft.url[..Position::BeforeQuery].len());
    let mut seen = vec![false; vault.markers.len()];
    let mut once = |marker: usize| {
        if std::mem::replace(&mut seen[marker], true) || vault.markers[marker].used {
            let name = &vault.markers[marker].name;
            let words = format!("a marker stands for its secret (`{name}`) once; ask for one for each place");
            return Err(refuse("secret", words));
        }
        Ok(())
    };
    for (at, marker) in in_url {
        once(marker)?;
        match at {
            at if at < path => return Err(refuse("secret", "a secret can stand in the address's path or query only")),
            at if at < query => hits.path.push(Hit { marker, at }),
            at => hits.query.push(Hit { marker, at }),
        }
    }
    for (index, (_, value)) in draft.headers.iter().enumerate() {
        for (at, marker) in vault.find_markers(value.as_bytes()) {
            once(marker)?;
            hits.headers.push((index, Hit { marker, at }));
        }
    }
    for text in draft.body.texts() {
        for (at, marker) in vault.find_markers(text) {
            once(marker)?;
            hits.body.push(Hit { marker, at });
        }
    }
    Ok(hits)
}

/// Where each marker stands, as the manifest names places.
fn places(vault: &Vault, draft: &Draft, hits: &Hits) -> Result<BTreeMap<usize, Place>, Failure> {
    let mut places: BTreeMap<usize, Place> = hits.path.iter().map(|hit| (hit.marker, Place::Path)).collect();
    if !hits.query.is_empty() {
        let probe = Probe::new()?;
        let whole = filled(draft.url.as_str(), &hits.query, vault, |marker| probe.word(marker));
        let query = &whole[draft.url[..Position::BeforeQuery].len()..];
        let names = pointer::in_form(&probe, query);
        for hit in &hits.query {
            let name = names.get(&hit.marker).cloned();
            let name =
                name.ok_or_else(|| refuse("secret", "a secret can stand in the address's path or query only"))?;
            places.insert(hit.marker, Place::Query(name));
        }
    }
    for (index, hit) in &hits.headers {
        places.insert(hit.marker, Place::Header(draft.headers[*index].0.as_str().to_owned()));
    }
    if !hits.body.is_empty() {
        let pointers = in_text(vault, draft, &hits.body)?;
        for hit in &hits.body {
            let pointer = pointers.get(&hit.marker).cloned();
            let pointer =
                pointer.ok_or_else(|| refuse("secret", "a secret can stand in a value of a JSON or form body only"))?;
            places.insert(hit.marker, Place::Body(pointer));
        }
    }
    Ok(places)
}

fn in_text(vault: &Vault, draft: &Draft, hits: &[Hit]) -> Result<BTreeMap<usize, String>, Failure> {
    let text = draft.body.text().ok_or_else(|| refuse("secret", "a secret cannot stand in a body with files"))?;
    if draft.headers.iter().filter(|(name, _)| name.as_str() == "content-type").count() > 1 {
        return Err(refuse("secret", "a body with a secret says once what it is"));
    }
    // Bytes that are no text would change the offsets, and no provider takes them in JSON or a form.
    let text = std::str::from_utf8(text).map_err(|_| refuse("secret", "a body with a secret is text in UTF-8"))?;
    let probe = Probe::new()?;
    let text = filled(text, hits, vault, |marker| probe.word(marker));
    Ok(if is_form(draft) {
        pointer::in_form(&probe, &text).into_iter().map(|(marker, name)| (marker, format!("/{name}"))).collect()
    } else {
        pointer::in_json(&probe, &text)
    })
}

/// The text with something else in the place of each marker; `hits` in order.
fn filled(text: &str, hits: &[Hit], vault: &Vault, value: impl Fn(usize) -> String) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        whole.push_str(&text[from..hit.at]);
        whole.push_str(&value(hit.marker));
        from = hit.at + vault.markers[hit.marker].word.len();
    }
    whole.push_str(&text[from..]);
    whole
}

fn by_header(hits: &[(usize, Hit)]) -> BTreeMap<usize, Vec<Hit>> {
    let mut by_header: BTreeMap<usize, Vec<Hit>> = BTreeMap::new();
    for (index, hit) in hits {
        by_header.entry(*index).or_default().push(*hit);
    }
    by_header
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

fn is_form(draft: &Draft) -> bool {
    draft
        .header("content-type")
        .is_some_and(|mime| mime.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
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

/// What a form's encoding is put around: a value that was asked for in `url` is not encoded twice.
fn plain_of(written: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(written).collect()
}
