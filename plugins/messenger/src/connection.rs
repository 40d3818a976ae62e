//! Connecting: which page, whose token, and that the page's messages are delivered to the app.

use crate::settings::{self, ACCESS_TOKEN, ChannelSettings, Way};
use crate::{Messenger, NETWORK};
use sambung_meta::graph::Access;
use sambung_meta::pages::{self, Picked, USER_TOKEN};
use sambung_meta::windows::HUMAN_AGENT;
use sambung_sdk::connection::{Account, ConnectStep, Connection, Health};
use sambung_sdk::json::json;
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault, Finding};
use serde::Deserialize;

/// What a page is asked to deliver: all that the app is told of.
const FIELDS: &str = NETWORK.fields;

impl Connection for Messenger {
    fn connect(channel: Channel, answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let settings = settings::of(&channel).map_err(|fault| vec![fault])?;
        let step = match &settings.way {
            Way::SignIn => signed_in(&channel, &settings, answer.as_deref()),
            Way::Token { page_id } => by_token(&settings, page_id),
        };
        step.map_err(|fault| vec![fault])
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        let settings = settings::of(&channel)?;
        let access = settings.page();
        let page = me(&access)?;
        let finding = delivery(&access, &page.id)?;
        let mut health = Health::of(account(&page, &settings));
        health.findings.extend(finding);
        Ok(health)
    }

    /// The page alone is taken back; the app and its other pages stay.
    fn disconnect(channel: Channel) -> Result<(), Fault> {
        let settings = settings::of(&channel)?;
        match &channel.account {
            Some(page) => pages::unsubscribe(&settings.page(), &edge(page), FIELDS),
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
    let features = json!({ "typing": true, "read": true, HUMAN_AGENT: settings.human_agent });
    Account::new(&page.id, &page.name).features(&features)
}

fn edge(page: &str) -> String {
    format!("{page}/subscribed_apps")
}

fn by_token(settings: &ChannelSettings, page_id: &str) -> Result<ConnectStep, Fault> {
    let access = settings.page();
    let page = me(&access).map_err(of_token)?;
    if page.id != page_id {
        let words = format!("this token belongs to the page {} ({})", page.id, page.name);
        return Err(Fault::refused("page_id", words));
    }
    pages::subscribe(&access, &edge(&page.id), FIELDS).map_err(of_token)?;
    Ok(account(&page, settings).into())
}

/// At connecting, a token that does not work was never a good one.
fn of_token(fault: Fault) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" => Fault { kind: "refused".to_owned(), ..fault }.field(ACCESS_TOKEN),
        "forbidden" | "invalid" => fault.field(ACCESS_TOKEN),
        _ => fault,
    }
}

fn signed_in(channel: &Channel, settings: &ChannelSettings, answer: Option<&str>) -> Result<ConnectStep, Fault> {
    if !secrets::has(USER_TOKEN) {
        return Err(Fault::unauthorized("Sign in with Facebook first."));
    }
    let user = settings::user();
    let reached = pages::list(&user, "")?;
    let accounts = reached.iter().map(|page| Account::new(&page.id, &page.name)).collect();
    let none = "this Facebook sign-in reaches no page whose messages you may answer: sign in again and allow one";
    let id = match pages::pick(accounts, answer, channel.account.as_deref(), none)? {
        Picked::One(id) => id,
        Picked::Ask(accounts) => return Ok(ConnectStep::Choose(accounts)),
    };
    pages::keep_token(&user, &id)?;
    let access = settings.page();
    let page = me(&access)?;
    pages::subscribe(&access, &edge(&page.id), FIELDS)?;
    Ok(account(&page, settings).into())
}

/// Whether the page's messages are delivered. Meta ends that after an hour of failures; they are asked for again then.
fn delivery(access: &Access, page: &str) -> Result<Option<Finding>, Fault> {
    let edge = edge(page);
    let mended = pages::delivered(access, &edge).and_then(|fields| {
        let whole = FIELDS.split(',').all(|field| fields.iter().any(|told| told == field));
        let stopped = !fields.iter().any(|field| field == "messages");
        if whole { Ok(false) } else { pages::subscribe(access, &edge, FIELDS).map(|()| stopped) }
    });
    match mended {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(pages::stopped(&NETWORK))),
        Err(fault) if fault.kind == "forbidden" => Ok(Some(Finding::new("error", "permission-lost", fault.words))),
        Err(fault) => Err(fault),
    }
}
