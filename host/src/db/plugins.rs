//! Installed plugins, the generations of each, and the files that were refused. Tables of the whole host, of no workspace.

pub(in crate::db) mod approvals;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;

use crate::db::people::audit;
use crate::db::{Db, DbError, Priority, channels, feed};
use crate::model::audit::Entry;

/// An installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginRow {
    /// Its manifest's id.
    pub id: String,
    /// `active`, `disabled` or `removed`.
    pub state: String,
    /// The generation that runs.
    pub generation: Option<i64>,
    /// Milliseconds since 1970.
    pub installed_at: i64,
    /// Milliseconds since 1970.
    pub changed_at: i64,
}

/// One file that a plugin was installed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRow {
    /// Grows with every installation.
    pub id: i64,
    /// The plugin.
    pub plugin: String,
    /// SHA-256 of the file, hex; names it on disk.
    pub digest: String,
    /// The manifest's version.
    pub version: String,
    /// How it came: `bundled`, `file`, `upload`.
    pub source: String,
    /// `active` or `retired`.
    pub state: String,
    /// Milliseconds since 1970.
    pub installed_at: i64,
    /// Milliseconds since 1970.
    pub retired_at: Option<i64>,
}

/// A file in the plugins folder that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFile {
    /// Its name in the folder.
    pub file: String,
    /// What is wrong, where, and what to do.
    pub reason: String,
    /// SHA-256 of the refused content, hex.
    pub digest: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// Channels that one act tells of.
const TOLD_AT_ONCE: u32 = 200;

const GENERATION: &str = "id, plugin_id, digest, version, source, state, installed_at, retired_at";

fn generation(row: &Row<'_>) -> rusqlite::Result<GenerationRow> {
    Ok(GenerationRow {
        id: row.get(0)?,
        plugin: row.get(1)?,
        digest: row.get(2)?,
        version: row.get(3)?,
        source: row.get(4)?,
        state: row.get(5)?,
        installed_at: row.get(6)?,
        retired_at: row.get(7)?,
    })
}

fn plugin(row: &Row<'_>) -> rusqlite::Result<PluginRow> {
    Ok(PluginRow {
        id: row.get(0)?,
        state: row.get(1)?,
        generation: row.get(2)?,
        installed_at: row.get(3)?,
        changed_at: row.get(4)?,
    })
}

/// A plugin concerns everybody who may have a channel of it, so every workspace's feed tells of it.
fn tell(db: &Connection, plugin: &str, state: &str, version: Option<&str>, at: i64) -> Result<(), DbError> {
    feed::append_everywhere(db, "plugin.updated", &json!({ "id": plugin, "state": state, "version": version }), at)
}

fn note(db: &Connection, entry: Option<&Entry>) -> Result<(), DbError> {
    entry.map_or(Ok(()), |entry| audit::append(db, entry))
}

