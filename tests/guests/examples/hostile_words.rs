//! Puts markup and scripts into everything that people read of a plugin: its texts, its picture, its form, its steps, its findings,
//! and the names of its accounts and senders.
#![forbid(unsafe_code)]

use sambung_sdk::prelude::*;

struct HostileWords;

/// What must be shown letter for letter.
const WORDS: &str = "<img src=x onerror=\"window.ran=1\"><script>window.ran=1</script>\"'><svg onload=window.ran=1>";
/// An address that is a script.
const LINK: &str = "javascript:window.ran=1";

fn account(id: &str) -> Account {
    Account::new(id, format!("{id} {WORDS}"))
}

impl Connection for HostileWords {
    fn identify(_channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let answer: Value = answer.and_then(|text| sambung_sdk::json::read(&text).ok()).unwrap_or_default();
        match answer["choice"].as_str() {
            Some("waits") => Ok(Waiting::new([Instruction::new(WORDS).link(LINK).copy(WORDS)]).into()),
            Some("asks") => Ok(ConnectStep::Ask(
                json!({ "type": "object", "properties": { "word": { "type": "string", "title": WORDS, "description": WORDS } } })
                    .to_string(),
            )),
            Some("refuses") => Err(vec![Fault::refused("word", WORDS).code("hostile"), Fault::new("invalid", WORDS)]),
            Some(choice) => Ok(account(choice).into()),
            None => Ok(ConnectStep::Choose(["waits", "asks", "refuses", "connects"].map(account).to_vec())),
        }
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let connected = Connected::to(account(channel.account.as_deref().unwrap_or_default()));
        let fix = Instruction::new(WORDS).link(LINK).copy(WORDS);
        let mendable = Finding::new("error", "mendable", WORDS).fix(fix);
        Ok(connected.finding(mendable).finding(Finding::new("warning", "hostile", WORDS)))
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        Err(Fault::unavailable(WORDS))
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

impl Settings for HostileWords {
    fn settings_schema(of: &str, _language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        json!({ "type": "object", "properties": {
            "word": { "type": "string", "title": WORDS, "description": WORDS, "x-placeholder": WORDS },
            "choice": { "type": "string", "enum": ["a", "b"], "x-labels": [WORDS, WORDS], "title": WORDS } } })
    }
}

impl Windows for HostileWords {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

impl Inbound for HostileWords {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        Err(format!("{WORDS} {}", request.received_at))
    }
}

impl Outbound for HostileWords {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.into_iter().map(|message| Ok(Receipt::new([message.attempt_key]))).collect()
    }
}

sambung_sdk::export_channel! {
    HostileWords,
    manifest: "manifests/hostile_words.toml",
    texts: { en: "manifests/hostile_words.texts.toml", id: "manifests/hostile_words.texts.toml" },
    icon: "manifests/hostile_words.svg",
}
