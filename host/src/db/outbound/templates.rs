//! Message templates as the provider last named them, with what an admin switched off, and when they are to be read again.

mod news;

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use crate::db::people::audit;
use crate::db::{Db, DbError, Priority, feed};
use crate::model::audit::Entry;
use crate::model::time::rfc3339;

pub(in crate::db) use news::changed;

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

/// A template that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownTemplate {
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// "approved" or the provider's word.
    pub status: String,
    /// Whether an admin lets it be used.
    pub enabled: bool,
    /// Everything, after the contract's schema of a template.
    pub body: Value,
    /// When it was read last.
    pub synced_at: i64,
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

/// Which of a channel's templates are listed. The default is every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateFilter {
    /// Those that may be sent: approved, and not switched off.
    pub sendable: bool,
    /// Part of the name, in any case; empty: any.
    pub search: String,
    /// The provider's word for the state, in any case; empty: any.
    pub status: String,
}

impl KnownTemplate {
    /// Whether the provider and the admins let it be sent.
    pub fn is_sendable(&self) -> bool {
        self.enabled && self.status.eq_ignore_ascii_case("approved")
    }

    /// In the API's form. A template is known by its name and language, which are its id; the provider's own stands beside it.
    pub fn shown(&self) -> Value {
        let mut template = self.body.as_object().cloned().unwrap_or_default();
        let provider_id = template.remove("id").unwrap_or_default();
        for (key, value) in [
            ("id", format!("{}:{}", self.name, self.language).into()),
            ("provider_id", provider_id),
            ("name", self.name.clone().into()),
            ("language", self.language.clone().into()),
            ("status", self.status.clone().into()),
            ("enabled", self.enabled.into()),
            ("synced_at", rfc3339(self.synced_at).into()),
        ] {
            template.insert(key.into(), value);
        }
        Value::Object(template)
    }

    /// As the plugin named it.
    pub fn named(&self) -> Value {
        let mut template = self.body.as_object().cloned().unwrap_or_default();
        for (key, value) in [("name", &self.name), ("language", &self.language), ("status", &self.status)] {
            template.insert(key.into(), value.clone().into());
        }
        Value::Object(template)
    }
}

