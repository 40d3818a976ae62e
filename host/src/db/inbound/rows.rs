//! Commits what came of translated requests: together at first, and where one of them is refused, each in a savepoint of its own and
//! each item of it in another. A savepoint costs a copy of every page it touches, and hardly any request is refused.
//!
//! Requests of one address are stored in the order of the journal: a request before which another of its address still waits goes on
//! waiting.

use std::any::Any;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use sambung_runtime::contract::inbound::{Event, Happening, Item, ItemResult};
use sambung_runtime::contract::windows::WindowRule;

use crate::db::inbound::backlog::Gone;
use crate::db::inbound::events::{self, Stored};
use crate::db::inbound::journal::{self, Stand};
use crate::db::inbound::journal_items::{self, ItemRow};
use crate::db::inbound::notices;
use crate::db::inbound::site::Site;
use crate::db::inbound::standing::{Place, Shown, Standing, concerns, places_of, standing};
use crate::db::inbound::translated::{
    Committed, Effect, NOTHING, Progress, STEP, Tally, Translated, Translation, events_of,
};
use crate::db::{Db, DbError, PendingRow, Priority, channels};
use crate::keys::RequestId;
use crate::model::channel::{Finding, FindingSource};
use crate::model::envelope::Vault;

impl Db {
    /// Commits translated requests in the order given, in one group. A request that cannot be stored however often it is tried
    /// is parked, and its channel shows it; an error in its place means that nothing of it was stored and it still waits (a full disk), as do all after it, which have no
    /// place in the answer.
    pub async fn commit_translated(
        &self,
        rows: Vec<Translated>,
        now: i64,
    ) -> Result<Vec<Result<Committed, DbError>>, DbError> {
        let (vault, rows) = (self.vault(), Arc::new(rows));
        let (also, all) = (vault.clone(), Arc::clone(&rows));
        let together = self.write_first(Priority::Routine, move |db| commit_together(db, &vault, &rows, now)).await;
        match together {
            Err(error) if !error.may_pass() => {
                self.write(Priority::Routine, move |db| commit_apart(db, &also, &all, now)).await
            }
            done => done,
        }
    }
}

/// Runs an act that undoes itself alone where it fails or panics.
pub(super) fn in_savepoint<T>(db: &Connection, act: impl FnOnce() -> Result<T, DbError>) -> Result<T, DbError> {
    db.prepare_cached("SAVEPOINT inner_act")?.execute([])?;
    let result = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(DbError::Damaged(last_words(&*panic))));
    if result.is_err() && db.is_autocommit() {
        // SQLite ended the transaction itself, and with it the savepoint.
        return result;
    }
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
fn show_unstored(db: &Connection, row: &PendingRow, reason: &str, now: i64) -> Result<(), DbError> {
    let Some(channel) = &row.channel else { return Ok(()) };
    let words = format!("Request {} is parked: {reason}", row.id);
    let finding = Finding::new("error", "inbound-not-stored", words, None);
    if channels::note(db, channel, &finding, FindingSource::Notice.as_str(), now)? {
        channels::tell(db, channel, now)?;
    }
    Ok(())
}

fn commit_together(
    db: &Connection,
    vault: &Vault,
    rows: &[Translated],
    now: i64,
) -> Result<Vec<Result<Committed, DbError>>, DbError> {
    let mut act = Act::new((db, vault), rows, false, now);
    rows.iter().map(|row| act.commit(row).map(Ok)).collect()
}

