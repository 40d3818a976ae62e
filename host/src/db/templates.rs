//! Message templates as the provider last named them, and when they are to be read again.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::{Db, DbError, Priority, feed};
use crate::model::time::rfc3339;

/// A template as the provider named it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTemplate {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// "approved" or the provider's word.
    pub status: String,
    /// Everything, after the contract's schema of a template.
    pub body: Value,
}

/// A channel whose templates are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleTemplates {
    /// The account.
    pub account_id: i64,
    /// The channel connected to it.
    pub channel_id: String,
    /// Whose it is.
    pub workspace: String,
    /// The plugin.
    pub plugin: String,
}

impl Db {
    /// Replaces what is known of an account's templates by what the provider named; tells the feed of what changed.
    pub async fn replace_templates(
        &self,
        workspace: &str,
        account_id: i64,
        named: Vec<NewTemplate>,
        now: i64,
        again_at: i64,
    ) -> Result<(), DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Routine, move |db| replace(db, &workspace, account_id, &named, now, again_at)).await
    }

    /// The templates could not be read; why, and when it is tried again.
    pub async fn templates_failed(
        &self,
        workspace: &str,
        account_id: i64,
        error: String,
        again_at: i64,
    ) -> Result<(), DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO template_syncs (account_id, workspace_id, due_at, error) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (account_id) DO UPDATE SET due_at = excluded.due_at, error = excluded.error",
            )?
            .execute(params![account_id, workspace, again_at, error])?;
            Ok(())
        })
        .await
    }

    /// A send named a template that the provider does not know: read them again soon.
    pub async fn templates_missed(&self, account_id: i64, now: i64) -> Result<(), DbError> {
        self.write(Priority::Routine, move |db| make_stale(db, account_id, now)).await
    }

    /// An account's templates after `after` (name, language), in the API's form.
    pub async fn templates_page(
        &self,
        workspace: &str,
        account_id: i64,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<Value>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |db| {
            let (name, language) = after.unwrap_or_default();
            let mut ask = db.prepare_cached(
                "SELECT name, language, status, body, synced_at FROM templates
                 WHERE account_id = ?1 AND workspace_id = ?2 AND (name, language) > (?3, ?4) ORDER BY name, language LIMIT ?5",
            )?;
            let rows = ask.query_map(params![account_id, workspace, name, language, limit], |row| {
                let body: Value = serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or(Value::Null);
                Ok(shown(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?, &row.get::<_, String>(2)?, body, row.get(4)?))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// One template's status and body, where it is known.
    pub async fn template(
        &self,
        account_id: i64,
        name: &str,
        language: &str,
    ) -> Result<Option<(String, Value)>, DbError> {
        let (name, language) = (name.to_owned(), language.to_owned());
        self.read(move |db| {
            let found = db
                .prepare_cached(
                    "SELECT status, body FROM templates WHERE account_id = ?1 AND name = ?2 AND language = ?3",
                )?
                .query_row(params![account_id, name, language], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })
                .optional()?;
            Ok(found.map(|(status, body)| (status, serde_json::from_str(&body).unwrap_or(Value::Null))))
        })
        .await
    }

    /// When an account's templates were read last, and what went wrong since.
    pub async fn templates_synced(&self, account_id: i64) -> Result<(Option<i64>, Option<String>), DbError> {
        self.read(move |db| {
            let found = db
                .prepare_cached("SELECT synced_at, error FROM template_syncs WHERE account_id = ?1")?
                .query_row([account_id], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(found.unwrap_or_default())
        })
        .await
    }

    /// Connected channels whose templates were never read since they were connected, or are due again.
    pub async fn stale_templates(&self, now: i64, most: u32) -> Result<Vec<StaleTemplates>, DbError> {
        self.read(move |db| {
            let mut ask = db.prepare_cached(
                "SELECT c.account_id, c.id, c.workspace_id, c.plugin_id FROM channels c
                 LEFT JOIN template_syncs s ON s.account_id = c.account_id
                 WHERE c.state = 'connected' AND c.account_id IS NOT NULL
                   AND (s.account_id IS NULL OR s.due_at <= ?1 OR (s.synced_at < c.created_at AND s.error IS NULL)) LIMIT ?2",
            )?;
            let rows = ask.query_map(params![now, most], |row| {
                Ok(StaleTemplates {
                    account_id: row.get(0)?,
                    channel_id: row.get(1)?,
                    workspace: row.get(2)?,
                    plugin: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }
}

/// The provider changed a template: read them again soon. For use in the act that stores the event.
pub(in crate::db) fn make_stale(db: &Connection, account_id: i64, now: i64) -> Result<(), DbError> {
    db.prepare_cached("UPDATE template_syncs SET due_at = min(due_at, ?2) WHERE account_id = ?1")?
        .execute(params![account_id, now])?;
    Ok(())
}

fn shown(name: &str, language: &str, status: &str, body: Value, synced_at: i64) -> Value {
    let mut template = body.as_object().cloned().unwrap_or_default();
    template.insert("name".into(), name.into());
    template.insert("language".into(), language.into());
    template.insert("status".into(), status.into());
    template.insert("synced_at".into(), rfc3339(synced_at).into());
    Value::Object(template)
}

fn replace(
    db: &Connection,
    workspace: &str,
    account_id: i64,
    named: &[NewTemplate],
    now: i64,
    again_at: i64,
) -> Result<(), DbError> {
    let channel: Option<String> = db
        .prepare_cached("SELECT id FROM channels WHERE account_id = ?1")?
        .query_row([account_id], |row| row.get(0))
        .optional()?;
    for template in named {
        let body = template.body.to_string();
        let before: Option<(String, String)> = db
            .prepare_cached("SELECT status, body FROM templates WHERE account_id = ?1 AND name = ?2 AND language = ?3")?
            .query_row(params![account_id, template.name, template.language], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        db.prepare_cached(
            "INSERT INTO templates (account_id, name, language, workspace_id, status, body, synced_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (account_id, name, language) DO UPDATE SET status = excluded.status, body = excluded.body,
               synced_at = excluded.synced_at",
        )?
        .execute(params![account_id, template.name, template.language, workspace, template.status, body, now])?;
        if before.as_ref().map(|(status, body)| (status.as_str(), body.as_str())) != Some((&template.status, &body)) {
            let mut data = shown(&template.name, &template.language, &template.status, template.body.clone(), now);
            data["channel_id"] = json!(channel);
            feed::append(db, workspace, "template.updated", &data, now)?;
        }
    }
    let mut ask =
        db.prepare_cached("SELECT name, language, body FROM templates WHERE account_id = ?1 AND synced_at < ?2")?;
    let gone = ask
        .query_map(params![account_id, now], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (name, language, _) in gone {
        db.prepare_cached("DELETE FROM templates WHERE account_id = ?1 AND name = ?2 AND language = ?3")?
            .execute(params![account_id, name, language])?;
        let data = json!({"name": name, "language": language, "status": "gone", "channel_id": channel});
        feed::append(db, workspace, "template.updated", &data, now)?;
    }
    db.prepare_cached(
        "INSERT INTO template_syncs (account_id, workspace_id, due_at, synced_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (account_id) DO UPDATE SET due_at = excluded.due_at, synced_at = excluded.synced_at, error = NULL",
    )?
    .execute(params![account_id, workspace, again_at, now])?;
    Ok(())
}
