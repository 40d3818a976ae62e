//! Asks for things in calls where they do not answer.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest, tell};
use sambung_sdk::inbound::{Outcome, Request};
use sambung_sdk::{http, kv, media_host, secrets, visitor};

struct WrongCall;

impl Guest for WrongCall {
    fn handle_webhook(_request: Request) -> Result<Outcome, String> {
        let answers = [
            http::Request::get("https://api.provider.example/")
                .send()
                .map_or_else(|error| error.kind, |_| "sent".into()),
            secrets::marker("token", "raw").map_or_else(|words| words, |_| "marked".into()),
            secrets::keep("label", "token", None).map_or_else(|words| words, |()| "kept".into()),
            secrets::has("token").to_string(),
            kv::get("key").map_or_else(|words| words, |_| "read".into()),
            kv::set("key", b"value").map_or_else(|words| words, |()| "written".into()),
            kv::delete("key").map_or_else(|words| words, |()| "deleted".into()),
            visitor::push("visitor", "entry").map_or_else(|words| words, |_| "pushed".into()),
            media_host::publish("blob", 1).map_or_else(|words| words, |_| "published".into()),
            media_host::preview("blob", 1, 1).map_or_else(|words| words, |_| "previewed".into()),
        ];
        Ok(tell(answers.join("\n")))
    }
}

guest!(WrongCall, "manifests/wrong_call.toml");
