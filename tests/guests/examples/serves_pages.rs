//! Tries to run script on the host's origin: through a file for visitors' browsers, and through its answers to webhooks.
#![forbid(unsafe_code)]

use sambung_guests::sdk;
use sambung_sdk::assets::{Asset, Assets};
use sambung_sdk::inbound::Response;
use sambung_sdk::prelude::*;
use sambung_sdk::types::Fault;

struct ServesPages;

/// What runs in a page tells the host's origin by its title.
const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>document.documentElement.setAttribute('id', origin)</script></svg>";

impl Assets for ServesPages {
    /// A test that needs the type of a page replaces `image/svg+xml`, letter for letter.
    fn files() -> Vec<Asset> {
        vec![Asset::new("help.html", "image/svg+xml", SVG)]
    }
}

impl Connection for ServesPages {
    fn identify(_channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        Ok(Account::new("pages", "Pages").into())
    }

    fn register(_channel: Channel) -> Result<Connected, Vec<Fault>> {
        Ok(Account::new("pages", "Pages").into())
    }

    fn check(_channel: Channel) -> Result<Health, Fault> {
        Ok(Health::default())
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

impl Settings for ServesPages {
    fn settings_schema(_of: &str, _language: &str) -> Value {
        json!({ "type": "object", "properties": {
            "hook_key": { "type": "string", "title": "Key", "readOnly": true, "x-secret": "hook_key" } } })
    }
}

impl Windows for ServesPages {
    fn window_rules() -> Vec<WindowRule> {
        Vec::new()
    }
}

impl Inbound for ServesPages {
    /// `{"id", "status"}`: answered with a page and every header that would count on the host's origin.
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        let said: Value = request.json()?;
        let id = said["id"].as_str().unwrap_or_default();
        let message = Message::new(id, Thread::new("pages")).text("Halo").sender(Identity::new("p", "", "pages"));
        let mut outcome = Outcome::from(Item::event(Event::new(id, message)));
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        outcome.answer = Some(Response {
            status: u16::try_from(said["status"].as_u64().unwrap_or(200)).unwrap_or_default(),
            headers: vec![
                header("content-type", "text/html"),
                header("set-cookie", "sambung_session=planted; Path=/"),
                header("set-cookie", "__Host-sambung_session=planted; Path=/; Secure"),
                header("location", "https://evil.example/"),
                header("access-control-allow-origin", "*"),
                header("access-control-allow-credentials", "true"),
                header("content-security-policy", "script-src *"),
                header("x-content-type-options", "sniff"),
                header("clear-site-data", "\"*\""),
                header("refresh", "0;url=https://evil.example/"),
                header("service-worker-allowed", "/"),
                header("retry-after", "7"),
            ],
            body: b"<!doctype html><script>fetch('/v1/tokens', {method: 'POST'})</script>".to_vec(),
            extra: Vec::new(),
        });
        Ok(outcome)
    }
}

impl Outbound for ServesPages {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(|message| Ok(Receipt::new([message.attempt_key.clone()]))).collect()
    }
}

sdk::export_channel! {
    ServesPages,
    manifest: "manifests/serves_pages.toml",
    texts: { en: "manifests/texts.toml", id: "manifests/texts.toml" },
    optional: [assets],
}
