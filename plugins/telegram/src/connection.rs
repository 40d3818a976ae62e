//! Connecting: whose token it is, and which way updates come. With a public address Telegram posts them there; without one the
//! host asks for them, so that a channel works on any machine.

use crate::Telegram;
use crate::api::{ask_for, call};
use crate::settings::BOT_TOKEN;
use crate::webhook::{self, WebhookInfo};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health};
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Fault, Finding, Instruction};
use serde::Deserialize;

/// So many updates that wait at Telegram say that they do not come through.
const MANY_PENDING: u64 = 100;

impl Connection for Telegram {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let bot = Bot::get().map_err(|fault| vec![of_token(fault, "refused")])?;
        Ok(bot.account(channel.webhook_url.is_none()).into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let bot = Bot::get().map_err(|fault| vec![of_token(fault, "refused")])?;
        match channel.webhook_url.as_deref() {
            Some(address) => webhook::set(address),
            None => webhook::remove(),
        }
        .map_err(|fault| vec![fault])?;
        Ok(bot.account(channel.webhook_url.is_none()).into())
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let bot = Bot::get().map_err(|fault| of_token(fault, "unauthorized"))?;
        let info = WebhookInfo::get()?;
        let mut findings = Vec::new();
        let polled = match channel.webhook_url.as_deref() {
            Some(address) if info.url == address && info.is_complete() => {
                findings.extend(delivery_findings(&info));
                false
            }
            // The address was lost, or it is one of this channel's from before the host moved.
            Some(address) if info.url.is_empty() || info.url == address || info.is_own() => {
                findings.extend(webhook::set(address).err().map(not_registered));
                false
            }
            None if info.url.is_empty() => true,
            None if info.is_own() => {
                webhook::remove()?;
                true
            }
            address => {
                findings.push(elsewhere(&info.url));
                address.is_none()
            }
        };
        Ok(Health { findings, ..Health::of(bot.account(polled)) })
    }

    /// An address that somebody else registered since is theirs.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let registered = WebhookInfo::get()?.url;
        if channel.webhook_url.is_some_and(|address| address == registered) { webhook::remove() } else { Ok(()) }
    }
}

/// The bot that a token is for.
#[derive(Deserialize)]
struct Bot {
    id: i64,
    first_name: String,
    username: Option<String>,
}

impl Bot {
    fn get() -> Result<Self, Fault> {
        ask_for(&call("getMe")?)
    }

    /// While it is polled the host goes on with that, whatever address it gets meanwhile, until `check` has registered that one.
    /// Otherwise nothing is said of it, so that a host without an address begins to poll.
    fn account(&self, polled: bool) -> Account {
        let name = match &self.username {
            Some(username) => format!("{} (@{username})", self.first_name),
            None => self.first_name.clone(),
        };
        let mut features = json!({ "typing": true, "read": false });
        if polled {
            features["polling"] = json!(true);
        }
        Account::new(self.id.to_string(), name).features(&features)
    }
}

/// A token that is revoked is answered with 401, one that is none with 404.
fn of_token(fault: Fault, kind: &str) -> Fault {
    if !matches!(fault.kind.as_str(), "unauthorized" | "not-found") {
        return fault;
    }
    Fault { kind: kind.to_owned(), ..fault }.field(BOT_TOKEN)
}

/// What keeps updates from arriving at the registered address.
fn delivery_findings(info: &WebhookInfo) -> Option<Finding> {
    let waiting = info.pending_update_count;
    if let Some(words) = info.last_error_message.as_ref().filter(|_| waiting > 0) {
        let words =
            format!("Telegram cannot deliver to this channel's address: {words}. Updates that wait: {waiting}.");
        return Some(Finding::new("error", "webhook-failing", words));
    }
    (waiting >= MANY_PENDING).then(|| {
        let words = format!("Telegram has {waiting} updates that it has not delivered yet.");
        Finding::new("warning", "updates-waiting", words)
    })
}

fn not_registered(fault: Fault) -> Finding {
    Finding::new("error", "webhook-refused", format!("Telegram does not take this channel's address: {}", fault.words))
}

fn elsewhere(url: &str) -> Finding {
    let words = format!("Telegram delivers this bot's updates to another address: {url}");
    let fix = Instruction::new("Register the channel again to receive them here; that address receives none then.")
        .reason("fix-webhook-elsewhere");
    Finding::elsewhere(words).fix(fix)
}
