//! Makes the request that the message's text is: a method, a URL, how many times, and how many bytes to send.
//! Answers with the answer's status, or with the kind of the error.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::http::Request;
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content};

struct Fetches;

impl Guest for Fetches {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(perform).collect()
    }
}

fn perform(message: &Outgoing) -> Result<Receipt, SendError> {
    let Content::Text(text) = &message.content else { return Ok(Receipt::new(["nothing"])) };
    let words: Vec<&str> = text.body.split(' ').collect();
    let [method, url, times, bytes] = words[..] else { return Ok(Receipt::new(["nothing"])) };
    let number = |word: &str| word.parse::<usize>().unwrap_or_default();
    let mut status = 0;
    for _ in 0..number(times) {
        let request = Request::new(method, url).body(vec![b'a'; number(bytes)]);
        let response =
            request.send().map_err(|error| SendError::new(SendFault::Unavailable, error.words).code(error.kind))?;
        status = response.status;
    }
    Ok(Receipt::new([status.to_string()]))
}

guest!(Fetches, "manifests/fetches.toml");
