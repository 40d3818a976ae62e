//! Files of workspaces: what is known of each, where it is published, and what nobody needs any more. The bytes are `media`'s.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::{Db, DbError, Priority};
use crate::keys::{MediaId, MessageId};

/// A file. `digest` names its bytes on disk once they are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MediaRow {
    /// `md_…`
    pub id: MediaId,
    /// Whose it is.
    pub workspace: String,
    /// The account whose channel it came through or goes out by.
    pub account_id: Option<i64>,
    /// The message that it belongs to.
    pub message_id: Option<MessageId>,
    /// `pending`, `stored`, `failed` or `deleted`.
    pub state: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// `image`, `video`, `audio`, `voice`, `document`, `sticker`, `animation`.
    pub kind: String,
    /// Media type.
    pub mime: Option<String>,
    /// File name.
    pub name: Option<String>,
    /// Size.
    pub bytes: Option<i64>,
    /// In pixels.
    pub width: Option<i64>,
    /// In pixels.
    pub height: Option<i64>,
    /// How long it plays.
    pub duration_ms: Option<i64>,
    /// SHA-256 of the bytes, hex.
    pub digest: Option<String>,
    /// How the bytes are fetched, JSON.
    pub source: Option<String>,
    /// How often that was tried.
    pub tries: i64,
    /// When it is tried next, milliseconds since 1970.
    pub due_at: Option<i64>,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// A file that is published at an unguessable address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    /// The file.
    pub media: MediaRow,
    /// Until when, milliseconds since 1970.
    pub expires_at: i64,
}

/// Whose kept bytes are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UsageScope {
    /// Everybody's.
    Total,
    /// A workspace's.
    Workspace(String),
    /// Those of an account: what came through its channel.
    Account(i64),
    /// A web visitor's.
    Visitor(String),
}

impl UsageScope {
    /// As metrics and the table name it.
    pub fn name(&self) -> &'static str {
        match self {
            UsageScope::Total => "total",
            UsageScope::Workspace(_) => "workspace",
            UsageScope::Account(_) => "account",
            UsageScope::Visitor(_) => "visitor",
        }
    }

    fn key(&self) -> String {
        match self {
            UsageScope::Total => String::new(),
            UsageScope::Workspace(id) => id.clone(),
            UsageScope::Account(id) => id.to_string(),
            UsageScope::Visitor(id) => visitor_source(id),
        }
    }
}

/// What stands in a file's `source` that this web visitor sent.
pub fn visitor_source(visitor: &str) -> String {
    format!("visitor:{visitor}")
}

const COLUMNS: &str = "m.id, m.workspace_id, m.account_id, m.message_id, m.state, m.reason, m.kind, m.mime, m.name, m.bytes, m.width, \
     m.height, m.duration_ms, m.digest, m.source, m.tries, m.due_at, m.created_at";

fn media(row: &Row<'_>) -> rusqlite::Result<MediaRow> {
    Ok(MediaRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        account_id: row.get(2)?,
        message_id: row.get(3)?,
        state: row.get(4)?,
        reason: row.get(5)?,
        kind: row.get(6)?,
        mime: row.get(7)?,
        name: row.get(8)?,
        bytes: row.get(9)?,
        width: row.get(10)?,
        height: row.get(11)?,
        duration_ms: row.get(12)?,
        digest: row.get(13)?,
        source: row.get(14)?,
        tries: row.get(15)?,
        due_at: row.get(16)?,
        created_at: row.get(17)?,
    })
}

/// Inserts a file's row within an act: a pending one, or one whose bytes are on disk.
pub(in crate::db) fn insert(db: &Connection, row: &MediaRow) -> Result<(), DbError> {
    db.prepare_cached(
        "INSERT INTO media (id, workspace_id, account_id, message_id, state, reason, kind, mime, name, bytes, width, height, duration_ms, \
         digest, source, tries, due_at, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        row.id,
        row.workspace,
        row.account_id,
        row.message_id,
        row.state,
        row.reason,
        row.kind,
        row.mime,
        row.name,
        row.bytes,
        row.width,
        row.height,
        row.duration_ms,
        row.digest,
        row.source,
        row.tries,
        row.due_at,
        row.created_at
    ])?;
    Ok(())
}

