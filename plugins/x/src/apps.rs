//! A registered app: its keys prove right, and its address is registered for every account that signs in with it.

use crate::X;
use crate::api::exchange;
use crate::delivery::CONSOLE;
use crate::settings::{APP_BEARER, Mode};
use crate::webhooks::{self, NoWebhook};
use sambung_sdk::apps::{App, Apps, Prepared};
use sambung_sdk::types::{Fault, Finding, Instruction};

impl Apps for X {
    fn prepare(app: App) -> Result<Prepared, Vec<Fault>> {
        exchange(Mode::SignIn).map_err(|fault| vec![fault.at_connecting()])?;
        let prepared = Prepared { name: Some("X app".to_owned()), ..Prepared::default() };
        match register(&app) {
            Ok(None) => Ok(prepared),
            Ok(Some(finding)) => {
                Ok(prepared.instruction(Instruction::new(finding.words).reason(&finding.code).link(CONSOLE)))
            }
            Err(fault) => Err(vec![fault]),
        }
    }

    fn check(app: App) -> Result<Vec<Finding>, Fault> {
        exchange(Mode::SignIn)?;
        Ok(register(&app)?.into_iter().collect())
    }

    fn release(app: App) -> Result<(), Fault> {
        let Some(address) = app.webhook_url.as_deref() else { return Ok(()) };
        match webhooks::find(APP_BEARER, address)? {
            Some(webhook) => webhooks::remove(APP_BEARER, &webhook.id),
            None => Ok(()),
        }
    }
}

/// Registers the address. Where that cannot be, accounts are asked for their messages instead.
fn register(app: &App) -> Result<Option<Finding>, Fault> {
    let asked = "Accounts that sign in with this app are asked for their messages once a minute instead.";
    let Some(address) = app.webhook_url.as_deref() else {
        let words = format!("This host has no public https address: set server.public_url. {asked}");
        return Ok(Some(Finding::new("warning", "no-public-url", words)));
    };
    let (code, fault) = match webhooks::ensure(APP_BEARER, address) {
        Ok(_) => return Ok(None),
        Err(NoWebhook::Passing(fault)) => return Err(fault),
        Err(NoWebhook::Limit(fault)) => ("webhook-limit", fault),
        Err(NoWebhook::NoAccess(fault)) => ("webhook-no-access", fault),
        Err(NoWebhook::Unreachable(fault)) => ("webhook-unreachable", fault),
    };
    let words = format!("X does not deliver to this host: {} {asked}", sentence(&fault.words));
    Ok(Some(Finding::new("warning", code, words)))
}

fn sentence(words: &str) -> String {
    format!("{}.", words.trim_end_matches('.'))
}
