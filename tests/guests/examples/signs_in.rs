//! Connects by signing in with a provider, as channels do whose accounts somebody reaches with a browser: lists the pages that
//! the sign-in reaches, offers a choice, and keeps the chosen page's token.
#![forbid(unsafe_code)]

use sambung_sdk::http;
use sambung_sdk::outbound::SendFault;
use sambung_sdk::polling::{Polled, Polling};
use sambung_sdk::prelude::*;
use sambung_sdk::secrets;

const API: &str = "https://login.example";

struct SignsIn;

fn fault(response: &http::Response) -> Fault {
    let words = String::from_utf8_lossy(&response.body).into_owned();
    match response.status {
        401 => Fault::unauthorized(words),
        _ => Fault::unavailable(words),
    }
}

fn pages() -> Result<Value, Fault> {
    let answer = http::Request::get(format!("{API}/pages"))
        .bearer("user_token")
        .capture("/data/*/token", "page")
        .send()
        .map_err(|error| Fault::unavailable(error.words))?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body).map_err(|error| Fault::unavailable(error.to_string())),
        _ => Err(fault(&answer)),
    }
}

fn account(page: &Value) -> Account {
    let word = |name: &str| page[name].as_str().unwrap_or_default();
    // What the provider posts to nobody is asked for.
    Account::new(word("id"), word("name")).features(&json!({ "polling": word("name") == "Asked" }))
}

impl Connection for SignsIn {
    fn identify(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings: Value = serde_json::from_str(&channel.settings).unwrap_or_default();
        if settings["mode"] != "sign-in" {
            return Ok(Account::new("typed", "Typed").into());
        }
        let answer: Value = answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let found = pages().map_err(|fault| vec![fault])?;
        let pages = found["data"].as_array().cloned().unwrap_or_default();
        // What it was captured as stands in the token's place: no plugin sees one.
        if pages.iter().any(|page| page["token"].as_str().is_none_or(|token| !token.starts_with("page"))) {
            return Err(vec![Fault::new("invalid", format!("a token is to be seen: {found}"))]);
        }
        let wanted = answer["choice"].as_str().or(channel.account.as_deref());
        let chosen = match wanted {
            Some(id) => {
                pages.iter().find(|page| page["id"] == id).or_else(|| pages.first().filter(|_| pages.len() == 1))
            }
            None if pages.len() > 1 => return Ok(ConnectStep::Choose(pages.iter().map(account).collect())),
            None => pages.first(),
        };
        let Some(page) = chosen else {
            return Err(vec![Fault::new("forbidden", "This sign-in reaches no page.")]);
        };
        let label = page["token"].as_str().unwrap_or_default();
        secrets::keep(label, "page_token", None).map_err(|words| vec![Fault::new("invalid", words)])?;
        Ok(account(page).into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let settings: Value = serde_json::from_str(&channel.settings).unwrap_or_default();
        if settings["mode"] != "sign-in" {
            return Ok(Account::new("typed", "Typed").into());
        }
        let found = pages().map_err(|fault| vec![fault])?;
        let page = found["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|page| page["id"].as_str() == channel.account.as_deref());
        page.map(|page| account(page).into())
            .ok_or_else(|| vec![Fault::new("forbidden", "This sign-in does not reach the page.")])
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        pages()?;
        let id = channel.account.unwrap_or_default();
        Ok(Health::of(Account::new(id.clone(), id)))
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        let answer = http::Request::post(format!("{API}/leave")).bearer("page_token").send();
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(fault(&answer)),
            Err(error) => Err(Fault::unavailable(error.words)),
        }
    }
}

impl Settings for SignsIn {
    fn settings_schema(of: &str, _language: &str) -> Value {
        if of == "app" {
            return json!({ "type": "object", "required": ["client_id", "client_secret"], "properties": {
                "client_id": { "type": "string", "title": "Client" },
                "client_secret": { "type": "string", "title": "Secret", "x-secret": "client_secret" } } });
        }
        json!({ "type": "object", "required": ["mode"], "properties": {
            "mode": { "type": "string", "title": "How it connects", "enum": ["sign-in", "typed"], "x-labels": ["Sign in", "Typed"] },
            "colour": { "type": "string", "title": "Colour" },
            "hook_key": { "type": "string", "title": "Key", "readOnly": true, "x-secret": "hook_key" } } })
    }
}

impl Windows for SignsIn {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

impl Inbound for SignsIn {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let said: Value = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        let id = said["id"].as_str().unwrap_or_default();
        let message = Message::new(id, Thread::new("one")).sender(Identity::new("somebody", "", "one")).text("Hello");
        Ok(Item::event(Event::new(id, message)).into())
    }
}

impl Outbound for SignsIn {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        let send = |message: Outgoing| {
            let answer = http::Request::post(format!("{API}/send"))
                .bearer("user_token")
                .body(message.attempt_key.clone())
                .send();
            match answer {
                Ok(answer) if answer.status == 200 => Ok(Receipt::new([message.attempt_key])),
                Ok(answer) if answer.status == 401 => {
                    Err(SendError::new(SendFault::Unauthorized, String::from_utf8_lossy(&answer.body)))
                }
                Ok(answer) => Err(SendError::new(SendFault::Unavailable, answer.status.to_string()).retryable(true)),
                Err(error) => Err(SendError::new(SendFault::Unavailable, error.words).retryable(true)),
            }
        };
        messages.into_iter().map(send).collect()
    }
}

impl Polling for SignsIn {
    fn poll(_channel: Channel, _cursor: Option<String>) -> Result<Polled, Fault> {
        let answer = http::Request::get(format!("{API}/news"))
            .bearer("user_token")
            .send()
            .map_err(|error| Fault::unavailable(error.words))?;
        match answer.status {
            200 => Ok(Polled::default().again_after_ms(50)),
            _ => Err(fault(&answer)),
        }
    }
}

sambung_sdk::export_channel! {
    SignsIn,
    manifest: "manifests/signs_in.toml",
    texts: { en: "manifests/texts.toml", id: "manifests/texts.toml" },
    optional: [polling],
}
