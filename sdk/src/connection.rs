//! Making, checking and ending the connection between a channel and an account at the provider.

pub use crate::bindings::plugin::exports::sambung::channel::connection::{Account, ConnectStep, Connected, Health};

use crate::json;
use crate::types::{Channel, Fault, Finding, empty};
use serde::Serialize;

/// How a channel connects. Required of every plugin.
pub trait Connection {
    /// Called when an admin connects, changes settings, reconnects, and again after a crash: idempotent.
    /// `answer` is JSON: what was chosen or asked for in an earlier step. May use the network.
    ///
    /// # Errors
    /// Every fault at once, each with the setting it belongs to; the admin sees them all.
    fn connect(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>>;

    /// Called when somebody asks how a channel is, while it waits, and now and then. May use the network.
    ///
    /// # Errors
    /// Why the provider could not be asked, or that the credential no longer works ("unauthorized").
    fn check(channel: Channel) -> Result<Health, Fault>;

    /// Called once when an admin disconnects, before the channel's secrets are destroyed. May use the network.
    ///
    /// # Errors
    /// Shown, and then the channel is disconnected all the same.
    fn disconnect(channel: Channel) -> Result<(), Fault>;
}

empty!(Account { id, name, routes, features, extra });
empty!(Health { findings, account, extra });

impl Account {
    /// The account a channel speaks for: `id` is unique per plugin over the whole host, `name` is for people.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), features: "{}".to_owned(), ..Self::default() }
    }

    /// A route by which items of a shared address reach this channel.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.routes.push(route.into());
        self
    }

    /// A JSON object of features that this account lacks or has.
    pub fn features<T: Serialize + ?Sized>(mut self, features: &T) -> Self {
        self.features = json::write(features);
        self
    }
}

impl Connected {
    /// Connected to this account.
    pub fn to(account: Account) -> Self {
        Self { account, findings: Vec::new(), extra: Vec::new() }
    }

    /// Something that the admin should know already now.
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }
}

impl From<Connected> for ConnectStep {
    fn from(connected: Connected) -> Self {
        Self::Connected(connected)
    }
}

impl From<Account> for ConnectStep {
    fn from(account: Account) -> Self {
        Connected::to(account).into()
    }
}

impl Health {
    /// Nothing is wrong, and this is who the channel is.
    pub fn of(account: Account) -> Self {
        Self { account: Some(account), ..Self::default() }
    }

    /// Something that a person should know.
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }
}
