//! Addresses that want the feed, and the deliveries to them.
//!
//! A delivery is written in the same act that moves the endpoint's place in the feed, so that a crash neither skips nor
//! repeats one. Secrets are sealed in envelopes bound to their row and opened only for a delivery.

use rusqlite::{Connection, OptionalExtension, Row, params};
use sambung_runtime::SecretValue;
use serde_json::{Value, json};

use crate::db::engine::after;
use crate::db::people::idempotency::KeptAnswer;
use crate::db::{Db, DbError, Priority, feed};
use crate::keys::{DeliveryId, EventId};
use crate::model::envelope::{CHANCE, Vault};
use crate::model::shown::endpoint as shown;
use crate::model::time::rfc3339;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub workspace: String,
    /// Where deliveries go.
    pub url: String,
    /// Feed types it wants; empty: all.
    pub types: Vec<String>,
    /// Whether it gets deliveries.
    pub enabled: bool,
    /// Why it was disabled, if not by an admin.
    pub disabled_reason: Option<String>,
    /// Until when deliveries are signed with the secret before besides.
    pub previous_until: Option<i64>,
    /// Since when nothing has succeeded.
    pub failing_since: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

impl Endpoint {
    fn wants(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind)
    }
}

impl From<Endpoint> for shown::Endpoint {
    fn from(row: Endpoint) -> shown::Endpoint {
        shown::Endpoint {
            id: row.id,
            url: row.url,
            types: row.types,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            failing_since: row.failing_since.map(rfc3339),
            previous_secret_until: row.previous_until.map(rfc3339),
            created_at: rfc3339(row.created_at),
        }
    }
}

/// The answer to a request with a key, from the endpoint as it then is.
pub type EndpointAnswer = Box<dyn FnOnce(&Endpoint) -> Option<KeptAnswer> + Send>;

/// What an admin changes of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// Where deliveries go.
    pub url: Option<String>,
    /// Feed types it wants.
    pub types: Option<Vec<String>>,
    /// Whether it gets deliveries.
    pub enabled: Option<bool>,
    /// A new secret, and until when the present one is signed with besides.
    pub rotate: Option<(SecretValue, i64)>,
}

/// A delivery that is due, with the endpoint it goes to.
#[derive(Debug, Clone)]
pub struct DueDelivery {
    /// Its row.
    pub id: DeliveryId,
    /// The row of the feed that it carries.
    pub event: EventId,
    /// The body.
    pub body: String,
    /// Tries so far.
    pub tries: u32,
    /// When it was read, in milliseconds since 1970: what is begun much later may have been done by another server.
    pub read_at: i64,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// What it is signed with: the present secret, and the one before while it is rotated.
    pub secrets: Vec<SecretValue>,
}

/// An enabled endpoint that deliveries wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEndpoint {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub workspace: String,
    /// When its next delivery is due.
    pub next_at: i64,
    /// How many are due now, as far as they were counted.
    pub due: u32,
}

/// How far a round of writing deliveries came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FannedOut {
    /// Whether there may be more to write now.
    pub more: bool,
    /// The last endpoint that was looked at; empty: all were.
    pub until: String,
}

/// Endpoints that one act writes deliveries for, and rows of the feed after which it ends.
const FAN_OUT_ENDPOINTS: usize = 100;
const FAN_OUT_ROWS: usize = 1_000;

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// With a status of success.
    Yes {
        /// The status.
        status: u16,
    },
    /// Not; tried again then, or never.
    No {
        /// The status, where there was an answer.
        status: Option<u16>,
        /// In words.
        error: String,
        /// When it is tried again.
        due_at: Option<i64>,
        /// Why the endpoint is to be disabled, where it is.
        disable: Option<String>,
    },
}

const COLUMNS: &str = "e.id, e.workspace_id, e.url, e.types, e.enabled, e.disabled_reason, e.previous_until, e.failing_since, \
                       e.created_at";

fn endpoint(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    Ok(Endpoint {
        id: row.get(0)?,
        workspace: row.get(1)?,
        url: row.get(2)?,
        types: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        enabled: row.get(4)?,
        disabled_reason: row.get(5)?,
        previous_until: row.get(6)?,
        failing_since: row.get(7)?,
        created_at: row.get(8)?,
    })
}

