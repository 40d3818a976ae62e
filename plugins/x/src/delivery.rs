//! How an account's messages reach the host: by a webhook, and where none can be had, by asking for them.

use crate::settings::Mode;
use crate::subscriptions::{self, Delivered, Take};
use crate::webhooks::{self, NoWebhook};
use sambung_sdk::types::{Fault, Finding, Instruction};

/// What X charges for a message that it is asked for or delivers ("Pricing", "DM Event: Read", "dm.received").
pub const PRICE_READ: &str = "$0.010";
/// Where an app's access, credits and limits are.
pub const CONSOLE: &str = "https://console.x.com/";

/// How messages come.
pub struct Delivery {
    /// The host has to ask.
    pub polling: bool,
    /// Why.
    pub finding: Option<Finding>,
}

/// Has messages delivered to the address, or finds out why that cannot be.
///
/// # Errors
/// Something that may be over later; what is not is a finding.
pub fn arrange(mode: Mode, address: Option<&str>, user: &str, take: Take) -> Result<Delivery, Fault> {
    let Some(address) = address else {
        return Ok(asking("no-public-url", "This host has no public https address", None));
    };
    let webhook = match webhooks::ensure(mode.bearer(), address) {
        Ok(webhook) => webhook,
        Err(NoWebhook::Passing(fault)) => return Err(fault),
        Err(NoWebhook::Limit(fault)) => {
            return Ok(asking(
                "webhook-limit",
                "The app has as many webhooks as its access level allows",
                Some(&fault),
            ));
        }
        Err(NoWebhook::NoAccess(fault)) => {
            return Ok(asking("webhook-no-access", "X lets the app have no webhook", Some(&fault)));
        }
        Err(NoWebhook::Unreachable(fault)) => {
            let words = "X called this host's address and was not answered as it wants";
            return Ok(asking("webhook-unreachable", words, Some(&fault)));
        }
    };
    match subscriptions::ensure(mode, &webhook, user, take) {
        Ok(Delivered::Elsewhere) => Ok(Delivery { polling: false, finding: Some(elsewhere()) }),
        Ok(Delivered::Here) => Ok(Delivery { polling: false, finding: None }),
        Err(fault) if matches!(fault.kind.as_str(), "unavailable" | "rate-limited") => {
            // As it was before: what was registered for nothing goes. A refusal of that changes nothing about why.
            if webhook.is_new {
                let _ = webhooks::remove(mode.bearer(), &webhook.id);
            }
            Err(fault)
        }
        Err(fault) => {
            let words = "X does not let the app subscribe to this account's messages";
            Ok(asking("subscription-refused", words, Some(&fault)))
        }
    }
}

fn elsewhere() -> Finding {
    let fix =
        Instruction::new("Register the channel again to receive them here; the other address receives none then.")
            .reason("fix-webhook-elsewhere");
    Finding::elsewhere("X delivers this account's messages to another address.").fix(fix)
}

fn asking(code: &str, why: &str, said: Option<&Fault>) -> Delivery {
    let said = said.map(|fault| format!(" ({})", fault.words.trim_end_matches('.'))).unwrap_or_default();
    let words = format!(
        "{why}{said}, so new messages are asked for once a minute. They come later than by webhook, nothing tells of typing \
         or reading, and X charges {PRICE_READ} for each message that it answers with, once a day for each."
    );
    let (key, text) = match code {
        "no-public-url" => (
            "fix-no-public-url",
            "Set server.public_url to the https address at which this host is reached, and check again.",
        ),
        "webhook-unreachable" => {
            ("fix-webhook-unreachable", "Make this host's https address reachable from outside, and check again.")
        }
        _ => ("fix-app", "Look at the app's access, limits and credits in the Developer Console, and check again."),
    };
    let fix = Instruction::new(text).reason(key);
    let fix = if code.starts_with("no-public") { fix } else { fix.link(CONSOLE) };
    Delivery { polling: true, finding: Some(Finding::new("warning", code, words).fix(fix)) }
}
