//! Connecting: the way out is tried at once; the way in is proved by the first mail that is forwarded.

use crate::inbound::{FORWARDING, WORKS};
use crate::settings::{ChannelSettings, PASSWORD};
use crate::{Email, FORWARDING_ADDRESS, confirmation};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health, Waiting};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::mailer::{self, MailError, Route};
use sambung_sdk::types::{Channel, Fault, Finding, Instruction};
use serde::Deserialize;

impl Connection for Email {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = ChannelSettings::of(&channel).map_err(|fault| vec![fault])?;
        let sends = way_out(&settings).map_err(|fault| vec![fault])?;
        if channel.account.is_some() {
            return Ok(account(&settings, proven(&channel), sends).into());
        }
        let address = channel.generated(FORWARDING_ADDRESS).ok_or_else(|| {
            vec![Fault::new("invalid", "the host made no forwarding address for this channel").code("no-address")]
        })?;
        let todo = [
            Instruction::new("Copy this address.").reason("wait-copy").copy(address),
            Instruction::new(
                "In your mail provider's settings, add it to automatic forwarding, and keep a copy of the mails there.",
            )
            .reason("wait-forward"),
            Instruction::new("If your provider asks for a confirmation, its code and link appear here.")
                .reason("wait-confirm"),
            Instruction::new("The channel is connected once a mail has come through: send one to your address to try.")
                .reason("wait-try"),
        ];
        Ok(Waiting::new(todo).account(account(&settings, false, sends)).into())
    }

    /// Nothing to register: what is forwarded to the address is how mails come.
    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let settings = ChannelSettings::of(&channel).map_err(|fault| vec![fault])?;
        let sends = way_out(&settings).map_err(|fault| vec![fault])?;
        let connected = Connected::to(account(&settings, proven(&channel), sends));
        Ok(if sends { connected } else { connected.finding(no_relay()) })
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = ChannelSettings::of(&channel)?;
        let sends = match way_out(&settings) {
            Err(fault) if fault.kind == "refused" => return Err(Fault { kind: "unauthorized".to_owned(), ..fault }),
            other => other?,
        };
        let standing = standing(&channel);
        let works = proven(&channel) || standing.iter().any(|finding| finding.code == WORKS);
        let asked = standing.into_iter().find(|finding| finding.code == confirmation::CODE).filter(|_| !works);
        let mut health = if works || asked.is_some() || channel.account.is_some() {
            Health::of(account(&settings, works, sends))
        } else {
            Health::default()
        };
        if !works && asked.is_none() && channel.account.is_some() {
            let words = "No mail has come through the forwarding address yet.";
            health = health.finding(Finding::new("warning", "no-mail-yet", words));
        }
        if !sends {
            health = health.finding(no_relay());
        }
        Ok(match asked {
            Some(asked) => health.finding(asked.into()),
            None => health,
        })
    }

    /// Nothing to undo: the address is gone, and what is still forwarded to it comes back as undeliverable.
    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

/// What stands as a finding, as the host tells it.
#[derive(Deserialize)]
struct Standing {
    code: String,
    #[serde(default)]
    level: String,
    #[serde(default)]
    words: String,
    fix: Option<Fix>,
}

#[derive(Deserialize)]
struct Fix {
    reason: Option<String>,
    text: String,
    link: Option<String>,
    copy: Option<String>,
}

impl From<Standing> for Finding {
    fn from(standing: Standing) -> Self {
        let finding = Finding::new(standing.level, standing.code, standing.words);
        let Some(fix) = standing.fix else { return finding };
        let told = Instruction { text: fix.text, link: fix.link, copy: fix.copy, ..Instruction::default() };
        finding.fix(match &fix.reason {
            Some(key) => told.reason(key),
            None => told,
        })
    }
}

fn standing(channel: &Channel) -> Vec<Standing> {
    let told = channel.extra.iter().find(|(name, _)| name == "findings");
    told.and_then(|(_, value)| json::read(value).ok()).unwrap_or_default()
}

/// Whether a mail has come through before.
fn proven(channel: &Channel) -> bool {
    json::read::<Value>(&channel.features).is_ok_and(|features| features[FORWARDING] == true)
}

/// The account is the address. Where nothing can leave, nothing is offered to be written.
fn account(settings: &ChannelSettings, works: bool, sends: bool) -> Account {
    let mailbox = settings.mailbox();
    let name = match &mailbox.name {
        Some(name) => format!("{name} <{}>", mailbox.address),
        None => mailbox.address,
    };
    let features = json!({ FORWARDING: works, "text": sends, "media": sends, "mail": sends });
    Account::new(settings.account(), name).features(&features)
}

fn no_relay() -> Finding {
    let words = "This server has no mail relay, so nothing can be sent. Fill in an SMTP account of yours.";
    Finding::new("warning", "no-relay", words)
}

/// Whether anything can be sent.
fn way_out(settings: &ChannelSettings) -> Result<bool, Fault> {
    let route = settings.route();
    match mailer::verify(&route) {
        Ok(()) => Ok(true),
        Err(error) if error.kind == "not-configured" => Ok(false),
        Err(error) => Err(fault(&route, error)),
    }
}

fn fault(route: &Route, error: MailError) -> Fault {
    let own = matches!(route, Route::Account(_));
    let code = error.status.or(error.code.map(|code| code.to_string())).unwrap_or_else(|| error.kind.clone());
    let fault = match error.kind.as_str() {
        "unauthorized" | "secret" => Fault::new("refused", error.words).field(PASSWORD),
        "blocked" | "invalid" => Fault::new("invalid", error.words).field("smtp_host"),
        "refused" => Fault::new("invalid", error.words).field("smtp_host"),
        _ => Fault::unavailable(error.words),
    };
    // Of the operator's relay no field is to blame, and it is not the admin's to mend.
    let fault = if own { fault } else { Fault { kind: "unavailable".to_owned(), field: None, ..fault } };
    fault.code(code)
}
