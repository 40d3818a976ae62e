//! What a call brings is stored whatever happened meanwhile, what may have left together goes again together, and what is said
//! counts for the attempt that it is said of.

use std::collections::HashSet;
use std::sync::Arc;

use sambung_runtime::contract::types::{Identity, Thread};
use sambung_runtime::manifest::Resend;
use sambung_runtime::{Effects, KvWrite};
use serde_json::json;

use crate::db::outbound::settle::{Ended, Ending, Settlement, status};
use crate::db::{BusyAccount, Claim, Db, DbConfig, Group, Priority};
use crate::keys::MessageId;
use crate::model::envelope::Vault;

const NOW: i64 = 1_700_000_000_000;

/// A database with a conversation and a message of two parts in it.
async fn open(folder: &std::path::Path) -> Db {
    let db = Db::open(DbConfig::at(folder.join("t.db")), Vault::new([7; 32])).expect("opens");
    run(
        &db,
        r#"INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0);
         INSERT INTO plugins (id, state, installed_at, changed_at) VALUES ('p', 'active', 0, 0);
         INSERT INTO accounts (id, workspace_id, plugin_id, account, name, created_at) VALUES (1, 'ws_1', 'p', 'one', 'One', 0);
         INSERT INTO channels (id, workspace_id, plugin_id, name, state, account, account_id, settings, created_at, changed_at)
           VALUES ('ch_1', 'ws_1', 'p', 'One', 'connected', 'one', 1, '{}', 0, 0);
         INSERT INTO contacts (id, workspace_id, created_at, changed_at) VALUES (1, 'ws_1', 0, 0), (2, 'ws_1', 1, 0);
         INSERT INTO conversations (id, workspace_id, account_id, contact_id, thread_key, created_at, last_message_at)
           VALUES (1, 'ws_1', 1, 1, 'old', 0, 0), (2, 'ws_1', 1, 2, 'new', 1, 0);
         INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, at, status)
           VALUES (1, 'ws_1', 1, 2, 'outbound', '[]', 0, 'queued');
         INSERT INTO parts (message_id, idx, account_id, conversation_id, content, state, attempt_key, due_at)
           VALUES (1, 0, 1, 2, '{"type":"text","text":"a"}', 'queued', 'k0', 0),
                  (1, 1, 1, 2, '{"type":"text","text":"b"}', 'queued', 'k1', 0);"#,
    )
    .await;
    db
}

async fn run(db: &Db, sql: &'static str) {
    db.write(Priority::Routine, move |db| Ok(db.execute_batch(sql)?)).await.expect("written");
}

async fn text(db: &Db, sql: &'static str) -> String {
    db.read(move |db| Ok(db.query_row(sql, [], |row| row.get(0))?)).await.expect("read")
}

async fn claim(db: &Db, now: i64) -> Option<Group> {
    let account = BusyAccount {
        account_id: 1,
        channel_id: "ch_1".into(),
        workspace: "ws_1".into(),
        plugin: "p".into(),
        app: None,
        features: json!({}),
        due_at: 0,
    };
    let claim = Claim {
        account,
        rules: Vec::new(),
        together: 5,
        resend: Some(Resend { for_ms: 3_600_000, except_rules: Vec::new() }),
        lane_wait_ms: 60_000,
        most: 8,
        spent: HashSet::new(),
        now,
    };
    db.claim_due_parts(claim).await.expect("claimed").pop()
}

fn settlement(group: &Group, ending: impl Fn(i64) -> Ending) -> Settlement {
    let end = |part: &crate::db::DuePart| Ended {
        idx: part.idx,
        attempt_id: part.attempt_id,
        attempt_key: part.attempt_key.clone(),
        ending: ending(part.idx),
        dispatched: true,
    };
    Settlement {
        workspace: "ws_1".into(),
        account_id: 1,
        channel_id: "ch_1".into(),
        message_id: group.message_id,
        conversation_id: group.conversation_id,
        contact_id: group.contact_id,
        ended: group.parts.iter().map(end).collect(),
        at: NOW,
        ..Settlement::default()
    }
}

