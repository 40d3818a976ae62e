//! Commits translated requests: together at first, and where one of them is refused, each in a savepoint of its own and each
//! item of it in another. A savepoint costs a copy of every page it touches, and hardly any request is refused.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
use crate::db::{Db, DbError, Priority, channels, journal};
use crate::model::channel::{Finding, FindingSource};
use crate::model::envelope::Vault;

/// A request with what its plugin made of it.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The journal's row.
    pub id: i64,
    /// Whose plugin translated it.
    pub plugin: Arc<str>,
    /// The channel whose address it came to; none where several share it.
    pub channel: Option<Arc<str>>,
    /// The registration whose address it came to.
    pub app: Option<Arc<str>>,
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
    /// It has to be translated again: its channel became connected meanwhile, or what came before it is not stored yet.
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
#[derive(Clone)]
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
    /// Commits translated requests in the order given, in one group. A request that cannot be stored however often it is tried
    /// is parked, and its channel shows it; an error in its place means that nothing of it was stored and it still waits (a full disk), as do all after it, which have no
    /// place in the answer.
    pub async fn commit_translated(
        &self,
        rows: Vec<Translated>,
        now: i64,
    ) -> Result<Vec<Result<Committed, DbError>>, DbError> {
        let failed: Vec<Arc<str>> = rows
            .iter()
            .filter(|row| matches!(row.translation, Translation::Failed(_) | Translation::Outcome { early: true, .. }))
            .filter_map(|row| row.channel.clone())
            .collect();
        let vault = self.vault();
        let done = self.write(Priority::Routine, move |db| commit_all(db, &vault, &rows, now)).await;
        for channel in failed {
            self.forget_channel(&channel);
        }
        done
    }
}

/// Runs an act that undoes itself alone where it fails or panics.
pub(super) fn in_savepoint<T>(db: &Connection, act: impl FnOnce() -> Result<T, DbError>) -> Result<T, DbError> {
    db.prepare_cached("SAVEPOINT inner_act")?.execute([])?;
    let result = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(DbError::Damaged(last_words(&*panic))));
    if result.is_err() {
        db.prepare_cached("ROLLBACK TO inner_act")?.execute([])?;
    }
    db.prepare_cached("RELEASE inner_act")?.execute([])?;
    result
}

fn last_words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the host panicked: {}", words.unwrap_or("without a word"))
}

/// Shows on the channel that a request was put aside through no fault of the provider's.
fn show_unstored(db: &Connection, row: &Translated, reason: &str, now: i64) -> Result<(), DbError> {
    let Some(channel) = &row.channel else { return Ok(()) };
    let finding = Finding {
        level: "error".to_owned(),
        code: "inbound-not-stored".to_owned(),
        words: format!("Request {} is parked: {reason}", row.id),
        fix: None,
    };
    if channels::note(db, channel, &finding, FindingSource::Notice.as_str(), now)? {
        channels::tell(db, channel, now)?;
    }
    Ok(())
}

fn commit_all(
    db: &Connection,
    vault: &Vault,
    rows: &[Translated],
    now: i64,
) -> Result<Vec<Result<Committed, DbError>>, DbError> {
    let together = in_savepoint(db, || {
        let mut act = Act { db, vault, now, apart: false, standings: HashMap::new() };
        rows.iter().map(|row| act.commit(row).map(Ok)).collect()
    });
    match together {
        // SQLite ended the transaction: what is written now would be in one of its own.
        Err(error) if db.is_autocommit() => Err(error),
        Err(_) => commit_apart(db, vault, rows, now),
        done => done,
    }
}

fn commit_apart(
    db: &Connection,
    vault: &Vault,
    rows: &[Translated],
    now: i64,
) -> Result<Vec<Result<Committed, DbError>>, DbError> {
    let mut act = Act { db, vault, now, apart: true, standings: HashMap::new() };
    let mut done = Vec::with_capacity(rows.len());
    for row in rows {
        match in_savepoint(db, || act.commit(row)) {
            Err(error) if error.may_pass() => {
                // Those after it wait with it: they must not overtake it, and SQLite may have ended the transaction, so that
                // a savepoint would begin one of its own.
                done.push(Err(error));
                break;
            }
            Err(error) => {
                tracing::error!(row = row.id, plugin = &*row.plugin, %error, "a request could not be stored");
                let reason = format!("it could not be stored: {error}");
                done.push(Ok(park_whole(db, row, &reason, now)?));
                journal::forget_erased(db, row.id)?;
                show_unstored(db, row, &reason, now)?;
            }
            Ok(committed) => done.push(Ok(committed)),
        }
    }
    Ok(done)
}

/// Requests that are being committed in one transaction.
struct Act<'a> {
    db: &'a Connection,
    vault: &'a Vault,
    now: i64,
    /// Each item stands or falls alone; else a refusal is the whole act's.
    apart: bool,
    /// The channels of these requests: nothing but connecting and disconnecting, which are acts of their own, changes what is
    /// kept here.
    standings: HashMap<String, Option<Standing>>,
}

