//! From contents to requests: a file is uploaded first, and its caption is the text of the same message.
//!
//! The provider takes no key against sending twice. Where it may have taken a message and did not say so, the outcome is
//! unknown, and `reconcile` looks for the message in the conversation.

use crate::api::to;
use crate::errors::send_error;
use crate::message::of_group;
use crate::settings::{self, Mode};
use crate::{SCHEME, X, quick_replies, upload};
use sambung_sdk::http::{Request, Response, encode};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content};

type Answer = Result<Receipt, SendError>;

impl Outbound for X {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Answer> {
        let mode = match settings::mode(&channel) {
            Ok(mode) => mode,
            Err(fault) => return messages.iter().map(|_| Err(invalid(fault.words.clone()))).collect(),
        };
        messages.iter().map(|message| send(message, mode)).collect()
    }
}

fn send(message: &Outgoing, mode: Mode) -> Answer {
    let body = match &message.content {
        Content::Text(text) => json!({ "text": text.body }),
        Content::Media(media) => {
            let id = upload::upload(&media.file, mode)?;
            let mut body = json!({ "attachments": [{ "media_id": id }] });
            if let Some(caption) = media.caption.as_deref().filter(|caption| !caption.is_empty()) {
                body["text"] = json!(caption);
            }
            body
        }
        Content::Interactive(content) if mode == Mode::OwnApp => {
            return quick_replies::send(content, person(message)?, mode);
        }
        other => return Err(invalid(format!("X has no message of the kind {}", other.kind()))),
    };
    let response = mode.as_user(to("POST", &format!("{}/messages", conversation(message)?))).json(&body).send()?;
    let id = |answer: &Value| answer["data"]["dm_event_id"].as_str().map(str::to_owned);
    accepted(&response, id, send_error)
}

/// What became of a message, by the id that the answer names.
///
/// # Errors
/// The refusal. Where the provider failed after it may have taken the message, what became of it is unknown.
pub fn accepted(
    response: &Response,
    id: impl Fn(&Value) -> Option<String>,
    refused: impl Fn(&Response) -> SendError,
) -> Answer {
    let body: Value = response.json().unwrap_or_default();
    match (response.is_success(), id(&body)) {
        (true, Some(id)) => Ok(Receipt::new([id])),
        // Refused with a success's status: there are problems where the message should be.
        (true, None) if body.get("errors").is_some() => Err(refused(response)),
        // It was taken; its echo or the conversation tells its id.
        (true, None) => Ok(Receipt::default()),
        (false, _) => {
            let error = refused(response);
            let perhaps = matches!(response.status, 500 | 502 | 504);
            Err(if perhaps { SendError { fault: SendFault::Unknown, retryable: false, ..error } } else { error })
        }
    }
}

/// Where the API keeps a message's conversation: a group's, else that with a person.
pub fn conversation(message: &Outgoing) -> Result<String, SendError> {
    match message.thread.as_ref().and_then(of_group) {
        Some(group) => Ok(format!("/2/dm_conversations/{}", encode(group))),
        None => Ok(format!("/2/dm_conversations/with/{}", person(message)?)),
    }
}

/// The number of the person that a message goes to.
fn person(message: &Outgoing) -> Result<&str, SendError> {
    let known = message.recipient(SCHEME).map(|identity| identity.value.as_str());
    let key = || message.thread.as_ref().map(|thread| thread.key.as_str());
    let number = |id: &&str| (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    known.or_else(key).filter(number).ok_or_else(|| {
        SendError::new(SendFault::Unreachable, "X reaches people by the number of their account, and none is known")
    })
}

/// A request that reaches nobody: one whose answer is lost is simply made again.
///
/// # Errors
/// Why there is no answer, or what the provider said.
pub fn prepare(request: &Request) -> Result<Response, SendError> {
    let response = request.send().map_err(|error| {
        let again = !error.is_refusal();
        SendError::new(if again { SendFault::Unavailable } else { SendFault::Invalid }, error.words)
    })?;
    if response.is_success() { Ok(response) } else { Err(send_error(&response)) }
}

fn invalid(words: impl Into<String>) -> SendError {
    SendError::new(SendFault::Invalid, words)
}