/// While a send is under way its person and its conversation are merged into others, and the channel is disconnected: the
/// receipt is stored all the same, and what was learnt goes to those who stayed.
#[tokio::test]
async fn a_receipt_is_stored_though_person_conversation_and_channel_went_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let group = claim(&db, NOW).await.expect("due");
    run(
        &db,
        "UPDATE messages SET conversation_id = 1; UPDATE parts SET conversation_id = 1;
         UPDATE conversations SET contact_id = 1; UPDATE conversations SET merged_into = 1 WHERE id = 2;
         DELETE FROM contacts WHERE id = 2; DELETE FROM channels;",
    )
    .await;
    let identity = Identity { scheme: "user".into(), scope: "one".into(), value: "u".into(), extra: vec![] };
    let thread = Thread { key: "told".into(), aliases: vec![], joins: vec![], context: None, extra: vec![] };
    let brought = Settlement {
        identities: vec![identity],
        thread: Some(thread),
        effects: Effects { kv: vec![KvWrite { key: "k".into(), value: Some(b"v".to_vec()) }], ..Effects::default() },
        ..settlement(&group, |idx| Ending::Sent { ids: vec![format!("p{idx}")] })
    };
    db.settle_attempts(Arc::new(brought)).await.expect("stored");
    assert_eq!(text(&db, "SELECT status FROM messages").await, "sent");
    assert_eq!(number(&db, "SELECT contact_id FROM identities").await, 1);
    assert_eq!(number(&db, "SELECT conversation_id FROM thread_keys WHERE key = 'told'").await, 1);
}

/// The provider honours the key of the whole call: parts of one call whose answer was lost are resent as one call, though a
/// crash gave each its own delay.
#[tokio::test]
async fn what_may_have_left_in_one_call_is_resent_in_one_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let group = claim(&db, NOW).await.expect("due");
    assert_eq!(group.parts.len(), 2);
    let lost = settlement(&group, |idx| Ending::Again {
        due_at: NOW + 1_000 + idx * 500,
        counts: true,
        excluded: None,
        maybe_sent: true,
        error: json!({}),
    });
    db.settle_attempts(Arc::new(lost)).await.expect("stored");
    let group = claim(&db, NOW + 1_100).await.expect("due");
    assert_eq!(group.parts.iter().map(|part| part.attempt_key.as_str()).collect::<Vec<_>>(), ["k0", "k1"]);
}

/// What the provider refused marks the channel in the act that ends the attempt, so that it is not tried again with the same
/// credential; where somebody connected again meanwhile, nothing was said about the new one.
#[tokio::test]
async fn a_refused_credential_marks_the_channel_with_the_attempts_end_unless_there_is_a_newer_one() {
    for (reconnect, state) in [(false, "needs_attention"), (true, "connected")] {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path()).await;
        let group = claim(&db, NOW).await.expect("due");
        if reconnect {
            run(&db, "UPDATE channels SET credential_version = credential_version + 1").await;
        }
        let refused = Settlement {
            unauthorized: Some((group.credential_version, "The token was withdrawn.".into())),
            ..settlement(&group, |_| Ending::Again {
                due_at: NOW,
                counts: false,
                excluded: None,
                maybe_sent: false,
                error: json!({}),
            })
        };
        db.settle_attempts(Arc::new(refused)).await.expect("stored");
        assert_eq!(text(&db, "SELECT state FROM channels").await, state);
        assert_eq!(db.channel("ch_1").await.expect("read").expect("there").state.as_str(), state);
        let findings = db.findings("ch_1").await.expect("read");
        assert_eq!(findings.len(), usize::from(!reconnect), "{findings:?}");
        assert_eq!(claim(&db, NOW).await.is_some(), reconnect, "it goes on with the newer one alone");
    }
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    db.read(move |db| Ok(db.query_row(sql, [], |row| row.get(0))?)).await.expect("read")
}

