//! A file that somebody fetches is left to them, until they are gone.

use crate::db::MediaOutcome;
use crate::db::inbound::tests::*;
use crate::keys::MediaId;

async fn due(db: &Db, now: i64) -> Vec<i64> {
    db.claim_due_media(now, vec![(1, 10)]).await.expect("claimed").into_iter().map(|file| file.id.row()).collect()
}

#[tokio::test]
async fn what_an_earlier_run_was_fetching_is_fetched_at_once_and_what_waits_for_its_time_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        let source = r#"{"v":1,"kind":"image","blob":null,"ref_":"r","url":null,"mime":null,"name":null,"bytes":null,
                         "width":null,"height":null,"duration_ms":null,"extra":[]}"#;
        for id in [1, 2] {
            db.execute(
                "INSERT INTO media (id, workspace_id, account_id, state, kind, source, due_at, created_at) VALUES (?1, 'ws_1', 1, 'pending', 'image', ?2, 1, 1)",
                rusqlite::params![id, source],
            )?;
        }
        Ok(())
    })
    .await
    .expect("two files");
    assert_eq!(due(&db, NOW).await.len(), 2);
    db.settle_media(MediaId::of_row(2), MediaOutcome::Later { at: NOW + 50_000, counted: true }, NOW)
        .await
        .expect("settled");
    assert!(due(&db, NOW + 1).await.is_empty(), "somebody is at it");
    // Another process opens the file, since the first is taken for dead.
    let another = Db::open(DbConfig::at(folder.path().join("t.db")), Vault::new([7; 32])).expect("opens");
    another.take_over(NOW + 2).await.expect("taken over");
    assert_eq!(due(&another, NOW + 2).await, [1]);
    let failed = || MediaOutcome::Failed("the connection was cut".into());
    db.settle_media(MediaId::of_row(1), failed(), NOW + 3).await.expect("heard");
    assert_eq!(
        count(&db, "media WHERE state = 'pending'").await,
        2,
        "the first goes on, and has nothing to say about it"
    );
    another.settle_media(MediaId::of_row(1), failed(), NOW + 4).await.expect("settled");
    assert_eq!(count(&db, "media WHERE state = 'failed'").await, 1);
}
