//! Makes the request that the message's text is, and answers for its silence with whatever the text says: that it may be tried
//! again, that it failed for good, or that it was sent. Its templates do the same.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::http::Request;
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::template_authoring::TemplateAuthoring;
use sambung_sdk::templates::{Page, Templates};
use sambung_sdk::types::{Channel, Content, Fault};

const PROVIDER: &str = "https://api.provider.example";
/// Below the call's deadline, so that the plugin is told.
const PATIENCE_MS: u32 = 300;

struct MapsSilence;

impl Guest for MapsSilence {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(perform).collect()
    }
}

/// `ANSWER METHOD PATH`
fn perform(message: &Outgoing) -> Result<Receipt, SendError> {
    let Content::Text(text) = &message.content else { return Ok(Receipt::new(["nothing"])) };
    let words: Vec<&str> = text.body.split(' ').collect();
    let [answer, method, path] = words[..] else { return Ok(Receipt::new(["nothing"])) };
    let request = Request::new(method, format!("{PROVIDER}{path}")).body(*b"hello").timeout_ms(PATIENCE_MS);
    let Err(error) = request.send() else { return Ok(Receipt::new([message.attempt_key.clone()])) };
    let fault = match answer {
        "unavailable" => SendFault::Unavailable,
        "rate-limited" => SendFault::RateLimited,
        "window-closed" => SendFault::WindowClosed,
        "sent" => return Ok(Receipt::new(Vec::<String>::new())),
        _ => SendFault::Invalid,
    };
    Err(SendError::new(fault, error.words))
}

impl Templates for MapsSilence {
    fn list_templates(_channel: Channel, _cursor: Option<String>) -> Result<Page, Fault> {
        let response = Request::get(format!("{PROVIDER}/templates")).send()?;
        Ok(Page { templates: response.json().map_err(Fault::unavailable)?, ..Page::default() })
    }
}

impl TemplateAuthoring for MapsSilence {
    fn create_template(_channel: Channel, template: String) -> Result<String, Vec<Fault>> {
        let request = Request::new("POST", format!("{PROVIDER}/templates")).body(template).timeout_ms(PATIENCE_MS);
        match request.send() {
            Ok(response) => Ok(response.text()),
            Err(error) => Err(vec![Fault::new("invalid", error.words)]),
        }
    }

    fn delete_template(_channel: Channel, _template: String) -> Result<(), Fault> {
        let request = Request::new("DELETE", format!("{PROVIDER}/templates")).timeout_ms(PATIENCE_MS);
        let _ = request.send();
        Ok(())
    }
}

guest!(MapsSilence, "manifests/maps_silence.toml", templates, template_authoring);
