//! Asks its provider before everything that it does, and traps where the provider says so: `GET /FUNCTION` answers `trap`.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::Health;
use sambung_sdk::http::Request;
use sambung_sdk::inbound::{self, Event, Item, Message, Outcome};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError};
use sambung_sdk::signals::Signals;
use sambung_sdk::templates::{Page, Templates};
use sambung_sdk::types::{Channel, Content, Fault, Target, Thread};

struct TrapsOnDemand;

fn ask(function: &str) {
    let url = format!("https://api.provider.example/{function}");
    let said = Request::get(url).send().map_or_else(|_| String::new(), |response| response.text());
    assert!(said != "trap", "told to");
}

impl Guest for TrapsOnDemand {
    /// Every request is a choice that somebody made.
    fn handle_webhook(request: inbound::Request) -> Result<Outcome, String> {
        let id = request.received_at.to_string();
        let mut message = Message::new(&id, Thread::new("t1"));
        message.content = vec![Content::choice("yes", None)];
        Ok(Outcome::from(Item::event(Event::new(&id, message))))
    }

    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        ask("send");
        sambung_guests::receipts(&messages)
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        ask("check");
        Ok(Health::default())
    }
}

impl Templates for TrapsOnDemand {
    fn list_templates(_channel: Channel, _cursor: Option<String>) -> Result<Page, Fault> {
        ask("templates");
        Ok(Page::default())
    }
}

impl Signals for TrapsOnDemand {
    fn signal(_channel: Channel, _thread: Thread, _kind: String, _about: Option<Target>) -> Result<(), Fault> {
        ask("signal");
        Ok(())
    }
}

guest!(TrapsOnDemand, "manifests/traps_on_demand.toml", templates, signals);
