//! A provider of its own making that only answers when it is asked. Settings say how it behaves: `account`, how many messages it
//! `says`, how many milliseconds a poll `takes`, the kind of fault with which it `refuses` once everything is told, and what its
//! features say about polling (`asks`). The cursor counts what was told.
#![forbid(unsafe_code)]

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sambung_guests::sdk;
use sambung_sdk::polling::Raw;
use sambung_sdk::prelude::*;

struct Polls;

impl Connection for Polls {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        Ok(account(&channel)?.into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        Ok(account(&channel)?.into())
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        Ok(Health::default())
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

impl Settings for Polls {
    fn settings_schema(_of: &str, _language: &str) -> Value {
        json!({ "type": "object", "properties": {
            "account": { "type": "string", "title": "Account" },
            "says": { "type": "integer", "title": "Messages" },
            "takes": { "type": "integer", "title": "Milliseconds" },
            "refuses": { "type": "string", "title": "Fault" },
            "asks": { "type": "boolean", "title": "Polling" },
        } })
    }
}

impl Windows for Polls {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

fn account(channel: &Channel) -> Result<Account, Vec<Fault>> {
    let script: Value = channel.read_settings().map_err(|fault| vec![fault])?;
    let account = Account::new(name(&script), "Well");
    Ok(match script.get("asks") {
        Some(asks) => account.features(&json!({ "polling": asks })),
        None => account,
    })
}

fn name(script: &Value) -> &str {
    script["account"].as_str().unwrap_or("well")
}

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

impl Polling for Polls {
    /// One message at a time; it says from when to when the poll was.
    fn poll(channel: Channel, cursor: Option<String>) -> Result<Polled, Fault> {
        let script: Value = channel.read_settings()?;
        let number = |name: &str| script[name].as_u64().unwrap_or_default();
        let told: u64 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or_default();
        let began = now_ms();
        thread::sleep(Duration::from_millis(number("takes")));
        if told < number("says") {
            let message = json!({ "id": format!("{} {told}", name(&script)), "text": format!("{began} {}", now_ms()) });
            return Ok(Polled::default().request(Raw::new(message.to_string())).cursor((told + 1).to_string()));
        }
        match script["refuses"].as_str() {
            Some(kind) => Err(Fault::new(kind, "the well is dry")),
            None => Ok(Polled::default().again_after_ms(60_000)),
        }
    }
}

impl Inbound for Polls {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        if request.recipe != "poll" {
            return Err(format!("by {}, not by a poll", request.recipe));
        }
        let said: Value = request.json()?;
        let word = |name: &str| said[name].as_str().unwrap_or_default();
        let message = Message::new(word("id"), Thread::new("bucket")).text(word("text"));
        Ok(Item::event(Event::new(word("id"), message.sender(Identity::new("bucket", "", "b")))).into())
    }
}

impl Outbound for Polls {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(|_| Err(SendError::new(SendFault::Unreachable, "nobody is in the well"))).collect()
    }
}

sdk::export_channel! {
    Polls,
    manifest: "manifests/polls.toml",
    texts: { en: "manifests/texts.toml", id: "manifests/texts.toml" },
    optional: [polling],
}
