//! Saved replies of a workspace.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::people::audit;
use crate::db::people::idempotency::KeptAnswer;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;
use crate::model::shown::reply::SavedReply;
use crate::model::time::rfc3339;

const COLUMNS: &str = "id, name, text, created_at, changed_at";

/// A saved reply to be kept.
pub struct NewReply {
    /// `rp_…`
    pub id: String,
    /// What it is found by.
    pub name: String,
    /// The text with its variables.
    pub text: String,
}

/// What came of adding a saved reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyAdded {
    /// It is kept.
    Yes(SavedReply),
    /// The workspace has as many as it may.
    Full,
}

fn reply(row: &Row<'_>) -> rusqlite::Result<SavedReply> {
    Ok(SavedReply {
        id: row.get(0)?,
        name: row.get(1)?,
        text: row.get(2)?,
        created_at: rfc3339(row.get(3)?),
        changed_at: rfc3339(row.get(4)?),
    })
}

fn one(db: &Connection, workspace: &str, id: &str) -> Result<Option<SavedReply>, DbError> {
    Ok(db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM replies WHERE workspace_id = ?1 AND id = ?2"))?
        .query_row([workspace, id], reply)
        .optional()?)
}

impl Db {
    /// A workspace's saved replies by name, at most `most`; with `find` those whose name contains the text.
    pub async fn replies(&self, workspace: &str, find: Option<&str>, most: u32) -> Result<Vec<SavedReply>, DbError> {
        let (workspace, like) = (workspace.to_owned(), find.map(crate::db::inbox::conversations::like));
        self.read(move |db| {
            let mut ask = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM replies WHERE workspace_id = ?1 AND (?2 IS NULL OR name LIKE ?2 ESCAPE '\\') \
                 ORDER BY name COLLATE NOCASE, id LIMIT ?3"
            ))?;
            let rows = ask.query_map(params![workspace, like, most], reply)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One saved reply of a workspace.
    pub async fn saved_reply(&self, workspace: &str, id: &str) -> Result<Option<SavedReply>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| one(db, &workspace, &id)).await
    }

    /// Keeps a saved reply, where the workspace has fewer than `most`. `kept` makes the answer that is kept in the same act.
    pub async fn add_reply(
        &self,
        workspace: &str,
        new: NewReply,
        most: u32,
        entry: Entry,
        kept: Option<KeptAnswer>,
    ) -> Result<ReplyAdded, DbError> {
        let (workspace, keeper) = (workspace.to_owned(), self.keeper());
        self.write(Priority::Urgent, move |db| {
            let count: u32 = db
                .prepare_cached("SELECT count(*) FROM replies WHERE workspace_id = ?1")?
                .query_row([&workspace], |row| row.get(0))?;
            if count >= most {
                return Ok(ReplyAdded::Full);
            }
            db.prepare_cached(
                "INSERT INTO replies (id, workspace_id, name, text, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            )?
            .execute(params![new.id, workspace, new.name, new.text, entry.at])?;
            keeper.keep(db, kept.as_ref())?;
            audit::append(db, &entry)?;
            one(db, &workspace, &new.id)?
                .map(ReplyAdded::Yes)
                .ok_or_else(|| DbError::Damaged("a saved reply is not there after it was kept".into()))
        })
        .await
    }

    /// Changes a saved reply; none where there is none.
    pub async fn change_reply(
        &self,
        workspace: &str,
        id: &str,
        name: Option<String>,
        text: Option<String>,
        entry: Entry,
    ) -> Result<Option<SavedReply>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |db| {
            let changed = db
                .prepare_cached(
                    "UPDATE replies SET name = coalesce(?3, name), text = coalesce(?4, text), changed_at = ?5 \
                     WHERE workspace_id = ?1 AND id = ?2",
                )?
                .execute(params![workspace, id, name, text, entry.at])?;
            if changed == 0 {
                return Ok(None);
            }
            audit::append(db, &entry)?;
            one(db, &workspace, &id)
        })
        .await
    }

    /// Removes a saved reply; whether there was one.
    pub async fn remove_reply(&self, workspace: &str, id: &str, entry: Entry) -> Result<bool, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |db| {
            let gone = db
                .prepare_cached("DELETE FROM replies WHERE workspace_id = ?1 AND id = ?2")?
                .execute(params![workspace, id])?;
            if gone > 0 {
                audit::append(db, &entry)?;
            }
            Ok(gone > 0)
        })
        .await
    }
}
