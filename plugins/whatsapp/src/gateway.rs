//! The address that a gateway posts to: asked for, compared, set. Gateways that have no call for it leave it to the admin.

use crate::api::{Shape, ask};
use crate::settings::{Gateway, TOKEN};
use sambung_sdk::http::Request;
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Fault, Finding, Instruction};

/// What the host writes where a provider answers with a secret.
const HIDDEN: &str = "***";

/// What a gateway says about where it posts.
pub enum Registered {
    /// To this address; empty: to none.
    At(String),
    /// It has no call that says so.
    Untold,
}

/// Where the gateway posts to, which also shows whether the token works.
///
/// # Errors
/// What the gateway said, with the setting that is to blame.
pub fn registered(gateway: &Gateway) -> Result<Registered, Fault> {
    let request = gateway.request("GET", gateway.place())?;
    match ask(&request) {
        Ok(response) => {
            let told = response.value();
            let places = ["/url", "/webhooks/url", "/settings/application/webhooks/url"];
            let url = places.iter().find_map(|place| told.pointer(place)?.as_str());
            Ok(Registered::At(url.unwrap_or_default().to_owned()))
        }
        Err(fault) if has_no_call(&fault) => Ok(Registered::Untold),
        Err(fault) => Err(blame(fault)),
    }
}

/// Has the gateway post to the channel's address.
///
/// # Errors
/// What the gateway said, with the setting that is to blame.
pub fn register(gateway: &Gateway, channel: &Channel) -> Result<Option<Finding>, Fault> {
    let address = address(channel)?;
    match ask(&registration(gateway, address)?) {
        Ok(_) => Ok(None),
        Err(fault) if has_no_call(&fault) => Ok(Some(by_hand(address))),
        Err(fault) => Err(blame(fault)),
    }
}

/// Whether the gateway posts to the channel's address.
///
/// # Errors
/// What the gateway said.
pub fn look_after(gateway: &Gateway, channel: &Channel) -> Result<Option<Finding>, Fault> {
    let address = address(channel)?;
    Ok(match registered(gateway)? {
        Registered::Untold => Some(by_hand(address)),
        Registered::At(url) if is_same(&url, address) => None,
        Registered::At(_) => Some(elsewhere(address)),
    })
}

/// Takes the address back, where it is the channel's still.
///
/// # Errors
/// What the gateway said.
pub fn leave(gateway: &Gateway, channel: &Channel) -> Result<(), Fault> {
    if gateway.place() != ON_PREMISES {
        return Ok(());
    }
    match (registered(gateway)?, &channel.webhook_url) {
        (Registered::At(url), Some(address)) if is_same(&url, address) => {
            ask(&gateway.request("DELETE", ON_PREMISES)?).map(drop)
        }
        _ => Ok(()),
    }
}

/// The settings of an On-Premises client.
const ON_PREMISES: &str = "settings/application";

impl Gateway {
    /// Below the base: where the address is asked for and set. "Set webhook URL" of 360dialog's, in both of its generations, where
    /// it is no On-Premises client itself.
    fn place(&self) -> &'static str {
        match self.shape() {
            Shape::OnPremises if self.key_header().is_none() => ON_PREMISES,
            _ => "configs/webhook",
        }
    }
}

fn registration(gateway: &Gateway, address: &str) -> Result<Request, Fault> {
    Ok(match gateway.place() {
        ON_PREMISES => {
            let body = json!({ "webhooks": { "url": address }, "callback_persist": true, "sent_status": true });
            gateway.request("PATCH", ON_PREMISES)?.json(&body)
        }
        place => gateway.request("POST", place)?.json(&json!({ "url": address })),
    })
}

/// The last part of the address is a secret, which comes back hidden.
fn is_same(told: &str, address: &str) -> bool {
    let before = |url: &str| url.rsplit_once('/').map(|(before, _)| before.to_owned());
    told == address || (told.ends_with(HIDDEN) && before(told) == before(address))
}

fn address(channel: &Channel) -> Result<&str, Fault> {
    channel.webhook_url.as_deref().ok_or_else(|| {
        Fault::new(
            "invalid",
            "a gateway delivers messages to a public https address only, and this host has none: set server.public_url",
        )
    })
}

fn has_no_call(fault: &Fault) -> bool {
    fault.kind == "not-found" || fault.code.as_deref() == Some("405")
}

fn blame(fault: Fault) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" | "forbidden" => fault.field(TOKEN),
        _ => fault.field("base_url"),
    }
}

fn by_hand(address: &str) -> Finding {
    let fix = Instruction::new("Set this webhook URL at your provider.").reason("fix-webhook-by-hand").copy(address);
    Finding::new("warning", "webhook-by-hand", "This provider does not let the webhook URL be set for you.").fix(fix)
}

fn elsewhere(address: &str) -> Finding {
    let fix = Instruction::new("Register the channel again, or set this webhook URL at your provider.")
        .reason("fix-webhook-elsewhere")
        .copy(address);
    Finding::elsewhere("This provider delivers the number's messages to another address.").fix(fix)
}
