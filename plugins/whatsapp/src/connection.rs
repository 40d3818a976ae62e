//! Connecting: who the credential belongs to, and that the provider delivers to the channel's address.

use crate::api::{Shape, ask, graph};
use crate::settings::{self, ChannelSettings, Cloud, Gateway, TOKEN};
use crate::{WhatsApp, account};
use sambung_sdk::connection::{ConnectStep, Connection, Health};
use sambung_sdk::http::Request;
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Fault, Finding, Instruction};

impl Connection for WhatsApp {
    fn connect(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let connected = match &settings {
            ChannelSettings::Cloud(cloud) => {
                account::of(&settings).and_then(|(account, _)| subscribe(cloud).map(|()| account))
            }
            ChannelSettings::Gateway(gateway) => {
                register(gateway, &channel).and_then(|_| account::of(&settings)).map(|(account, _)| account)
            }
        };
        connected.map(ConnectStep::from).map_err(|fault| vec![fault.at_connecting()])
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = settings::of(&channel)?;
        let (account, findings) = account::of(&settings)?;
        let mut health = Health::of(account);
        health.findings = findings;
        if let ChannelSettings::Gateway(gateway) = &settings {
            health.findings.extend(register(gateway, &channel)?);
        }
        Ok(health)
    }

    /// A subscription is the account's: it ends with the last of its numbers here. Until then what still comes for this number
    /// finds no channel.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let alone = channel.extra.iter().any(|(name, value)| name == "alone" && value == "true");
        match settings::of(&channel)? {
            ChannelSettings::Cloud(cloud) if alone => {
                ask(&graph("DELETE", &format!("{}/subscribed_apps", cloud.business_account_id))).map(drop)
            }
            ChannelSettings::Cloud(_) => Ok(()),
            ChannelSettings::Gateway(gateway) if gateway.shape() == Shape::OnPremises => {
                ask(&gateway.request("DELETE", "settings/application")?).map(drop)
            }
            ChannelSettings::Gateway(_) => Ok(()),
        }
    }
}

/// Asks for the account's webhooks at the app's address.
fn subscribe(cloud: &Cloud) -> Result<(), Fault> {
    ask(&graph("POST", &format!("{}/subscribed_apps", cloud.business_account_id))).map(drop)
}

/// Sets the address at the gateway, which also shows whether the token works. Gateways that have no call for it leave it to
/// the admin.
fn register(gateway: &Gateway, channel: &Channel) -> Result<Option<Finding>, Fault> {
    let Some(address) = channel.webhook_url.as_deref() else {
        return Err(Fault::new(
            "invalid",
            "a gateway delivers messages to a public https address only, and this host has none: set server.public_url",
        ));
    };
    let request = registration(gateway, address)?;
    match ask(&request) {
        Ok(_) => Ok(None),
        Err(fault) if matches!(fault.kind.as_str(), "unauthorized" | "forbidden") => Err(fault.field(TOKEN)),
        Err(fault) if fault.kind == "not-found" || fault.code.as_deref() == Some("405") => Ok(Some(by_hand(address))),
        Err(fault) => Err(fault.field("base_url")),
    }
}

fn registration(gateway: &Gateway, address: &str) -> Result<Request, Fault> {
    match gateway.shape() {
        Shape::OnPremises if gateway.key_header().is_none() => {
            let body = json!({ "webhooks": { "url": address }, "callback_persist": true, "sent_status": true });
            Ok(gateway.request("PATCH", "settings/application")?.json(&body))
        }
        // 360dialog, "Set webhook URL", in both of its generations.
        _ => Ok(gateway.request("POST", "configs/webhook")?.json(&json!({ "url": address }))),
    }
}

fn by_hand(address: &str) -> Finding {
    let fix = Instruction::new("Set this webhook URL at your provider.").copy(address);
    Finding::new("warning", "webhook-by-hand", "This provider does not let the webhook URL be set for you.").fix(fix)
}
