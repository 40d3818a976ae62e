//! What earlier openings of the database held when they ended: free at the start of the next.
//!
//! A process that was only taken for dead, because it was stopped for a while, may go on: what it held is checked against the number
//! of its opening when it comes to its end ([`Db::opening`]).

use rusqlite::params;

use crate::db::{Db, DbError, Priority};

impl Db {
    /// Frees what earlier openings held: keys of requests without an answer, where a repetition goes on with what was begun; files that
    /// were being fetched; renewals of tokens. Only at the start, under the lock of the data folder.
    pub async fn take_over(&self, now: i64) -> Result<(), DbError> {
        let own = self.opening();
        self.write(Priority::Urgent, move |db| {
            db.execute(
                "UPDATE idempotency SET interrupted = 1, holder = ?1 WHERE status IS NULL AND made IS NOT NULL AND holder <> ?1",
                [own],
            )?;
            db.execute("DELETE FROM idempotency WHERE status IS NULL AND made IS NULL AND holder <> ?1", [own])?;
            db.execute(
                "UPDATE media SET due_at = ?2, claimed = 0 WHERE state = 'pending' AND due_at > ?2 AND claimed NOT IN (0, ?1)",
                params![own, now],
            )?;
            db.execute("DELETE FROM renewals WHERE holder <> ?1", [own])?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use sambung_runtime::SecretValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::db::{DbConfig, Delivered, Earlier, Endpoint, KeptAnswer, PollResult, Ticket, feed};
    use crate::model::audit::Entry;
    use crate::model::envelope::Vault;

    const NOW: i64 = 1_700_000_000_000;

    /// Two processes that have the same file open: the first was stopped and is taken for dead, the second has taken over.
    async fn two(prepare: &'static str) -> (tempfile::TempDir, Db, Db) {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([7; 32])).expect("opens");
        let first = open();
        first
            .write(Priority::Routine, move |db| {
                db.execute_batch(
                    "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
                     INSERT INTO plugins (id, state, installed_at, changed_at) VALUES ('p', 'active', 0, 0);
                     INSERT INTO channels (id, workspace_id, plugin_id, name, state, settings, created_at, changed_at)
                     VALUES ('ch_1', 'ws_1', 'p', 'One', 'connected', '{}', 0, 0);",
                )?;
                Ok(db.execute_batch(prepare)?)
            })
            .await
            .expect("prepared");
        let second = open();
        (folder, first, second)
    }

    #[tokio::test]
    async fn a_request_that_another_took_over_is_answered_by_that_one_alone() {
        let (_folder, first, second) = two("").await;
        let ticket = Ticket { workspace: "ws_1".into(), actor: "usr_1".into(), key: "k".into() };
        let begin = async |db: &Db| db.begin_request(ticket.clone(), [1; 32], NOW, 0).await.expect("asked");
        let answer = |body: &str| KeptAnswer {
            ticket: ticket.clone(),
            status: 201,
            headers: "[]".into(),
            body: body.as_bytes().to_vec(),
        };
        assert_eq!(begin(&first).await, Earlier::New);
        assert_eq!(begin(&second).await, Earlier::Running);
        second.take_over(NOW).await.expect("taken over");
        assert_eq!(begin(&second).await, Earlier::New);
        let late = first.end_request(answer("late"), None).await;
        assert!(matches!(late, Err(DbError::TakenOver)), "{late:?}");
        first.forget_request(ticket.clone()).await.expect("heard");
        assert_eq!(begin(&first).await, Earlier::Running, "nor does it give the other's key back");
        second.end_request(answer("done"), None).await.expect("kept");
        let kept = Earlier::Answered { status: 201, headers: "[]".into(), body: b"done".to_vec() };
        assert_eq!(begin(&first).await, kept);
    }

    #[tokio::test]
    async fn one_asks_for_a_new_token_at_a_time() {
        let (_folder, first, second) = two("").await;
        let secret =
            || crate::db::NewSecret { name: "t".into(), value: SecretValue::new(b"a".to_vec()), expires_at: None };
        let put = first.vault();
        first
            .write(Priority::Routine, move |db| {
                let new = crate::db::channels::secrets::NewSecret {
                    owner: "ch_1",
                    name: "t",
                    workspace: Some("ws_1"),
                    value: b"old",
                    bound_to: None,
                    expires_at: None,
                };
                crate::db::channels::secrets::put(db, &put, &new, NOW)
            })
            .await
            .expect("put");
        let version = first.secret("ch_1", "t").await.expect("read").expect("there").version;
        let begin =
            async |db: &Db, at: i64| db.begin_renewal("ch_1", ("t", version), at - 100, at).await.expect("asked");
        assert!(begin(&first, NOW).await && begin(&first, NOW).await, "its own turn is its own business");
        assert!(!begin(&second, NOW + 50).await, "another asks");
        assert!(begin(&second, NOW + 101).await, "so long ago that it is lost");
        first.end_renewal("ch_1").await.expect("heard");
        assert!(!begin(&first, NOW + 102).await, "the first ends its own alone");
        assert!(second.credential_renewed("ch_1", ("t", version), vec![secret()], NOW + 103).await.expect("kept"));
        assert!(!begin(&first, NOW + 500).await, "there is a newer one");
        let late = first.credential_renewed("ch_1", ("t", version), vec![secret()], NOW + 501).await;
        assert!(!late.expect("heard"), "and what the first was given late takes nothing's place");
    }

    #[tokio::test]
    async fn what_a_poll_brought_late_does_not_move_the_cursor_back() {
        let (_folder, first, second) = two("UPDATE channels SET cursor = 'a'").await;
        let brought = |from: &str, to: &str| PollResult {
            channel: "ch_1".into(),
            from: Some(from.into()),
            cursor: Some(to.into()),
            ..PollResult::default()
        };
        assert!(second.commit_polled(brought("a", "b"), NOW).await.expect("kept"));
        assert!(!first.commit_polled(brought("a", "b"), NOW).await.expect("heard"));
        assert_eq!(first.poll_cursor("ch_1").await.expect("read").as_deref(), Some("b"));
    }

    #[tokio::test]
    async fn a_failure_that_is_told_late_has_nothing_delivered_again() {
        let (_folder, first, second) = two("").await;
        let endpoint = Endpoint {
            id: "ep_1".into(),
            workspace: "ws_1".into(),
            url: "https://hooks.example".into(),
            types: Vec::new(),
            enabled: true,
            disabled_reason: None,
            previous_until: None,
            failing_since: None,
            created_at: 1,
        };
        let entry = Entry {
            workspace: Some("ws_1".into()),
            at: NOW,
            actor: "a".into(),
            role: "admin".into(),
            action: "endpoint.create".into(),
            subject: "ep_1".into(),
            detail: Value::Null,
        };
        assert!(first.add_endpoint(endpoint, SecretValue::new(vec![9; 32]), 1, entry, None).await.expect("added"));
        first
            .write(Priority::Routine, |db| feed::append(db, "ws_1", "message.created", &json!({}), NOW))
            .await
            .expect("told");
        first.fan_out(NOW, 10, String::new()).await.expect("written");
        let due = async |db: &Db| db.due_deliveries(NOW, vec![("ep_1".into(), 10)], Vec::new()).await.expect("read");
        let (held, taken) = (due(&first).await.remove(0), due(&second).await.remove(0));
        second.settle_delivery(&taken, Delivered::Yes { status: 200 }, NOW).await.expect("noted");
        let failed = Delivered::No { status: None, error: "cut".into(), due_at: Some(NOW), disable: None };
        first.settle_delivery(&held, failed, NOW).await.expect("heard");
        assert!(due(&second).await.is_empty());
    }
}
