//! A provider of its own making: what comes in says what it is, and what is sent says what becomes of it, so that a test tells
//! a story by the words of its messages.
#![forbid(unsafe_code)]

use std::hint;
use std::thread;
use std::time::Duration;

use sambung_guests::sdk;
use sambung_sdk::inbound::Response;
use sambung_sdk::kv;
use sambung_sdk::prelude::*;
use sambung_sdk::types::Fault;

struct Plays;

/// A request with this text makes the plugin trap. What stands here is replaced, letter for letter, by a test that needs a build
/// without the fault.
const FAULT: &str = "trips this build";

impl Connection for Plays {
    fn identify(_channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        Ok(Account::new("stage", "Stage").into())
    }

    fn register(_channel: Channel) -> Result<Connected, Vec<Fault>> {
        Ok(Account::new("stage", "Stage").into())
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        Ok(Health::default())
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

impl Settings for Plays {
    fn settings_schema(_of: &str, _language: &str) -> Value {
        json!({ "type": "object", "properties": {
            "hook_key": { "type": "string", "title": "Key", "readOnly": true, "x-secret": "hook_key" } } })
    }
}

impl Windows for Plays {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

impl Inbound for Plays {
    /// `{"id", "text"}` is a message, with `"echo": true` one that the business sent. It is heard, and answered so.
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let said: Value = request.json()?;
        let word = |name: &str| said[name].as_str().unwrap_or_default();
        assert!(word("text") != hint::black_box(FAULT), "told to");
        while word("text") == hint::black_box("think for ever") {}
        let message = Message::new(word("id"), Thread::new("audience")).text(word("text"));
        let event = if said["echo"] == true {
            Event::new(word("id"), message.echo())
        } else {
            Event::new(word("id"), message.sender(Identity::new("seat", "", "audience")))
        };
        let mut outcome = Outcome::from(Item::event(event.time(said["at"].as_u64())));
        outcome.answer = Some(Response {
            status: 202,
            headers: Vec::new(),
            body: format!("heard {}", word("text")).into_bytes(),
            extra: Vec::new(),
        });
        Ok(outcome)
    }
}

fn words(message: &Outgoing) -> &str {
    if let Content::Text(text) = &message.content { &text.body } else { "" }
}

fn receipt(message: &Outgoing) -> Receipt {
    Receipt::new([format!("id of {}", words(message))])
}

impl Outbound for Plays {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(play).collect()
    }
}

fn play(message: &Outgoing) -> Result<Receipt, SendError> {
    let again = kv::get(&message.attempt_key).ok().flatten().is_some();
    match words(message).split(' ').next() {
        Some("slow") => thread::sleep(Duration::from_secs(2)),
        Some("lost") if !again => {
            kv::set(&message.attempt_key, b"tried").map_err(|words| SendError::new(SendFault::Invalid, words))?;
            return Err(SendError::new(SendFault::Unknown, "no answer came"));
        }
        _ => {}
    }
    Ok(receipt(message))
}

impl Reconcile for Plays {
    fn reconcile(_channel: Channel, attempts: Vec<Lost>) -> Vec<Result<Verdict, Fault>> {
        let verdict = |lost: &Lost| match words(&lost.attempt) {
            "lost and taken" => Ok(Verdict::Sent(receipt(&lost.attempt))),
            "lost and refused" => Ok(Verdict::NotSent),
            _ => Ok(Verdict::Unclear),
        };
        attempts.iter().map(verdict).collect()
    }
}

sdk::export_channel! {
    Plays,
    manifest: "manifests/plays.toml",
    texts: { en: "manifests/texts.toml", id: "manifests/texts.toml" },
    optional: [reconcile],
}
