//! The host itself: what the API and the pages do alike. Operators only.

use serde_json::json;

use super::caller::Caller;
use super::measured::Measured;
use super::problem::Answer;
use super::state::State;
use crate::auth::Role;
use crate::model::shown::system::{Addresses, Override, Pool, Queue, Storage, System};
use crate::model::time::rfc3339;

/// How the host is.
///
/// # Errors
/// 403 below the role operator.
pub async fn read(state: &State, caller: &Caller) -> Answer<System> {
    caller.at_least(Role::Operator)?;
    let config = &state.config;
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let queued = state.db.backlog().await?;
    let queues = [
        ("writes", state.db.waiting() as u64),
        ("requests", queued.requests),
        ("parked", queued.parked),
        ("messages", queued.messages),
        ("deliveries", queued.deliveries),
        ("files", queued.files),
    ];
    let overrides = config.overridden().into_iter();
    Ok(System {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: rfc3339(state.started_at),
        ready: state.readiness.is(),
        held_since: state.db.held_since().await?.map(rfc3339),
        addresses: Addresses {
            public_url: config.server.public_url().map(ToOwned::to_owned),
            listen: config.server.listen.to_string(),
            metrics: some(&config.metrics.listen),
            mail: some(&config.mail.listen),
            mail_tls: !config.mail.tls_certificate.as_os_str().is_empty(),
            mail_domain: config.mail.domain().map(ToOwned::to_owned),
        },
        storage: Storage {
            free_bytes: state.disk.free_bytes(state.clock.now()),
            least_free_bytes: config.database.min_free_bytes,
            database_bytes: state.db.bytes().await?,
            file_bytes: queued.file_bytes,
            most_file_bytes: config.media.total_bytes,
        },
        queues: queues.into_iter().map(|(name, waiting)| Queue { name: name.to_owned(), waiting }).collect(),
        pools: pools(state),
        overrides: overrides.map(|one| Override { key: one.key, value: one.value, default: one.default }).collect(),
    })
}

fn pools(state: &State) -> Vec<Pool> {
    let measured = Measured::now(state, "sambung_pool_");
    let [taken, refused] = ["sambung_pool_taken", "sambung_pool_refused_total"].map(|name| measured.by(name, "pool"));
    let of = |values: &[(String, f64)], pool: &str| {
        values.iter().find(|(name, _)| name == pool).map_or(0, |(_, value)| *value as u64)
    };
    let pool = |(name, places): (String, f64)| Pool {
        places: places as u64,
        taken: of(&taken, &name),
        refused: of(&refused, &name),
        name,
    };
    measured.by("sambung_pool_places", "pool").into_iter().map(pool).collect()
}

/// Lets outbound, polling and refresh go on after a restore; whether anything was held.
///
/// # Errors
/// 403 below the role operator.
pub async fn release(state: &State, caller: &Caller) -> Answer<bool> {
    caller.at_least(Role::Operator)?;
    let entry = caller.host_entry(state.clock.now(), "system.release", "system", json!({}));
    Ok(state.db.release(entry).await?)
}
