//! The inbox: pages of conversations by what they are narrowed to, and how many there are.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params, params_from_iter};

use crate::db::inbox::conversations::conversation_for;
use crate::db::{Db, DbError};
use crate::keys::{ContactId, ConversationId};
use crate::model::shown::conversation::{Conversation, Standing};

/// Filters, searches and counts look at so many of the newest conversations of a status, because they visit each one.
pub(in crate::db) const MOST_VISITED: u32 = 20_000;

/// Where a page of the inbox goes on: the last conversation that was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InboxCursor {
    /// When its last message was.
    pub at: i64,
    /// Its id.
    pub id: ConversationId,
}

/// Whose conversations are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    #[default]
    All,
    /// Unassigned ones.
    Unassigned,
    /// Those of this user.
    Of(String),
}

/// What the inbox is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxFilter {
    /// Only of this status.
    pub status: Option<Standing>,
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only with this contact.
    pub contact: Option<ContactId>,
    /// Whom they are assigned to.
    pub whose: Whose,
    /// Only those with messages that the reader has not read.
    pub unread: bool,
    /// Only with a contact whose name or identity contains this text, whatever the case of its letters.
    pub search: Option<String>,
}

impl InboxFilter {
    /// Whether most conversations may have to be visited for a page.
    pub fn visits_many(&self) -> bool {
        self.channel.is_some() || self.whose != Whose::All || self.unread || self.search.is_some()
    }
}

/// How many conversations there are. At most 20,000 are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub all: i64,
    /// Those of the user who asks.
    pub mine: i64,
    /// Those that are assigned to nobody.
    pub unassigned: i64,
    /// Those with messages that the user who asks has not read.
    pub unread: i64,
}

impl Db {
    /// A page of the inbox as this user is shown it, the conversation with the newest message first; with where the next page
    /// begins.
    pub async fn inbox(
        &self,
        workspace: &str,
        user: Option<&str>,
        filter: InboxFilter,
        after: Option<InboxCursor>,
        limit: u32,
    ) -> Result<(Vec<Conversation<'static>>, Option<InboxCursor>), DbError> {
        let (workspace, user) = (workspace.to_owned(), user.map(str::to_owned));
        self.read(move |db| {
            let mut rows = Vec::new();
            // One walk of the index for each status, because its order begins with the status.
            for status in [Standing::Open, Standing::Done] {
                if filter.status.is_none_or(|wanted| wanted == status) {
                    rows.extend(page_of(db, &workspace, user.as_deref(), &filter, status, after.as_ref(), limit + 1)?);
                }
            }
            rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id)));
            let more = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            let items = rows
                .iter()
                .filter_map(|row| conversation_for(db, row.id, user.as_deref()).transpose())
                .collect::<Result<Vec<_>, _>>()?;
            Ok((items, rows.pop().filter(|_| more)))
        })
        .await
    }

    /// How many conversations of this status there are, counted for this user.
    pub async fn inbox_counts(&self, workspace: &str, user: Option<&str>, status: Standing) -> Result<Counts, DbError> {
        let (workspace, user) = (workspace.to_owned(), user.map(str::to_owned));
        self.read(move |db| {
            Ok(db
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(v.assigned_to = ?3), 0), coalesce(sum(v.assigned_to IS NULL), 0), \
                       coalesce(sum(v.inbound > coalesce(r.seen, v.seen)), 0) \
                     FROM (SELECT id, assigned_to, inbound, seen FROM conversations \
                           WHERE workspace_id = ?1 AND status = ?2 AND merged_into IS NULL \
                           ORDER BY last_message_at DESC, id DESC LIMIT ?4) v \
                     LEFT JOIN reads r ON r.conversation_id = v.id AND r.user_id = ?3",
                )?
                .query_row(params![workspace, status.word(), user, MOST_VISITED], |row| {
                    Ok(Counts { all: row.get(0)?, mine: row.get(1)?, unassigned: row.get(2)?, unread: row.get(3)? })
                })?)
        })
        .await
    }
}

/// A pattern of `LIKE … ESCAPE '\'` for texts that contain this one.
pub(in crate::db) fn like(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}

