//! A file that somebody fetches is left to them, until they are gone.

use super::*;
use crate::db::MediaOutcome;
use crate::keys::MediaId;

async fn due(db: &Db, now: i64) -> Vec<i64> {
    db.claim_due_media(now, vec![(1, 10)]).await.expect("claimed").into_iter().map(|file| file.id.row()).collect()
}

#[tokio::test]
async fn what_an_earlier_run_was_fetching_is_fetched_at_once_and_what_waits_for_its_time_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        let source = r#"{"kind":"image","blob":null,"ref_":"r","url":null,"mime":null,"name":null,"bytes":null,
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
    assert_eq!(db.free_claimed_media(NOW + 2).await.expect("freed"), 1);
    assert_eq!(due(&db, NOW + 2).await, [1]);
}
