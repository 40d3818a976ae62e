//! Connects in every way there is, as its settings tell it to: what a provider would answer stands in `connect` and `health`.
#![forbid(unsafe_code)]

use sambung_sdk::prelude::*;
use sambung_sdk::{crypto, kv, secrets};
use serde_json::Map;

struct Connects;

/// What stands here is replaced, letter for letter, by tests that need another build.
const BUILD: &str = "answers of build A";

fn setting(channel: &Channel, name: &str) -> String {
    let settings: Map<String, Value> = serde_json::from_str(&channel.settings).unwrap_or_default();
    settings.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Who the channel is, and a proof of which credential it sees.
fn account(channel: &Channel, id: &str) -> Account {
    let key = [crypto::Piece::named("token")];
    let proof = crypto::hmac("sha256", &key, &["proof".into()]).unwrap_or_default();
    let proof: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
    let base_url = setting(channel, "base_url");
    Account::new(id, format!("Account {id}"))
        .route("shared")
        .features(&json!({ "proof": proof, "base_url": base_url, "app": channel.app, "webhook": channel.webhook_url }))
}

impl Connection for Connects {
    fn identify(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        kv::set("connects", b"yes").map_err(|words| vec![Fault::new("invalid", words)])?;
        let answer: Value = answer.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let own = setting(&channel, "account");
        match setting(&channel, "connect").as_str() {
            "refuse" => Err(vec![Fault::refused("token", "Invalid OAuth access token.").code("190")]),
            "trap" => panic!("told to"),
            "choose" => match answer["choice"].as_str() {
                None => Ok(ConnectStep::Choose(vec![Account::new("page-1", "One"), Account::new("page-2", "Two")])),
                Some(choice) => Ok(account(&channel, choice).into()),
            },
            "ask" if !secrets::has("pin") => Ok(ConnectStep::Ask(
                json!({ "type": "object", "required": ["pin"], "properties": {
                    "pin": { "type": "string", "title": "PIN", "minLength": 6, "x-secret": "pin" } } })
                .to_string(),
            )),
            "wait" | "wait-trap" => Ok(Waiting::new([Instruction::new("Turn the switch on.").copy("value")]).into()),
            "wait-as" => {
                Ok(Waiting::new([Instruction::new("Turn the switch on.")]).account(account(&channel, &own)).into())
            }
            _ => Ok(account(&channel, &own).into()),
        }
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let connected = Connected::to(account(&channel, channel.account.as_deref().unwrap_or_default()));
        match setting(&channel, "connect").as_str() {
            "finding" => Ok(connected.finding(Finding::new("warning", "slow", "It is slow."))),
            "refuse-register" => Err(vec![Fault::refused("account", "No more webhooks.")]),
            "trap-register" | "wait-trap" => panic!("told to"),
            _ => Ok(connected),
        }
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let own = setting(&channel, "account");
        match setting(&channel, "health").as_str() {
            "unauthorized" => Err(Fault::unauthorized("The token was withdrawn.")),
            "unavailable" => Err(Fault::unavailable("Try again later.")),
            "trap" => panic!("told to"),
            "nobody" => Ok(Health::default()),
            "finding" => {
                Ok(Health::of(account(&channel, &own)).finding(Finding::new("warning", "slow", "It is slow.")))
            }
            "another" => Ok(Health::of(account(&channel, "another"))),
            _ => Ok(Health::of(account(&channel, &own))),
        }
    }

    fn disconnect(channel: Channel) -> Result<(), Fault> {
        match setting(&channel, "health").as_str() {
            "unavailable" => Err(Fault::unavailable("Nobody answers.")),
            "trap" => panic!("told to"),
            _ => Ok(()),
        }
    }
}

impl Settings for Connects {
    fn settings_schema(of: &str, _language: &str) -> Value {
        if of == "app" {
            return json!({ "type": "object", "required": ["app_id", "app_secret"], "properties": {
                "app_id": { "type": "string", "title": "App" },
                "app_secret": { "type": "string", "title": "Secret", "x-secret": "app_secret" },
                "verify_token": { "type": "string", "title": "Verify token", "readOnly": true, "x-secret": "verify_token" },
                "prepare": { "type": "string", "title": "Prepare" } } });
        }
        json!({ "type": "object", "required": ["account", "token"], "properties": {
            "account": { "type": "string", "title": "Account" },
            "region": { "type": "string", "title": "Place", "x-locked": true },
            "token": { "type": "string", "title": "Token", "x-secret": "token" },
            "hook_key": { "type": "string", "title": "Key", "readOnly": true, "x-secret": "hook_key" },
            "base_url": { "type": "string", "title": "Address", "format": "uri" },
            "connect": { "type": "string", "title": "How it connects" },
            "health": { "type": "string", "title": "How it is" } } })
    }
}

impl Windows for Connects {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

impl Inbound for Connects {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let id = String::from_utf8_lossy(&request.body).into_owned();
        let message = Message::new(&id, Thread::new("thread")).text(BUILD);
        Ok(Item::event(Event::new(&id, message)).into())
    }
}

impl Outbound for Connects {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.into_iter().map(|message| Ok(Receipt::new([message.attempt_key]))).collect()
    }
}

impl Apps for Connects {
    fn prepare(app: App) -> Result<Prepared, Vec<Fault>> {
        let settings: Value = serde_json::from_str(&app.settings).unwrap_or_default();
        match settings["prepare"].as_str() {
            Some("refuse") => Err(vec![Fault::refused("app_id", "No such app.")]),
            _ => {
                let prepared = Prepared { name: Some("Prepared".to_owned()), ..Prepared::default() };
                Ok(prepared.instruction(Instruction::new("Add the product.")))
            }
        }
    }

    fn check(app: App) -> Result<Vec<Finding>, Fault> {
        let settings: Value = serde_json::from_str(&app.settings).unwrap_or_default();
        match settings["prepare"].as_str() {
            Some("warn") => {
                let finding = Finding::new("warning", "review", "The app is not reviewed.");
                Ok(vec![finding.fix(Instruction::new("Ask for a review."))])
            }
            Some("withdrawn") => Err(Fault::unauthorized("The app was withdrawn.")),
            Some("trap") => panic!("told to"),
            _ => Ok(Vec::new()),
        }
    }

    fn release(_app: App) -> Result<(), Fault> {
        Ok(())
    }
}

sambung_sdk::export_channel! {
    Connects,
    manifest: "manifests/connects.toml",
    texts: { en: "manifests/connects.texts.toml", id: "manifests/connects.texts.toml" },
    optional: [apps],
}
