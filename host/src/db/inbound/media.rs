//! Files of inbound messages: a row when the message is stored, and what the durable job that fetches them makes of it.

use std::borrow::Cow;

use rusqlite::params;
use sambung_runtime::contract::types::MediaRef;
use serde::{Deserialize, Serialize};

use crate::db::engine::{after, versioned};
use crate::db::inbound::site::Site;
use crate::db::media::{self, MediaRow};
use crate::db::outbound::status;
use crate::db::{Db, DbError, Priority};
use crate::keys::{MediaId, MessageId, RequestId};
use crate::model::clean;

/// A file that is to be fetched now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueMedia {
    /// `md_…`
    pub id: MediaId,
    /// Whose it is.
    pub workspace: String,
    /// The account whose channel it came through.
    pub account: i64,
    /// The request that it came with, where that holds its bytes.
    pub request: Option<RequestId>,
    /// The channel that its account is connected through; none while it is not.
    pub channel: Option<String>,
    /// What the provider said about it.
    pub file: MediaRef,
    /// How often it was tried.
    pub tries: i64,
    /// When the message came.
    pub created_at: i64,
}

/// An account with files whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountWithMedia {
    /// The account.
    pub account: i64,
    /// Whose it is.
    pub workspace: String,
    /// When the first of them was due.
    pub due_at: i64,
    /// How many, as far as they were counted.
    pub files: u32,
}

/// What came of trying to fetch a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaOutcome {
    /// Its bytes are on disk under this other row's id.
    Stored(MediaId),
    /// Not now; tried again then, in milliseconds since 1970. `counted` where it was a failure.
    Later {
        /// When.
        at: i64,
        /// Whether it counts as a try.
        counted: bool,
    },
    /// It will not come by itself, and why.
    Failed(String),
}

/// Where a file comes from, as its row keeps it.
#[derive(Serialize, Deserialize)]
struct Source<'f> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<RequestId>,
    #[serde(flatten)]
    file: Cow<'f, MediaRef>,
}

/// What begins the handle of a file whose bytes are in the request that it came with.
const PART: &str = "part:";
/// How long a claimed file is left to whoever claimed it, in milliseconds.
const CLAIM: i64 = 900_000;

/// The row of a file that a message or a contact has: an upload of this workspace's own, else one to be fetched. None for an
/// upload that is not there.
pub(super) fn register(
    site: &mut Site<'_>,
    message: Option<MessageId>,
    file: &MediaRef,
) -> Result<Option<MediaId>, DbError> {
    let part = file.blob.as_deref().filter(|blob| blob.starts_with(PART));
    if let (Some(_), None) = (part, site.request) {
        return Ok(None);
    }
    if let (Some(blob), None) = (&file.blob, part) {
        let blob = MediaId::of(blob);
        let theirs = media::by_id(site.db, blob)?.filter(|row| row.workspace == site.workspace);
        if theirs.is_some() {
            site.db
                .prepare_cached(
                    "UPDATE media SET message_id = coalesce(message_id, ?2), account_id = coalesce(account_id, ?3) WHERE id = ?1",
                )?
                .execute(params![blob, message, site.account])?;
        }
        if message.is_none() {
            media::mark_used(site.db, &[blob])?;
        }
        return Ok(theirs.map(|row| row.id));
    }
    let nowhere = file.ref_.is_none() && file.url.is_none() && part.is_none();
    let source = Source { request: site.request.filter(|_| part.is_some()), file: Cow::Borrowed(file) };
    let source = versioned::write(&source)?;
    let row = MediaRow {
        id: site.mint(),
        workspace: site.workspace.to_owned(),
        account_id: Some(site.account),
        message_id: message,
        state: if nowhere { "failed" } else { "pending" }.to_owned(),
        reason: nowhere.then(|| "the provider does not say where the file is".to_owned()),
        kind: file.kind.clone(),
        mime: file.mime.clone(),
        name: file.name.as_deref().and_then(clean::some_line),
        bytes: file.bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        width: file.width.map(i64::from),
        height: file.height.map(i64::from),
        duration_ms: file.duration_ms.and_then(|ms| i64::try_from(ms).ok()),
        source: Some(source),
        due_at: (!nowhere).then_some(site.now),
        created_at: site.now,
        ..MediaRow::default()
    };
    media::insert(site.db, &row)?;
    if message.is_none() {
        media::mark_used(site.db, &[row.id])?;
    }
    if !nowhere {
        after::wake_media();
    }
    Ok(Some(row.id))
}

