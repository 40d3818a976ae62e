//! Pages: which of them a person who signed in can let an app speak for, their tokens, and what is delivered for them.

use crate::Network;
use crate::graph::{Access, ask, read};
use crate::windows::HUMAN_AGENT;
use sambung_sdk::connection::Account;
use sambung_sdk::http::encode;
use sambung_sdk::json::{Value, json};
use sambung_sdk::secrets;
use sambung_sdk::types::{Fault, Finding};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The secret that a sign-in leaves: the person's own token.
pub const USER_TOKEN: &str = "user_token";
/// The secret that is taken out of the chosen page's answer: its own token, which does not expire by itself.
pub const PAGE_TOKEN: &str = "page_token";
/// What a person must be allowed on a page to answer its messages; pages on which they may not are not offered.
const TASK: &str = "MESSAGING";
/// Pages in one answer, and answers: nobody chooses among more.
const PER_ANSWER: &str = "100";
const ANSWERS: usize = 10;

/// One entry of `/me/accounts`.
#[derive(Deserialize)]
pub struct Page {
    /// Graph's id.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    tasks: Option<Vec<String>>,
    /// The professional account that is linked to the page, where it was asked for.
    pub instagram_business_account: Option<Value>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default = "Vec::new")]
    data: Vec<Page>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    next: Option<Value>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

/// Every page whose messages the person may answer. `fields` beside id, name and tasks. No token is in the answer.
///
/// # Errors
/// What the provider said.
pub fn list(user: &Access, fields: &str) -> Result<Vec<Page>, Fault> {
    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..ANSWERS {
        let mut asked = user
            .request("GET", "me/accounts")
            .query("fields", &format!("id,name,tasks{fields}"))
            .query("limit", PER_ANSWER);
        if let Some(after) = &after {
            asked = asked.query("after", after);
        }
        let listed: Listed = read(&asked)?;
        pages.extend(listed.data);
        after = listed.paging.filter(|paging| paging.next.is_some()).and_then(|paging| paging.cursors?.after);
        if after.is_none() {
            break;
        }
    }
    pages.retain(|page| page.tasks.as_ref().is_none_or(|tasks| tasks.iter().any(|task| task == TASK)));
    Ok(pages)
}

/// Which of several accounts a channel becomes.
pub enum Picked {
    /// The one with this id.
    One(String),
    /// Somebody has to choose.
    Ask(Vec<Account>),
}

#[derive(Deserialize)]
struct Answer {
    choice: String,
}

/// Picks: what was chosen, the account that the channel was before, the only one, or a question.
///
/// # Errors
/// There is none, or not the one that the channel was before.
pub fn pick(accounts: Vec<Account>, answer: Option<&str>, before: Option<&str>, none: &str) -> Result<Picked, Fault> {
    let chosen = answer.and_then(|text| serde_json::from_str::<Answer>(text).ok()).map(|answer| answer.choice);
    let wanted = chosen.as_deref().or(before);
    match (wanted, accounts.as_slice()) {
        (_, []) => Err(Fault::new("forbidden", none)),
        (Some(wanted), all) if all.iter().any(|account| account.id == wanted) => Ok(Picked::One(wanted.to_owned())),
        (Some(wanted), _) => {
            let words = format!("this sign-in does not reach the account {wanted} that the channel is connected with");
            Err(Fault::new("forbidden", words))
        }
        (None, [only]) => Ok(Picked::One(only.id.clone())),
        (None, _) => Ok(Picked::Ask(accounts)),
    }
}

/// Takes a page's own token out of an answer and keeps it (Pages API, "Page access tokens": of a long-lived user token it
/// does not expire).
///
/// # Errors
/// What the provider said, or that it gave no token.
pub fn keep_token(user: &Access, page: &str) -> Result<(), Fault> {
    let asked = user.request("GET", &encode(page)).query("fields", "access_token").capture("/access_token", "page");
    ask(&asked)?;
    secrets::keep("page", PAGE_TOKEN, None)
        .map_err(|_| Fault::new("forbidden", "Meta gives no token for this page to the person who signed in"))
}

