//! Registrations with a provider that several channels share. One without a workspace is the operator's, for everybody.

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::db::channels::{NewSecret, secrets};
use crate::db::people::audit;
use crate::db::people::idempotency::Ticket;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;
use crate::model::channel::{Finding, Instruction};

/// A registration as it stands in the database. No secret is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct AppRow {
    /// `app_…`
    pub id: String,
    /// Whose it is; none: the operator's, shared.
    pub workspace: Option<String>,
    /// Which plugin it is for.
    pub plugin: String,
    /// What people call it.
    pub name: String,
    /// Plain settings, an object.
    pub settings: Value,
    /// What the host made and is not secret.
    pub generated: Vec<(String, String)>,
    /// Channels that name none use it, and `/hooks/{plugin}` is its address.
    pub is_default: bool,
    /// What remains to be done by hand: `[{text, link, copy}]`.
    pub instructions: Vec<Instruction>,
    /// What the last check found: `[{level, code, words, fix}]`.
    pub findings: Vec<Finding>,
    /// When that was, in milliseconds since 1970.
    pub checked_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub changed_at: i64,
}

const COLUMNS: &str = "id, workspace_id, plugin_id, name, settings, generated, is_default, instructions, created_at, changed_at, findings, checked_at";

fn parsed<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn app(row: &Row<'_>) -> rusqlite::Result<AppRow> {
    Ok(AppRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        plugin: row.get(2)?,
        name: row.get(3)?,
        settings: parsed(row, 4)?,
        generated: serde_json::from_value(parsed(row, 5)?).unwrap_or_default(),
        is_default: row.get(6)?,
        instructions: parsed(row, 7)?,
        created_at: row.get(8)?,
        changed_at: row.get(9)?,
        findings: parsed(row, 10)?,
        checked_at: row.get(11)?,
    })
}

/// The registration of this id.
pub(in crate::db) fn by_id(db: &Connection, id: &str) -> Result<Option<AppRow>, DbError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM apps WHERE id = ?1"))?;
    Ok(query.query_row([id], app).optional()?)
}

impl Db {
    /// The registration of this id, whoever's it is: for the host's own work.
    pub async fn app(&self, id: &str) -> Result<Option<AppRow>, DbError> {
        let id = id.to_owned();
        self.read(move |db| by_id(db, &id)).await
    }

    /// The registration of this id if this workspace may use it: its own, or a shared one.
    pub async fn app_for(&self, workspace: &str, plugin: &str, id: &str) -> Result<Option<AppRow>, DbError> {
        let row = self.app(id).await?;
        Ok(row.filter(|app| app.plugin == plugin && app.workspace.as_deref().is_none_or(|owner| owner == workspace)))
    }

    /// The plugin's default registration.
    pub async fn default_app(&self, plugin: &str) -> Result<Option<AppRow>, DbError> {
        let plugin = plugin.to_owned();
        self.read(move |db| {
            let mut query =
                db.prepare_cached(&format!("SELECT {COLUMNS} FROM apps WHERE plugin_id = ?1 AND is_default = 1"))?;
            Ok(query.query_row([plugin], app).optional()?)
        })
        .await
    }

    /// The registrations that a workspace may use, in the order of their making, after the id `after`.
    pub async fn apps_page(
        &self,
        workspace: &str,
        plugin: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AppRow>, DbError> {
        let values = [workspace.to_owned(), plugin.to_owned(), after.to_owned(), limit.to_string()];
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM apps WHERE (workspace_id = ?1 OR workspace_id IS NULL) AND plugin_id = ?2 AND id > ?3 \
                 ORDER BY id LIMIT CAST(?4 AS INTEGER)"
            ))?;
            Ok(query.query_map(params_from_iter(values), app)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Stores a registration, new or changed, with its secrets: those given are sealed, those named in `cleared` go.
    pub async fn save_app(
        &self,
        row: AppRow,
        new: Vec<NewSecret>,
        cleared: Vec<String>,
        entry: Option<Entry>,
        request: Option<Ticket>,
    ) -> Result<(), DbError> {
        let (vault, keeper) = (self.vault(), self.keeper());
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO apps (id, workspace_id, plugin_id, name, settings, generated, is_default, instructions, created_at, changed_at, findings, checked_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                 ON CONFLICT (id) DO UPDATE SET name = ?4, settings = ?5, generated = ?6, instructions = ?8, changed_at = ?10, \
                   findings = ?11, checked_at = ?12",
            )?
            .execute(params![
                row.id,
                row.workspace,
                row.plugin,
                row.name,
                row.settings.to_string(),
                serde_json::json!(row.generated).to_string(),
                row.is_default,
                serde_json::json!(row.instructions).to_string(),
                row.created_at,
                row.changed_at,
                serde_json::json!(row.findings).to_string(),
                row.checked_at
            ])?;
            keeper.begun(db, request.as_ref(), &row.id)?;
            for name in &cleared {
                secrets::remove(db, &row.id, name)?;
            }
            for secret in &new {
                let value = secrets::NewSecret {
                    owner: &row.id,
                    name: &secret.name,
                    workspace: row.workspace.as_deref(),
                    value: secret.value.expose(),
                    bound_to: None,
                    expires_at: secret.expires_at,
                };
                secrets::put(db, &vault, &value, row.changed_at)?;
            }
            match &entry {
                Some(entry) => audit::append(db, entry),
                None => Ok(()),
            }
        })
        .await
    }

    /// Takes a registration away with its secrets. `false` where channels still use it.
    pub async fn delete_app(&self, id: &str, entry: Option<Entry>) -> Result<bool, DbError> {
        let id = id.to_owned();
        self.write(Priority::Routine, move |db| {
            let used: bool = db
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM channels WHERE app_id = ?1)")?
                .query_row([&id], |row| row.get(0))?;
            if used {
                return Ok(false);
            }
            secrets::remove_all(db, &id)?;
            db.prepare_cached("DELETE FROM apps WHERE id = ?1")?.execute([&id])?;
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
            }
            Ok(true)
        })
        .await
    }

    /// Whether channels use a registration.
    pub async fn app_is_used(&self, id: &str) -> Result<bool, DbError> {
        let id = id.to_owned();
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM channels WHERE app_id = ?1)")?
                .query_row([id], |row| row.get(0))?)
        })
        .await
    }
}
