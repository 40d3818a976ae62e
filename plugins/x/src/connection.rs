//! Connecting: whose token it is, and how messages come.

use crate::X;
use crate::api::{ask, exchange, to};
use crate::people::Profile;
use crate::quick_replies::QUICK_REPLIES;
use crate::settings::{self, ACCESS_TOKEN, Mode};
use crate::subscriptions::Take;
use crate::{delivery, subscriptions, webhooks};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health};
use sambung_sdk::http::Response;
use sambung_sdk::json::json;
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault, Finding};
use serde::Deserialize;

impl Connection for X {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let found = settings::mode(&channel).and_then(|mode| Ok((mode, whose(mode)?)));
        let (mode, me) = found.map_err(|fault| vec![fault.at_connecting()])?;
        Ok(account(mode, &me, channel.webhook_url.is_none()).into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let (account, findings) = look(&channel, Take::Anything).map_err(|fault| vec![fault.at_connecting()])?;
        Ok(Connected { findings, ..Connected::to(account) })
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let (account, findings) = look(&channel, Take::Nothing)?;
        Ok(Health { findings, ..Health::of(account) })
    }

    /// Ends the subscriptions. The address of an own app is the channel's and goes too; that of a registered app stays for
    /// its other channels.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let mode = settings::mode(&channel)?;
        let (Some(address), Some(user)) = (&channel.webhook_url, &channel.account) else { return Ok(()) };
        let Some(webhook) = webhooks::find(mode.bearer(), address)? else { return Ok(()) };
        let ended = subscriptions::end(mode, &webhook.id, user);
        match mode {
            Mode::OwnApp => ended.and(webhooks::remove(mode.bearer(), &webhook.id)),
            Mode::SignIn => ended,
        }
    }
}

/// Who the token belongs to.
fn whose(mode: Mode) -> Result<Profile, Fault> {
    match mode {
        Mode::OwnApp => exchange(mode)?,
        Mode::SignIn if !secrets::has(mode.bearer()) => {
            let words = "there is no registered X app whose key and secret work: the operator registers one";
            return Err(Fault::new("invalid", words));
        }
        Mode::SignIn => {}
    }
    me(mode)
}

/// Who the account is, how its messages come, and what there is to say about it. Whatever is not as it should be is put
/// right as far as it can be.
fn look(channel: &Channel, take: Take) -> Result<(Account, Vec<Finding>), Fault> {
    let mode = settings::mode(channel)?;
    let me = whose(mode)?;
    let delivery = delivery::arrange(mode, channel.webhook_url.as_deref(), &me.id, take)?;
    Ok((account(mode, &me, delivery.polling), delivery.finding.into_iter().collect()))
}

fn account(mode: Mode, me: &Profile, polling: bool) -> Account {
    let features = json!({
        "polling": polling,
        "interactive": QUICK_REPLIES && mode == Mode::OwnApp,
        "encrypted": false,
    });
    Account::new(&me.id, me.label()).features(&features)
}

#[derive(Deserialize)]
struct Me {
    data: Profile,
}

fn me(mode: Mode) -> Result<Profile, Fault> {
    let response = ask(&mode.as_user(to("GET", "/2/users/me"))).map_err(|fault| of_token(mode, fault))?;
    may_message(mode, &response)?;
    let me = response.json::<Me>().map_err(Fault::unavailable)?.data;
    if me.id.is_empty() {
        return Err(Fault::unavailable("X did not say which account this token belongs to"));
    }
    Ok(me)
}

fn of_token(mode: Mode, fault: Fault) -> Fault {
    match (mode, fault.kind.as_str()) {
        (Mode::OwnApp, "unauthorized" | "forbidden") => fault.field(ACCESS_TOKEN),
        _ => fault,
    }
}

/// The older API names a token's permission in this header; where it says so, a token that may not read messages is told of
/// before the first of them is missed.
fn may_message(mode: Mode, response: &Response) -> Result<(), Fault> {
    match response.header("x-access-level") {
        Some(level) if mode == Mode::OwnApp && !level.contains("directmessages") => {
            let words = "This token may not read direct messages. Set the app's permission to “Read and write and Direct \
                         message”, then generate the access token again.";
            Err(Fault::refused(ACCESS_TOKEN, words).code("no-message-permission"))
        }
        _ => Ok(()),
    }
}
