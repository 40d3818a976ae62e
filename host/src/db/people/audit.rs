//! The audit log: a line for everything that an admin or operator does, in the transaction of the deed.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::{Db, DbError, Priority};
use crate::keys::LineId;
use crate::model::audit::Entry;
use crate::model::time::HOUR;

/// Appends a line within the act that it tells of.
pub(in crate::db) fn append(connection: &Connection, entry: &Entry) -> Result<(), DbError> {
    connection
        .prepare_cached(
            "INSERT INTO audit (id, workspace_id, at, actor, role, action, subject, detail) VALUES (?8, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            entry.workspace,
            entry.at,
            entry.actor,
            entry.role,
            entry.action,
            entry.subject,
            entry.detail.to_string(),
            LineId::new(entry.at)
        ])?;
    Ok(())
}

impl Db {
    /// Writes a line of its own, for a deed that is no act of the database.
    pub async fn audit(&self, entry: Entry) -> Result<(), DbError> {
        self.write(Priority::Routine, move |connection| append(connection, &entry)).await
    }

    /// A page of a workspace's lines with their ids, newest first, older than `before`. With `whole_host`, also the lines
    /// that belong to no workspace. A page looks at 20,000 lines at most, so that one may have few lines, or none, and yet be followed
    /// by another.
    pub async fn audit_page(
        &self,
        workspace: String,
        whole_host: bool,
        filter: AuditFilter,
        before: Option<LineId>,
        limit: usize,
    ) -> Result<AuditPage, DbError> {
        self.read(move |connection| page(connection, (&workspace, whole_host), &filter, before, limit)).await
    }
}

/// Which lines are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it: a person's or a token's id.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// What it was done to.
    pub subject: Option<String>,
    /// Not before this time, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

/// Some lines, and where the next page begins.
#[derive(Debug)]
pub struct AuditPage {
    /// The lines with their ids, newest first.
    pub lines: Vec<(LineId, Entry)>,
    /// The `before` of the next page; none: there are no older lines.
    pub next: Option<LineId>,
}

/// Lines that a page looks at.
const MOST_VISITED: i64 = 20_000;

/// How much later than its time a line may have been written: lines lie in order of their writing.
const LATE: i64 = HOUR;

/// The oldest of the newest lines before ?2 that a page looks at; 0 where it looks at all.
const OLDEST_VISITED: &str = "SELECT max(coalesce((SELECT id FROM audit WHERE workspace_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3), 0), \
     coalesce((SELECT id FROM audit WHERE ?4 AND workspace_id IS NULL AND id < ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3), 0))";

const LINES: &str = "SELECT id, workspace_id, at, actor, role, action, subject, detail FROM audit WHERE workspace_id = ?1 \
     AND id < ?2 AND id >= ?3 AND (?6 IS NULL OR actor = ?6) AND (?7 IS NULL OR action = ?7) AND (?8 IS NULL OR subject = ?8) \
     AND at >= ?9 AND at < ?10 \
     UNION ALL SELECT id, workspace_id, at, actor, role, action, subject, detail FROM audit WHERE ?4 AND workspace_id IS NULL \
     AND id < ?2 AND id >= ?3 AND (?6 IS NULL OR actor = ?6) AND (?7 IS NULL OR action = ?7) AND (?8 IS NULL OR subject = ?8) \
     AND at >= ?9 AND at < ?10 ORDER BY id DESC LIMIT ?5";

