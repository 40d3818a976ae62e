//! The journal: verified raw requests, from before their acknowledgement until some days after they were settled.
//!
//! Nothing here knows what is in a request. Rows of an address that several workspaces share carry no workspace, and only an
//! operator reads them whole.

mod shown;

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::engine::after;
use crate::db::{Db, DbError, Effect, Priority};
use crate::keys::RequestId;
pub use shown::{JournalFilter, JournalReader};

/// A verified request that is about to be acknowledged.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Whose plugin translates it.
    pub plugin: Arc<str>,
    /// The address it came to: rows of one address are committed in order of arrival.
    pub address: Arc<str>,
    /// None where several workspaces share the address.
    pub workspace: Option<Arc<str>>,
    /// None where several channels share the address.
    pub channel: Option<Arc<str>>,
    /// The registration whose address it is.
    pub app: Option<Arc<str>>,
    /// The recipe that verified it, or "visitor".
    pub recipe: String,
    /// HTTP method.
    pub method: String,
    /// Below the address.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// Those that are kept.
    pub headers: Vec<(String, String)>,
    /// Raw.
    pub body: Vec<u8>,
    /// Milliseconds since 1970.
    pub received_at: i64,
}

/// A request that waits for translation.
#[derive(Debug, Clone, Default)]
pub struct PendingRow {
    /// Ids grow in order of arrival.
    pub id: RequestId,
    /// Whose plugin translates it.
    pub plugin: Arc<str>,
    /// The address it came to.
    pub address: Arc<str>,
    /// None where several workspaces share the address.
    pub workspace: Option<Arc<str>>,
    /// None where several channels share the address.
    pub channel: Option<Arc<str>>,
    /// The registration whose address it is.
    pub app: Option<Arc<str>>,
    /// The recipe that verified it.
    pub recipe: String,
    /// HTTP method.
    pub method: String,
    /// Below the address.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// As they were kept.
    pub headers: Vec<(String, String)>,
    /// Raw.
    pub body: Vec<u8>,
    /// Milliseconds since 1970.
    pub received_at: i64,
    /// How often somebody had it run again.
    pub replays: i64,
}

impl PendingRow {
    /// Which share the places of a row count in: its workspace's, or that of the address itself where several workspaces share it.
    pub fn sharer(&self) -> &Arc<str> {
        self.workspace.as_ref().unwrap_or(&self.address)
    }
}

/// What somebody's wish to run a row again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It waits for translation.
    Queued,
    /// There is no such row for this reader.
    NotFound,
    /// Its body was removed after the retention time.
    BodyGone,
    /// It waits already.
    Pending,
}

/// What stands in a row of the journal beside the request itself.
pub(in crate::db) struct Stand<'r> {
    pub effect: Effect,
    pub reason: Option<&'r str>,
    /// Events that were new.
    pub stored: u32,
    pub settled_at: Option<i64>,
}

/// Puts a request into the journal that waits for its translation, under an id of its own.
pub(in crate::db) fn append(db: &Connection, row: NewRow) -> Result<(), DbError> {
    insert(db, &row.pending())
}

