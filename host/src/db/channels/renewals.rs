//! Credentials that end, and the ones that take their place.

use rusqlite::params;

use super::{NewSecret, by_id, life, tell};
use crate::db::{Db, DbError, Priority, secrets};
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

    /// Commits what takes the place of a secret (name, version). What waited for a good credential goes on. Whether it was
    /// still wanted: a channel that is gone, or that somebody signed in for meanwhile, keeps what it has.
    pub async fn credential_renewed(
        &self,
        channel: &str,
        (name, version): (&str, i64),
        renewed: Vec<NewSecret>,
        at: i64,
    ) -> Result<bool, DbError> {
        let (vault, owned, name) = (self.vault(), channel.to_owned(), name.to_owned());
        self.write(Priority::Urgent, move |db| {
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