impl Db {
    /// Adds an endpoint, which gets what happens from now on; false where its workspace has `most` already.
    pub async fn add_endpoint(
        &self,
        new: Endpoint,
        secret: SecretValue,
        most: u32,
        entry: crate::model::audit::Entry,
        kept: Option<KeptAnswer>,
    ) -> Result<bool, DbError> {
        let (vault, keeper) = (self.vault(), self.keeper());
        self.write(Priority::Urgent, move |db| {
            let there: u32 = db
                .prepare_cached("SELECT count(*) FROM endpoints WHERE workspace_id = ?1")?
                .query_row([&new.workspace], |row| row.get(0))?;
            if there >= most {
                return Ok(false);
            }
            let newest = feed::range(db)?.newest;
            db.prepare_cached(
                "INSERT INTO endpoints (id, workspace_id, url, types, secret, cursor, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                new.id,
                new.workspace,
                new.url,
                json!(new.types).to_string(),
                seal(&vault, &new.id, &secret),
                newest,
                new.created_at
            ])?;
            keeper.keep(db, kept.as_ref())?;
            after::wake_deliveries();
            crate::db::people::audit::append(db, &entry)?;
            Ok(true)
        })
        .await
    }

    /// A workspace's endpoints after `after`, by id.
    pub async fn endpoints(
        &self,
        workspace: &str,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<Endpoint>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let mut ask = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM endpoints e WHERE e.workspace_id = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3"
            ))?;
            let rows = ask.query_map(params![workspace, after.unwrap_or_default(), limit], endpoint)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// One endpoint.
    pub async fn endpoint(&self, workspace: &str, id: &str) -> Result<Option<Endpoint>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| one(db, &workspace, &id)).await
    }

    /// Changes an endpoint; as it is then, or none where there is none.
    pub async fn change_endpoint(
        &self,
        workspace: &str,
        id: &str,
        change: EndpointChange,
        entry: crate::model::audit::Entry,
        answer: Option<EndpointAnswer>,
    ) -> Result<Option<Endpoint>, DbError> {
        let (workspace, id, vault, keeper) = (workspace.to_owned(), id.to_owned(), self.vault(), self.keeper());
        self.write(Priority::Urgent, move |db| {
            let Some(known) = one(db, &workspace, &id)? else { return Ok(None) };
            if let Some(url) = &change.url {
                db.execute("UPDATE endpoints SET url = ?2 WHERE id = ?1", params![id, url])?;
            }
            if let Some(types) = &change.types {
                db.execute("UPDATE endpoints SET types = ?2 WHERE id = ?1", params![id, json!(types).to_string()])?;
            }
            if let Some(enabled) = change.enabled {
                if enabled && !known.enabled {
                    // What happened while it was off is for `replay`, not for a flood.
                    let newest = feed::range(db)?.newest;
                    db.execute(
                        "UPDATE endpoints SET cursor = ?2, failing_since = NULL, disabled_reason = NULL WHERE id = ?1",
                        params![id, newest],
                    )?;
                }
                db.execute("UPDATE endpoints SET enabled = ?2 WHERE id = ?1", params![id, enabled])?;
            }
            if let Some((secret, until)) = &change.rotate {
                db.execute(
                    "UPDATE endpoints SET previous_secret = secret, previous_until = ?3, secret = ?2 WHERE id = ?1",
                    params![id, seal(&vault, &id, secret), until],
                )?;
            }
            crate::db::people::audit::append(db, &entry)?;
            after::wake_deliveries();
            let changed = one(db, &workspace, &id)?;
            if let (Some(answer), Some(changed)) = (answer, &changed) {
                keeper.keep(db, answer(changed).as_ref())?;
            }
            Ok(changed)
        })
        .await
    }

    /// Removes an endpoint with its deliveries; whether there was one.
    pub async fn remove_endpoint(
        &self,
        workspace: &str,
        id: &str,
        entry: crate::model::audit::Entry,
    ) -> Result<bool, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |db| {
            let gone =
                db.execute("DELETE FROM endpoints WHERE id = ?1 AND workspace_id = ?2", params![id, workspace])?;
            if gone > 0 {
                crate::db::people::audit::append(db, &entry)?;
            }
            Ok(gone > 0)
        })
        .await
    }

    /// A page of an endpoint's deliveries, newest first, each with the event it carries.
    pub async fn deliveries(
        &self,
        workspace: &str,
        endpoint: &str,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<shown::Delivery>, DbError> {
        let (workspace, endpoint) = (workspace.to_owned(), endpoint.to_owned());
        self.read(move |db| {
            let mut ask = db.prepare_cached(
                "SELECT feed_id, id, type, state, tries, due_at, status, error, created_at, delivered_at FROM deliveries
                 WHERE endpoint_id = ?1 AND workspace_id = ?2 AND feed_id < ?3 ORDER BY feed_id DESC LIMIT ?4",
            )?;
            let rows = ask.query_map(
                params![endpoint, workspace, before.map_or(i64::MAX, |before| before.row()), limit],
                |row| {
                    let time = |index: usize| row.get::<_, Option<i64>>(index).map(|at| at.map(rfc3339));
                    Ok(shown::Delivery {
                        id: row.get(1)?,
                        event_id: row.get(0)?,
                        kind: row.get(2)?,
                        state: row.get(3)?,
                        tries: row.get(4)?,
                        due_at: time(5)?,
                        status: row.get(6)?,
                        error: row.get(7)?,
                        created_at: rfc3339(row.get(8)?),
                        delivered_at: time(9)?,
                    })
                },
            )?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// Queues deliveries again: one of this id, or every one that failed. How many; none where there is no such endpoint.
    pub async fn replay_deliveries(
        &self,
        workspace: &str,
        endpoint: &str,
        delivery: Option<DeliveryId>,
        now: i64,
        entry: crate::model::audit::Entry,
    ) -> Result<Option<usize>, DbError> {
        let (workspace, endpoint) = (workspace.to_owned(), endpoint.to_owned());
        self.write(Priority::Urgent, move |db| {
            if one(db, &workspace, &endpoint)?.is_none() {
                return Ok(None);
            }
            let count = db.execute(
                "UPDATE deliveries SET state = 'pending', tries = 0, due_at = ?3, error = NULL
                 WHERE endpoint_id = ?1 AND ((?2 IS NULL AND state = 'failed') OR id = ?2)",
                params![endpoint, delivery, now],
            )?;
            if delivery.is_some() && count == 0 {
                return Ok(None);
            }
            crate::db::people::audit::append(db, &entry)?;
            after::wake_deliveries();
            Ok(Some(count))
        })
        .await
    }

    /// Writes deliveries for what happened since each endpoint's place in the feed, at most `most` waiting for each; the endpoints
    /// after `after` come first. None where no endpoint takes any.
    pub async fn fan_out(&self, now: i64, most: u32, after: String) -> Result<Option<FannedOut>, DbError> {
        self.write(Priority::Routine, move |db| {
            let any = db.prepare_cached("SELECT 1 FROM endpoints WHERE enabled = 1 LIMIT 1")?.exists([])?;
            if any { fan_out(db, now, most, &after).map(Some) } else { Ok(None) }
        })
        .await
    }

    /// The enabled endpoints that deliveries wait for, each with how many are due, counted up to `each`.
    pub async fn waiting_endpoints(&self, now: i64, each: u32) -> Result<Vec<WaitingEndpoint>, DbError> {
        self.read(move |db| {
            let mut ask = db.prepare_cached(
                "SELECT id, workspace_id, next, (SELECT count(*) FROM (SELECT 1 FROM deliveries d
                   WHERE d.endpoint_id = w.id AND d.state = 'pending' AND d.due_at <= ?1 LIMIT ?2))
                 FROM (SELECT e.id, e.workspace_id,
                         (SELECT min(d.due_at) FROM deliveries d WHERE d.endpoint_id = e.id AND d.state = 'pending') AS next
                       FROM endpoints e WHERE e.enabled = 1) w WHERE next IS NOT NULL",
            )?;
            let rows = ask.query_map(params![now, each], |row| {
                Ok(WaitingEndpoint { id: row.get(0)?, workspace: row.get(1)?, next_at: row.get(2)?, due: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// Deliveries that are due, of each endpoint at most so many, without those in `under_way`.
    pub async fn due_deliveries(
        &self,
        now: i64,
        of: Vec<(String, usize)>,
        under_way: Vec<DeliveryId>,
    ) -> Result<Vec<DueDelivery>, DbError> {
        let vault = self.vault();
        self.read(move |db| {
            let mut ask = db.prepare_cached(&format!(
                "SELECT {COLUMNS}, d.id, d.feed_id, d.body, d.tries, e.secret, e.previous_secret
                 FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
                 WHERE d.endpoint_id = ?4 AND d.state = 'pending' AND d.due_at <= ?1 AND e.enabled = 1
                   AND d.id NOT IN (SELECT value FROM json_each(?2))
                 ORDER BY d.due_at, d.feed_id LIMIT ?3"
            ))?;
            let (mut due, under_way) =
                (Vec::new(), json!(under_way.iter().map(|id| id.row()).collect::<Vec<_>>()).to_string());
            for (endpoint, most) in of {
                let mut rows = ask.query(params![now, under_way, most as i64, endpoint])?;
                while let Some(row) = rows.next()? {
                    due.push(due_delivery(&vault, row, now)?);
                }
            }
            Ok(due)
        })
        .await
    }

    /// Notes how a try ended. That it failed is noted only where no other try ended meanwhile.
    pub async fn settle_delivery(&self, delivery: &DueDelivery, how: Delivered, now: i64) -> Result<(), DbError> {
        let (id, tries, endpoint) = (delivery.id, delivery.tries, delivery.endpoint.id.clone());
        self.write(Priority::Routine, move |db| settle(db, (id, tries), &endpoint, &how, now)).await
    }
}

fn due_delivery(vault: &Vault, row: &Row<'_>, now: i64) -> Result<DueDelivery, DbError> {
    let endpoint = endpoint(row)?;
    let mut secrets = vec![open(vault, &endpoint.id, &row.get::<_, Vec<u8>>(13)?)?];
    if let Some(previous) = row.get::<_, Option<Vec<u8>>>(14)?
        && endpoint.previous_until.is_some_and(|until| until > now)
    {
        secrets.push(open(vault, &endpoint.id, &previous)?);
    }
    Ok(DueDelivery {
        id: row.get(9)?,
        event: row.get(10)?,
        body: row.get(11)?,
        tries: row.get(12)?,
        read_at: now,
        endpoint,
        secrets,
    })
}

fn seal(vault: &Vault, endpoint: &str, secret: &SecretValue) -> Vec<u8> {
    vault.seal(&format!("endpoint/{endpoint}"), secret.expose(), crate::clock::random::<CHANCE>())
}

fn open(vault: &Vault, endpoint: &str, envelope: &[u8]) -> Result<SecretValue, DbError> {
    Ok(SecretValue::new(vault.open(&format!("endpoint/{endpoint}"), envelope)?.to_vec()))
}

fn one(db: &Connection, workspace: &str, id: &str) -> Result<Option<Endpoint>, DbError> {
    Ok(db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM endpoints e WHERE e.id = ?1 AND e.workspace_id = ?2"))?
        .query_row(params![id, workspace], endpoint)
        .optional()?)
}

fn fan_out(db: &Connection, now: i64, most: u32, after: &str) -> Result<FannedOut, DbError> {
    let newest = feed::range(db)?.newest;
    let mut ask = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, e.cursor FROM endpoints e WHERE e.enabled = 1 AND e.cursor < ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3"
    ))?;
    let behind = ask
        .query_map(params![newest, after, FAN_OUT_ENDPOINTS as i64], |row| {
            Ok((endpoint(row)?, row.get::<_, EventId>(9)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    // Each act goes on after the last endpoint that the one before looked at, and from the first again after the last: endpoints
    // that do not keep up cannot keep the others out.
    let mut more = !after.is_empty() || behind.len() == FAN_OUT_ENDPOINTS;
    let mut until =
        if behind.len() == FAN_OUT_ENDPOINTS { behind.last() } else { None }.map(|(last, _)| last.id.clone());
    let mut read = 0;
    for (endpoint, cursor) in behind {
        let waiting: u32 = db
            .prepare_cached("SELECT count(*) FROM deliveries WHERE endpoint_id = ?1 AND state = 'pending'")?
            .query_row([&endpoint.id], |row| row.get(0))?;
        // An endpoint that does not keep up waits in the feed, which has an end, and not in a queue, which would have none.
        let room = most.saturating_sub(waiting).min(200);
        if room == 0 {
            continue;
        }
        let rows = feed::after(db, &endpoint.workspace, cursor, room)?;
        more |= rows.len() == room as usize;
        read += rows.len();
        let reached = if rows.len() < room as usize { newest } else { rows.last().map_or(cursor, |row| row.id) };
        for row in rows.iter().filter(|row| endpoint.wants(&row.kind)) {
            let data: Value = serde_json::from_str(&row.data).unwrap_or(Value::Null);
            let body = json!({"type": row.kind, "timestamp": rfc3339(row.at), "data": data}).to_string();
            db.prepare_cached(
                "INSERT INTO deliveries (id, endpoint_id, workspace_id, feed_id, type, body, state, due_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, ?7) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                DeliveryId::new(now),
                endpoint.id,
                endpoint.workspace,
                row.id,
                row.kind,
                body,
                now
            ])?;
        }
        db.prepare_cached("UPDATE endpoints SET cursor = ?2 WHERE id = ?1")?.execute(params![endpoint.id, reached])?;
        if read >= FAN_OUT_ROWS {
            (more, until) = (true, Some(endpoint.id));
            break;
        }
    }
    Ok(FannedOut { more, until: until.unwrap_or_default() })
}

fn settle(
    db: &Connection,
    (id, tries): (DeliveryId, u32),
    endpoint: &str,
    how: &Delivered,
    now: i64,
) -> Result<(), DbError> {
    match how {
        Delivered::Yes { status } => {
            db.prepare_cached(
                "UPDATE deliveries SET state = 'delivered', tries = tries + 1, due_at = NULL, status = ?2, error = NULL, delivered_at = ?3
                 WHERE id = ?1",
            )?
            .execute(params![id, status, now])?;
            db.prepare_cached("UPDATE endpoints SET failing_since = NULL WHERE id = ?1 AND failing_since IS NOT NULL")?
                .execute([endpoint])?;
        }
        Delivered::No { status, error, due_at, disable } => {
            let state = if due_at.is_some() { "pending" } else { "failed" };
            let noted = db
                .prepare_cached(
                    "UPDATE deliveries SET state = ?2, tries = tries + 1, due_at = ?3, status = ?4, error = ?5 \
                     WHERE id = ?1 AND state = 'pending' AND tries = ?6",
                )?
                .execute(params![id, state, due_at, status, error, tries])?;
            if noted == 0 {
                return Ok(());
            }
            db.prepare_cached("UPDATE endpoints SET failing_since = coalesce(failing_since, ?2) WHERE id = ?1")?
                .execute(params![endpoint, now])?;
            if let Some(reason) = disable {
                db.prepare_cached("UPDATE endpoints SET enabled = 0, disabled_reason = ?2 WHERE id = ?1")?
                    .execute(params![endpoint, reason])?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::model::audit::Entry;

    fn entry() -> Entry {
        Entry {
            workspace: Some("ws_1".into()),
            at: 1,
            actor: "test".into(),
            role: "admin".into(),
            action: "test".into(),
            subject: String::new(),
            detail: Value::Null,
        }
    }

    async fn db(folder: &std::path::Path) -> Db {
        let db = Db::open(DbConfig::at(folder.join("t.db")), Vault::new([7; 32])).unwrap();
        db.write(Priority::Urgent, |db| {
            db.execute("INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 1)", [])?;
            feed::append(db, "ws_1", "message.created", &json!({"before": true}), 1)?;
            Ok(())
        })
        .await
        .unwrap();
        add(&db, "ws_1", "ep_1").await;
        db
    }

    async fn add(db: &Db, workspace: &str, id: &str) {
        let endpoint = Endpoint {
            id: id.into(),
            workspace: workspace.into(),
            url: "https://hooks.example".into(),
            types: vec!["message.created".into()],
            enabled: true,
            disabled_reason: None,
            previous_until: None,
            failing_since: None,
            created_at: 1,
        };
        assert!(db.add_endpoint(endpoint, SecretValue::new(vec![9; 32]), 1, entry(), None).await.unwrap());
    }

    fn some() -> Vec<(String, usize)> {
        vec![("ep_1".into(), 10)]
    }

    /// An endpoint gets what happened after it was made, of the types it wants, once.
    #[tokio::test]
    async fn what_happens_is_fanned_out_once() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        db.write(Priority::Urgent, |db| {
            feed::append(db, "ws_1", "message.created", &json!({"n": 1}), 2)?;
            feed::append(db, "ws_1", "conversation.updated", &json!({"n": 2}), 2)?;
            Ok(())
        })
        .await
        .unwrap();
        db.fan_out(5, 10, String::new()).await.unwrap();
        db.fan_out(5, 10, String::new()).await.unwrap();
        let waiting = db.waiting_endpoints(5, 4).await.unwrap();
        assert_eq!(waiting, [WaitingEndpoint { id: "ep_1".into(), workspace: "ws_1".into(), next_at: 5, due: 1 }]);
        let due = db.due_deliveries(5, some(), Vec::new()).await.unwrap();
        assert_eq!(due.len(), 1);
        assert!(due[0].body.contains(r#""n":1"#));
        assert_eq!(due[0].secrets[0].expose(), [9; 32]);
        assert!(db.due_deliveries(5, some(), vec![due[0].id]).await.unwrap().is_empty(), "it is under way");
    }

    /// An endpoint that does not keep up waits in the feed: its queue has a bound, and nothing is skipped.
    #[tokio::test]
    async fn a_full_queue_waits_in_the_feed() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        db.write(Priority::Urgent, |db| {
            for n in 0..5 {
                feed::append(db, "ws_1", "message.created", &json!({"n": n}), 2)?;
            }
            Ok(())
        })
        .await
        .unwrap();
        let mut seen = Vec::new();
        for _ in 0..5 {
            db.fan_out(5, 2, String::new()).await.unwrap();
            let due = db.due_deliveries(5, some(), Vec::new()).await.unwrap();
            assert!(due.len() <= 2);
            for delivery in due {
                seen.push(delivery.event);
                db.settle_delivery(&delivery, Delivered::Yes { status: 200 }, 6).await.unwrap();
            }
        }
        assert!(seen.len() == 5 && seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    }

    /// More endpoints do not keep up than one act looks at, and those after them get what they wait for.
    #[tokio::test]
    async fn endpoints_with_full_queues_do_not_keep_the_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        let all: Vec<String> = (0..FAN_OUT_ENDPOINTS).map(|number| format!("a{number:03}")).collect();
        for name in all.iter().chain(&["z".to_owned()]) {
            let new = name.clone();
            db.write(Priority::Urgent, move |db| {
                Ok(db.execute("INSERT INTO workspaces (id, name, created_at) VALUES ('ws_' || ?1, ?1, 1)", [new])?)
            })
            .await
            .unwrap();
        }
        for name in &all {
            add(&db, &format!("ws_{name}"), &format!("ep_{name}")).await;
        }
        let happens = || {
            db.write(Priority::Urgent, |db| {
                let mut all = db.prepare("SELECT id FROM workspaces")?;
                for workspace in all.query_map([], |row| row.get::<_, String>(0))? {
                    feed::append(db, &workspace?, "message.created", &json!({}), 2)?;
                }
                Ok(())
            })
        };
        // Each has one delivery waiting, which is all that may wait, when the last endpoint comes.
        happens().await.unwrap();
        let mut after = String::new();
        for _ in 0..3 {
            after = db.fan_out(5, 1, after).await.unwrap().unwrap().until;
        }
        add(&db, "ws_z", "ep_z").await;
        happens().await.unwrap();
        for _ in 0..3 {
            after = db.fan_out(5, 1, after).await.unwrap().unwrap().until;
        }
        assert_eq!(db.due_deliveries(5, vec![("ep_z".into(), 10)], Vec::new()).await.unwrap().len(), 1);
    }
}
