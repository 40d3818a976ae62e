//! What only one may do at a time: a row with a fencing number that only grows.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Db, DbError, Priority};

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// Larger than any holder's before: an act with a smaller one comes too late.
    pub fence: i64,
}

/// Whether the lease with this fence still stands, within an act.
pub(in crate::db) fn stands(connection: &Connection, lease: &Lease) -> Result<bool, DbError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM leases WHERE name = ?1 AND holder = ?2 AND fence = ?3")?
        .exists(params![lease.name, lease.holder, lease.fence])?)
}

impl Db {
    /// Takes or prolongs a lease until `until`; `None` while somebody else has it at `now`.
    pub async fn take_lease(&self, name: &str, holder: &str, now: i64, until: i64) -> Result<Option<Lease>, DbError> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.write(Priority::Routine, move |connection| {
            let fence: Option<i64> = connection
                .prepare_cached(
                    "INSERT INTO leases (name, holder, fence, until) VALUES (?1, ?2, 1, ?4) ON CONFLICT (name) DO UPDATE SET \
                     holder = ?2, until = ?4, fence = CASE WHEN holder = ?2 AND until > ?3 THEN fence ELSE fence + 1 END \
                     WHERE holder = ?2 OR until <= ?3 RETURNING fence",
                )?
                .query_row(params![name, holder, now, until], |row| row.get(0))
                .optional()?;
            Ok(fence.map(|fence| Lease { name, holder, fence }))
        })
        .await
    }

    /// Gives a lease back, if it is still this one.
    pub async fn give_lease_back(&self, lease: Lease) -> Result<(), DbError> {
        self.write(Priority::Routine, move |connection| {
            if stands(connection, &lease)? {
                connection.execute("UPDATE leases SET until = 0 WHERE name = ?1", params![lease.name])?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::DbConfig;
    use super::*;
    use crate::model::envelope::Vault;

    #[tokio::test]
    async fn one_holder_at_a_time_and_the_fence_only_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        let first = db.take_lease("poll", "a", 0, 100).await.expect("asked").expect("free");
        assert_eq!(db.take_lease("poll", "b", 50, 150).await.expect("asked"), None);
        let longer = db.take_lease("poll", "a", 60, 200).await.expect("asked").expect("its own");
        assert_eq!(first.fence, longer.fence);
        let second = db.take_lease("poll", "b", 200, 300).await.expect("asked").expect("run out");
        assert!(second.fence > first.fence);
        db.give_lease_back(first).await.expect("too late, and so nothing");
        assert_eq!(db.take_lease("poll", "c", 250, 400).await.expect("asked"), None);
        db.give_lease_back(second).await.expect("given back");
        assert!(db.take_lease("poll", "c", 250, 400).await.expect("asked").is_some());
    }
}