/// The ids of one status, the newest first.
fn page_of(
    db: &Connection,
    workspace: &str,
    user: Option<&str>,
    filter: &InboxFilter,
    status: Standing,
    after: Option<&InboxCursor>,
    limit: u32,
) -> Result<Vec<InboxCursor>, DbError> {
    let mut values: Vec<Sql> = vec![workspace.to_owned().into(), status.word().to_owned().into()];
    let mut wanted = String::new();
    let mut narrow = |condition: &str, given: Sql| {
        values.push(given);
        wanted.push_str(&condition.replace('#', &format!("?{}", values.len())));
    };
    if let Some(after) = after {
        narrow(" AND (v.last_message_at, v.id) < (#, ", after.at.into());
        narrow("#)", after.id.into());
    }
    if let Some(channel) = &filter.channel {
        let of = " AND v.account_id = (SELECT c.account_id FROM channels c WHERE c.id = # AND c.workspace_id = ?1)";
        narrow(of, channel.clone().into());
    }
    if let Some(contact) = filter.contact {
        let group = "SELECT g.id FROM contacts c JOIN contacts g ON g.id = coalesce(c.merged_into, c.id) WHERE c.id = # UNION ALL \
                     SELECT g.id FROM contacts c JOIN contacts g ON g.merged_into = coalesce(c.merged_into, c.id) WHERE c.id = #";
        narrow(&format!(" AND v.contact_id IN ({group})"), contact.into());
    }
    match &filter.whose {
        Whose::All => {}
        Whose::Unassigned => narrow(" AND v.assigned_to IS NULL AND # IS NULL", Sql::Null),
        Whose::Of(user) => narrow(" AND v.assigned_to = #", user.clone().into()),
    }
    if filter.unread {
        let seen = "SELECT r.seen FROM reads r WHERE r.conversation_id = v.id AND r.user_id = #";
        narrow(&format!(" AND v.inbound > coalesce(({seen}), v.seen)"), user.map(str::to_owned).into());
    }
    if let Some(search) = &filter.search {
        let named = "SELECT 1 FROM contacts ct WHERE ct.id IN (\
                       SELECT coalesce(own.merged_into, own.id) FROM contacts own WHERE own.id = v.contact_id UNION ALL \
                       SELECT g.id FROM contacts own JOIN contacts g ON g.merged_into = coalesce(own.merged_into, own.id) \
                         WHERE own.id = v.contact_id) \
                     AND (ct.name LIKE # ESCAPE '\\' OR EXISTS (\
                       SELECT 1 FROM identities i WHERE i.contact_id = ct.id AND i.value LIKE # ESCAPE '\\'))";
        narrow(&format!(" AND EXISTS ({named})"), like(search).into());
    }
    if filter.visits_many() {
        let oldest = "SELECT o.last_message_at FROM conversations o WHERE o.workspace_id = ?1 AND o.status = ?2 \
                      AND o.merged_into IS NULL ORDER BY o.last_message_at DESC, o.id DESC LIMIT 1 OFFSET #";
        narrow(&format!(" AND v.last_message_at >= coalesce(({oldest}), 0)"), (MOST_VISITED - 1).into());
    }
    values.push(limit.into());
    let last = values.len();
    let sql = format!(
        "SELECT v.last_message_at, v.id FROM conversations v \
         WHERE v.workspace_id = ?1 AND v.status = ?2 AND v.merged_into IS NULL{wanted} \
         ORDER BY v.last_message_at DESC, v.id DESC LIMIT ?{last}"
    );
    let mut ask = db.prepare_cached(&sql)?;
    let rows = ask.query_map(params_from_iter(values), |row| Ok(InboxCursor { at: row.get(0)?, id: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{DbConfig, Priority};
    use crate::model::envelope::Vault;

    #[tokio::test]
    async fn filters_and_counts_look_at_the_newest_and_plain_pages_reach_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([1; 32])).expect("opens");
        let all = MOST_VISITED + 5;
        db.write(Priority::Routine, move |db| {
            db.execute_batch(&format!(
                "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                 INSERT INTO accounts (id, workspace_id, plugin_id, account, name, created_at) VALUES (1, 'ws_1', 'p', 'a', 'a', 0);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {all})
                 INSERT INTO conversations (id, workspace_id, account_id, thread_key, assigned_to, created_at, last_message_at)
                 SELECT i, 'ws_1', 1, i, iif(i IN (5, {all}), 'usr_1', NULL), i, i FROM n;"
            ))?;
            Ok(())
        })
        .await
        .expect("written");
        let counts = db.inbox_counts("ws_1", Some("usr_1"), Standing::Open).await.expect("counted");
        assert_eq!((counts.all, counts.mine), (i64::from(MOST_VISITED), 1), "the oldest five are not visited");
        let mine = InboxFilter { whose: Whose::Of("usr_1".into()), ..InboxFilter::default() };
        let (found, _) = db.inbox("ws_1", None, mine, None, 10).await.expect("listed");
        let ids: Vec<_> = found.iter().map(|one| one.id.row()).collect();
        assert_eq!(ids, [i64::from(all)]);
        let after = Some(InboxCursor { at: 6, id: ConversationId::of_row(6) });
        let (rest, _) = db.inbox("ws_1", None, InboxFilter::default(), after, 10).await.expect("listed");
        assert_eq!(rest.len(), 5, "without a filter every page is reached");
    }
}
