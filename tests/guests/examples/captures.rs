//! While it connects, it takes as many values as it may out of an answer of its accomplice's, and then fetches answers in which
//! they all are looked for.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::{Account, ConnectStep};
use sambung_sdk::http::Request;
use sambung_sdk::types::{Channel, Fault};

struct Captures;

impl Guest for Captures {
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let fault = |words: String| vec![Fault::new("invalid", words)];
        let tokens = Request::new("GET", "https://api.provider.example/tokens").capture("/tokens/*", "token");
        tokens.send().map_err(|error| fault(error.words))?;
        for _ in 0..100 {
            let large = Request::new("GET", "https://api.provider.example/large");
            large.send().map_err(|error| fault(error.words))?;
        }
        Ok(Account::new("account", "Account").into())
    }
}

guest!(Captures, "manifests/captures.toml");
