//! From contents to calls: one for each, or one for several files that are due together and fit one album.
//!
//! Telegram honours no key against sending twice and shows a bot nothing of what it sent, so what became of a call whose answer
//! is lost, nobody can say.

use crate::api::{self, call};
use crate::content::{self, Call};
use crate::errors::{invalid, send_error};
use crate::multipart;
use crate::place::Place;
use crate::{Telegram, USER};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Fault, MediaRef};

/// Files in one album.
const ALBUM: usize = 10;

type Answer = Result<Receipt, SendError>;

impl Outbound for Telegram {
    /// In order. What cannot be sent now holds back what comes after it, so that nothing overtakes.
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(together(rest));
            let sent = match now {
                [message] => vec![send(message)],
                several => send_album(several),
            };
            let held = sent.iter().any(|answer| matches!(answer, Err(error) if holds(error)));
            answers.extend(sent);
            rest = later;
            if held {
                break;
            }
        }
        answers.extend(
            rest.iter().map(|_| Err(SendError::new(SendFault::Unavailable, "it waits for a content before it"))),
        );
        answers
    }
}

fn holds(error: &SendError) -> bool {
    error.retryable || matches!(error.fault, SendFault::Unknown | SendFault::Moved | SendFault::Unauthorized)
}

/// How many of the first contents go in one call.
fn together(messages: &[Outgoing]) -> usize {
    let Some(kind) = content::album(&messages[0].content) else { return 1 };
    messages.iter().take(ALBUM).take_while(|message| content::album(&message.content) == Some(kind)).count()
}

fn send(message: &Outgoing) -> Answer {
    let place = place(message)?;
    let Call { method, mut parameters, file } = content::call(&message.content)?;
    place.address(&mut parameters);
    reply(&mut parameters, message, &place);
    let request = call(method).map_err(of_fault)?;
    let request = match file {
        Some((name, file)) => multipart::body(request, &parameters, &[(name.to_owned(), file, blob(file)?)]),
        None => request.json(&parameters),
    };
    let sent = api::read(&request.send()?).map_err(|refusal| send_error(refusal, &place))?;
    Ok(receipt(&sent, &place, message))
}

/// One call for all of them: Telegram takes all or none, and names each.
fn send_album(messages: &[Outgoing]) -> Vec<Answer> {
    match try_album(messages) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) => messages.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn try_album(messages: &[Outgoing]) -> Result<Vec<Receipt>, SendError> {
    let place = place(&messages[0])?;
    let mut inputs = Vec::new();
    let mut files = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let Content::Media(media) = &message.content else { return Err(invalid("", "an album holds files only")) };
        let name = format!("file{index}");
        inputs.push(content::input_media(media, &name)?);
        files.push((name, &media.file, blob(&media.file)?));
    }
    let mut parameters = json!({ "media": inputs });
    place.address(&mut parameters);
    reply(&mut parameters, &messages[0], &place);
    let request = multipart::body(call("sendMediaGroup").map_err(of_fault)?, &parameters, &files);
    let sent = api::read(&request.send()?).map_err(|refusal| send_error(refusal, &place))?;
    Ok(messages.iter().enumerate().map(|(index, message)| receipt(&sent[index], &place, message)).collect())
}

/// The conversation's chat, else the person's own: a private chat has its user's id.
fn place(message: &Outgoing) -> Result<Place, SendError> {
    let known = message.thread.as_ref().and_then(Place::of_thread);
    let person = || message.recipient(USER).and_then(|identity| identity.value.parse().ok()).map(Place::chat);
    known.or_else(person).ok_or_else(|| {
        SendError::new(SendFault::Unreachable, "Telegram reaches only people and groups that a bot has met")
    })
}

/// An answered message that is gone does not keep the answer from being sent.
fn reply(parameters: &mut Value, message: &Outgoing, place: &Place) {
    let answered = message.reply_to.as_ref().and_then(|target| place.own_message(&target.id));
    if let Some(id) = answered {
        parameters["reply_parameters"] = json!({ "message_id": id, "allow_sending_without_reply": true });
    }
}

fn blob(file: &MediaRef) -> Result<String, SendError> {
    file.blob.clone().ok_or_else(|| invalid("/file", "a file without its bytes"))
}

/// Telegram's name for what it took; where the answer cannot be read the message is sent all the same.
fn receipt(sent: &Value, place: &Place, message: &Outgoing) -> Receipt {
    let receipt = Receipt::new(sent["message_id"].as_i64().map(|id| place.message_id(id)));
    if message.thread.is_some() { receipt } else { receipt.thread(place.thread()) }
}

fn of_fault(fault: Fault) -> SendError {
    SendError::new(SendFault::Unauthorized, fault.words)
}
