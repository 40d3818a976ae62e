//! Endpoints of a workspace: what the API and the pages do alike. A secret is shown once, when it is made.

use sambung_runtime::SecretValue;
use sambung_runtime::manifest::settings::is_unprintable;
use serde_json::{Value, json};
use url::Url;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::clock::random;
use crate::db::{self, KeptAnswer};
use crate::feed::Secret;
use crate::keys::{DeliveryId, EventId};
use crate::model::shown::endpoint::{Delivery, Endpoint, MadeEndpoint};
use crate::model::time::HOUR;

/// Types that an endpoint may ask for.
pub const TYPES: [&str; 6] = [
    "message.created",
    "message.updated",
    "conversation.updated",
    "channel.updated",
    "plugin.updated",
    "template.updated",
];

/// Code of the problem that a workspace has as many endpoints as it may.
pub const TOO_MANY: &str = "too-many-endpoints";

/// What is to change of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// Where deliveries go.
    pub url: Option<String>,
    /// Feed types it wants; empty: all.
    pub types: Option<Vec<String>>,
    /// Whether it gets deliveries.
    pub enabled: Option<bool>,
}

/// Endpoints of the caller's workspace after the id `after`.
///
/// # Errors
/// 403 below the role admin.
pub async fn list(state: &State, caller: &Caller, after: Option<String>, limit: usize) -> Answer<Vec<Endpoint>> {
    caller.at_least(Role::Admin)?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let rows = state.db.endpoints(&caller.workspace, after, limit).await?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

/// One endpoint.
///
/// # Errors
/// 403 below the role admin, 404 where there is none.
pub async fn read(state: &State, caller: &Caller, id: &str) -> Answer<Endpoint> {
    caller.at_least(Role::Admin)?;
    let row = state.db.endpoint(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    Ok(row.into())
}

/// Makes an endpoint, which is sent what happens from now on. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 below the role admin, 409 where the workspace has as many as it may, 422 for a wrong address or type.
pub async fn make(
    state: &State,
    caller: &Caller,
    url: String,
    types: Vec<String>,
    answer: impl FnOnce(&MadeEndpoint) -> Option<KeptAnswer>,
) -> Answer<MadeEndpoint> {
    caller.at_least(Role::Admin)?;
    refuse_faults(Some(&url), Some(&types))?;
    let now = state.clock.now();
    let row = db::Endpoint {
        id: state.clock.id("ep"),
        workspace: caller.workspace.clone(),
        url,
        types,
        enabled: true,
        disabled_reason: None,
        previous_until: None,
        failing_since: None,
        created_at: now,
    };
    let secret = Secret::new(random::<32>().to_vec());
    let entry = caller.entry(now, "endpoint.create", &row.id, json!({ "url": row.url }));
    let stored = SecretValue::new(secret.expose().to_vec());
    let made = MadeEndpoint { endpoint: row.clone().into(), secret: secret.text() };
    let most = state.config.feed.endpoints_per_workspace;
    if !state.db.add_endpoint(row, stored, most, entry, answer(&made)).await? {
        let words =
            format!("a workspace has at most {most} endpoints (`feed.endpoints_per_workspace`); remove one first");
        return Err(Problem::conflict(TOO_MANY, words));
    }
    Ok(made)
}

/// Changes an endpoint. Enabled again, it is sent what happens from then on.
///
/// # Errors
/// 403 below the role admin, 404 where there is none, 422 for a wrong address or type.
pub async fn change(state: &State, caller: &Caller, id: &str, change: EndpointChange) -> Answer<Endpoint> {
    caller.at_least(Role::Admin)?;
    refuse_faults(change.url.as_deref(), change.types.as_deref())?;
    let detail = json!({ "url": change.url, "types": change.types, "enabled": change.enabled });
    let entry = caller.entry(state.clock.now(), "endpoint.change", id, detail);
    let EndpointChange { url, types, enabled } = change;
    let change = db::EndpointChange { url, types, enabled, rotate: None };
    let changed = state.db.change_endpoint(&caller.workspace, id, change, entry, None).await?;
    changed.map(Endpoint::from).ok_or_else(Problem::not_found)
}

/// Removes an endpoint with its deliveries.
///
/// # Errors
/// 403 below the role admin, 404 where there is none.
pub async fn remove(state: &State, caller: &Caller, id: &str) -> Answer<()> {
    caller.at_least(Role::Admin)?;
    let entry = caller.entry(state.clock.now(), "endpoint.remove", id, Value::Null);
    if state.db.remove_endpoint(&caller.workspace, id, entry).await? { Ok(()) } else { Err(Problem::not_found()) }
}

/// Deliveries of an endpoint, newest first, from behind the one of the event `after`.
///
/// # Errors
/// 403 below the role admin, 404 where there is no such endpoint.
pub async fn deliveries(
    state: &State,
    caller: &Caller,
    id: &str,
    after: Option<EventId>,
    limit: usize,
) -> Answer<Vec<Delivery>> {
    read(state, caller, id).await?;
    let workspace = &caller.workspace;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    Ok(state.db.deliveries(workspace, id, after, limit).await?)
}

/// Sends a delivery again, or every one that failed, under the ids that they had. Answers how many.
///
/// # Errors
/// 403 below the role admin, 404 where there is no such endpoint or delivery.
pub async fn replay(state: &State, caller: &Caller, id: &str, delivery: Option<String>) -> Answer<usize> {
    caller.at_least(Role::Admin)?;
    let now = state.clock.now();
    let entry = caller.entry(now, "endpoint.replay", id, json!({ "delivery": delivery }));
    let delivery = delivery.as_deref().map(DeliveryId::of);
    let count = state.db.replay_deliveries(&caller.workspace, id, delivery, now, entry).await?;
    count.ok_or_else(Problem::not_found)
}

/// Makes a new secret; for a while deliveries carry two signatures. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 below the role admin, 404 where there is none.
pub async fn rotate(
    state: &State,
    caller: &Caller,
    id: &str,
    answer: impl FnOnce(&MadeEndpoint) -> Option<KeptAnswer> + Send + 'static,
) -> Answer<MadeEndpoint> {
    caller.at_least(Role::Admin)?;
    let now = state.clock.now();
    let until = now + i64::from(state.config.feed.rotation_hours) * HOUR;
    let secret = Secret::new(random::<32>().to_vec());
    let entry = caller.entry(now, "endpoint.rotate", id, Value::Null);
    let rotate = Some((SecretValue::new(secret.expose().to_vec()), until));
    let change = db::EndpointChange { rotate, ..db::EndpointChange::default() };
    let text = secret.text();
    let made = move |row: &db::Endpoint| MadeEndpoint { endpoint: row.clone().into(), secret: text };
    let of_row = made.clone();
    let kept: db::EndpointAnswer = Box::new(move |row| answer(&of_row(row)));
    let changed = state.db.change_endpoint(&caller.workspace, id, change, entry, Some(kept)).await?;
    changed.map(|row| made(&row)).ok_or_else(Problem::not_found)
}

fn refuse_faults(url: Option<&str>, types: Option<&[String]>) -> Answer<()> {
    let mut faults: Vec<_> = url.and_then(url_fault).into_iter().collect();
    faults.extend(type_faults(types.unwrap_or_default()));
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

/// Only https, and nothing in the address that would be a secret in the log.
fn url_fault(text: &str) -> Option<FieldError> {
    if text.is_empty() {
        return Some(FieldError::required("#/url"));
    }
    let fault = |words: &str| Some(FieldError::new("#/url", "url", words));
    if text.contains(is_unprintable) || text.trim() != text {
        return fault("must be one line without blanks around it");
    }
    match Url::parse(text) {
        Err(_) => fault("must be a URL"),
        Ok(url) if url.scheme() != "https" => fault("must begin with https://"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            fault("must not carry a name or password; deliveries are signed")
        }
        Ok(_) => None,
    }
}

fn type_faults(types: &[String]) -> Vec<FieldError> {
    let unknown = types.iter().enumerate().filter(|(_, kind)| !TYPES.contains(&kind.as_str()));
    let words = format!("must be one of {}", TYPES.join(", "));
    unknown.map(|(index, _)| FieldError::new(format!("#/types/{index}"), "unknown", words.clone())).collect()
}
