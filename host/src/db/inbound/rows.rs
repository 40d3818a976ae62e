//! Commits translated requests: each in a savepoint of its own, each item of it in another.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::CallError;
use sambung_runtime::contract::inbound::{Item, ItemResult, Outcome};
use sambung_runtime::contract::windows::WindowRule;

use super::backlog::Gone;
use super::events::{self, Stored};
use super::journal_items::{self, ItemRow};
use super::notices;
use super::site::Site;
use crate::db::{Db, DbError, Priority, channels};
use crate::model::envelope::Vault;

/// A request with what its plugin made of it.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The journal's row.
    pub id: i64,
    /// Whose plugin translated it.
    pub plugin: String,
    /// The channel whose address it came to; none where several share it.
    pub channel: Option<String>,
    /// The registration whose address it came to.
    pub app: Option<String>,
    /// When the host received it.
    pub received_at: i64,
    /// Somebody had it run again.
    pub replayed: bool,
    /// What came of the translation.
    pub translation: Translation,
}

/// What came of a translation.
#[derive(Debug, Clone)]
pub enum Translation {
    /// The plugin's answer.
    Outcome {
        /// Its items.
        outcome: Outcome,
        /// The plugin's window rules.
        rules: Arc<[WindowRule]>,
        /// The channel was not connected when the plugin was asked.
        early: bool,
    },
    /// The channel is connecting, and nobody waits at the provider: nothing was translated.
    TooEarly,
    /// Nothing can be made of it, with the reason.
    Parked(String),
    /// The plugin failed.
    Failed(CallError),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of it is stored, or ignored with a reason.
    Settled,
    /// Some of it, or all, is kept aside with a reason.
    Parked,
    /// It waits for its channel to be connected.
    Waiting,
    /// Its channel became connected meanwhile: it has to be translated again.
    Again,
}

/// A request that was committed.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// What became of it.
    pub effect: Effect,
    /// Events that are new.
    pub stored: u32,
    /// There are files to fetch.
    pub media: bool,
    /// There are people whom nobody knew.
    pub strangers: bool,
}

/// Where events of an item belong.
struct Place {
    channel: String,
    workspace: String,
    account: i64,
}

/// What became of the items of a request.
#[derive(Default)]
struct Tally {
    stored: u32,
    parked: u32,
    items: u32,
    media: bool,
    strangers: bool,
    first_reason: Option<String>,
}

impl Db {
    /// Commits translated requests in the order given, in one group. A request whose rows the database refuses is parked; an
    /// error in its place means that nothing of it was stored and it still waits (a full disk), as do all after it, which have no
    /// place in the answer.
    pub async fn commit_translated(
        &self,
        rows: Vec<Translated>,
        now: i64,
    ) -> Result<Vec<Result<Committed, DbError>>, DbError> {
        let failed: Vec<String> = rows
            .iter()
            .filter(|row| matches!(row.translation, Translation::Failed(_) | Translation::Outcome { early: true, .. }))
            .filter_map(|row| row.channel.clone())
            .collect();
        let vault = self.vault();
        let done = self
            .write(Priority::Routine, move |db| {
                let mut done = Vec::with_capacity(rows.len());
                for row in &rows {
                    match in_savepoint(db, || commit(db, &vault, row, now)) {
                        Err(error) if stops(&error) => {
                            // Those after it wait with it: they must not overtake it, and SQLite may have ended the
                            // transaction, so that a savepoint would begin one of its own.
                            done.push(Err(error));
                            break;
                        }
                        Err(error) => {
                            done.push(Ok(park_whole(db, row, &format!("it could not be stored: {error}"), now)?));
                        }
                        Ok(committed) => done.push(Ok(committed)),
                    }
                }
                Ok(done)
            })
            .await;
        for channel in failed {
            self.forget_channel(&channel);
        }
        done
    }
}

