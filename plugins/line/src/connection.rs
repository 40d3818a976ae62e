//! Connecting: who the token belongs to, and whether LINE reaches the channel's address.

use crate::Line;
use crate::api::{self, ask};
use crate::settings::{ACCESS_TOKEN, CHANNEL_SECRET};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health};
use sambung_sdk::json::json;
use sambung_sdk::types::{Channel, Fault, Finding, Instruction};
use serde::Deserialize;

/// Where an admin turns webhooks on.
const CONSOLE: &str = "https://developers.line.biz/console/";
/// What the host answers to a webhook whose signature is not the channel secret's (`refuse` in the manifest).
const REFUSED: i32 = 401;

impl Connection for Line {
    /// LINE tests any address, registered or not: what it posts to this channel's is signed with its own channel secret.
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let account = account().map_err(|fault| vec![of_token(fault, "refused")])?;
        let address = channel.webhook_url.as_deref().ok_or_else(|| vec![no_address()])?;
        // A test that does not come through is a finding of `check`; one that the signature check refused says that the
        // channel secret is another channel's.
        match test(address) {
            Ok(Test { success: false, status_code: REFUSED, .. }) => Err(vec![wrong_secret()]),
            _ => Ok(account.into()),
        }
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let account = account().map_err(|fault| vec![of_token(fault, "refused")])?;
        let address = channel.webhook_url.as_deref().ok_or_else(|| vec![no_address()])?;
        let before = Endpoint::get().map_err(|fault| vec![fault])?;
        if before.as_ref().is_none_or(|before| before.endpoint != address) {
            put(address).map_err(|fault| {
                // Nobody knows whether LINE took it.
                if fault.kind == "unavailable"
                    && let Some(before) = before
                {
                    let _ = put(&before.endpoint);
                }
                vec![fault]
            })?;
        }
        // Without an answer it says nothing yet; the next check asks again.
        let endpoint = Endpoint::get().ok().flatten();
        let findings = endpoint.filter(|endpoint| !endpoint.active).map(|_| webhook_off()).into_iter().collect();
        Ok(Connected { findings, ..Connected::to(account) })
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let account = account().map_err(|fault| of_token(fault, "unauthorized"))?;
        let mut health = Health::of(account);
        if let Some(address) = channel.webhook_url.as_deref() {
            health.findings.extend(webhook_finding(address)?);
        }
        health.findings.extend(quota_finding());
        Ok(health)
    }

    /// Nothing to undo: LINE's API cannot remove an address, and the host answers 404 there from now on.
    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BotInfo {
    user_id: String,
    basic_id: Option<String>,
    display_name: String,
    chat_mode: Option<String>,
}

/// The account: its id is the user id that webhooks name as their destination.
fn account() -> Result<Account, Fault> {
    let response = ask(&api::get("/v2/bot/info"))?;
    let info: BotInfo = response.json().map_err(Fault::unavailable)?;
    let name = match &info.basic_id {
        Some(id) => format!("{} ({id})", info.display_name),
        None => info.display_name,
    };
    // LINE marks messages as read by itself where chat is off in the account's settings, and refuses to be told then.
    let read = info.chat_mode.as_deref() == Some("chat");
    Ok(Account::new(info.user_id, name).features(&json!({ "typing": true, "read": read })))
}

/// A refusal by status 401 belongs to the token.
fn of_token(fault: Fault, kind: &str) -> Fault {
    if fault.kind != "unauthorized" {
        return fault;
    }
    Fault { kind: kind.to_owned(), ..fault }.field(ACCESS_TOKEN)
}

fn no_address() -> Fault {
    Fault::new(
        "invalid",
        "LINE delivers messages to a public https address only, and this host has none: set server.public_url",
    )
    .code("no-public-url")
}

fn wrong_secret() -> Fault {
    let words = "LINE called this channel's address, and its signature was not made with this channel secret";
    Fault::refused(CHANNEL_SECRET, words).code("wrong-secret")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    endpoint: String,
    active: bool,
}

impl Endpoint {
    /// The address that LINE delivers to; none is registered.
    fn get() -> Result<Option<Self>, Fault> {
        match ask(&api::get("/v2/bot/channel/webhook/endpoint")) {
            Ok(response) => response.json().map(Some).map_err(Fault::unavailable),
            Err(fault) if fault.kind == "not-found" => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn put(address: &str) -> Result<(), Fault> {
    ask(&api::put("/v2/bot/channel/webhook/endpoint").json(&json!({ "endpoint": address }))).map(drop)
}

/// What LINE's own call to the address came to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    status_code: i32,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    detail: String,
}

fn test(address: &str) -> Result<Test, Fault> {
    let request = api::post("/v2/bot/channel/webhook/test").json(&json!({ "endpoint": address }));
    ask(&request)?.json().map_err(Fault::unavailable)
}

/// What keeps messages from arriving, the first thing to mend first.
fn webhook_finding(address: &str) -> Result<Option<Finding>, Fault> {
    let Some(endpoint) = Endpoint::get()?.filter(|endpoint| endpoint.endpoint == address) else {
        return Ok(Some(not_registered(address)));
    };
    if !endpoint.active {
        return Ok(Some(webhook_off()));
    }
    // The test may be called 60 times an hour; one that could not be made says nothing about the address.
    Ok(match test(address) {
        Ok(test) if !test.success => Some(unreachable(&test)),
        _ => None,
    })
}

fn webhook_off() -> Finding {
    let fix = Instruction::new("Turn on Use webhook: LINE Developers Console → Messaging API → Webhook settings.")
        .reason("fix-webhook-off");
    let words = "LINE delivers no messages, because Use webhook is off.";
    Finding::new("error", "webhook-off", words).fix(fix.link(CONSOLE))
}

fn not_registered(address: &str) -> Finding {
    let fix = Instruction::new("Register the channel again, or set this webhook URL in the console.")
        .reason("fix-webhook-elsewhere")
        .link(CONSOLE)
        .copy(address);
    Finding::elsewhere("LINE delivers this account's messages to another address.").fix(fix)
}

fn unreachable(test: &Test) -> Finding {
    if test.status_code == REFUSED {
        return Finding::new("error", "wrong-secret", wrong_secret().words);
    }
    let words = format!("LINE called this channel's address and failed: {} {}", test.reason, test.detail);
    Finding::new("error", "webhook-unreachable", words.trim_end())
}

#[derive(Deserialize)]
struct Quota {
    #[serde(rename = "type")]
    kind: String,
    value: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consumption {
    total_usage: u64,
}

/// Whether pushes are used up for this month. Where LINE does not say, there is nothing to find.
fn quota_finding() -> Option<Finding> {
    let quota: Quota = ask(&api::get("/v2/bot/message/quota")).ok()?.json().ok()?;
    let limit = quota.value.filter(|_| quota.kind == "limited")?;
    let used: Consumption = ask(&api::get("/v2/bot/message/quota/consumption")).ok()?.json().ok()?;
    if used.total_usage < limit {
        return None;
    }
    let words = format!("This month's {limit} messages are used up; only replies within a minute go out.");
    Some(Finding::new("warning", "quota-used", words))
}
