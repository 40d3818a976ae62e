//! Asks its host without an end.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, receipts, sends_wrong};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError};
use sambung_sdk::{secrets, types};

struct TooManyHostCalls;

impl Guest for TooManyHostCalls {
    fn send(messages: Vec<Outgoing>, _channel: types::Channel) -> Vec<Result<Receipt, SendError>> {
        while sends_wrong(&messages) {
            secrets::has("token");
        }
        receipts(&messages)
    }
}

guest!(TooManyHostCalls, "manifests/too_many_host_calls.toml");