/// Sends what is due, and answers with the key of the first part's attempt; the provider names the parts after their keys.
async fn send(db: &Db, now: i64) -> String {
    let group = claim(db, now).await.expect("due");
    let mut receipt = settlement(&group, |_| Ending::Sent { ids: Vec::new() });
    for ended in &mut receipt.ended {
        ended.ending = Ending::Sent { ids: vec![format!("of {}", ended.attempt_key)] };
    }
    db.settle_attempts(Arc::new(receipt)).await.expect("stored");
    group.parts[0].attempt_key.clone()
}

async fn told(db: &Db, key: &str, state: &'static str, at: i64) {
    let id = format!("of {key}");
    db.write(Priority::Routine, move |db| {
        let fact = status::NewFact {
            account_id: 1,
            provider_id: Some(&id),
            correlation: None,
            state,
            at,
            received_at: at,
            who: None,
            detail: None,
        };
        status::add_fact(db, &fact)
    })
    .await
    .expect("stored");
}

async fn retry(db: &Db, at: i64) {
    let made = std::sync::atomic::AtomicI64::new(at);
    let fresh = move || format!("fresh {}", made.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    let changed = db.retry_message("ws_1", MessageId::of_row(1), fresh, at).await.expect("asked");
    assert!(matches!(changed, crate::db::Changed::Yes(_)), "{changed:?}");
}

async fn status_of(db: &Db) -> String {
    text(db, "SELECT status FROM messages").await
}

/// What the provider says late of the attempt before a person's retry is not shown of the new one, whatever it says and however
/// late it comes; what it says of the new one is, though its clock be behind.
#[tokio::test]
async fn a_fact_counts_for_the_attempt_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let first = send(&db, NOW).await;
    told(&db, "k1", "delivered", NOW + 1).await;
    told(&db, &first, "failed", NOW + 2).await;
    assert_eq!(status_of(&db).await, "failed");
    retry(&db, NOW + 10).await;
    assert_eq!(status_of(&db).await, "sending", "of two parts one is still to go");
    let second = send(&db, NOW + 10).await;
    assert_ne!(first, second);
    assert_eq!(status_of(&db).await, "sent");
    told(&db, &first, "failed", NOW + 20).await;
    told(&db, &first, "delivered", NOW + 21).await;
    assert_eq!(status_of(&db).await, "sent");
    told(&db, &second, "delivered", NOW - 60_000).await;
    assert_eq!(status_of(&db).await, "delivered", "and what was said of the part that was not sent again stands");
}

/// An attempt that arrived after all, before the retry has left: nothing is sent twice.
#[tokio::test]
async fn what_proves_to_have_arrived_is_not_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let first = send(&db, NOW).await;
    told(&db, &first, "failed", NOW + 1).await;
    retry(&db, NOW + 10).await;
    told(&db, &first, "delivered", NOW + 11).await;
    assert!(claim(&db, NOW + 12).await.is_none());
    assert_eq!(text(&db, "SELECT attempt_key FROM parts WHERE idx = 0").await, first);
    told(&db, "k1", "delivered", NOW + 13).await;
    assert_eq!(status_of(&db).await, "delivered");
}