impl Act<'_> {
    fn standing(&mut self, channel: &str) -> Result<Option<Standing>, DbError> {
        if let Some(known) = self.standings.get(channel) {
            return Ok(known.clone());
        }
        let standing = standing(self.db, channel)?;
        self.standings.insert(channel.to_owned(), standing.clone());
        Ok(standing)
    }

    fn guarded<T>(&self, act: impl FnOnce() -> Result<T, DbError>) -> Result<T, DbError> {
        if self.apart { in_savepoint(self.db, act) } else { act() }
    }

    fn commit(&mut self, row: &Translated) -> Result<Committed, DbError> {
        let db = self.db;
        let still = db
            .prepare_cached("SELECT erased FROM journal WHERE id = ?1 AND state = 'pending'")?
            .query_row([row.id], |found| found.get::<_, Option<Vec<u8>>>(0))
            .optional()?;
        let Some(marked) = still else {
            return Ok(Committed { effect: Effect::Settled, stored: 0, media: false, strangers: false });
        };
        let gone = Gone::read(self.vault, row.id, marked.as_deref())?;
        let done = self.store(row, &gone)?;
        if marked.is_some() && matches!(done.effect, Effect::Settled | Effect::Parked) {
            journal::forget_erased(db, row.id)?;
        }
        Ok(done)
    }

    /// Stores what a request holds, but for what is said by those who are erased.
    fn store(&mut self, row: &Translated, gone: &Gone) -> Result<Committed, DbError> {
        let (db, now) = (self.db, self.now);
        let own = match &row.channel {
            Some(channel) => match self.standing(channel)? {
                None => return park_whole(db, row, "the channel was disconnected before this was translated", now),
                // Not translated because nobody waited at the provider; by now somebody does.
                Some(Standing::Connecting { waits: true }) if matches!(row.translation, Translation::TooEarly) => {
                    return Ok(AGAIN);
                }
                Some(Standing::Connecting { .. }) => return wait(db, row, channel, now),
                Some(Standing::At { released_to, .. }) if overtakes(db, row, channel, released_to)? => {
                    return Ok(AGAIN);
                }
                Some(Standing::At { place, .. }) => Some(place),
            },
            None => None,
        };
        match &row.translation {
            Translation::TooEarly | Translation::Outcome { early: true, .. } => Ok(AGAIN),
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
                    let result = self.guarded(|| apply_item(db, row, index, item, own.as_ref(), (rules, gone), now));
                    match result {
                        Ok(one) => tally.add(one),
                        Err(error) if !self.apart || error.may_pass() => return Err(error),
                        Err(error) => {
                            tracing::error!(row = row.id, item = index, plugin = &*row.plugin, %error, "an item could not be stored");
                            let reason = format!("it could not be stored: {error}");
                            show_unstored(db, row, &reason, now)?;
                            let place = own.as_ref().map(|own| (own.workspace.as_str(), own.channel.as_str()));
                            tally.add(park_item(db, row, index, item, place, &reason, now)?);
                        }
                    }
                }
                settle(db, row, tally, now)
            }
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

const AGAIN: Committed = Committed { effect: Effect::Again, stored: 0, media: false, strangers: false };

#[derive(Clone)]
enum Standing {
    /// `waits`: for something to happen at the provider.
    Connecting { waits: bool },
    /// `released_to`: the last of the rows that were there when it became connected, until all of them are stored.
    At { place: Place, released_to: Option<i64> },
}

fn standing(db: &Connection, channel: &str) -> Result<Option<Standing>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT workspace_id, CASE state WHEN 'connecting' THEN NULL ELSE account_id END, released_to, \
                    state = 'connecting' AND coalesce(json_extract(step, '$.kind'), '') = 'wait' FROM channels WHERE id = ?1",
        )?
        .query_row([channel], |row| {
            Ok(match row.get(1)? {
                Some(account) => Standing::At {
                    place: Place { channel: channel.to_owned(), workspace: row.get(0)?, account },
                    released_to: row.get(2)?,
                },
                None => Standing::Connecting { waits: row.get(3)? },
            })
        })
        .optional()?;
    Ok(found)
}

/// Whether rows that were there when its channel became connected are still to be stored before this one.
fn overtakes(db: &Connection, row: &Translated, channel: &str, released_to: Option<i64>) -> Result<bool, DbError> {
    let Some(last) = released_to else { return Ok(false) };
    let earlier = db
        .prepare_cached("SELECT 1 FROM journal WHERE state = 'pending' AND id < ?1 AND id <= ?2 AND channel_id = ?3")?
        .exists(params![row.id, last, channel])?;
    if !earlier && row.id > last {
        db.prepare_cached("UPDATE channels SET released_to = NULL WHERE id = ?1")?.execute([channel])?;
    }
    Ok(earlier)
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
        Some(own) if concerns(db, own, item)? => vec![own.clone()],
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