impl Db {
    /// Every plugin that is not removed.
    pub async fn installed_plugins(&self) -> Result<Vec<PluginRow>, DbError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, state, generation, installed_at, changed_at FROM plugins WHERE state <> 'removed' ORDER BY id",
            )?;
            Ok(query.query_map([], plugin)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One plugin, also a removed one.
    pub async fn plugin_row(&self, id: &str) -> Result<Option<PluginRow>, DbError> {
        let id = id.to_owned();
        self.read(move |db| {
            let mut query =
                db.prepare_cached("SELECT id, state, generation, installed_at, changed_at FROM plugins WHERE id = ?1")?;
            Ok(query.query_row([id], plugin).optional()?)
        })
        .await
    }

    /// The generations of a plugin, the newest first.
    pub async fn generations_of(&self, plugin: &str) -> Result<Vec<GenerationRow>, DbError> {
        let plugin = plugin.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {GENERATION} FROM generations WHERE plugin_id = ?1 ORDER BY id DESC"
            ))?;
            Ok(query.query_map([plugin], generation)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The files of all generations, of every plugin that is not removed.
    pub async fn digests_of_generations(&self) -> Result<Vec<String>, DbError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT g.digest FROM plugins p JOIN generations g ON g.plugin_id = p.id WHERE p.state <> 'removed'",
            )?;
            Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The generations that run, of every plugin that is not removed.
    pub async fn active_generations(&self) -> Result<Vec<GenerationRow>, DbError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT g.id, g.plugin_id, g.digest, g.version, g.source, g.state, g.installed_at, g.retired_at \
                 FROM plugins p JOIN generations g ON g.id = p.generation WHERE p.state <> 'removed' ORDER BY g.plugin_id",
            )?;
            Ok(query.query_map([], generation)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Whether a file of this digest was ever installed, and of which plugin.
    pub async fn generation_of_digest(&self, digest: &str) -> Result<Option<GenerationRow>, DbError> {
        let digest = digest.to_owned();
        self.read(move |db| {
            let mut query =
                db.prepare_cached(&format!("SELECT {GENERATION} FROM generations WHERE digest = ?1 LIMIT 1"))?;
            Ok(query.query_row([digest], generation).optional()?)
        })
        .await
    }

    /// Makes this file the plugin's running generation and retires the one before, in one act; a removed plugin is back, a
    /// disabled one stays disabled. Answers with the generation's number and the plugin's state.
    pub async fn activate_generation(
        &self,
        plugin: &str,
        digest: &str,
        version: &str,
        source: &'static str,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<(i64, String), DbError> {
        let (plugin, digest, version) = (plugin.to_owned(), digest.to_owned(), version.to_owned());
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO plugins (id, state, installed_at, changed_at) VALUES (?1, 'active', ?2, ?2) \
                 ON CONFLICT (id) DO UPDATE SET changed_at = ?2, state = CASE state WHEN 'removed' THEN 'active' ELSE state END",
            )?
            .execute(params![plugin, at])?;
            db.prepare_cached(
                "UPDATE generations SET state = 'retired', retired_at = ?2 WHERE plugin_id = ?1 AND state = 'active' AND digest <> ?3",
            )?
            .execute(params![plugin, at, digest])?;
            let number: i64 = db
                .prepare_cached(
                    "INSERT INTO generations (plugin_id, digest, version, source, state, installed_at) VALUES (?1, ?2, ?3, ?4, 'active', ?5) \
                     ON CONFLICT (plugin_id, digest) DO UPDATE SET state = 'active', retired_at = NULL, source = ?4 RETURNING id",
                )?
                .query_row(params![plugin, digest, version, source, at], |row| row.get(0))?;
            let state: String = db
                .prepare_cached("UPDATE plugins SET generation = ?2 WHERE id = ?1 RETURNING state")?
                .query_row(params![plugin, number], |row| row.get(0))?;
            approvals::settle(db, &digest)?;
            tell(db, &plugin, &state, Some(&version), at)?;
            note(db, entry.as_ref())?;
            Ok((number, state))
        })
        .await
    }

    /// Sets a plugin's state (`active`, `disabled`, `removed`). Whether there was such a plugin.
    pub async fn set_plugin_state(
        &self,
        plugin: &str,
        state: &'static str,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<bool, DbError> {
        let plugin = plugin.to_owned();
        self.write(Priority::Routine, move |db| {
            let changed = db
                .prepare_cached("UPDATE plugins SET state = ?2, changed_at = ?3 WHERE id = ?1 AND state <> 'removed'")?
                .execute(params![plugin, state, at])?;
            if state == "removed" {
                approvals::removed(db, &plugin)?;
            }
            if changed > 0 {
                tell(db, &plugin, state, None, at)?;
                note(db, entry.as_ref())?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// How many channels there are of a plugin, in one workspace or in all.
    pub async fn count_channels_of_plugin(&self, plugin: &str, within: Option<&str>) -> Result<i64, DbError> {
        let (plugin, within) = (plugin.to_owned(), within.map(str::to_owned));
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT count(*) FROM channels WHERE plugin_id = ?1 AND (?2 IS NULL OR workspace_id = ?2)",
                )?
                .query_row(params![plugin, within], |row| row.get(0))?)
        })
        .await
    }

    /// Tells every workspace how its channels of a plugin stand now, since that follows from the plugin's state.
    pub async fn tell_channels_of(&self, plugin: &str, at: i64) -> Result<(), DbError> {
        let mut after = String::new();
        loop {
            let page = self.channels_of_plugin(plugin, &after, TOLD_AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.id);
            self.write(Priority::Routine, move |db| page.iter().try_for_each(|row| channels::tell(db, &row.id, at)))
                .await?;
        }
    }

    /// Remembers that a file of the plugins folder was refused, and why.
    pub async fn refuse_file(&self, file: &str, digest: &str, reason: &str, at: i64) -> Result<(), DbError> {
        let (file, digest, reason) = (file.to_owned(), digest.to_owned(), reason.to_owned());
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO refused_files (file, reason, digest, at) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (file) DO UPDATE SET reason = ?2, digest = ?3, at = ?4",
            )?
            .execute(params![file, reason, digest, at])?;
            Ok(())
        })
        .await
    }

    /// Forgets a refusal: the file is gone or its content was accepted.
    pub async fn forget_refusal(&self, file: &str) -> Result<(), DbError> {
        let file = file.to_owned();
        self.write(Priority::Routine, move |db| {
            db.prepare_cached("DELETE FROM refused_files WHERE file = ?1")?.execute([file])?;
            Ok(())
        })
        .await
    }

    /// Files that were refused, by name.
    pub async fn refused_files(&self) -> Result<Vec<RefusedFile>, DbError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT file, reason, digest, at FROM refused_files ORDER BY file")?;
            let rows = query.query_map([], |row| {
                Ok(RefusedFile { file: row.get(0)?, reason: row.get(1)?, digest: row.get(2)?, at: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes away the rows of retired generations beyond the `keep` that were retired last; answers with their digests.
    pub async fn drop_surplus_generations(&self, plugin: &str, keep: u32) -> Result<Vec<String>, DbError> {
        let plugin = plugin.to_owned();
        self.write(Priority::Routine, move |db| {
            let mut query = db.prepare_cached(
                "DELETE FROM generations WHERE id IN (SELECT id FROM generations WHERE plugin_id = ?1 AND state = 'retired' \
                 ORDER BY retired_at DESC, id DESC LIMIT -1 OFFSET ?2) RETURNING digest",
            )?;
            Ok(query.query_map(params![plugin, keep], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
    }
}
