//! Connecting: which account, whose token, and that its messages are delivered to the app.

use crate::account::{self, LINKED, Profile};
use crate::settings::{self, ChannelSettings, INSTAGRAM_TOKEN, Mode};
use crate::{Instagram, NETWORK};
use sambung_meta::pages::{self, Picked, USER_TOKEN};
use sambung_sdk::connection::{Account, ConnectStep, Connection, Health};
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault, Finding};

/// Any field of the page has its account's messages delivered; this one is asked for by no other of the platforms, so that
/// it can be taken back alone, and the app is not told of it.
const PAGE_FIELDS: &str = "feed";
/// What an account that signed in with Instagram is asked to deliver.
const OWN_FIELDS: &str = "messages,messaging_postbacks,messaging_seen,message_reactions,message_edit";

impl Connection for Instagram {
    fn connect(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let step = match settings.mode {
            Mode::SignIn => with_facebook(&channel, &settings, answer.as_deref()),
            Mode::InstagramSignIn if !secrets::has(INSTAGRAM_TOKEN) => {
                Err(Fault::unauthorized("Sign in with Instagram first."))
            }
            Mode::InstagramSignIn => ready(&settings),
            Mode::Token | Mode::InstagramToken => by_token(&settings).map_err(|fault| of_token(&settings, fault)),
        };
        step.map_err(|fault| vec![fault])
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = settings::of(&channel)?;
        let profile = match account::of(settings.mode) {
            Err(fault) if fault.code.as_deref() == Some("not-linked") => {
                return Ok(Health::default().finding(Finding::new("error", "not-linked", fault.words)));
            }
            asked => asked?,
        };
        let mut health = Health::of(profile.account(&settings));
        health.findings.extend(delivery(settings.mode, &profile)?);
        Ok(health)
    }

    /// The account alone is taken back; the app and its other accounts stay.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let mode = settings::of(&channel)?.mode;
        if channel.account.is_none() {
            return Ok(());
        }
        pages::unsubscribe(&mode.access(), &account::of(mode)?.edge, fields(mode))
    }
}

fn fields(mode: Mode) -> &'static str {
    if mode.by_page() { PAGE_FIELDS } else { OWN_FIELDS }
}

fn ready(settings: &ChannelSettings) -> Result<ConnectStep, Fault> {
    let profile = account::of(settings.mode)?;
    pages::subscribe(&settings.mode.access(), &profile.edge, fields(settings.mode))?;
    Ok(profile.account(settings).into())
}

fn by_token(settings: &ChannelSettings) -> Result<ConnectStep, Fault> {
    let profile = account::of(settings.mode)?;
    if let Some(meant) = settings.account_id.as_ref().filter(|meant| **meant != profile.id) {
        let words = format!("this token belongs to the account {} ({}), not to {meant}", profile.id, profile.name);
        return Err(Fault::refused("account_id", words));
    }
    pages::subscribe(&settings.mode.access(), &profile.edge, fields(settings.mode))?;
    Ok(profile.account(settings).into())
}

/// At connecting, a token that does not work was never a good one.
fn of_token(settings: &ChannelSettings, fault: Fault) -> Fault {
    let field = settings.mode.token();
    match fault.kind.as_str() {
        "unauthorized" => Fault { kind: "refused".to_owned(), ..fault }.field(field),
        "forbidden" | "invalid" | "not-found" => fault.field(field),
        _ => fault,
    }
}

fn with_facebook(channel: &Channel, settings: &ChannelSettings, answer: Option<&str>) -> Result<ConnectStep, Fault> {
    if !secrets::has(USER_TOKEN) {
        return Err(Fault::unauthorized("Sign in with Facebook first."));
    }
    let user = settings::user();
    let reached: Vec<(String, Account)> = pages::list(&user, &format!(",{LINKED}"))?
        .into_iter()
        .filter_map(|page| {
            let (id, name) = account::linked(page.instagram_business_account.as_ref()?)?;
            Some((page.id, Account::new(id, name)))
        })
        .collect();
    let accounts = reached.iter().map(|(_, account)| account.clone()).collect();
    let none = "this Facebook sign-in reaches no page that is linked to a professional Instagram account and whose \
                messages you may answer: link one, sign in again and allow it";
    let id = match pages::pick(accounts, answer, channel.account.as_deref(), none)? {
        Picked::One(id) => id,
        Picked::Ask(accounts) => return Ok(ConnectStep::Choose(accounts)),
    };
    let page = reached.iter().find(|(_, account)| account.id == id).map_or("", |(page, _)| page);
    pages::keep_token(&user, page)?;
    ready(settings)
}

/// Whether the account's messages are delivered. Meta ends that after an hour of failures; they are asked for again then.
fn delivery(mode: Mode, profile: &Profile) -> Result<Option<Finding>, Fault> {
    let access = mode.access();
    let mended = pages::delivered(&access, &profile.edge).and_then(|told| {
        let whole = fields(mode).split(',').all(|field| told.iter().any(|one| one == field));
        if whole { Ok(false) } else { pages::subscribe(&access, &profile.edge, fields(mode)).map(|()| told.is_empty()) }
    });
    match mended {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(pages::stopped(&NETWORK))),
        Err(fault) if fault.kind == "forbidden" => Ok(Some(Finding::new("error", "permission-lost", fault.words))),
        Err(fault) => Err(fault),
    }
}
