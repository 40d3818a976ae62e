//! Making, checking and ending the connection between a channel and an account at the provider.

pub use crate::bindings::plugin::exports::sambung::channel::connection::{
    Account, ConnectStep, Connected, Health, Waiting,
};

use crate::json;
use crate::types::{Channel, Fault, Finding, Instruction, empty};
use serde::Serialize;

/// How a channel connects. Required of every plugin.
pub trait Connection {
    /// Proves the credential and finds out which account it is. Changes nothing at the provider: it reads, exchanges tokens, and
    /// makes tests that leave nothing behind. Called when an admin connects, changes settings, reconnects, answers a step, and
    /// again after a crash. `answer` is JSON: what was chosen or asked for in an earlier step. May use the network.
    ///
    /// # Errors
    /// Every fault at once, each with the setting it belongs to; the admin sees them all.
    fn identify(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>>;

    /// Makes the provider deliver to `channel.webhook_url`. Called once the host has made sure that no other channel has the
    /// account, which is `channel.account` now, and when an admin asks for it. Idempotent: called again after a crash. May use
    /// the network.
    ///
    /// # Errors
    /// Every fault at once. The provider is left as it was: the call that switches comes last, or what came before is undone.
    fn register(channel: Channel) -> Result<Connected, Vec<Fault>>;

    /// Called when somebody asks how a channel is, while it waits, and now and then. Takes no address back that points elsewhere:
    /// that is the finding `webhook-elsewhere` ([`Finding::elsewhere`]). May use the network.
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
empty!(Waiting { instructions, account, extra });
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

impl From<Account> for Connected {
    fn from(account: Account) -> Self {
        Self::to(account)
    }
}

impl From<Account> for ConnectStep {
    fn from(account: Account) -> Self {
        Self::Found(account)
    }
}

impl Waiting {
    /// Something remains to be done at the provider, in this order.
    pub fn new(instructions: impl IntoIterator<Item = Instruction>) -> Self {
        Self { instructions: instructions.into_iter().collect(), ..Self::default() }
    }

    /// Which account it will be: one that another channel has is refused at once.
    pub fn account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }
}

impl From<Waiting> for ConnectStep {
    fn from(waiting: Waiting) -> Self {
        Self::Wait(waiting)
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