fn commit_apart(
    db: &Connection,
    vault: &Vault,
    rows: &[Translated],
    now: i64,
) -> Result<Vec<Result<Committed, DbError>>, DbError> {
    let mut act = Act::new((db, vault), rows, true, now);
    let mut done = Vec::with_capacity(rows.len());
    for translated in rows {
        let row = &*translated.row;
        match in_savepoint(db, || act.commit(translated)) {
            Err(error) if error.may_pass() => {
                // Those after it wait with it: they must not overtake it, and SQLite may have ended the transaction, so that
                // a savepoint would begin one of its own.
                done.push(Err(error));
                break;
            }
            Err(error) => {
                tracing::error!(row = %row.id, plugin = &*row.plugin, %error, "a request could not be stored");
                let reason = format!("it could not be stored: {error}");
                done.push(Ok(act.park_whole(row, &reason)?));
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
    /// All requests of the act.
    rows: &'a [Translated],
    /// The first request of each address that still waits and is none of these: no later one is stored.
    bars: HashMap<Arc<str>, RequestId>,
    /// The channels of these requests: nothing but connecting and disconnecting, which are acts of their own, changes what is
    /// kept here.
    standings: HashMap<String, Option<Standing>>,
    shown: Shown,
}

/// What applies to every event of a request.
struct Ground<'g> {
    rules: &'g [WindowRule],
    gone: &'g Gone,
    shown: &'g Shown,
}

impl<'a> Act<'a> {
    fn new((db, vault): (&'a Connection, &'a Vault), rows: &'a [Translated], apart: bool, now: i64) -> Act<'a> {
        let (bars, standings, shown) = (HashMap::new(), HashMap::new(), Shown::default());
        Act { db, vault, now, apart, rows, bars, standings, shown }
    }

    /// Whether a request that came before this one to the same address still waits.
    fn overtakes(&mut self, row: &PendingRow) -> Result<bool, DbError> {
        if let Some(bar) = self.bars.get(&row.address) {
            return Ok(row.id > *bar);
        }
        let same = self.rows.iter().map(|translated| &translated.row).filter(|other| other.address == row.address);
        let own: HashSet<RequestId> = same.map(|row| row.id).collect();
        let bar =
            journal::first_pending(self.db, &row.plugin, &row.address, &own)?.unwrap_or(RequestId::of_row(i64::MAX));
        self.bars.insert(Arc::clone(&row.address), bar);
        Ok(row.id > bar)
    }

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

    fn commit(&mut self, translated: &Translated) -> Result<Committed, DbError> {
        let (db, row) = (self.db, &*translated.row);
        let found = db
            .prepare_cached("SELECT state, erased FROM journal WHERE id = ?1")?
            .query_row([row.id], |found| {
                Ok((found.get_ref(0)?.as_str()? == "pending", found.get::<_, Option<Vec<u8>>>(1)?))
            })
            .optional()?;
        let Some((true, marked)) = found else { return Ok(NOTHING) };
        if self.overtakes(row)? {
            return self.again(row);
        }
        let gone = Gone::read(self.vault, row.id, marked.as_deref())?;
        let done = self.store(row, translated, &gone)?;
        if marked.is_some() && matches!(done.effect, Effect::Settled | Effect::Parked) {
            journal::forget_erased(db, row.id)?;
        }
        Ok(done)
    }

    /// Stores what a request holds, but for what is said by those who are erased.
    fn store(&mut self, row: &PendingRow, translated: &Translated, gone: &Gone) -> Result<Committed, DbError> {
        let (db, now) = (self.db, self.now);
        let Translated { translation, progress, .. } = translated;
        let own = match &row.channel {
            Some(channel) => match self.standing(channel)? {
                None => return self.park_whole(row, "the channel was disconnected before this was translated"),
                // Not translated because nobody waited at the provider; by now somebody does.
                Some(Standing::Connecting { waits: true }) if matches!(translation, Translation::TooEarly) => {
                    return self.again(row);
                }
                Some(Standing::Connecting { .. }) => return self.wait(row, translation, channel),
                Some(Standing::At(place)) => Some(place),
            },
            None => None,
        };
        match translation {
            Translation::TooEarly | Translation::Outcome { early: true, .. } => self.again(row),
            Translation::Parked(reason) => self.park_whole(row, reason),
            Translation::Failed(error) => self.park_whole(row, &error.to_string()),
            Translation::Outcome { outcome, rules, .. } => {
                if row.replays > 0 && *progress == Progress::default() {
                    journal_items::clear(db, row.id)?;
                }
                let ground = Ground { rules, gone, shown: &self.shown };
                let (mut tally, before) = (progress.tally.clone(), progress.tally.stored);
                let (mut from, mut room) = (progress.event, STEP);
                for (index, item) in outcome.items.iter().enumerate().skip(progress.item) {
                    if room == 0 {
                        return self.partly(row, Progress { item: index, event: from, tally }, before);
                    }
                    let all = events_of(item).len();
                    let until = all.min(from + room);
                    let result =
                        self.guarded(|| apply_item(db, row, index, (item, from..until), own.as_ref(), &ground, now));
                    room -= (until - from).max(1);
                    match result {
                        Ok(one) if until < all && one.parked == 0 => {
                            tally.add_part(one);
                            return self.partly(row, Progress { item: index, event: until, tally }, before);
                        }
                        Ok(one) => tally.add(one),
                        Err(error) if !self.apart || error.may_pass() => return Err(error),
                        Err(error) => {
                            tracing::error!(row = %row.id, item = index, plugin = &*row.plugin, %error, "an item could not be stored");
                            let reason = format!("it could not be stored: {error}");
                            show_unstored(db, row, &reason, now)?;
                            let place = own.as_ref().map(|own| (own.workspace.as_str(), own.channel.as_str()));
                            tally.add(park_item(db, row, index, item, place, &reason, now)?);
                        }
                    }
                    from = 0;
                }
                self.settle(row, &tally, before)
            }
        }
    }

    /// Some of the request is stored, and it waits for the rest.
    fn partly(&self, row: &PendingRow, progress: Progress, before: u32) -> Result<Committed, DbError> {
        let stored = progress.tally.stored - before;
        journal::stored_more(self.db, row.id, stored)?;
        Ok(Committed { effect: Effect::Partly, stored, progress: Some(progress) })
    }

    /// The request is to be translated again, and what came after it waits for it.
    fn again(&mut self, row: &PendingRow) -> Result<Committed, DbError> {
        let bar = self.bars.entry(Arc::clone(&row.address)).or_insert(row.id);
        *bar = row.id.min(*bar);
        Ok(Committed { effect: Effect::Again, ..NOTHING })
    }

    /// The request waits until its channel is connected; what concerns the connection itself takes effect at once.
    fn wait(&self, row: &PendingRow, translation: &Translation, channel: &str) -> Result<Committed, DbError> {
        if let Translation::Outcome { outcome, .. } = translation {
            for item in &outcome.items {
                let ItemResult::Events(events) = &item.outcome else { continue };
                for event in events {
                    notices::early(self.db, channel, event, events::time_of(event, row.received_at))?;
                }
            }
        }
        journal::update(
            self.db,
            row.id,
            &Stand { effect: Effect::Waiting, reason: None, stored: 0, settled_at: None },
        )?;
        Ok(Committed { effect: Effect::Waiting, ..NOTHING })
    }

    fn park_whole(&self, row: &PendingRow, reason: &str) -> Result<Committed, DbError> {
        let reason: String = reason.chars().take(2_000).collect();
        let stand = Stand { effect: Effect::Parked, reason: Some(&reason), stored: 0, settled_at: Some(self.now) };
        journal::update(self.db, row.id, &stand)?;
        Ok(Committed { effect: Effect::Parked, ..NOTHING })
    }

    /// The last step of a request, of which so many events were stored before.
    fn settle(&self, row: &PendingRow, tally: &Tally, before: u32) -> Result<Committed, DbError> {
        let parked = tally.parked > 0;
        let reason = match (&tally.first_reason, tally.items) {
            (_, 0) => Some(Cow::Borrowed("the request holds no items")),
            (Some(reason), items) if parked => Some(Cow::Owned(format!("{} of {items} items: {reason}", tally.parked))),
            (reason, _) => reason.as_deref().map(Cow::Borrowed),
        };
        let effect = if parked { Effect::Parked } else { Effect::Settled };
        let stored = tally.stored - before;
        let stand = Stand { effect, reason: reason.as_deref(), stored, settled_at: Some(self.now) };
        journal::update(self.db, row.id, &stand)?;
        Ok(Committed { effect, stored, progress: None })
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.items += 1;
        self.add_part(other);
    }

    /// Adds what became of some of an item's events.
    fn add_part(&mut self, other: Tally) {
        self.stored += other.stored;
        self.parked += other.parked;
        self.first_reason = self.first_reason.take().or(other.first_reason);
    }
}

fn apply_item(
    db: &Connection,
    row: &PendingRow,
    index: usize,
    (item, part): (&Item, Range<usize>),
    own: Option<&Place>,
    ground: &Ground<'_>,
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
                apply_events(db, row, (index, item), &events[part.clone()], place, ground, now, &mut tally)?;
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
    row: &PendingRow,
    (index, item): (usize, &Item),
    events: &[Event],
    place: &Place,
    ground: &Ground<'_>,
    now: i64,
    tally: &mut Tally,
) -> Result<(), DbError> {
    // These may change how the account and its channel are shown.
    let changing = |event: &Event| {
        matches!(event.what, Happening::AccountChanged(_) | Happening::Notice(_) | Happening::TemplateChanged(_))
    };
    let shown = match events.iter().any(changing) {
        true => {
            ground.shown.forget();
            None
        }
        false => ground.shown.of(db, place.account)?,
    };
    let mut site = Site {
        request: Some(row.id),
        db,
        workspace: &place.workspace,
        account: place.account,
        channel: Some(&place.channel),
        shown: shown.as_deref(),
        rules: ground.rules,
        received_at: row.received_at,
        now,
        replayed: row.replays > 0,
        told: Default::default(),
    };
    for event in events {
        if ground.gone.concerns(&place.workspace, event) {
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
    site.tell()
}

#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
fn note_item(
    db: &Connection,
    row: &PendingRow,
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
    row: &PendingRow,
    index: usize,
    item: &Item,
    place: Option<(&str, &str)>,
    reason: &str,
    now: i64,
) -> Result<Tally, DbError> {
    note_item(db, row, index, item, place, "parked", reason, now)?;
    Ok(Tally { parked: 1, first_reason: Some(reason.to_owned()), ..Tally::default() })
}
