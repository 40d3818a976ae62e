//! What waits or is held back for a conversation goes with it when it is merged or gets another name.

use crate::db::inbound::tests::*;
use crate::keys::{ContactId, ConversationId};

async fn execute(db: &Db, sql: &'static str) {
    db.write(Priority::Routine, move |db| Ok(db.execute_batch(sql)?)).await.expect("written");
}

async fn tell(db: &Db, id: &str, at: i64, what: Happening) {
    run(db, Some("ch_1"), vec![item(vec![event(id, at, what)], &[])]).await;
}

fn watermark(key: &str, id: Option<&str>, time: Option<u64>) -> Watermark {
    Watermark { thread: thread(key), state: "read".into(), id: id.map(str::to_owned), time, extra: vec![] }
}

async fn merge_old_and_new(db: &Db, at: i64) {
    let mut both = message("both", "new");
    both.thread.aliases.push("old".into());
    tell(db, "both", at, Happening::Message(both)).await;
    assert_eq!(count(db, "conversations WHERE merged_into IS NOT NULL").await, 1);
}

#[tokio::test]
async fn what_is_held_back_for_a_conversation_or_a_person_is_held_back_after_a_merge() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    tell(&db, "m1", FIRST, Happening::Message(message("m1", "old"))).await;
    tell(&db, "m2", FIRST + 1, Happening::Message(message("m2", "new"))).await;
    execute(
        &db,
        "INSERT INTO holds (account_id, scope, key, until, reason)
           SELECT 1, 'thread', CAST(id AS TEXT), CASE thread_key WHEN 'old' THEN 5 ELSE 9 END, 'slow' FROM conversations;
         INSERT INTO holds (account_id, scope, key, until, reason)
           SELECT 1, 'recipient', CAST(contact_id AS TEXT), 7, 'slow' FROM conversations WHERE thread_key = 'new'",
    )
    .await;
    let mut both = message("both", "new");
    both.thread.aliases.push("old".into());
    let identities = [person("old"), person("new")].into_iter().flat_map(|one| one.identities).collect();
    both.sender = Some(Person { identities, ..person("new") });
    tell(&db, "both", FIRST + 2, Happening::Message(both)).await;
    let kept = "holds h JOIN conversations v ON CAST(v.id AS TEXT) = h.key WHERE h.scope = 'thread' AND v.merged_into IS NULL AND h.until = 9";
    assert_eq!(count(&db, kept).await, 1);
    assert_eq!(count(&db, "holds WHERE scope = 'thread'").await, 1);
    assert_eq!(
        count(&db, "holds h JOIN contacts c ON CAST(c.id AS TEXT) = h.key WHERE h.scope = 'recipient' AND h.until = 7")
            .await,
        1
    );
}

#[tokio::test]
async fn a_read_mark_that_waits_for_its_message_is_set_where_the_conversation_went() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    tell(&db, "m1", FIRST, Happening::Message(message("m1", "old"))).await;
    tell(&db, "m2", FIRST + 1, Happening::Message(message("m2", "new"))).await;
    let read = watermark("new", Some("ours"), None);
    tell(&db, "read", FIRST + 2, Happening::Watermark(read)).await;
    merge_old_and_new(&db, FIRST + 3).await;
    tell(&db, "echo", FIRST + 4, Happening::Message(echo("ours", "old"))).await;
    let marks = "watermarks w JOIN conversations v ON v.id = w.conversation_id AND v.merged_into IS NULL";
    assert_eq!((count(&db, marks).await, count(&db, "watermarks").await), (1, 1));
    assert_eq!(count(&db, "messages WHERE status = 'read'").await, 1);
}

#[tokio::test]
async fn what_was_said_of_a_thread_is_said_of_the_conversation_that_turns_out_to_be_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    tell(&db, "m1", FIRST, Happening::Message(message("m1", "here"))).await;
    let read = watermark("there", None, Some(FIRST as u64 + 5));
    tell(&db, "read", FIRST + 1, Happening::Watermark(read)).await;
    assert_eq!(count(&db, "watermarks").await, 0);
    let mut named = message("m2", "here");
    named.thread.aliases.push("there".into());
    tell(&db, "m2", FIRST + 2, Happening::Message(named)).await;
    assert_eq!(count(&db, "watermarks").await, 1);
    assert_eq!(count(&db, "waiting_events").await, 0);
}

fn merge_line() -> crate::model::audit::Entry {
    crate::model::audit::Entry { action: "contact.merge".into(), ..erase_line(&Default::default()) }
}

async fn shown_with(db: &Db, key: &'static str) -> ContactId {
    db.read(move |db| {
        let conversation: ConversationId =
            db.query_row("SELECT id FROM conversations WHERE thread_key = ?1 AND merged_into IS NULL", [key], |row| {
                row.get(0)
            })?;
        let view = crate::db::inbox::conversations::conversation_view(db, conversation)?;
        Ok(view.and_then(|view| view.contact).map(|contact| contact.id).unwrap_or_default())
    })
    .await
    .expect("read")
}

/// Users said that a is b's person, and c d's; then a provider proves that a is c.
#[tokio::test]
async fn what_a_provider_proves_joins_what_users_merged() {
    for merges in
        [[("a", "b"), ("c", "d")], [("b", "a"), ("d", "c")], [("a", "b"), ("d", "c")], [("b", "a"), ("c", "d")]]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path()).await;
        for (at, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
            tell(&db, key, FIRST + at as i64, Happening::Message(message(key, key))).await;
        }
        for (into, other) in merges {
            let (into, other) = (shown_with(&db, into).await, shown_with(&db, other).await);
            let merged = db.merge_contacts("ws_1", into, other, merge_line()).await.expect("written");
            assert!(matches!(merged, crate::db::Merging::Done(_)), "{merged:?}");
        }
        let mut both = message("both", "a");
        let identities = [person("a"), person("c")].into_iter().flat_map(|one| one.identities).collect();
        both.sender = Some(Person { identities, ..person("a") });
        tell(&db, "both", FIRST + 9, Happening::Message(both)).await;
        let shown = shown_with(&db, "a").await;
        for key in ["b", "c", "d"] {
            assert_eq!(shown_with(&db, key).await, shown, "{merges:?}: {key}");
        }
        let stray = "contacts m WHERE m.merged_into IS NOT NULL AND NOT EXISTS \
            (SELECT 1 FROM contacts c WHERE c.id = m.merged_into AND c.merged_into IS NULL)";
        assert_eq!((count(&db, "contacts").await, count(&db, "contacts WHERE merged_into IS NULL").await), (3, 1));
        assert_eq!(count(&db, stray).await, 0);
    }
}

#[tokio::test]
async fn so_many_contacts_are_merged_into_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    execute(
        &db,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 52)
         INSERT INTO contacts (id, workspace_id, created_at, changed_at) SELECT i, 'ws_1', i, i FROM n",
    )
    .await;
    let merge = async |other: usize| {
        let other = ContactId::of_row(1 + other as i64);
        db.merge_contacts("ws_1", ContactId::of_row(1), other, merge_line()).await.expect("written")
    };
    for other in 1..=crate::db::MOST_MERGED {
        assert!(matches!(merge(other).await, crate::db::Merging::Done(_)), "{other}");
    }
    assert_eq!(merge(crate::db::MOST_MERGED + 1).await, crate::db::Merging::TooMany);
}