fn page(
    connection: &Connection,
    (workspace, whole_host): (&str, bool),
    filter: &AuditFilter,
    before: Option<LineId>,
    limit: usize,
) -> Result<AuditPage, DbError> {
    let number = |statement: &str, at: i64| {
        connection.prepare_cached(statement)?.query_row([at], |row| row.get::<_, i64>(0)).optional()
    };
    let mut before = before.map_or(i64::MAX, |before| before.row());
    if let Some(until) = filter.until
        && let Some(later) =
            number("SELECT id FROM audit WHERE at >= ?1 ORDER BY at LIMIT 1", until.saturating_add(LATE))?
    {
        before = before.min(later);
    }
    let earlier = match filter.since {
        Some(since) => {
            number("SELECT id FROM audit WHERE at < ?1 ORDER BY at DESC LIMIT 1", since.saturating_sub(LATE))?
        }
        None => None,
    };
    let earlier = earlier.unwrap_or(0);
    let visited: i64 = connection
        .prepare_cached(OLDEST_VISITED)?
        .query_row(params![workspace, before, MOST_VISITED - 1, whole_host], |row| row.get(0))?;
    let oldest = visited.max(earlier);
    let mut lines: Vec<(LineId, Entry)> = connection
        .prepare_cached(LINES)?
        .query_map(
            params![
                workspace,
                before,
                oldest,
                whole_host,
                limit as i64 + 1,
                filter.actor,
                filter.action,
                filter.subject,
                filter.since.unwrap_or(i64::MIN),
                filter.until.unwrap_or(i64::MAX)
            ],
            entry,
        )?
        .collect::<Result<_, _>>()?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = match lines.last() {
        Some((last, _)) if more => Some(*last),
        // Where older lines than those that were looked at may be asked for.
        _ => Some(visited).filter(|visited| *visited > earlier).map(LineId::of_row),
    };
    Ok(AuditPage { lines, next })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<(LineId, Entry)> {
    Ok((
        row.get(0)?,
        Entry {
            workspace: row.get(1)?,
            at: row.get(2)?,
            actor: row.get(3)?,
            role: row.get(4)?,
            action: row.get(5)?,
            subject: row.get(6)?,
            detail: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::DbConfig;
    use crate::model::envelope::Vault;

    async fn with_lines(many: i64) -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        db.write(Priority::Routine, move |db| {
            db.execute_batch(&format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
                 INSERT INTO audit (id, workspace_id, at, actor, role, action, subject, detail)
                 SELECT i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN 'ws_1' ELSE 'ws_2' END, i * {HOUR}, 'usr_' || (i % 2), 'admin',
                   iif(i < 10, 'rare', 'usual'), 'x', '{{}}' FROM n;"
            ))?;
            Ok(())
        })
        .await
        .expect("written");
        (folder, db)
    }

    fn ids(lines: &[(LineId, Entry)]) -> Vec<i64> {
        lines.iter().map(|(id, _)| id.row()).collect()
    }

    #[tokio::test]
    async fn lines_are_narrowed_by_who_what_and_when() {
        let (_folder, db) = with_lines(30).await;
        let page = async |whole, filter: AuditFilter, before: Option<i64>, limit| {
            let before = before.map(LineId::of_row);
            let page = db.audit_page("ws_1".into(), whole, filter, before, limit).await.expect("read");
            (ids(&page.lines), page.next.map(|next| next.row()))
        };
        assert_eq!(page(false, AuditFilter::default(), None, 3).await, (vec![28, 25, 22], Some(22)));
        assert_eq!(page(false, AuditFilter::default(), Some(4), 3).await, (vec![1], None));
        assert_eq!(page(true, AuditFilter::default(), Some(8), 9).await, (vec![7, 6, 4, 3, 1], None));
        let rare = || AuditFilter { action: Some("rare".into()), ..AuditFilter::default() };
        assert_eq!(page(false, rare(), None, 9).await, (vec![7, 4, 1], None));
        let by = AuditFilter { actor: Some("usr_1".into()), ..rare() };
        assert_eq!(page(false, by, None, 9).await, (vec![7, 1], None));
        let when = AuditFilter { since: Some(10 * HOUR), until: Some(20 * HOUR), ..AuditFilter::default() };
        assert_eq!(page(true, when, None, 9).await, (vec![19, 18, 16, 15, 13, 12, 10], None));
        let of = AuditFilter { subject: Some("y".into()), ..AuditFilter::default() };
        assert_eq!(page(true, of, None, 9).await, (vec![], None));
    }

    #[tokio::test]
    async fn a_page_looks_at_so_many_lines_and_the_next_goes_on_there() {
        let (_folder, db) = with_lines(3 * MOST_VISITED + 90).await;
        let mut before = None;
        let (mut pages, mut found) = (0, Vec::new());
        loop {
            let rare = AuditFilter { action: Some("rare".into()), ..AuditFilter::default() };
            let AuditPage { lines, next } = db.audit_page("ws_1".into(), true, rare, before, 100).await.expect("read");
            found.extend(ids(&lines));
            pages += 1;
            before = next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(
            (pages, found),
            (2, vec![9, 7, 6, 4, 3, 1]),
            "the first page looked at others, and the second found them"
        );
    }
}
