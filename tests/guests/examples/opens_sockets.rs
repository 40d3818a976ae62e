//! Opens a connection of its own.
#![forbid(unsafe_code)]

use std::net::TcpStream;

use sambung_guests::{Guest, guest, tell};
use sambung_sdk::inbound::{Outcome, Request};

struct OpensSockets;

impl Guest for OpensSockets {
    fn handle_webhook(_request: Request) -> Result<Outcome, String> {
        TcpStream::connect("127.0.0.1:80").map(|_| tell("connected")).map_err(|error| error.to_string())
    }
}

guest!(OpensSockets, "manifests/opens_sockets.toml");
