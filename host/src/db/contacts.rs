//! People as the API shows them. How they come to be is inbound's.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use super::{Db, DbError};
use crate::model::time::rfc3339;

const COLUMNS: &str = "id, name, avatar, created_at, changed_at, erased_at";

fn contact(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "id": row.get::<_, String>(0)?,
        "name": row.get::<_, Option<String>>(1)?,
        "avatar": row.get::<_, Option<String>>(2)?,
        "created_at": rfc3339(row.get(3)?),
        "changed_at": rfc3339(row.get(4)?),
        "erased_at": row.get::<_, Option<i64>>(5)?.map(rfc3339),
    }))
}

fn with_identities(db: &Connection, mut contact: Value) -> Result<Value, DbError> {
    let mut query = db.prepare_cached(
        "SELECT scheme, scope, value FROM identities WHERE contact_id = ?1 ORDER BY scheme, scope, value LIMIT 100",
    )?;
    let id = contact.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let identities = query.query_map([id], |row| {
        Ok(json!({
            "scheme": row.get::<_, String>(0)?,
            "scope": row.get::<_, String>(1)?,
            "value": row.get::<_, String>(2)?,
        }))
    })?;
    let identities: Vec<Value> = identities.collect::<Result<_, _>>()?;
    if let Some(object) = contact.as_object_mut() {
        object.insert("identities".into(), identities.into());
    }
    Ok(contact)
}

impl Db {
    /// A page of a workspace's people, the newest first, before the id `before`; erased ones are not in it.
    pub async fn contacts_page(
        &self,
        workspace: &str,
        before: Option<String>,
        limit: u32,
    ) -> Result<Vec<Value>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM contacts WHERE workspace_id = ?1 AND (?2 IS NULL OR id < ?2) AND erased_at IS NULL ORDER BY id DESC LIMIT ?3"
            ))?;
            let rows: Vec<Value> =
                query.query_map(params![workspace, before, limit], contact)?.collect::<Result<_, _>>()?;
            rows.into_iter().map(|row| with_identities(db, row)).collect()
        })
        .await
    }

    /// One person of a workspace, with the conversations with them, the newest first.
    pub async fn contact(&self, workspace: &str, id: &str) -> Result<Option<Value>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |db| {
            let found = db
                .prepare_cached(&format!("SELECT {COLUMNS} FROM contacts WHERE id = ?1 AND workspace_id = ?2"))?
                .query_row([&id, &workspace], contact)
                .optional()?;
            let Some(found) = found else { return Ok(None) };
            let mut shown = with_identities(db, found)?;
            let mut query = db.prepare_cached(
                "SELECT id FROM conversations WHERE contact_id = ?1 AND merged_into IS NULL ORDER BY last_message_at DESC, id DESC LIMIT 100",
            )?;
            let theirs: Vec<String> = query.query_map([&id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            if let Some(object) = shown.as_object_mut() {
                object.insert("conversations".into(), json!(theirs));
            }
            Ok(Some(shown))
        })
        .await
    }
}
