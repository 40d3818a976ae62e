//! The fixed answers of a recipe, with values of the request written into them.

use base64::Engine as _;

use super::request::Parsed;
use super::verify::mac;
use crate::manifest::source::Source;
use crate::manifest::webhook::{self, ComputedValue, Condition, Encoding};
use crate::services::SecretValue;

type Values<'v> = &'v dyn Fn(&str) -> Vec<SecretValue>;

/// What goes back to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The longest value that is written into an answer.
const MAX_QUOTED: usize = 1024;

/// The first answer whose conditions hold, and whether it makes the request a handshake.
///
/// # Errors
/// A value that it quotes is missing, too long, or must not be signed.
pub(super) fn choose(
    answers: &[webhook::Answer],
    request: &Parsed<'_>,
    secrets: Values<'_>,
) -> Result<(Answer, bool), &'static str> {
    let Some(answer) = answers.iter().find(|answer| answer.when.iter().all(|when| holds(when, request))) else {
        return Ok((Answer { status: 200, headers: Vec::new(), body: Vec::new() }, false));
    };
    let body = fill(answer, request, secrets)?;
    let mut headers = Vec::new();
    if !body.is_empty() {
        let charset = if answer.content_type == "text/plain" { "; charset=utf-8" } else { "" };
        headers.push(("content-type".to_owned(), format!("{}{charset}", answer.content_type)));
        headers.push(("x-content-type-options".to_owned(), "nosniff".to_owned()));
    }
    Ok((Answer { status: answer.status, headers, body: body.into_bytes() }, answer.handshake))
}

fn holds(condition: &Condition, request: &Parsed<'_>) -> bool {
    match (request.value(&condition.of), &condition.is) {
        (Some(value), Some(wanted)) => value == wanted.as_str(),
        (value, None) => value.is_some(),
        (None, Some(_)) => false,
    }
}

fn fill(answer: &webhook::Answer, request: &Parsed<'_>, secrets: Values<'_>) -> Result<String, &'static str> {
    let mut parts = answer.body.split("${");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let Some((word, after)) = part.split_once('}') else {
            filled.push_str("${");
            filled.push_str(part);
            continue;
        };
        let value = quoted(word, answer, request, secrets)?;
        match answer.content_type.as_str() {
            "application/json" => {
                let json = serde_json::Value::String(value).to_string();
                filled.push_str(&json[1..json.len() - 1]);
            }
            _ => filled.push_str(&value),
        }
        filled.push_str(after);
    }
    Ok(filled)
}

fn quoted(
    word: &str,
    answer: &webhook::Answer,
    request: &Parsed<'_>,
    secrets: Values<'_>,
) -> Result<String, &'static str> {
    if let Some(value) = answer.values.iter().find(|value| value.name == word) {
        return computed(value, request, secrets);
    }
    let source: Source = word.parse().map_err(|_| "the answer quotes something unknown")?;
    let value = request.value(&source).ok_or("what the answer quotes is missing or repeated")?;
    if value.len() > MAX_QUOTED {
        return Err("what the answer quotes is too long");
    }
    Ok(value.into_owned())
}

fn computed(value: &ComputedValue, request: &Parsed<'_>, secrets: Values<'_>) -> Result<String, &'static str> {
    let over = request.value(&value.over).ok_or("what the answer signs is missing or repeated")?;
    // Whoever asks gets this signed with the key that signs webhooks. Nothing that could be a webhook's body may be.
    let harmless = |c: char| c.is_ascii_alphanumeric() || " -_.~+/=".contains(c);
    if over.is_empty() || over.len() > 256 || !over.chars().all(harmless) {
        return Err("what the answer would sign is not a token");
    }
    let key = secrets(&value.key).into_iter().next().filter(|key| !key.expose().is_empty());
    let key = key.ok_or("the secret to sign with is not set")?;
    let signed = mac(value.algorithm, key.expose(), std::iter::once(over.as_bytes()));
    Ok(match value.encoding {
        Encoding::Hex => hex::encode(signed),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.encode(signed),
    })
}
