//! What is wrong with a channel: noted, counted and taken back, each with its feed row in the same act.

use rusqlite::{Connection, params};
use sambung_runtime::{CallError, CallFault};

use crate::db::channels::tell;
use crate::db::engine::after;
use crate::db::{Db, DbError, Priority};
use crate::model::channel::{ChannelState, Finding, FindingSource};

/// The function whose refusals by the provider are shown.
const POLL: &str = "polling.poll";

/// A source that is one function of the contract: `call:outbound.send`.
fn source_of(source: FindingSource, function: &str) -> String {
    format!("{}:{function}", source.as_str())
}

/// Notes a finding of a source. The same one again only counts up; whether it says anything new.
pub(in crate::db) fn note(
    db: &Connection,
    channel: &str,
    finding: &Finding,
    source: &str,
    at: i64,
) -> Result<bool, DbError> {
    after::channel_changed(channel);
    let fix = finding.fix.as_ref().map(|fix| serde_json::json!(fix).to_string());
    let known: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM findings WHERE channel_id = ?1 AND source = ?5 AND code = ?2 \
             AND level = ?3 AND words = ?4)",
        )?
        .query_row(params![channel, finding.code, finding.level, finding.words, source], |row| row.get(0))?;
    db.prepare_cached(
        "INSERT INTO findings (channel_id, code, level, words, fix, source, at) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM channels WHERE id = ?1 \
         ON CONFLICT (channel_id, source, code) DO UPDATE SET level = ?3, words = ?4, fix = ?5, at = ?7, count = count + 1",
    )?
    .execute(params![channel, finding.code, finding.level, finding.words, fix, source, at])?;
    Ok(!known)
}

/// Notes that a call of the plugin gave no result, with `channel.updated` where that is news. That too many calls ran at once
/// is not the channel's fault and not noted.
fn note_call_failure(db: &Connection, channel: &str, error: &CallError, at: i64) -> Result<(), DbError> {
    if matches!(error.fault, CallFault::Busy | CallFault::NotExported) {
        return Ok(());
    }
    let finding = Finding::new("error", error.fault.code(), error.to_string(), None);
    if note(db, channel, &finding, &source_of(FindingSource::Call, error.function), at)? {
        tell(db, channel, at)?;
    }
    Ok(())
}

/// Takes back what stands from this source, with `channel.updated` where anything did.
fn clear(db: &Connection, channel: &str, source: &str, at: i64) -> Result<(), DbError> {
    let gone =
        db.prepare_cached("DELETE FROM findings WHERE channel_id = ?1 AND source = ?2")?.execute([channel, source])?;
    if gone > 0 {
        tell(db, channel, at)?;
    }
    Ok(())
}

/// The provider refused the credential of this version: outbound waits until somebody connects again, inbound goes on. Where
/// there is a newer credential already, nothing was said about that one.
pub(in crate::db) fn set_needs_attention(
    db: &Connection,
    channel: &str,
    credential_version: i64,
    words: &str,
    at: i64,
) -> Result<(), DbError> {
    let concerned = db
        .prepare_cached("SELECT 1 FROM channels WHERE id = ?1 AND credential_version = ?2")?
        .exists(params![channel, credential_version])?;
    if !concerned {
        return Ok(());
    }
    let changed = db
        .prepare_cached("UPDATE channels SET state = ?2, changed_at = ?3 WHERE id = ?1 AND state = 'connected'")?
        .execute(params![channel, ChannelState::NeedsAttention.as_str(), at])?;
    let finding = Finding::new("error", "credential-refused", words, None);
    let news = note(db, channel, &finding, FindingSource::Credential.as_str(), at)?;
    if changed > 0 || news {
        tell(db, channel, at)?;
    }
    Ok(())
}

impl Db {
    /// Notes that a call of the plugin for this channel gave no result: a finding and its feed row in one act.
    pub async fn note_call_failure(&self, channel: &str, error: &CallError, at: i64) -> Result<(), DbError> {
        let (id, error) = (channel.to_owned(), error.clone());
        self.write(Priority::Routine, move |db| note_call_failure(db, &id, &error, at)).await
    }

    /// Notes that the provider refuses to be polled, in its words, until it does not: the call itself succeeded.
    pub async fn note_poll_refused(&self, channel: &str, words: &str, at: i64) -> Result<(), DbError> {
        let id = channel.to_owned();
        let finding = Finding::new("error", "poll-refused", words, None);
        self.write(Priority::Routine, move |db| {
            if note(db, &id, &finding, &source_of(FindingSource::Refused, POLL), at)? {
                tell(db, &id, at)?;
            }
            Ok(())
        })
        .await
    }

    /// A call of this function succeeded: what its failures left is taken back. Costs nothing where nothing stands.
    pub async fn note_call_success(&self, channel: &str, function: &'static str, at: i64) -> Result<(), DbError> {
        self.clear_findings(channel, source_of(FindingSource::Call, function), at).await
    }

    /// The provider lets itself be polled again. Costs nothing where nothing stands.
    pub async fn note_poll_accepted(&self, channel: &str, at: i64) -> Result<(), DbError> {
        self.clear_findings(channel, source_of(FindingSource::Refused, POLL), at).await
    }

    async fn clear_findings(&self, channel: &str, source: String, at: i64) -> Result<(), DbError> {
        if !self.channel(channel).await?.is_some_and(|row| row.troubled) {
            return Ok(());
        }
        let id = channel.to_owned();
        self.write(Priority::Routine, move |db| clear(db, &id, &source, at)).await
    }

    /// Marks a channel whose credential of this version the provider refused.
    pub async fn mark_needs_attention(
        &self,
        channel: &str,
        credential_version: i64,
        words: &str,
        at: i64,
    ) -> Result<(), DbError> {
        let (id, words) = (channel.to_owned(), words.to_owned());
        self.write(Priority::Routine, move |db| set_needs_attention(db, &id, credential_version, &words, at)).await
    }

    /// Notes something that the provider's events said about a channel.
    pub async fn note_finding(&self, channel: &str, finding: Finding, at: i64) -> Result<(), DbError> {
        let id = channel.to_owned();
        self.write(Priority::Routine, move |db| {
            if note(db, &id, &finding, FindingSource::Notice.as_str(), at)? {
                tell(db, &id, at)?;
            }
            Ok(())
        })
        .await
    }
}