/// A person decided that a lost attempt failed and had it sent again: that it failed is heard late and cancels nothing.
#[tokio::test]
async fn the_late_failure_of_a_lost_attempt_does_not_cancel_the_retry() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let group = claim(&db, NOW).await.expect("due");
    let lost = |_| Ending::Unknown { lane_until: NOW, ask_at: i64::MAX, error: json!({}) };
    db.settle_attempts(Arc::new(settlement(&group, lost))).await.expect("stored");
    let entry = crate::model::audit::Entry {
        workspace: Some("ws_1".into()),
        at: NOW,
        actor: "a".into(),
        role: "admin".into(),
        action: "message.resolve".into(),
        subject: "msg_1".into(),
        detail: json!({}),
    };
    db.resolve_message("ws_1", MessageId::of_row(1), false, None, entry).await.expect("decided");
    retry(&db, NOW + 10).await;
    db.write(Priority::Routine, |db| {
        let fact = status::NewFact {
            account_id: 1,
            provider_id: Some("p-late"),
            correlation: Some("k0"),
            state: "failed",
            at: NOW,
            received_at: NOW + 11,
            who: None,
            detail: None,
        };
        status::add_fact(db, &fact)
    })
    .await
    .expect("stored");
    assert_eq!(status_of(&db).await, "queued");
    assert_eq!(claim(&db, NOW + 12).await.expect("due").parts.len(), 2);
    assert_eq!(number(&db, "SELECT count(*) FROM facts WHERE attempt_key = 'k0'").await, 1);
}

/// A process that was stopped while it called the provider, and goes on after another took over, says nothing of the newer attempt,
/// whose key is the same; that the provider took it counts.
#[tokio::test]
async fn an_attempt_after_which_another_was_made_ends_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let stopped = claim(&db, NOW).await.expect("due");
    let again = |_| Ending::Again { due_at: NOW, counts: true, excluded: None, maybe_sent: true, error: json!({}) };
    db.settle_attempts(Arc::new(settlement(&stopped, again))).await.expect("stored");
    let newer = claim(&db, NOW).await.expect("due");
    assert_eq!(newer.parts[0].attempt_key, stopped.parts[0].attempt_key);
    let failed = |_| Ending::Failed { error: json!({}) };
    db.settle_attempts(Arc::new(settlement(&stopped, failed))).await.expect("stored");
    assert_eq!(number(&db, "SELECT count(*) FROM parts WHERE state = 'sending'").await, 2);
    assert_eq!(number(&db, "SELECT count(*) FROM attempts WHERE outcome = 'retried'").await, 2);
    assert_eq!(number(&db, "SELECT count(*) FROM attempts WHERE ended_at IS NULL").await, 2);
    let sent = |idx| Ending::Sent { ids: vec![format!("p{idx}")] };
    db.settle_attempts(Arc::new(settlement(&stopped, sent))).await.expect("stored");
    assert_eq!(status_of(&db).await, "sent");
    db.settle_attempts(Arc::new(settlement(&newer, failed))).await.expect("stored");
    assert_eq!(status_of(&db).await, "sent", "the same message was taken");
}

/// The loop sleeps until a clock lets something go, and not for what no clock ends.
#[tokio::test]
async fn the_next_part_is_due_when_what_it_waits_for_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let nobody = HashSet::new();
    let due = async || db.next_due_part(1, &nobody).await.expect("asked");
    assert_eq!(due().await, Some(0));
    let group = claim(&db, NOW).await.expect("due");
    run(
        &db,
        r#"INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, at, status)
             VALUES (2, 'ws_1', 1, 2, 'outbound', '[]', 0, 'queued');
           INSERT INTO parts (message_id, idx, account_id, conversation_id, content, state, attempt_key, due_at)
             VALUES (2, 0, 1, 2, '{}', 'queued', 'k2', 0);"#,
    )
    .await;
    assert_eq!(due().await, None, "no clock ends a call");
    let lost = |_| Ending::Unknown { lane_until: NOW + 60_000, ask_at: i64::MAX, error: json!({}) };
    db.settle_attempts(Arc::new(settlement(&group, lost))).await.expect("stored");
    assert_eq!(due().await, Some(NOW + 60_000), "the unknown one is waited for so long");
    run(&db, "INSERT INTO holds VALUES (1, 'thread', '2', 1700000090000, 'slow')").await;
    assert_eq!(due().await, Some(NOW + 90_000));
    let spent = HashSet::from([2]);
    assert_eq!(db.next_due_part(1, &spent).await.expect("asked"), None);
}
