//! Connecting: who the credential belongs to, and that the provider delivers to the channel's address.

use crate::api::{ask, graph};
use crate::settings::{self, ChannelSettings, Cloud};
use crate::{WhatsApp, account, gateway};
use sambung_sdk::connection::{ConnectStep, Connected, Connection, Health};
use sambung_sdk::types::{Channel, Fault};

impl Connection for WhatsApp {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let proved = match &settings {
            ChannelSettings::Cloud(_) => Ok(()),
            ChannelSettings::Gateway(gateway) => gateway::registered(gateway).map(drop),
        };
        let account =
            proved.and_then(|()| account::of(&settings, &channel)).map_err(|fault| vec![fault.at_connecting()])?;
        Ok(account.0.into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let registered = account::of(&settings, &channel).and_then(|(account, findings)| {
            let mut connected = Connected { findings, ..Connected::to(account) };
            match &settings {
                ChannelSettings::Cloud(cloud) => subscribe(cloud)?,
                ChannelSettings::Gateway(gateway) => connected.findings.extend(gateway::register(gateway, &channel)?),
            }
            Ok(connected)
        });
        registered.map_err(|fault| vec![fault.at_connecting()])
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = settings::of(&channel)?;
        let (account, findings) = account::of(&settings, &channel)?;
        let mut health = Health::of(account);
        health.findings = findings;
        if let ChannelSettings::Gateway(gateway) = &settings {
            health.findings.extend(gateway::look_after(gateway, &channel)?);
        }
        Ok(health)
    }

    /// A subscription is the account's: it ends with the last of its numbers here. Until then what still comes for this number
    /// finds no channel. A gateway's address that is another one by now stays.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let alone = channel.extra.iter().any(|(name, value)| name == "alone" && value == "true");
        match settings::of(&channel)? {
            ChannelSettings::Cloud(cloud) if alone => {
                ask(&graph("DELETE", &format!("{}/subscribed_apps", cloud.business_account_id))).map(drop)
            }
            ChannelSettings::Cloud(_) => Ok(()),
            ChannelSettings::Gateway(gateway) => gateway::leave(&gateway, &channel),
        }
    }
}

/// Asks for the account's webhooks at the app's address.
fn subscribe(cloud: &Cloud) -> Result<(), Fault> {
    ask(&graph("POST", &format!("{}/subscribed_apps", cloud.business_account_id))).map(drop)
}