#[derive(Deserialize)]
struct Subscriptions {
    #[serde(default = "Vec::new")]
    data: Vec<Subscribed>,
}

#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    subscribed_fields: Vec<String>,
}

/// The account that a channel is. `human_agent`: the app is approved for answers of people within seven days.
pub fn account(id: &str, name: &str, human_agent: bool) -> Account {
    Account::new(id, name).features(&json!({ "typing": true, "read": true, HUMAN_AGENT: human_agent }))
}

/// At connecting: a token that was typed into this field does not do.
pub fn of_token(fault: Fault, field: &str) -> Fault {
    match fault.kind.as_str() {
        "unauthorized" | "forbidden" | "invalid" | "not-found" => fault.at_connecting().field(field),
        _ => fault,
    }
}

/// Where what is delivered for a page is asked for.
pub fn edge(page: &str) -> String {
    format!("{page}/subscribed_apps")
}

/// What is delivered for a page ([`edge`]); Graph tells of the asking app alone.
///
/// # Errors
/// What the provider said.
pub fn delivered(access: &Access, edge: &str) -> Result<Vec<String>, Fault> {
    let told: Subscriptions = read(&access.request("GET", edge))?;
    Ok(told.data.into_iter().flat_map(|one| one.subscribed_fields).collect())
}

/// Asks for these fields of a page beside those that are delivered already: another platform of the same app may have
/// asked for them, and a list replaces the one before.
///
/// # Errors
/// What the provider said.
pub fn subscribe(access: &Access, edge: &str, fields: &str) -> Result<(), Fault> {
    let mut all: Vec<String> = fields.split(',').map(str::to_owned).collect();
    all.extend(delivered(access, edge)?.into_iter().filter(|field| !fields.split(',').any(|own| own == field)));
    ask(&access.request("POST", edge).query("subscribed_fields", &all.join(","))).map(drop)
}

/// Takes these fields back, and the whole subscription where nothing is left of it.
///
/// # Errors
/// What the provider said.
pub fn unsubscribe(access: &Access, edge: &str, fields: &str) -> Result<(), Fault> {
    let others: Vec<String> =
        delivered(access, edge)?.into_iter().filter(|field| !fields.split(',').any(|own| own == field)).collect();
    let request = if others.is_empty() {
        access.request("DELETE", edge)
    } else {
        access.request("POST", edge).query("subscribed_fields", &others.join(","))
    };
    ask(&request).map(drop)
}

/// Whether these fields are delivered. Meta ends that after an hour of failures; they are asked for again then. `stopped`
/// says by what is delivered still whether messages were not.
///
/// # Errors
/// What the provider said.
pub fn look_after(
    network: &Network,
    access: &Access,
    edge: &str,
    fields: &str,
    stopped: impl Fn(&[String]) -> bool,
) -> Result<Option<Finding>, Fault> {
    let mended = delivered(access, edge).and_then(|told| {
        let whole = fields.split(',').all(|field| told.iter().any(|one| one == field));
        if whole { Ok(false) } else { subscribe(access, edge, fields).map(|()| stopped(&told)) }
    });
    match mended {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(resumed(network))),
        Err(fault) if fault.kind == "forbidden" => Ok(Some(Finding::new("error", "permission-lost", fault.words))),
        Err(fault) => Err(fault),
    }
}

/// An account's subscription had ended, and stands again.
fn resumed(network: &Network) -> Finding {
    let words = format!(
        "{} had stopped delivering this account's messages, which it does after an hour of failures. They were asked for \
         again; what was written meanwhile stands in its own inbox.",
        network.name
    );
    Finding::new("warning", "unsubscribed", words)
}

/// The answer of a question about who a token is.
///
/// # Errors
/// What the provider said.
pub fn about<T: DeserializeOwned>(access: &Access, path: &str, fields: &str) -> Result<T, Fault> {
    read(&access.request("GET", path).query("fields", fields))
}
