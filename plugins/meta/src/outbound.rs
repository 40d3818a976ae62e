//! From one content to one request of the Send API.
//!
//! The API honours no key against sending twice, so a content is one request, and what became of one whose answer is lost is
//! unknown. Where the platform gives `metadata` back with a message's echo, the attempt key stands there, which settles it.

use crate::graph::Access;
use crate::windows::HUMAN_AGENT;
use crate::{Network, USER_REF, body, errors};
use sambung_sdk::http::Request;
use sambung_sdk::json::{Value, json};
use sambung_sdk::media_host;
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Content, Fault, MediaRef};
use serde::Deserialize;

/// How a file reaches the platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Files {
    /// In the request itself.
    Along,
    /// By a public address of the host's, which the platform fetches before it answers.
    ByAddress,
}

/// How long a published file stays. The platform fetches it while it is asked ("fetch timeout 75 s").
const PUBLISHED_MS: u64 = 3_600_000;

#[derive(Deserialize)]
struct Accepted {
    message_id: Option<String>,
}

/// Sends contents, each by itself; without a way to the account none.
pub fn send(
    network: &Network,
    access: Result<Access, Fault>,
    messages: &[Outgoing],
) -> Vec<Result<Receipt, SendError>> {
    let send = |message| match &access {
        Ok(access) => send_one(network, access, message),
        Err(fault) => Err(invalid(&fault.words)),
    };
    messages.iter().map(send).collect()
}

fn send_one(network: &Network, access: &Access, message: &Outgoing) -> Result<Receipt, SendError> {
    let recipient = recipient(network, message)?;
    let (along, url) = match (&message.content, network.files) {
        (Content::Media(media), Files::Along) => (Some(&media.file), None),
        (Content::Media(media), Files::ByAddress) => (None, Some(published(&media.file)?)),
        _ => (None, None),
    };
    let mut object = body::object(network, &message.content, url.as_deref())?;
    if network.metadata {
        object["metadata"] = json!(message.attempt_key);
    }
    let mut fields = json!({ "recipient": recipient, "message": object });
    if message.rule.as_deref() == Some(HUMAN_AGENT) {
        fields["messaging_type"] = json!("MESSAGE_TAG");
        fields["tag"] = json!("HUMAN_AGENT");
    } else if let Some(kind) = network.messaging_type {
        fields["messaging_type"] = json!(kind);
    }
    if let Some(target) = &message.reply_to {
        fields["reply_to"] = json!({ "mid": target.id });
    }
    let request = access.request("POST", "me/messages");
    let request = match along {
        Some(file) => multipart(request, &fields, file)?,
        None => request.json(&fields),
    };
    let response = request.send()?;
    if !response.is_success() {
        return Err(errors::send_error(&response, message.rule.as_deref()));
    }
    // The provider took it; an answer that cannot be read leaves its id to the echo.
    let accepted: Option<Accepted> = response.json().ok();
    Ok(Receipt::new(accepted.and_then(|accepted| accepted.message_id)))
}

/// The person by the id that this account has for them; else whom a checkbox named.
fn recipient(network: &Network, message: &Outgoing) -> Result<Value, SendError> {
    if let Some(person) = message.recipient(network.scheme) {
        return Ok(json!({ "id": person.value }));
    }
    if let Some(reference) = message.recipient(USER_REF) {
        return Ok(json!({ "user_ref": reference.value }));
    }
    match message.thread.as_ref().map(|thread| thread.key.as_str()) {
        Some(key) => Ok(match key.strip_prefix("user_ref:") {
            Some(reference) => json!({ "user_ref": reference }),
            None => json!({ "id": key }),
        }),
        None => {
            let words = format!("{} reaches only somebody who wrote to this account before", network.name);
            Err(SendError::new(SendFault::Unreachable, words))
        }
    }
}

fn published(file: &MediaRef) -> Result<String, SendError> {
    let blob = file.blob.as_deref().ok_or_else(|| invalid("a file without its bytes"))?;
    media_host::publish(blob, PUBLISHED_MS).map_err(invalid)
}

/// Ends a part of a multipart body; a blob's bytes come from outside, so the word only has to be unlikely in them.
const BOUNDARY: &str = "sambung-2f4d9a6b81c34e7f9d05";

/// The fields as form parts, each in JSON, and the file as `filedata` (Send API, "Attach a file").
fn multipart(request: Request, fields: &Value, file: &MediaRef) -> Result<Request, SendError> {
    let blob = file.blob.clone().ok_or_else(|| invalid("a file without its bytes"))?;
    let mime = file.mime.as_deref().unwrap_or("application/octet-stream");
    let name: String =
        file.name.as_deref().unwrap_or("file").chars().filter(|c| !c.is_control() && *c != '"').collect();
    let mut head = String::new();
    for (field, value) in fields.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        head.push_str(&format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"));
    }
    head.push_str(&format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"filedata\"; filename=\"{name}\"\r\ncontent-type: {mime}\r\n\r\n"
    ));
    Ok(request
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(head)
        .blob(blob)
        .body(format!("\r\n--{BOUNDARY}--\r\n")))
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
