//! Does everything right, and tells what it sees of the world around it.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sambung_guests::{Guest, good, guest, receipts, sends_wrong, tell};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::{inbound, kv, types, visitor};

struct Good;

impl Guest for Good {
    fn handle_webhook(request: inbound::Request) -> Result<inbound::Outcome, String> {
        match request.body.as_slice() {
            b"clock" => Ok(tell(clock())),
            b"randomness" => Ok(tell(randomness())),
            b"environment" => Ok(tell(format!("{:?} {:?}", std::env::args(), std::env::vars()))),
            b"output" => {
                println!("to standard output");
                Ok(good(&request))
            }
            b"error" => Err("cannot be understood".to_owned()),
            _ => Ok(good(&request)),
        }
    }

    fn send(messages: Vec<Outgoing>, _channel: types::Channel) -> Vec<Result<Receipt, SendError>> {
        if sends_wrong(&messages) {
            return Vec::new();
        }
        match remember(&messages) {
            Ok(()) => receipts(&messages),
            Err(words) => vec![Err(SendError::new(SendFault::Invalid, words))],
        }
    }
}

fn clock() -> String {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.as_millis());
    let start = Instant::now();
    format!("{wall:?} {:?}", start.elapsed())
}

fn randomness() -> String {
    let map: HashMap<u32, u32> = (0..20).map(|number| (number, number)).collect();
    format!("{:?}", map.keys().collect::<Vec<_>>())
}

/// Counts its calls, and shows the count to a visitor.
fn remember(messages: &[Outgoing]) -> Result<(), String> {
    let count = kv::get("count")?.map_or(0, |bytes| bytes[0]) + 1;
    kv::set("count", &[count])?;
    assert_eq!(kv::get("count")?, Some(vec![count]), "a call reads what it wrote");
    kv::delete("forgotten")?;
    visitor::push("v1", &messages.len())?;
    Ok(())
}

guest!(Good, "manifests/good.toml");