/// A message that is sent has these files, or a contact: they are kept as long as files are.
pub(in crate::db) fn mark_used(db: &Connection, ids: &[MediaId]) -> Result<(), DbError> {
    for id in ids {
        db.prepare_cached("UPDATE media SET used = 1 WHERE id = ?1 AND used = 0")?.execute([id])?;
    }
    Ok(())
}

/// One file, whoever's it is, within an act or a question.
pub(in crate::db) fn by_id(db: &Connection, id: MediaId) -> Result<Option<MediaRow>, DbError> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM media m WHERE m.id = ?1"))?;
    Ok(query.query_row([id], media).optional()?)
}

/// A pending file takes over the bytes that were downloaded for it under the id `from`, whose row goes. The host's
/// measurements replace what the provider said; its name and kind stay. A file that was erased meanwhile takes nothing, and the
/// bytes, which nobody waits for any more, go with the next sweep.
pub(in crate::db) fn adopt(db: &Connection, id: MediaId, from: MediaId) -> Result<bool, DbError> {
    let changed = db
        .prepare_cached(
            "UPDATE media SET state = 'stored', reason = NULL, due_at = NULL, digest = f.digest, bytes = f.bytes, mime = coalesce(f.mime, media.mime), \
             name = coalesce(media.name, f.name), width = coalesce(f.width, media.width), height = coalesce(f.height, media.height), \
             duration_ms = coalesce(f.duration_ms, media.duration_ms) \
             FROM (SELECT * FROM media WHERE id = ?2) f WHERE media.id = ?1 AND media.state = 'pending'",
        )?
        .execute(params![id, from])?;
    if changed > 0 {
        db.prepare_cached("DELETE FROM media WHERE id = ?1 AND message_id IS NULL")?.execute([from])?;
    } else {
        unwanted(db, from)?;
    }
    Ok(changed > 0)
}

/// Bytes that came for a file which takes none any more: they go with the next sweep.
pub(in crate::db) fn unwanted(db: &Connection, from: MediaId) -> Result<(), DbError> {
    db.prepare_cached("UPDATE media SET state = 'unwanted' WHERE id = ?1 AND message_id IS NULL")?.execute([from])?;
    Ok(())
}

/// A file whose bytes will not come, with the reason; somebody may ask again.
pub(in crate::db) fn fail(db: &Connection, id: MediaId, reason: &str) -> Result<(), DbError> {
    db.prepare_cached(
        "UPDATE media SET state = 'failed', reason = ?2, due_at = NULL WHERE id = ?1 AND state = 'pending'",
    )?
    .execute(params![id, reason])?;
    Ok(())
}

impl Db {
    /// Keeps a file's row.
    pub async fn insert_media(&self, row: MediaRow) -> Result<(), DbError> {
        self.write(Priority::Routine, move |db| insert(db, &row)).await
    }

    /// One file, whoever's it is: for the host's own work.
    pub async fn media(&self, id: MediaId) -> Result<Option<MediaRow>, DbError> {
        self.read(move |db| by_id(db, id)).await
    }

    /// One file of this workspace.
    pub async fn media_of(&self, workspace: &str, id: MediaId) -> Result<Option<MediaRow>, DbError> {
        Ok(self.media(id).await?.filter(|row| row.workspace == workspace))
    }