impl Db {
    /// Replaces what is known of an account's templates by what the provider named when it was asked at `began`; tells the feed
    /// of what changed. Of a change that was told meanwhile it is read again.
    pub async fn replace_templates(
        &self,
        workspace: &str,
        account_id: i64,
        named: Vec<NewTemplate>,
        (began, now, again_at): (i64, i64, i64),
    ) -> Result<(), DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Routine, move |db| {
            replace(db, &workspace, account_id, &named, now)?;
            db.prepare_cached(
                "INSERT INTO template_syncs (account_id, workspace_id, due_at, synced_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (account_id) DO UPDATE SET due_at = CASE WHEN coalesce(stale_at, 0) >= ?5 THEN ?4 ELSE excluded.due_at END,
                   synced_at = excluded.synced_at, error = NULL, stale_at = NULL",
            )?
            .execute(params![account_id, workspace, again_at, now, began])?;
            Ok(())
        })
        .await
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

    /// A send named a template that is not known: read them again soon.
    pub async fn templates_missed(&self, account_id: i64, now: i64) -> Result<(), DbError> {
        self.write(Priority::Routine, move |db| make_stale(db, account_id, now)).await
    }

    /// What the provider just took, or was found to have: it is shown at once.
    pub async fn put_template(
        &self,
        workspace: &str,
        account_id: i64,
        template: NewTemplate,
        entry: Entry,
    ) -> Result<KnownTemplate, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let channel = channel_of(db, account_id)?;
            put(db, &workspace, account_id, channel.as_deref(), &template, entry.at)?;
            audit::append(db, &entry)?;
            find(db, account_id, &template.name, &template.language)?.ok_or(DbError::Gone)
        })
        .await
    }

    /// The provider has this template no more.
    pub async fn remove_template(
        &self,
        workspace: &str,
        account_id: i64,
        (name, language): (String, String),
        entry: Entry,
    ) -> Result<(), DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let channel = channel_of(db, account_id)?;
            remove(db, &workspace, account_id, channel.as_deref(), (&name, &language), entry.at)?;
            audit::append(db, &entry)
        })
        .await
    }

    /// Lets a template be used, or not.
    pub async fn switch_template(
        &self,
        workspace: &str,
        account_id: i64,
        (name, language): (String, String),
        enabled: bool,
        entry: Entry,
    ) -> Result<Option<KnownTemplate>, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Urgent, move |db| {
            let changed = db
                .prepare_cached(
                    "UPDATE templates SET enabled = ?4 WHERE account_id = ?1 AND name = ?2 AND language = ?3 AND enabled <> ?4",
                )?
                .execute(params![account_id, name, language, enabled])?;
            let Some(known) = find(db, account_id, &name, &language)? else { return Ok(None) };
            if changed > 0 {
                audit::append(db, &entry)?;
                tell(db, &workspace, channel_of(db, account_id)?.as_deref(), &known, entry.at)?;
            }
            Ok(Some(known))
        })
        .await
    }

    /// An account's templates after `after` (name, language).
    pub async fn templates_page(
        &self,
        account_id: i64,
        filter: TemplateFilter,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<KnownTemplate>, DbError> {
        self.read(move |db| {
            let (name, language) = after.unwrap_or_default();
            let mut ask = db.prepare_cached(
                "SELECT name, language, status, enabled, body, synced_at FROM templates
                 WHERE account_id = ?1 AND (name, language) > (?2, ?3) AND (NOT ?4 OR (enabled AND lower(status) = 'approved'))
                   AND instr(lower(name), lower(?5)) AND (?6 = '' OR lower(status) = lower(?6))
                 ORDER BY name, language LIMIT ?7",
            )?;
            let TemplateFilter { sendable, search, status } = filter;
            let rows = ask.query_map(params![account_id, name, language, sendable, search, status, limit], known)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        })
        .await
    }

    /// One template, where it is known.
    pub async fn template(
        &self,
        account_id: i64,
        name: &str,
        language: &str,
    ) -> Result<Option<KnownTemplate>, DbError> {
        let (name, language) = (name.to_owned(), language.to_owned());
        self.read(move |db| find(db, account_id, &name, &language)).await
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
    pub async fn stale_templates(&self, now: i64, after: i64, most: u32) -> Result<Vec<StaleTemplates>, DbError> {
        self.read(move |db| {
            let mut ask = db.prepare_cached(
                "SELECT c.account_id, c.id, c.workspace_id, c.plugin_id FROM channels c
                 LEFT JOIN template_syncs s ON s.account_id = c.account_id
                 WHERE c.state = 'connected' AND c.account_id > ?3
                   AND (s.account_id IS NULL OR s.due_at <= ?1 OR (s.synced_at < c.created_at AND s.error IS NULL))
                 ORDER BY c.account_id LIMIT ?2",
            )?;
            let rows = ask.query_map(params![now, most, after], |row| {
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

/// Read them again soon. For use in the act that stores why.
pub(in crate::db) fn make_stale(db: &Connection, account_id: i64, now: i64) -> Result<(), DbError> {
    db.prepare_cached("UPDATE template_syncs SET due_at = CASE WHEN ?2 < due_at THEN ?2 ELSE due_at END, stale_at = ?2 WHERE account_id = ?1")?
        .execute(params![account_id, now])?;
    Ok(())
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownTemplate> {
    let body: String = row.get(4)?;
    Ok(KnownTemplate {
        name: row.get(0)?,
        language: row.get(1)?,
        status: row.get(2)?,
        enabled: row.get(3)?,
        body: serde_json::from_str(&body).unwrap_or_default(),
        synced_at: row.get(5)?,
    })
}

fn find(db: &Connection, account_id: i64, name: &str, language: &str) -> Result<Option<KnownTemplate>, DbError> {
    let mut ask = db.prepare_cached(
        "SELECT name, language, status, enabled, body, synced_at FROM templates WHERE account_id = ?1 AND name = ?2 AND language = ?3",
    )?;
    Ok(ask.query_row(params![account_id, name, language], known).optional()?)
}

/// The channel that an account is connected through now.
fn channel_of(db: &Connection, account_id: i64) -> Result<Option<String>, DbError> {
    let mut ask = db.prepare_cached("SELECT id FROM channels WHERE account_id = ?1")?;
    Ok(ask.query_row([account_id], |row| row.get(0)).optional()?)
}

/// Tells the feed how a template is now.
fn tell(
    db: &Connection,
    workspace: &str,
    channel: Option<&str>,
    known: &KnownTemplate,
    now: i64,
) -> Result<(), DbError> {
    let mut data = known.shown();
    data["channel_id"] = json!(channel);
    feed::append(db, workspace, "template.updated", &data, now)?;
    Ok(())
}

fn replace(db: &Connection, workspace: &str, account_id: i64, named: &[NewTemplate], now: i64) -> Result<(), DbError> {
    let channel = channel_of(db, account_id)?;
    for template in named {
        put(db, workspace, account_id, channel.as_deref(), template, now)?;
    }
    let listed: HashSet<(&str, &str)> =
        named.iter().map(|template| (template.name.as_str(), template.language.as_str())).collect();
    let mut ask = db.prepare_cached("SELECT name, language FROM templates WHERE account_id = ?1")?;
    let there = ask
        .query_map([account_id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    for (name, language) in there.iter().map(|(name, language)| (name.as_str(), language.as_str())) {
        if !listed.contains(&(name, language)) {
            remove(db, workspace, account_id, channel.as_deref(), (name, language), now)?;
        }
    }
    Ok(())
}

/// Takes over what the provider says of a template; tells the feed where it is another than before.
fn put(
    db: &Connection,
    workspace: &str,
    account_id: i64,
    channel: Option<&str>,
    template: &NewTemplate,
    now: i64,
) -> Result<(), DbError> {
    let NewTemplate { name, language, status, body } = template;
    let before = find(db, account_id, name, language)?;
    let mut body = body.clone();
    if let Some(before) = before.as_ref().filter(|before| before.status == *status) {
        keep_reason(&before.body, &mut body);
    }
    db.prepare_cached(
        "INSERT INTO templates (account_id, name, language, workspace_id, status, body, synced_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (account_id, name, language) DO UPDATE SET status = excluded.status, body = excluded.body,
           synced_at = excluded.synced_at",
    )?
    .execute(params![account_id, name, language, workspace, status, body.to_string(), now])?;
    if before.is_some_and(|before| before.status == *status && before.body == body) {
        return Ok(());
    }
    match find(db, account_id, name, language)? {
        Some(known) => tell(db, workspace, channel, &known, now),
        None => Ok(()),
    }
}

/// A list says less of why than the event did; what the event said stands for as long as the state does.
fn keep_reason(before: &Value, now: &mut Value) {
    let reason = |body: &Value| body.get("reason").and_then(Value::as_str).map(str::to_owned);
    let Some(told) = reason(before) else { return };
    if reason(now).is_none_or(|listed| told.starts_with(&listed))
        && let Some(now) = now.as_object_mut()
    {
        now.insert("reason".to_owned(), told.into());
    }
}

fn remove(
    db: &Connection,
    workspace: &str,
    account_id: i64,
    channel: Option<&str>,
    (name, language): (&str, &str),
    now: i64,
) -> Result<(), DbError> {
    let gone = db
        .prepare_cached("DELETE FROM templates WHERE account_id = ?1 AND name = ?2 AND language = ?3")?
        .execute(params![account_id, name, language])?;
    if gone > 0 {
        let id = format!("{name}:{language}");
        let data = json!({"id": id, "name": name, "language": language, "status": "gone", "channel_id": channel});
        feed::append(db, workspace, "template.updated", &data, now)?;
    }
    Ok(())
}