/// Whether an error is the disk's or the database's own, not that of what is being stored.
fn stops(error: &DbError) -> bool {
    match error {
        DbError::Sql(rusqlite::Error::SqliteFailure(code, _)) => {
            !matches!(code.code, rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TooBig)
        }
        DbError::Damaged(_) | DbError::Sql(_) => false,
        _ => true,
    }
}

fn in_savepoint<T>(db: &Connection, act: impl FnOnce() -> Result<T, DbError>) -> Result<T, DbError> {
    db.prepare_cached("SAVEPOINT inner_act")?.execute([])?;
    let result = act();
    if result.is_err() {
        db.prepare_cached("ROLLBACK TO inner_act")?.execute([])?;
    }
    db.prepare_cached("RELEASE inner_act")?.execute([])?;
    result
}

fn commit(db: &Connection, vault: &Vault, row: &Translated, now: i64) -> Result<Committed, DbError> {
    let still = db
        .prepare_cached("SELECT erased FROM journal WHERE id = ?1 AND state = 'pending'")?
        .query_row([row.id], |found| found.get::<_, Option<Vec<u8>>>(0))
        .optional()?;
    let Some(marked) = still else {
        return Ok(Committed { effect: Effect::Settled, stored: 0, media: false, strangers: false });
    };
    let gone = Gone::read(vault, row.id, marked.as_deref())?;
    let own = match &row.channel {
        Some(channel) => match standing(db, channel)? {
            None => return park_whole(db, row, "the channel was disconnected before this was translated", now),
            Some(Standing::Connecting) => return wait(db, row, channel, now),
            Some(Standing::At(place)) => Some(place),
        },
        None => None,
    };
    match &row.translation {
        Translation::TooEarly | Translation::Outcome { early: true, .. } => {
            Ok(Committed { effect: Effect::Again, stored: 0, media: false, strangers: false })
        }
        Translation::Parked(reason) => park_whole(db, row, reason, now),
        Translation::Failed(error) => {
            if let Some(channel) = &row.channel {
                channels::note_call_failure(db, channel, error, now)?;
            }
            park_whole(db, row, &error.to_string(), now)
        }
        Translation::Outcome { outcome, rules, .. } => {
            if row.replayed {
                journal_items::clear(db, row.id)?;
            }
            let mut tally = Tally::default();
            for (index, item) in outcome.items.iter().enumerate() {
                let result = in_savepoint(db, || apply_item(db, row, index, item, own.as_ref(), (rules, &gone), now));
                match result {
                    Ok(one) => tally.add(one),
                    Err(error) if stops(&error) => return Err(error),
                    Err(error) => {
                        let reason = format!("it could not be stored: {error}");
                        let place = own.as_ref().map(|own| (own.workspace.as_str(), own.channel.as_str()));
                        tally.add(park_item(db, row, index, item, place, &reason, now)?);
                    }
                }
            }
            settle(db, row, tally, now)
        }
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.items += 1;
        self.stored += other.stored;
        self.parked += other.parked;
        self.media |= other.media;
        self.strangers |= other.strangers;
        self.first_reason = self.first_reason.take().or(other.first_reason);
    }
}

enum Standing {
    Connecting,
    At(Place),
}

