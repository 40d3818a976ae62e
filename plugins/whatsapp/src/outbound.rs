//! From contents to requests: a file is uploaded first, then one request for each content.
//!
//! The provider honours no key against sending twice, so what became of a request whose answer is lost is unknown. The
//! attempt key goes along as `biz_opaque_callback_data` and comes back in every status, which settles it.

use crate::api::Shape;
use crate::content;
use crate::errors::send_error;
use crate::settings::{self, ChannelSettings};
use crate::{USER, WhatsApp};
use sambung_sdk::http::Request;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Fault, Identity, MediaRef};
use serde::Deserialize;

type Answer = Result<Receipt, SendError>;

impl Outbound for WhatsApp {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Answer> {
        let settings = match settings::of(&channel) {
            Ok(settings) => settings,
            Err(fault) => return messages.iter().map(|_| Err(invalid(fault.words.clone()))).collect(),
        };
        messages.iter().map(|message| send(message, &settings)).collect()
    }
}

fn send(message: &Outgoing, settings: &ChannelSettings) -> Answer {
    let shape = settings.shape();
    let recipient = recipient(message)?;
    let uploaded = match content::file(&message.content) {
        Some(file) => Some(upload(&file, settings)?),
        None => None,
    };
    let mut body = content::body(&message.content, shape, uploaded.as_deref())?;
    address(&mut body, &recipient, shape);
    if let Some(target) = &message.reply_to {
        body["context"] = json!({ "message_id": target.id });
    }
    if shape == Shape::Cloud {
        body["messaging_product"] = json!("whatsapp");
        body["biz_opaque_callback_data"] = json!(message.attempt_key);
    }
    let response = settings.number("POST", "messages").map_err(of_fault)?.json(&body).send()?;
    if !response.is_success() {
        return Err(send_error(&response));
    }
    // The provider took it; an answer that cannot be read leaves its id to the status that names the attempt key.
    Ok(response.json::<Accepted>().map(Accepted::receipt).unwrap_or_default())
}

enum Recipient {
    Group(String),
    Phone(String),
    User(String),
}

/// A group, else the phone number, else the business-scoped id.
fn recipient(message: &Outgoing) -> Result<Recipient, SendError> {
    let key = message.thread.as_ref().map(|thread| thread.key.as_str());
    if let Some(group) = key.and_then(|key| key.strip_prefix("group:")) {
        return Ok(Recipient::Group(group.to_owned()));
    }
    if let Some(phone) = message.recipient("phone") {
        let digits: String = phone.value.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() {
            return Ok(Recipient::Phone(digits));
        }
    }
    if let Some(user) = message.recipient(USER) {
        return Ok(Recipient::User(user.value.clone()));
    }
    match key {
        Some(key) if key.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Recipient::Phone(key.to_owned())),
        Some(key) => Ok(Recipient::User(key.to_owned())),
        None => {
            Err(SendError::new(SendFault::Unreachable, "WhatsApp reaches a phone number or a person who wrote before"))
        }
    }
}

/// Cloud API, "Messages"; for people without a phone number "Business-scoped user IDs".
fn address(body: &mut Value, recipient: &Recipient, shape: Shape) {
    body["recipient_type"] = json!(if matches!(recipient, Recipient::Group(_)) { "group" } else { "individual" });
    match recipient {
        Recipient::Group(group) => body["to"] = json!(group),
        Recipient::Phone(digits) if shape == Shape::Cloud => body["to"] = json!(format!("+{digits}")),
        Recipient::Phone(digits) => body["to"] = json!(digits),
        Recipient::User(user) => body["recipient"] = json!(user),
    }
}

#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    contacts: Vec<Reached>,
    #[serde(default)]
    messages: Vec<Sent>,
}

#[derive(Deserialize)]
struct Reached {
    wa_id: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    id: String,
}

impl Accepted {
    fn receipt(self) -> Receipt {
        let mut receipt = Receipt::new(self.messages.into_iter().map(|sent| sent.id));
        for digits in self.contacts.into_iter().filter_map(|reached| reached.wa_id) {
            receipt = receipt.identity(Identity::phone(digits));
        }
        receipt
    }
}

#[derive(Deserialize)]
struct Uploaded {
    id: Option<String>,
    media: Option<Vec<Sent>>,
}

/// Nobody is reached by an upload, so one whose answer is lost is simply made again.
fn upload(file: &MediaRef, settings: &ChannelSettings) -> Result<String, SendError> {
    let request = upload_request(file, settings)?;
    let response = request.send().map_err(|error| {
        let again = !error.is_refusal();
        SendError::new(if again { SendFault::Unavailable } else { SendFault::Invalid }, error.words)
    })?;
    if !response.is_success() {
        return Err(send_error(&response));
    }
    let answer: Uploaded = response.json().map_err(|words| SendError::new(SendFault::Unavailable, words))?;
    let listed = answer.media.and_then(|media| media.into_iter().next()).map(|media| media.id);
    answer.id.or(listed).ok_or_else(|| SendError::new(SendFault::Unavailable, "the upload was answered without an id"))
}

/// Ends a part of a multipart body; a blob's bytes come from outside, so the word only has to be unlikely in them.
const BOUNDARY: &str = "sambung-6f1c0f6e8c7b4f0e9a52";

fn upload_request(file: &MediaRef, settings: &ChannelSettings) -> Result<Request, SendError> {
    let blob = file.blob.clone().ok_or_else(|| invalid("a file without its bytes"))?;
    let mime = file.mime.as_deref().unwrap_or("application/octet-stream");
    let request = settings.number("POST", "media").map_err(of_fault)?;
    if settings.shape() == Shape::OnPremises {
        return Ok(request.header("content-type", mime).blob(blob));
    }
    let name: String =
        file.name.as_deref().unwrap_or("file").chars().filter(|c| !c.is_control() && *c != '"').collect();
    let field = |name: &str, value: &str| {
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let mut head = field("messaging_product", "whatsapp");
    head.push_str(&field("type", mime));
    head.push_str(&format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: {mime}\r\n\r\n"
    ));
    Ok(request
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(head)
        .blob(blob)
        .body(format!("\r\n--{BOUNDARY}--\r\n")))
}

fn of_fault(fault: Fault) -> SendError {
    SendError::new(SendFault::Unauthorized, fault.words)
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
