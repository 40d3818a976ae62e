//! Connecting: which account, whose token, and that its messages are delivered to the app.

use crate::account::{self, LINKED};
use crate::settings::{self, ChannelSettings, INSTAGRAM_TOKEN, Mode};
use crate::{Instagram, NETWORK};
use sambung_meta::graph::Access;
use sambung_meta::pages::{self, Picked, USER_TOKEN, of_token};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health};
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault, Finding};

/// Any field of the page has its account's messages delivered; this one is asked for by no other of the platforms, so that
/// it can be taken back alone, and the app is not told of it.
const PAGE_FIELDS: &str = "feed";
/// What an account that signed in with Instagram is asked to deliver.
const OWN_FIELDS: &str = "messages,messaging_postbacks,messaging_seen,message_reactions,message_edit";

impl Connection for Instagram {
    fn identify(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let step = match settings.mode {
            Mode::SignIn => with_facebook(&channel, &settings, answer.as_deref()),
            Mode::InstagramSignIn if !secrets::has(INSTAGRAM_TOKEN) => {
                Err(Fault::unauthorized("Sign in with Instagram first."))
            }
            Mode::InstagramSignIn => ready(&settings),
            Mode::Token | Mode::InstagramToken => {
                by_token(&settings).map_err(|fault| of_token(fault, settings.mode.token()))
            }
        };
        step.map_err(|fault| vec![fault])
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        subscribed(&settings).map_err(|fault| match settings.mode {
            Mode::SignIn | Mode::InstagramSignIn => vec![fault],
            Mode::Token | Mode::InstagramToken => vec![of_token(fault, settings.mode.token())],
        })
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
        let (access, fields) = (settings.mode.access(), fields(settings.mode));
        health.findings.extend(pages::look_after(&NETWORK, &access, &profile.edge, fields, <[String]>::is_empty)?);
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
    Ok(account::of(settings.mode)?.account(settings).into())
}

/// Has the account's messages delivered to the app.
fn subscribed(settings: &ChannelSettings) -> Result<Connected, Fault> {
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
    Ok(profile.account(settings).into())
}

fn with_facebook(channel: &Channel, settings: &ChannelSettings, answer: Option<&str>) -> Result<ConnectStep, Fault> {
    if !secrets::has(USER_TOKEN) {
        return Err(Fault::unauthorized("Sign in with Facebook first."));
    }
    let user = Access::graph(USER_TOKEN);
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
