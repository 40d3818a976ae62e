//! Makes as many events of one request as the request says.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::inbound::{Event, Item, Message, Outcome, Request};
use sambung_sdk::types::Thread;

struct ManyEvents;

impl Guest for ManyEvents {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let (name, number) = body.split_once(' ').ok_or("a name and a number")?;
        let number: u32 = number.trim().parse().map_err(|_| "no number")?;
        let event = |index: u32| {
            let id = format!("{name}-{index}");
            let message = Message::new(&id, Thread::new(format!("t{}", index % 50))).text(&id);
            Event::new(format!("e-{id}"), message).time(request.received_at)
        };
        Ok((0..number).map(|index| Item::event(event(index))).collect())
    }
}

guest!(ManyEvents, "manifests/many_events.toml");