impl Db {
    /// The accounts that have files whose time has come, each with how many, counted up to `each`.
    pub async fn accounts_with_due_media(&self, now: i64, each: u32) -> Result<Vec<AccountWithMedia>, DbError> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "WITH RECURSIVE waiting(id) AS (
                   SELECT min(account_id) FROM media WHERE state = 'pending' AND due_at IS NOT NULL
                   UNION ALL
                   SELECT (SELECT min(m.account_id) FROM media m
                           WHERE m.state = 'pending' AND m.due_at IS NOT NULL AND m.account_id > waiting.id)
                   FROM waiting WHERE waiting.id IS NOT NULL)
                 SELECT a.id, a.workspace_id,
                   (SELECT min(m.due_at) FROM media m WHERE m.account_id = a.id AND m.state = 'pending' AND m.due_at IS NOT NULL) AS next,
                   (SELECT count(*) FROM (SELECT 1 FROM media m WHERE m.account_id = a.id AND m.state = 'pending'
                                            AND m.due_at IS NOT NULL AND m.due_at <= ?1 LIMIT ?2))
                 FROM waiting JOIN accounts a ON a.id = waiting.id WHERE next <= ?1",
            )?;
            let rows = query.query_map(params![now, each], |row| {
                Ok(AccountWithMedia { account: row.get(0)?, workspace: row.get(1)?, due_at: row.get(2)?, files: row.get(3)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Takes files whose time has come, of each account at most so many, and leaves them to the caller for a while: whatever
    /// happens to the caller, they come again.
    pub async fn claim_due_media(&self, now: i64, of: Vec<(i64, u32)>) -> Result<Vec<DueMedia>, DbError> {
        let holder = self.opening();
        self.write(Priority::Routine, move |db| {
            let mut query = db.prepare_cached(
                "UPDATE media SET due_at = ?2, claimed = ?5 WHERE id IN \
                   (SELECT id FROM media WHERE account_id = ?4 AND state = 'pending' AND due_at IS NOT NULL AND due_at <= ?1 \
                    ORDER BY due_at LIMIT ?3) \
                 RETURNING id, (SELECT c.id FROM channels c WHERE c.account_id = media.account_id), source, tries, created_at, workspace_id",
            )?;
            let mut due = Vec::new();
            for (account, most) in of {
                let rows = query.query_map(params![now, now + CLAIM, most, account, holder], |row| {
                    let source: Option<String> = row.get(2)?;
                    Ok((row.get(0)?, row.get(1)?, source, row.get(3)?, row.get(4)?, row.get(5)?))
                })?;
                for row in rows {
                    let (id, channel, source, tries, created_at, workspace) = row?;
                    let source: Option<Source<'static>> = source.and_then(|json| versioned::read(&json).ok());
                    let Source { request, file } =
                        source.ok_or_else(|| DbError::Damaged("a file without a source is to be fetched".into()))?;
                    let file = file.into_owned();
                    due.push(DueMedia { id, workspace, account, request, channel, file, tries, created_at });
                }
            }
            Ok(due)
        })
        .await
    }

    /// Stores what came of fetching a file, with the message's feed row in the same act. Where the file is claimed by another opening of
    /// the database meanwhile, or by none, it says nothing, and the bytes go with the next sweep.
    pub async fn settle_media(&self, id: MediaId, outcome: MediaOutcome, now: i64) -> Result<(), DbError> {
        let holder = self.opening();
        self.write(Priority::Routine, move |db| {
            let holds = db
                .prepare_cached("SELECT 1 FROM media WHERE id = ?1 AND state = 'pending' AND claimed = ?2")?
                .exists(params![id, holder])?;
            if !holds {
                return match outcome {
                    MediaOutcome::Stored(from) => media::unwanted(db, from),
                    _ => Ok(()),
                };
            }
            match outcome {
                MediaOutcome::Stored(from) => {
                    media::adopt(db, id, from)?;
                }
                MediaOutcome::Failed(reason) => media::fail(db, id, &reason)?,
                MediaOutcome::Later { at, counted } => {
                    db.prepare_cached(
                        "UPDATE media SET due_at = ?2, claimed = 0, tries = tries + ?3 WHERE id = ?1 AND state = 'pending'",
                    )?
                    .execute(params![id, at, counted])?;
                    return Ok(());
                }
            }
            match media::by_id(db, id)? {
                Some(MediaRow { workspace, message_id: Some(message), .. }) => {
                    status::message_updated(db, &workspace, message, now)
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// Has a failed file fetched again. False where the workspace has no such file, or it is not a failed one that the
    /// provider may still have.
    pub async fn fetch_media_again(&self, workspace: &str, id: MediaId, now: i64) -> Result<bool, DbError> {
        let workspace = workspace.to_owned();
        self.write(Priority::Routine, move |db| {
            let message = db
                .prepare_cached(
                    "UPDATE media SET state = 'pending', reason = NULL, tries = 0, due_at = ?3, claimed = 0 \
                     WHERE id = ?1 AND workspace_id = ?2 AND state = 'failed' AND source IS NOT NULL RETURNING message_id",
                )?
                .query_map(params![id, workspace, now], |row| row.get::<_, Option<MessageId>>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            let Some(message) = message.into_iter().next() else { return Ok(false) };
            after::wake_media();
            if let Some(message) = message {
                status::message_updated(db, &workspace, message, now)?;
            }
            Ok(true)
        })
        .await
    }
}
