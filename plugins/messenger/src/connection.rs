//! Connecting: which page, whose token, and that the page's messages are delivered to the app.

use crate::settings::{self, ACCESS_TOKEN, ChannelSettings, Way};
use crate::{Messenger, NETWORK};
use sambung_meta::graph::Access;
use sambung_meta::pages::{self, Picked, USER_TOKEN, of_token};
use sambung_sdk::connection::{Account, ConnectStep, Connected, Connection, Health};
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// What a page is asked to deliver: all that the app is told of.
const FIELDS: &str = NETWORK.webhooks.fields;

impl Connection for Messenger {
    fn identify(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let step = match &settings.way {
            Way::SignIn => signed_in(&channel, &settings, answer.as_deref()),
            Way::Token { page_id } => by_token(&settings, page_id),
        };
        step.map_err(|fault| vec![fault])
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        subscribed(&settings).map_err(|fault| match settings.way {
            Way::SignIn => vec![fault],
            Way::Token { .. } => vec![of_token(fault, ACCESS_TOKEN)],
        })
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = settings::of(&channel)?;
        let access = settings.page();
        let page = me(&access)?;
        let stopped = |told: &[String]| !told.iter().any(|field| field == "messages");
        let finding = pages::look_after(&NETWORK, &access, &pages::edge(&page.id), FIELDS, stopped)?;
        let mut health = Health::of(account(&page, &settings));
        health.findings.extend(finding);
        Ok(health)
    }

    /// The page alone is taken back; the app and its other pages stay.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let settings = settings::of(&channel)?;
        match &channel.account {
            Some(page) => pages::unsubscribe(&settings.page(), &pages::edge(page), FIELDS),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Page {
    id: String,
    #[serde(default)]
    name: String,
}

/// Who a page's token belongs to.
fn me(access: &Access) -> Result<Page, Fault> {
    pages::about(access, "me", "id,name")
}

fn account(page: &Page, settings: &ChannelSettings) -> Account {
    pages::account(&page.id, &page.name, settings.human_agent)
}

/// Has the page's messages delivered to the app.
fn subscribed(settings: &ChannelSettings) -> Result<Connected, Fault> {
    let access = settings.page();
    let page = me(&access)?;
    pages::subscribe(&access, &pages::edge(&page.id), FIELDS)?;
    Ok(account(&page, settings).into())
}

fn by_token(settings: &ChannelSettings, page_id: &str) -> Result<ConnectStep, Fault> {
    let access = settings.page();
    let page = me(&access).map_err(|fault| of_token(fault, ACCESS_TOKEN))?;
    if page.id != page_id {
        let words = format!("this token belongs to the page {} ({})", page.id, page.name);
        return Err(Fault::refused("page_id", words));
    }
    Ok(account(&page, settings).into())
}

fn signed_in(channel: &Channel, settings: &ChannelSettings, answer: Option<&str>) -> Result<ConnectStep, Fault> {
    if !secrets::has(USER_TOKEN) {
        return Err(Fault::unauthorized("Sign in with Facebook first."));
    }
    let user = Access::graph(USER_TOKEN);
    let reached = pages::list(&user, "")?;
    let accounts = reached.iter().map(|page| Account::new(&page.id, &page.name)).collect();
    let none = "this Facebook sign-in reaches no page whose messages you may answer: sign in again and allow one";
    let id = match pages::pick(accounts, answer, channel.account.as_deref(), none)? {
        Picked::One(id) => id,
        Picked::Ask(accounts) => return Ok(ConnectStep::Choose(accounts)),
    };
    pages::keep_token(&user, &id)?;
    Ok(account(&me(&settings.page())?, settings).into())
}