    /// Bytes of the files that are kept in each of these scopes.
    pub async fn media_usage(&self, scopes: Vec<UsageScope>) -> Result<Vec<u64>, DbError> {
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT bytes FROM media_usage WHERE scope = ?1 AND key = ?2")?;
            let bytes = scopes.iter().map(|scope| {
                let bytes: Option<i64> =
                    query.query_row(params![scope.name(), scope.key()], |row| row.get(0)).optional()?;
                Ok(bytes.unwrap_or_default().max(0).unsigned_abs())
            });
            bytes.collect()
        })
        .await
    }

    /// Publishes a file at this token until then.
    pub async fn publish_media(
        &self,
        workspace: &str,
        media: MediaId,
        token: &str,
        expires_at: i64,
    ) -> Result<(), DbError> {
        let (workspace, token) = (workspace.to_owned(), token.to_owned());
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO published (token, workspace_id, media_id, expires_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![token, workspace, media, expires_at])?;
            Ok(())
        })
        .await
    }

    /// The file that this token publishes now.
    pub async fn published(&self, token: &str, now: i64) -> Result<Option<PublishedRow>, DbError> {
        let token = token.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS}, p.expires_at FROM published p JOIN media m ON m.id = p.media_id \
                 WHERE p.token = ?1 AND p.expires_at > ?2 AND m.state = 'stored'"
            ))?;
            let found = query.query_row(params![token, now], |row| {
                Ok(PublishedRow { media: media(row)?, expires_at: row.get(18)? })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// Forgets publications that ended and marks files as deleted that are older than `before`, or older than `unused` (a web
    /// visitor's: than `visitor_unused`) and in no message, at most `limit` of each; answers with the digests that no file needs any more, whose bytes may go.
    pub async fn expire_media(
        &self,
        before: i64,
        (unused, visitor_unused): (i64, i64),
        now: i64,
        limit: u32,
    ) -> Result<Vec<String>, DbError> {
        self.write(Priority::Routine, move |db| {
            db.prepare_cached("DELETE FROM published WHERE token IN (SELECT token FROM published WHERE expires_at <= ?1 LIMIT ?2)")?
                .execute(params![now, limit])?;
            let mut query = db.prepare_cached(
                "SELECT * FROM (SELECT id, digest FROM media WHERE (state = 'stored' AND created_at < ?1) OR state = 'unwanted' LIMIT ?3) \
                 UNION SELECT * FROM (SELECT id, digest FROM media INDEXED BY media_unused \
                   WHERE state = 'stored' AND message_id IS NULL AND used = 0 AND created_at < ?5 \
                   AND created_at < CASE WHEN source LIKE 'visitor:%' THEN ?4 ELSE ?2 END \
                   AND NOT EXISTS (SELECT 1 FROM published p WHERE p.media_id = media.id) LIMIT ?3)",
            )?;
            let old: Vec<(MediaId, Option<String>)> = query
                .query_map(params![before, unused, limit, visitor_unused, unused.max(visitor_unused)], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut delete = db.prepare_cached(
                "UPDATE media SET state = 'deleted', digest = NULL, due_at = NULL, \
                   reason = CASE WHEN state = 'unwanted' THEN reason ELSE 'older than files are kept' END WHERE id = ?1",
            )?;
            for (id, _) in &old {
                delete.execute([id])?;
            }
            let mut digests: Vec<String> = old.into_iter().filter_map(|(_, digest)| digest).collect();
            digests.sort_unstable();
            digests.dedup();
            unneeded(db, digests)
        })
        .await
    }

    /// Which of these digests no file has.
    pub async fn unneeded_digests(&self, digests: Vec<String>) -> Result<Vec<String>, DbError> {
        self.read(move |db| unneeded(db, digests)).await
    }
}

fn unneeded(db: &Connection, digests: Vec<String>) -> Result<Vec<String>, DbError> {
    let mut query = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM media WHERE digest = ?1)")?;
    let mut free = Vec::new();
    for digest in digests {
        if !query.query_row([&digest], |row| row.get::<_, bool>(0))? {
            free.push(digest);
        }
    }
    Ok(free)
}
