//! What an operator decided about plugin files: which contents are held until they are approved, which were asked for, and which
//! plugins are to be taken out of use. Tables of the whole host, of no workspace.

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;

/// A content that was refused until an operator approves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// SHA-256 of the file, hex.
    pub digest: String,
    /// The plugin.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// What is to be approved, as JSON.
    pub needs: String,
}

/// An operator's word for a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// With everything that it needs, and not only to be installed.
    pub approved: bool,
}

/// The file is installed: nothing is left to be approved, to be ordered or to be told of it.
pub(in crate::db) fn settle(db: &Connection, digest: &str) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM held_files WHERE digest = ?1")?.execute([digest])?;
    db.prepare_cached("DELETE FROM ordered_files WHERE digest = ?1")?.execute([digest])?;
    db.prepare_cached("DELETE FROM refused_files WHERE digest = ?1")?.execute([digest])?;
    Ok(())
}

/// The plugin is out of use: whoever ordered that has it, and an older order for a file of it does not bring it back.
pub(in crate::db) fn removed(db: &Connection, plugin: &str) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM ordered_removals WHERE plugin_id = ?1")?.execute([plugin])?;
    db.prepare_cached(
        "DELETE FROM ordered_files WHERE digest IN (SELECT digest FROM generations WHERE plugin_id = ?1 \
         UNION SELECT digest FROM held_files WHERE plugin_id = ?1)",
    )?
    .execute([plugin])?;
    Ok(())
}

impl Db {
    /// What an operator said of a content, and why it is held.
    pub async fn word_on_file(&self, digest: &str) -> Result<(Option<Order>, Option<Held>), DbError> {
        let digest = digest.to_owned();
        self.read(move |db| {
            let order = db
                .prepare_cached("SELECT approved FROM ordered_files WHERE digest = ?1")?
                .query_row([&digest], |row| Ok(Order { approved: row.get(0)? }))
                .optional()?;
            let held = db
                .prepare_cached("SELECT digest, plugin_id, version, needs FROM held_files WHERE digest = ?1")?
                .query_row([&digest], |row| {
                    Ok(Held { digest: row.get(0)?, plugin: row.get(1)?, version: row.get(2)?, needs: row.get(3)? })
                })
                .optional()?;
            Ok((order, held))
        })
        .await
    }

    /// Holds a content until an operator approves it, by whatever name and way it comes again.
    pub async fn hold_file(&self, held: Held, at: i64) -> Result<(), DbError> {
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO held_files (digest, plugin_id, version, needs, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (digest) DO UPDATE SET needs = ?4, at = ?5",
            )?
            .execute(params![held.digest, held.plugin, held.version, held.needs, at])?;
            Ok(())
        })
        .await
    }

    /// Notes that an operator wants this content installed; an approval stands, whoever orders the same again.
    pub async fn order_file(&self, digest: &str, approved: bool, entry: Entry) -> Result<(), DbError> {
        let digest = digest.to_owned();
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO ordered_files (digest, approved, at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (digest) DO UPDATE SET approved = CASE WHEN approved = 1 THEN 1 ELSE ?2 END, at = ?3",
            )?
            .execute(params![digest, approved, entry.at])?;
            audit::append(db, &entry)
        })
        .await
    }

    /// A content that an operator ordered runs already: nothing of it waits any more.
    pub async fn file_runs(&self, digest: &str) -> Result<(), DbError> {
        let digest = digest.to_owned();
        self.write(Priority::Routine, move |db| settle(db, &digest)).await
    }

    /// Notes that the running server is to take a plugin out of use. Whether there is such a plugin.
    pub async fn order_removal(&self, plugin: &str, actor: &'static str, at: i64) -> Result<bool, DbError> {
        let plugin = plugin.to_owned();
        self.write(Priority::Routine, move |db| {
            Ok(db
                .prepare_cached(
                    "INSERT INTO ordered_removals (plugin_id, actor, at) \
                     SELECT id, ?2, ?3 FROM plugins WHERE id = ?1 AND state <> 'removed' \
                     ON CONFLICT (plugin_id) DO UPDATE SET at = ?3",
                )?
                .execute(params![plugin, actor, at])?
                > 0)
        })
        .await
    }

    /// Plugins that are to be taken out of use, with who wants it.
    pub async fn ordered_removals(&self) -> Result<Vec<(String, String)>, DbError> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT plugin_id, actor FROM ordered_removals ORDER BY plugin_id")?;
            Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
        })
        .await
    }
}