fn standing(db: &Connection, channel: &str) -> Result<Option<Standing>, DbError> {
    let found = db
        .prepare_cached("SELECT workspace_id, account_id, state FROM channels WHERE id = ?1")?
        .query_row([channel], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    Ok(found.map(|(workspace, account, state)| match account {
        Some(account) if state != "connecting" => {
            Standing::At(Place { channel: channel.to_owned(), workspace, account })
        }
        _ => Standing::Connecting,
    }))
}

/// The request waits until its channel is connected; what concerns the connection itself takes effect at once.
fn wait(db: &Connection, row: &Translated, channel: &str, now: i64) -> Result<Committed, DbError> {
    if let Translation::Outcome { outcome, .. } = &row.translation {
        for item in &outcome.items {
            let ItemResult::Events(events) = &item.outcome else { continue };
            for event in events {
                notices::early(db, channel, event, events::time_of(event, row.received_at))?;
            }
        }
    }
    if let Translation::Failed(error) = &row.translation {
        channels::note_call_failure(db, channel, error, now)?;
    }
    db.prepare_cached("UPDATE journal SET state = 'waiting' WHERE id = ?1")?.execute([row.id])?;
    Ok(Committed { effect: Effect::Waiting, stored: 0, media: false, strangers: false })
}

fn park_whole(db: &Connection, row: &Translated, reason: &str, now: i64) -> Result<Committed, DbError> {
    let reason: String = reason.chars().take(2_000).collect();
    db.prepare_cached("UPDATE journal SET state = 'parked', reason = ?2, settled_at = ?3 WHERE id = ?1")?
        .execute(params![row.id, reason, now])?;
    Ok(Committed { effect: Effect::Parked, stored: 0, media: false, strangers: false })
}

fn settle(db: &Connection, row: &Translated, tally: Tally, now: i64) -> Result<Committed, DbError> {
    let parked = tally.parked > 0;
    let reason = match (&tally.first_reason, tally.items) {
        (_, 0) => Some("the request holds no items".to_owned()),
        (Some(reason), items) if parked => Some(format!("{} of {items} items: {reason}", tally.parked)),
        (reason, _) => reason.clone(),
    };
    db.prepare_cached(
        "UPDATE journal SET state = ?2, reason = ?3, stored = stored + ?4, settled_at = ?5 WHERE id = ?1",
    )?
    .execute(params![row.id, if parked { "parked" } else { "settled" }, reason, tally.stored, now])?;
    let effect = if parked { Effect::Parked } else { Effect::Settled };
    Ok(Committed { effect, stored: tally.stored, media: tally.media, strangers: tally.strangers })
}

fn apply_item(
    db: &Connection,
    row: &Translated,
    index: usize,
    item: &Item,
    own: Option<&Place>,
    (rules, gone): (&[WindowRule], &Gone),
    now: i64,
) -> Result<Tally, DbError> {
    let places = match own {
        Some(own) if concerns(db, own, item)? => vec![own.clone_place()],
        Some(own) => {
            let reason = format!("it is for another account ({})", item.routes.join(", "));
            return park_item(db, row, index, item, Some((&own.workspace, &own.channel)), &reason, now);
        }
        None => places_of(db, row, item)?,
    };
    let Some(first) = places.first() else {
        journal_items::wait_for_channel(db, row.id, &row.plugin, &item.routes)?;
        let routes = if item.routes.is_empty() { "it names none".to_owned() } else { item.routes.join(", ") };
        return park_item(db, row, index, item, None, &format!("no channel is connected for it ({routes})"), now);
    };
    let first = (first.workspace.as_str(), first.channel.as_str());
    match &item.outcome {
        ItemResult::Events(events) => {
            let mut tally = Tally::default();
            for place in &places {
                apply_events(db, row, (index, item), events, place, (rules, gone), now, &mut tally)?;
            }
            Ok(tally)
        }
        ItemResult::Ignored(reason) => {
            note_item(db, row, index, item, Some(first), "ignored", reason, now)?;
            Ok(Tally { first_reason: Some(reason.clone()), ..Tally::default() })
        }
        ItemResult::Failed(reason) => park_item(db, row, index, item, Some(first), reason, now),
        ItemResult::Other(open) => {
            let reason = format!("{}: {}", open.kind, open.line);
            park_item(db, row, index, item, Some(first), &reason, now)
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "the parts of one item's application, used in one place")]
fn apply_events(
    db: &Connection,
    row: &Translated,
    (index, item): (usize, &Item),
    events: &[sambung_runtime::contract::inbound::Event],
    place: &Place,
    (rules, gone): (&[WindowRule], &Gone),
    now: i64,
    tally: &mut Tally,
) -> Result<(), DbError> {
    let mut site = Site {
        db,
        workspace: &place.workspace,
        account: place.account,
        channel: Some(&place.channel),
        rules,
        received_at: row.received_at,
        now,
        replayed: row.replayed,
        told: Default::default(),
    };
    for event in events {
        if gone.concerns(&place.workspace, event) {
            let to = Some((place.workspace.as_str(), place.channel.as_str()));
            note_item(db, row, index, item, to, "ignored", "the person was erased while this waited", now)?;
            continue;
        }
        match events::apply(&mut site, event)? {
            Stored::New => tally.stored += 1,
            Stored::Duplicate => {}
            Stored::Unknown(line) => {
                let to = Some((place.workspace.as_str(), place.channel.as_str()));
                note_item(db, row, index, item, to, "unknown", &line, now)?;
            }
        }
    }
    site.tell()?;
    tally.media |= site.told.media;
    tally.strangers |= site.told.strangers;
    Ok(())
}

impl Place {
    fn clone_place(&self) -> Place {
        Place { channel: self.channel.clone(), workspace: self.workspace.clone(), account: self.account }
    }
}

/// Whether an item that came to a channel's own address is the channel's: it names nobody, or this account.
fn concerns(db: &Connection, own: &Place, item: &Item) -> Result<bool, DbError> {
    if item.routes.is_empty() {
        return Ok(true);
    }
    let mut query = db.prepare_cached(
        "SELECT 1 FROM channels WHERE id = ?1 AND account = ?2 UNION ALL SELECT 1 FROM routes WHERE channel_id = ?1 AND route = ?2",
    )?;
    for route in &item.routes {
        if query.exists([&own.channel, route])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The channels of a shared address that an item names. A registration that belongs to a workspace reaches only channels that
/// use it, so that nobody can speak for another's account.
fn places_of(db: &Connection, row: &Translated, item: &Item) -> Result<Vec<Place>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT c.id, c.workspace_id, c.account_id FROM channels c WHERE c.plugin_id = ?1 AND c.account = ?2 AND c.account_id IS NOT NULL \
           AND (c.app_id IS ?3 OR (c.app_id IS NULL AND EXISTS (SELECT 1 FROM apps a WHERE a.id = ?3 AND a.is_default = 1))) \
         UNION SELECT c.id, c.workspace_id, c.account_id FROM routes r JOIN channels c ON c.id = r.channel_id \
           WHERE r.plugin_id = ?1 AND r.route = ?2 AND c.account_id IS NOT NULL \
           AND (c.app_id IS ?3 OR (c.app_id IS NULL AND EXISTS (SELECT 1 FROM apps a WHERE a.id = ?3 AND a.is_default = 1))) ORDER BY 1",
    )?;
    let mut places: Vec<Place> = Vec::new();
    for route in &item.routes {
        let rows = query.query_map(params![row.plugin, route, row.app], |row| {
            Ok(Place { channel: row.get(0)?, workspace: row.get(1)?, account: row.get(2)? })
        })?;
        for place in rows {
            let place = place?;
            if !places.iter().any(|other| other.channel == place.channel) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
fn note_item(
    db: &Connection,
    row: &Translated,
    index: usize,
    item: &Item,
    place: Option<(&str, &str)>,
    outcome: &'static str,
    reason: &str,
    now: i64,
) -> Result<(), DbError> {
    let (workspace, channel) = place.unzip();
    let pointer = item.raw.as_deref();
    journal_items::put(db, row.id, &ItemRow { index, workspace, channel, outcome, reason, pointer }, now)
}

fn park_item(
    db: &Connection,
    row: &Translated,
    index: usize,
    item: &Item,
    place: Option<(&str, &str)>,
    reason: &str,
    now: i64,
) -> Result<Tally, DbError> {
    note_item(db, row, index, item, place, "parked", reason, now)?;
    Ok(Tally { parked: 1, first_reason: Some(reason.to_owned()), ..Tally::default() })
}
