//! Pigeon Post, an imaginary provider that carries short texts: a complete channel.

use sambung_sdk::prelude::*;
use serde::Deserialize;

const API: &str = "https://api.pigeon.example/v1";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The channel: a name for the traits below to hang on. It holds nothing, since every call is a fresh instance.
pub struct Pigeon;

sambung_sdk::export_channel! {
    Pigeon,
    manifest: "examples/pigeon/plugin.toml",
    texts: { en: "examples/pigeon/texts.en.toml", id: "examples/pigeon/texts.id.toml" },
    icon: "examples/pigeon/icon.svg",
}

impl Settings for Pigeon {
    /// The form: `x-secret` says which secret of the manifest a field fills.
    fn settings_schema(of: &str, language: &str) -> Value {
        if of != "channel" {
            return Value::Null;
        }
        let text = |english, indonesian| settings::text(language, english, indonesian);
        json!({
            "type": "object",
            "required": ["token", "signing_key"],
            "properties": {
                "token": {
                    "type": "string",
                    "title": text("Token", "Token"),
                    "x-secret": "token",
                    "x-help-anchor": "token",
                    "x-order": 1,
                },
                "signing_key": {
                    "type": "string",
                    "title": text("Signing key", "Kunci tanda tangan"),
                    "x-secret": "signing_key",
                    "x-order": 2,
                },
            },
        })
    }
}

#[derive(Deserialize)]
struct Loft {
    id: String,
    name: String,
}

/// Asks the provider who the token belongs to.
fn loft() -> Result<Account, Fault> {
    let answer = http::Request::get(format!("{API}/loft")).bearer("token").send()?;
    match answer.status {
        200 => {
            let loft: Loft = answer.json().map_err(Fault::unavailable)?;
            Ok(Account::new(loft.id, loft.name))
        }
        401 => Err(Fault::refused("token", answer.text())),
        _ => Err(Fault::unavailable(answer.text())),
    }
}

impl Connection for Pigeon {
    /// Changes nothing: whose the account is has to be known before anything does.
    fn identify(_channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        loft().map(ConnectStep::from).map_err(|fault| vec![fault])
    }

    /// A provider that lets an address be set is told `channel.webhook_url` here; this one's admin types it in.
    fn register(_channel: Channel) -> Result<Connected, Vec<Fault>> {
        loft().map(Connected::from).map_err(|fault| vec![fault])
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        loft().map(Health::of)
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

impl Windows for Pigeon {
    /// A letter may be answered for a day.
    fn window_rules() -> Vec<WindowRule> {
        vec![WindowRule::new("reply").lasts_ms(DAY_MS).cost("free")]
    }
}

#[derive(Deserialize)]
struct Flock {
    letters: Vec<Value>,
}

#[derive(Deserialize)]
struct Letter {
    id: String,
    from: String,
    text: String,
    sent_at: u64,
}

impl Inbound for Pigeon {
    /// One item for each letter, so that one that cannot be read holds up no other.
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let flock: Flock = request.json()?;
        let items = flock.letters.into_iter().enumerate();
        Ok(items.map(|(at, letter)| item(letter).raw(format!("/letters/{at}"))).collect())
    }
}

fn item(letter: Value) -> Item {
    let letter = match Letter::deserialize(letter) {
        Ok(letter) => letter,
        Err(error) => return Item::failed(error.to_string()),
    };
    let sender = Identity::new("pigeon-loft", "", &letter.from);
    let message = Message::new(&letter.id, Thread::new(&letter.from)).sender(sender).text(letter.text);
    Item::event(Event::new(letter.id, message).time(letter.sent_at).opens(Opening::new("reply")))
}

#[derive(Deserialize)]
struct Taken {
    id: String,
}

impl Outbound for Pigeon {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.into_iter().map(send).collect()
    }
}

fn send(outgoing: Outgoing) -> Result<Receipt, SendError> {
    let (Some(thread), Content::Text(text)) = (outgoing.thread, outgoing.content) else {
        return Err(SendError::new(SendFault::Invalid, "a pigeon carries text to who wrote before"));
    };
    let letter = json!({ "to": thread.key, "text": text.body, "key": outgoing.attempt_key });
    // An error here says by itself whether the letter may have left: then the host calls it unknown, and sends no second.
    let answer = http::Request::post(format!("{API}/letters")).bearer("token").json(&letter).send()?;
    let fault = match answer.status {
        200 => {
            let taken = answer.json::<Taken>().map_err(|words| SendError::new(SendFault::Unknown, words))?;
            return Ok(Receipt::new([taken.id]));
        }
        401 => SendFault::Unauthorized,
        403 => SendFault::WindowClosed,
        429 => SendFault::RateLimited,
        500.. => SendFault::Unavailable,
        _ => SendFault::Invalid,
    };
    Err(SendError::new(fault, answer.text()).retry_after_ms(answer.retry_after_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sambung_sdk::testing::Host;

    #[test]
    fn a_wrong_token_is_the_tokens_fault_in_the_providers_words() {
        let host = Host::new();
        host.expect("GET", "https://api.pigeon.example/v1/loft").answer(401, json!("no such token"));
        let faults = Pigeon::identify(Channel::default(), None).expect_err("it is refused");
        assert_eq!(faults, [Fault::refused("token", "\"no such token\"")]);
    }

    #[test]
    fn a_letter_that_cannot_be_read_holds_up_no_other() {
        let body = json!({"letters": [{"id": "l1"}, {"id": "l2", "from": "p1", "text": "Coo", "sent_at": 1000}]});
        let outcome = Pigeon::handle_webhook(Request::new("letters", body.to_string()), None).expect("JSON");
        let sender = Identity::new("pigeon-loft", "", "p1");
        let message = Message::new("l2", Thread::new("p1")).sender(sender).text("Coo");
        let event = Event::new("l2", message).time(1000).opens(Opening::new("reply"));
        assert_eq!(outcome.items[0], Item::failed("missing field `from`").raw("/letters/0"));
        assert_eq!(outcome.items[1], Item::event(event).raw("/letters/1"));
    }

    #[test]
    fn a_reply_that_may_have_left_is_unknown() {
        let host = Host::new();
        host.expect("POST", "https://api.pigeon.example/v1/letters").fail("timeout", true);
        let letter = Outgoing::new("key-1", Thread::new("p1"), Content::text("Coo coo"));
        let error = send(letter).expect_err("no answer came");
        assert_eq!(error.fault, SendFault::Unknown);
    }
}