fn insert(db: &Connection, row: &PendingRow) -> Result<(), DbError> {
    let headers = serde_json::to_string(&row.headers).map_err(|error| DbError::Damaged(error.to_string()))?;
    db.prepare_cached(
        "INSERT INTO journal (id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, received_at, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'pending')",
    )?
    .execute(params![
        row.id,
        &*row.plugin,
        &*row.address,
        row.workspace.as_deref(),
        row.channel.as_deref(),
        row.app.as_deref(),
        row.recipe,
        row.method,
        row.path,
        row.received_at
    ])?;
    db.prepare_cached("INSERT INTO raw_requests (journal_id, query, headers, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row.id, row.query, headers, row.body])?;
    Ok(())
}

/// Removes the request itself; what became of it stays.
pub(in crate::db) fn empty(db: &Connection, id: RequestId) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM raw_requests WHERE journal_id = ?1")?.execute([id])?;
    db.prepare_cached("UPDATE journal SET raw = 0, erased = NULL WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The first request of an address that waits for its translation, without those of `skip`.
pub(in crate::db) fn first_pending(
    db: &Connection,
    plugin: &str,
    address: &str,
    skip: &HashSet<RequestId>,
) -> Result<Option<RequestId>, DbError> {
    let mut query = db.prepare_cached(PENDING_IDS)?;
    let mut ids = query.query(params![plugin, address])?;
    while let Some(row) = ids.next()? {
        let id = row.get(0)?;
        if !skip.contains(&id) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Changes what stands in a request's row.
pub(in crate::db) fn update(db: &Connection, id: RequestId, stand: &Stand<'_>) -> Result<(), DbError> {
    db.prepare_cached(
        "UPDATE journal SET state = ?2, reason = ?3, stored = stored + ?4, settled_at = ?5 WHERE id = ?1",
    )?
    .execute(params![id, stand.effect.state(), stand.reason, stand.stored, stand.settled_at])?;
    Ok(())
}

/// Counts events that came of a request which goes on waiting.
pub(in crate::db) fn stored_more(db: &Connection, id: RequestId, stored: u32) -> Result<(), DbError> {
    db.prepare_cached("UPDATE journal SET stored = stored + ?2 WHERE id = ?1")?.execute(params![id, stored])?;
    Ok(())
}

impl NewRow {
    /// As it waits, under an id of its own: made within the act, so that ids grow in the order of the commits.
    fn pending(self) -> PendingRow {
        PendingRow {
            id: RequestId::new(self.received_at),
            plugin: self.plugin,
            address: self.address,
            workspace: self.workspace,
            channel: self.channel,
            app: self.app,
            recipe: self.recipe,
            method: self.method,
            path: self.path,
            query: self.query,
            headers: self.headers,
            body: self.body,
            received_at: self.received_at,
            replays: 0,
        }
    }
}

fn pending(row: &Row<'_>) -> rusqlite::Result<PendingRow> {
    let headers: Option<String> = row.get(12)?;
    Ok(PendingRow {
        id: row.get(0)?,
        plugin: row.get::<_, String>(1)?.into(),
        address: row.get::<_, String>(2)?.into(),
        workspace: row.get::<_, Option<String>>(3)?.map(Into::into),
        channel: row.get::<_, Option<String>>(4)?.map(Into::into),
        app: row.get::<_, Option<String>>(5)?.map(Into::into),
        recipe: row.get(6)?,
        method: row.get(7)?,
        path: row.get(8)?,
        received_at: row.get(9)?,
        replays: row.get(10)?,
        query: row.get::<_, Option<String>>(11)?.unwrap_or_default(),
        headers: headers.and_then(|headers| serde_json::from_str(&headers).ok()).unwrap_or_default(),
        body: row.get::<_, Option<Vec<u8>>>(13)?.unwrap_or_default(),
    })
}

/// The next address with a row of this plugin that waits. Each is one step in an index of its own, because what waits for a plugin that
/// does not run, or behind other rows of its address, must cost the others nothing.
const NEXT_ADDRESS: &str =
    "SELECT address FROM journal WHERE state = 'pending' AND plugin_id = ?1 AND address > ?2 ORDER BY address LIMIT 1";
/// Its rows that wait, in order of arrival.
const PENDING_IDS: &str =
    "SELECT id FROM journal WHERE state = 'pending' AND plugin_id = ?1 AND address = ?2 ORDER BY id";

/// Which addresses' rows [`Db::pending_rows`] looks for.
#[derive(Debug, Clone)]
pub enum Which {
    /// All but these.
    AllBut(HashSet<Arc<str>>),
    /// These, so many rows of each.
    These(Vec<(Arc<str>, usize)>),
}

/// The ids of rows of these plugins that wait, in order of arrival at each address, without those of `skip`.
fn pending_ids(
    db: &Connection,
    plugins: &[String],
    which: &Which,
    skip: &HashSet<RequestId>,
    most: usize,
) -> Result<Vec<RequestId>, DbError> {
    let mut query = db.prepare_cached(PENDING_IDS)?;
    let mut found = Vec::new();
    let mut of = |plugin: &str, address: &str, most: usize| -> Result<usize, DbError> {
        let (mut left, mut ids) = (most, query.query(params![plugin, address])?);
        while left > 0
            && let Some(row) = ids.next()?
        {
            let id: RequestId = row.get(0)?;
            if !skip.contains(&id) {
                found.push(id);
                left -= 1;
            }
        }
        Ok(most - left)
    };
    let mut left = most;
    match which {
        Which::These(addresses) => {
            for (address, most) in addresses {
                for plugin in plugins {
                    left -= of(plugin, address, left.min(*most))?;
                }
            }
        }
        Which::AllBut(apart) => {
            let mut next = db.prepare_cached(NEXT_ADDRESS)?;
            for plugin in plugins {
                let mut address = String::new();
                while left > 0
                    && let Some(found) = next.query_row(params![plugin, address], |row| row.get(0)).optional()?
                {
                    address = found;
                    if !apart.contains(address.as_str()) {
                        left -= of(plugin, &address, left)?;
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Lets the rows that waited for this channel be translated, within the act that connects it.
pub(in crate::db) fn release_waiting(db: &Connection, channel: &str) -> Result<usize, DbError> {
    Ok(db
        .prepare_cached("UPDATE journal SET state = 'pending' WHERE channel_id = ?1 AND state = 'waiting'")?
        .execute([channel])?)
}

/// What was said by somebody who is erased has no raw copy any longer than it takes to translate what others said beside it.
pub(in crate::db) fn forget_erased(db: &Connection, id: RequestId) -> Result<(), DbError> {
    let marked = db.prepare_cached("SELECT 1 FROM journal WHERE id = ?1 AND erased IS NOT NULL")?.exists([id])?;
    if marked { empty(db, id) } else { Ok(()) }
}

/// Keeps the rows that waited for this channel aside, within the act that takes it away: nobody will connect it any more.
pub(in crate::db) fn park_waiting(db: &Connection, channel: &str, at: i64) -> Result<usize, DbError> {
    let marked: Vec<RequestId> = db
        .prepare_cached("SELECT id FROM journal WHERE channel_id = ?1 AND state = 'waiting' AND erased IS NOT NULL")?
        .query_map([channel], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    marked.into_iter().try_for_each(|id| empty(db, id))?;
    Ok(db
        .prepare_cached(
            "UPDATE journal SET state = 'parked', reason = 'the channel was disconnected before this was translated', settled_at = ?2 \
             WHERE channel_id = ?1 AND state = 'waiting'",
        )?
        .execute(params![channel, at])?)
}

impl Db {
    /// Commits a verified request that waits for its translation; after this it may be acknowledged. `named` is told its id before;
    /// `kept` is given it once it is on disk, in the order of the ids: both must be quick.
    pub async fn append_journal(
        &self,
        row: NewRow,
        named: impl FnOnce(RequestId) + Send + 'static,
        kept: impl FnOnce(PendingRow) + Send + 'static,
    ) -> Result<(), DbError> {
        let bytes = row.body.len();
        let act = move |db: &Connection| {
            let row = row.pending();
            named(row.id);
            insert(db, &row)?;
            Ok(row)
        };
        self.write_bare(Priority::Urgent, bytes, act, kept).await
    }

    /// Rows of these plugins that wait for translation, in order of arrival at each address, without those of `skip`: at most `most`, and no more than
    /// `most_bytes` of bodies (but at least one row); whether that bound left none out. Rows of other plugins stay until those run again.
    pub async fn pending_rows(
        &self,
        plugins: Vec<String>,
        which: Which,
        skip: HashSet<RequestId>,
        most: usize,
        most_bytes: usize,
    ) -> Result<(Vec<PendingRow>, bool), DbError> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT id, plugin_id, address, workspace_id, channel_id, app_id, recipe, method, path, received_at, replays, query, headers, body \
                 FROM journal LEFT JOIN raw_requests ON journal_id = id WHERE id = ?1 AND state = 'pending'",
            )?;
            let (mut found, mut bytes) = (Vec::new(), 0);
            for id in pending_ids(db, &plugins, &which, &skip, most)? {
                let Some(row) = query.query_row([id], pending).optional()? else { continue };
                bytes += row.body.len();
                if bytes > most_bytes && !found.is_empty() {
                    return Ok((found, false));
                }
                found.push(row);
            }
            Ok((found, true))
        })
        .await
    }

    /// The raw body of a row; none where it was removed.
    pub async fn journal_body(&self, id: RequestId) -> Result<Option<Vec<u8>>, DbError> {
        self.read(move |db| {
            let body = db
                .prepare_cached("SELECT body FROM raw_requests WHERE journal_id = ?1")?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(body)
        })
        .await
    }

    /// How many rows wait for translation.
    pub async fn count_pending_rows(&self) -> Result<i64, DbError> {
        self.read(|db| {
            Ok(db
                .prepare_cached("SELECT COUNT(*) FROM journal WHERE state = 'pending'")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// Lets a settled or parked row be translated again. What it gave before stands: its events are known by their ids.
    pub async fn replay_row(&self, reader: JournalReader, id: RequestId) -> Result<Replay, DbError> {
        self.write(Priority::Routine, move |db| {
            let found = db
                .prepare_cached("SELECT workspace_id, state, raw = 0 FROM journal WHERE id = ?1")?
                .query_row([id], |row| {
                    Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
                })
                .optional()?;
            let Some((workspace, state, gone)) = found else { return Ok(Replay::NotFound) };
            let theirs = match workspace {
                Some(workspace) => workspace == reader.workspace,
                None => reader.operator,
            };
            match state.as_str() {
                _ if !theirs => Ok(Replay::NotFound),
                "pending" => Ok(Replay::Pending),
                _ if gone => Ok(Replay::BodyGone),
                _ => {
                    db.prepare_cached(
                        "UPDATE journal SET state = 'pending', replays = replays + 1, settled_at = NULL WHERE id = ?1",
                    )?
                    .execute([id])?;
                    after::wake_journal();
                    Ok(Replay::Queued)
                }
            }
        })
        .await
    }

    /// Empties the bodies of rows settled before `settled` and of rows parked before `parked`, at most `most`; how many were.
    /// Their headers go with them: what remains is that there was a request and what became of it.
    pub async fn forget_journal_bodies(&self, settled: i64, parked: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |db| {
            let old: Vec<RequestId> = db
                .prepare_cached(
                    "SELECT id FROM journal WHERE settled_at IS NOT NULL AND raw = 1 AND settled_at < ?4 \
                     AND settled_at < CASE state WHEN 'parked' THEN ?2 ELSE ?1 END ORDER BY settled_at LIMIT ?3",
                )?
                .query_map(params![settled, parked, most, settled.max(parked)], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            old.iter().try_for_each(|id| empty(db, *id))?;
            Ok(old.len())
        })
        .await
    }

    /// Forgets ids of events that were stored before `before`, and what was said until then about messages that never
    /// appeared, at most `most` of each; how many were forgotten of the kind with most.
    pub async fn forget_dedupe_keys(&self, before: i64, most: u32) -> Result<usize, DbError> {
        self.write(Priority::Routine, move |db| {
            let mut gone = 0;
            for statement in [
                "DELETE FROM dedupe WHERE (account_id, event_id) IN (SELECT account_id, event_id FROM dedupe WHERE at < ?1 ORDER BY at LIMIT ?2)",
                "DELETE FROM waiting_events WHERE id IN (SELECT id FROM waiting_events WHERE received_at < ?1 AND due_at IS NULL LIMIT ?2)",
                "DELETE FROM facts WHERE id IN (SELECT id FROM facts WHERE message_id IS NULL AND received_at < ?1 LIMIT ?2)",
            ] {
                gone = gone.max(db.prepare_cached(statement)?.execute(params![before, most])?);
            }
            Ok(gone)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::model::envelope::Vault;

    fn row(plugin: &str, body: &[u8]) -> NewRow {
        NewRow {
            plugin: plugin.into(),
            address: plugin.into(),
            workspace: None,
            channel: None,
            app: None,
            recipe: "r".into(),
            method: "POST".into(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.to_vec(),
            received_at: 1,
        }
    }

    /// A plugin that does not run, and an address that fell behind, may have a backlog of any length: looking for the others' rows never
    /// touches it.
    #[tokio::test]
    async fn rows_of_another_plugin_or_address_are_not_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        let mut made = Vec::new();
        for (plugin, address) in
            [("held", "h"), ("one", "b"), ("held", "h"), ("other", "c"), ("one", "a"), ("one", "b")]
        {
            let row = NewRow { address: address.into(), ..row(plugin, b"1234") };
            let (tell, told) = std::sync::mpsc::channel();
            db.append_journal(row, move |id| tell.send(id).expect("it is heard"), drop).await.expect("journalled");
            made.push(told.recv().expect("told"));
        }
        let plan = async |statement: &'static str| -> Vec<String> {
            let planned = db.read(move |db| {
                let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}"))?;
                let values: Vec<i64> = vec![1; query.parameter_count()];
                let steps = query.query_map(rusqlite::params_from_iter(values), |row| row.get(3))?;
                Ok(steps.collect::<Result<_, _>>()?)
            });
            planned.await.expect("planned")
        };
        let search = "SEARCH journal USING COVERING INDEX journal_pending";
        assert_eq!(plan(PENDING_IDS).await, [format!("{search} (plugin_id=? AND address=?)")], "no sorting, no scan");
        assert_eq!(plan(NEXT_ADDRESS).await, [format!("{search} (plugin_id=? AND address>?)")], "no sorting, no scan");
        // Rows are named by their place among those that were made, from 1.
        let place = |id| 1 + made.iter().position(|other| *other == id).expect("one of them");
        let ids = async |which: Which, skip: &[usize], most, bytes| {
            let plugins = vec!["other".to_owned(), "one".to_owned()];
            let read = db.pending_rows(plugins, which, skip.iter().map(|place| made[place - 1]).collect(), most, bytes);
            read.await.expect("read").0.iter().map(|row| place(row.id)).collect::<Vec<_>>()
        };
        let all = || Which::AllBut(HashSet::new());
        assert_eq!(ids(all(), &[], 10, 100).await, [4, 5, 2, 6], "address by address");
        assert_eq!(ids(all(), &[4, 5], 1, 100).await, [2], "a row in flight takes no place");
        assert_eq!(ids(all(), &[], 10, 8).await, [4, 5]);
        assert_eq!(ids(all(), &[], 10, 1).await, [4], "one at least");
        assert_eq!(ids(Which::AllBut(["b".into()].into()), &[], 10, 100).await, [4, 5]);
        assert_eq!(ids(Which::These(vec![("b".into(), 1), ("c".into(), 9)]), &[], 10, 100).await, [2, 4]);
        assert_eq!(ids(Which::These(vec![("b".into(), 9)]), &[2], 10, 100).await, [6]);
    }
}
