//! Credentials that end, and the ones that take their place.

use rusqlite::{Connection, params};

use crate::db::channels::{NewSecret, by_id, life, secrets, tell};
use crate::db::{Db, DbError, Priority};
use crate::model::channel::ChannelState;

/// A channel's secret that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Whose channel it is.
    pub workspace: String,
    /// Whose it is.
    pub channel: String,
    /// Which plugin the channel uses.
    pub plugin: String,
    /// The secret's name.
    pub name: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// When it was set, in milliseconds since 1970.
    pub changed_at: i64,
    /// The channel's, when this was read.
    pub credential_version: i64,
}

impl Db {
    /// Secrets of channels that end until then, the soonest first, after the secret (end, channel, name).
    pub async fn credentials_ending(
        &self,
        until: i64,
        after: (i64, String, String),
        limit: u32,
    ) -> Result<Vec<Ending>, DbError> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT s.owner, c.plugin_id, s.name, s.expires_at, s.changed_at, c.credential_version, c.workspace_id \
                 FROM secrets s JOIN channels c ON c.id = s.owner \
                 WHERE s.expires_at IS NOT NULL AND s.expires_at <= ?1 AND (s.expires_at, s.owner, s.name) > (?2, ?3, ?4) \
                 ORDER BY s.expires_at, s.owner, s.name LIMIT ?5",
            )?;
            let rows = query.query_map(params![until, after.0, after.1, after.2, limit], |row| {
                Ok(Ending {
                    channel: row.get(0)?,
                    plugin: row.get(1)?,
                    name: row.get(2)?,
                    expires_at: row.get(3)?,
                    changed_at: row.get(4)?,
                    credential_version: row.get(5)?,
                    workspace: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Notes that the provider is about to be asked for what takes the place of a secret (name, version); false where that is another one
    /// by now, or another opening of the database asks since `since` or later. A provider that answers has withdrawn the old one.
    pub async fn begin_renewal(
        &self,
        channel: &str,
        (name, version): (&str, i64),
        since: i64,
        now: i64,
    ) -> Result<bool, DbError> {
        let (vault, holder, owned, name) = (self.vault(), self.opening(), channel.to_owned(), name.to_owned());
        self.write(Priority::Urgent, move |db| {
            if secrets::read(db, &vault, &owned, &name)?.map(|secret| secret.version) != Some(version) {
                return Ok(false);
            }
            let begun = db
                .prepare_cached(
                    "INSERT INTO renewals (channel_id, holder, began_at) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (channel_id) DO UPDATE SET holder = excluded.holder, began_at = excluded.began_at \
                     WHERE renewals.holder = excluded.holder OR renewals.began_at < ?4",
                )?
                .execute(params![owned, holder, now, since])?;
            Ok(begun > 0)
        })
        .await
    }

    /// The renewal that this opening of the database began for a channel came to its end.
    pub async fn end_renewal(&self, channel: &str) -> Result<(), DbError> {
        let (holder, owned) = (self.opening(), channel.to_owned());
        self.write(Priority::Routine, move |db| end(db, &owned, holder)).await
    }

    /// Commits what takes the place of a secret (name, version). What waited for a good credential goes on. Whether it was
    /// still wanted: a channel that is gone, or that somebody signed in for meanwhile, keeps what it has.
    pub async fn credential_renewed(
        &self,
        channel: &str,
        (name, version): (&str, i64),
        renewed: Vec<NewSecret>,
        at: i64,
    ) -> Result<bool, DbError> {
        let (vault, holder, owned, name) = (self.vault(), self.opening(), channel.to_owned(), name.to_owned());
        self.write(Priority::Urgent, move |db| {
            end(db, &owned, holder)?;
            let current = secrets::read(db, &vault, &owned, &name)?.map(|secret| secret.version);
            let Some(row) = by_id(db, &owned)?.filter(|_| current == Some(version)) else { return Ok(false) };
            life::put_secrets(db, &vault, (&owned, &row.workspace), &renewed, at)?;
            life::grow_credential(db, &owned)?;
            let healed = db
                .prepare_cached("UPDATE channels SET state = ?2, changed_at = ?3 WHERE id = ?1 AND state = ?4")?
                .execute(params![owned, ChannelState::Connected.as_str(), at, ChannelState::NeedsAttention.as_str()])?;
            let gone = db
                .prepare_cached("DELETE FROM findings WHERE channel_id = ?1 AND source = 'credential'")?
                .execute([&owned])?;
            if healed + gone > 0 {
                tell(db, &owned, at)?;
            }
            Ok(true)
        })
        .await
    }
}

fn end(db: &Connection, channel: &str, holder: i64) -> Result<(), DbError> {
    db.prepare_cached("DELETE FROM renewals WHERE channel_id = ?1 AND holder = ?2")?
        .execute(params![channel, holder])?;
    Ok(())
}
