//! What things are called, by their ids.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::{Db, DbError};

impl Db {
    /// The names of the people, tokens, channels, endpoints, saved replies and workspaces with these ids: those of `workspace`, or of the
    /// whole host. Contacts have none here, because a log outlives them.
    pub async fn names_of(
        &self,
        workspace: Option<String>,
        ids: Vec<String>,
    ) -> Result<HashMap<String, String>, DbError> {
        self.read(move |db| {
            let mut found = HashMap::new();
            for id in ids {
                if let Some(name) = name_of(db, workspace.as_deref(), &id)? {
                    found.insert(id, name);
                }
            }
            Ok(found)
        })
        .await
    }
}

fn name_of(db: &Connection, workspace: Option<&str>, id: &str) -> Result<Option<String>, DbError> {
    let statement = match id.split_once('_').map(|(kind, _)| kind) {
        Some("usr") => "SELECT name FROM users WHERE id = ?1 AND (?2 IS NULL OR workspace_id = ?2)",
        Some("tok") => "SELECT name FROM tokens WHERE id = ?1 AND kind = 'api' AND (?2 IS NULL OR workspace_id = ?2)",
        Some("ch") => "SELECT name FROM channels WHERE id = ?1 AND (?2 IS NULL OR workspace_id = ?2)",
        Some("ep") => "SELECT url FROM endpoints WHERE id = ?1 AND (?2 IS NULL OR workspace_id = ?2)",
        Some("rp") => "SELECT name FROM replies WHERE id = ?1 AND (?2 IS NULL OR workspace_id = ?2)",
        Some("ws") => "SELECT name FROM workspaces WHERE id = ?1 AND (?2 IS NULL OR id = ?2)",
        _ => return Ok(None),
    };
    Ok(db.prepare_cached(statement)?.query_row(params![id, workspace], |row| row.get(0)).optional()?)
}
