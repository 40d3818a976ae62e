//! Marking messages as read, with the typing indicator that goes with it.

use crate::WhatsApp;
use crate::api::{Shape, ask};
use crate::settings;
use sambung_sdk::http::encode;
use sambung_sdk::json::json;
use sambung_sdk::signals::Signals;
use sambung_sdk::types::{Channel, Fault, Target, Thread};

impl Signals for WhatsApp {
    /// Both refer to the customer's last message; without one there is nothing to say. Typing ends after 25 seconds or with
    /// the answer.
    fn signal(channel: Channel, _thread: Thread, kind: String, about: Option<Target>) -> Result<(), Fault> {
        let Some(about) = about else { return Ok(()) };
        let settings = settings::of(&channel)?;
        let request = match (settings.shape(), kind.as_str()) {
            (Shape::Cloud, "read") => {
                let body = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": about.id });
                settings.number("POST", "messages")?.json(&body)
            }
            (Shape::Cloud, "typing") => {
                let body = json!({
                    "messaging_product": "whatsapp",
                    "status": "read",
                    "message_id": about.id,
                    "typing_indicator": { "type": "text" },
                });
                settings.number("POST", "messages")?.json(&body)
            }
            (Shape::OnPremises, "read") => {
                settings.number("PUT", &format!("messages/{}", encode(&about.id)))?.json(&json!({ "status": "read" }))
            }
            _ => return Ok(()),
        };
        ask(&request).map(drop)
    }
}
