//! Which channels a request is for, and whether they take it now.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::inbound::Item;

use crate::db::inbox::conversations::account_view;
use crate::db::{DbError, PendingRow};
use crate::model::shown::conversation::{AccountRef, ChannelRef};

/// Where events of an item belong.
#[derive(Clone)]
pub(super) struct Place {
    pub channel: String,
    pub workspace: String,
    pub account: i64,
    /// The account as the provider names it.
    name: String,
}

/// How an account and its channel are shown.
type Pair = Rc<(AccountRef, Option<ChannelRef>)>;

/// How the accounts of the requests of one commit are shown, each read once.
#[derive(Default)]
pub(super) struct Shown(RefCell<HashMap<i64, Pair>>);

impl Shown {
    pub fn of(&self, db: &Connection, account: i64) -> Result<Option<Pair>, DbError> {
        if let Some(known) = self.0.borrow().get(&account) {
            return Ok(Some(Rc::clone(known)));
        }
        let Some(read) = account_view(db, account)?.map(Rc::new) else { return Ok(None) };
        self.0.borrow_mut().insert(account, Rc::clone(&read));
        Ok(Some(read))
    }

    /// Something may be shown otherwise now.
    pub fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

/// Whether a channel takes what came for it.
#[derive(Clone)]
pub(super) enum Standing {
    /// `waits`: for something to happen at the provider.
    Connecting { waits: bool },
    /// It takes it.
    At(Place),
}

/// How a channel stands; none where it was disconnected.
pub(super) fn standing(db: &Connection, channel: &str) -> Result<Option<Standing>, DbError> {
    let found = db
        .prepare_cached(
            "SELECT workspace_id, CASE state WHEN 'connecting' THEN NULL ELSE account_id END, coalesce(account, ''), \
                    state = 'connecting' AND coalesce(json_extract(step, '$.kind'), '') = 'wait' FROM channels WHERE id = ?1",
        )?
        .query_row([channel], |row| {
            Ok(match row.get(1)? {
                Some(account) => Standing::At(Place { channel: channel.to_owned(), workspace: row.get(0)?, account, name: row.get(2)? }),
                None => Standing::Connecting { waits: row.get(3)? },
            })
        })
        .optional()?;
    Ok(found)
}

/// Whether an item that came to a channel's own address is the channel's: it names nobody, or this account.
pub(super) fn concerns(db: &Connection, own: &Place, item: &Item) -> Result<bool, DbError> {
    if item.routes.is_empty() || item.routes.contains(&own.name) {
        return Ok(true);
    }
    let mut query = db.prepare_cached("SELECT 1 FROM routes WHERE channel_id = ?1 AND route = ?2")?;
    for route in &item.routes {
        if query.exists([&own.channel, route])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The channels of a shared address that an item names. A registration that belongs to a workspace reaches only channels that
/// use it, so that nobody can speak for another's account.
pub(super) fn places_of(db: &Connection, row: &PendingRow, item: &Item) -> Result<Vec<Place>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT c.id, c.workspace_id, c.account_id, coalesce(c.account, '') FROM channels c WHERE c.plugin_id = ?1 AND c.account = ?2 AND c.account_id IS NOT NULL \
           AND (c.app_id IS ?3 OR (c.app_id IS NULL AND EXISTS (SELECT 1 FROM apps a WHERE a.id = ?3 AND a.is_default = 1))) \
         UNION SELECT c.id, c.workspace_id, c.account_id, coalesce(c.account, '') FROM routes r JOIN channels c ON c.id = r.channel_id \
           WHERE r.plugin_id = ?1 AND r.route = ?2 AND c.account_id IS NOT NULL \
           AND (c.app_id IS ?3 OR (c.app_id IS NULL AND EXISTS (SELECT 1 FROM apps a WHERE a.id = ?3 AND a.is_default = 1))) ORDER BY 1",
    )?;
    let mut places: Vec<Place> = Vec::new();
    for route in &item.routes {
        let rows = query.query_map(params![row.plugin, route, row.app], |row| {
            Ok(Place { channel: row.get(0)?, workspace: row.get(1)?, account: row.get(2)?, name: row.get(3)? })
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
