//! A request that cannot be stored holds nothing back, and what waited for a channel comes before what arrived later.

use std::sync::Arc;

use rusqlite::Connection;

use crate::db::inbound::journal;
use crate::db::inbound::rows::in_savepoint;
use crate::db::inbound::tests::*;
use crate::db::{DbError, STEP};

async fn execute(db: &Db, sql: &'static str) {
    db.write(Priority::Routine, move |db| Ok(db.execute_batch(sql)?)).await.expect("written");
}

/// A journalled request of the channel `ch_1`.
async fn journalled(db: &Db) -> RequestId {
    journalled_at(db, "p/ch_1", Some("ch_1"), None).await
}

fn translated(id: RequestId, early: bool) -> Translated {
    let name = format!("m{id}");
    let items = vec![item(vec![event(&name, FIRST, Happening::Message(message(&name, "k1")))], &[])];
    let row = PendingRow {
        id,
        plugin: "p".into(),
        address: "p/ch_1".into(),
        channel: Some("ch_1".into()),
        received_at: NOW,
        ..PendingRow::default()
    };
    Translated {
        row: Arc::new(row),
        translation: Translation::Outcome {
            outcome: Outcome { items, answer: None, extra: vec![] }.into(),
            rules: Arc::from([]),
            early,
        },
        progress: Progress::default(),
    }
}

async fn commit(db: &Db, rows: Vec<Translated>) -> Vec<Effect> {
    let done = db.commit_translated(rows, NOW).await.expect("written");
    done.into_iter().map(|row| row.expect("committed").effect).collect()
}

/// A fault that no repetition mends parks the one request and is shown on its channel; the next is stored, and the parked one
/// as well once the fault is gone.
#[tokio::test]
async fn a_request_that_can_never_be_stored_is_parked_and_shown_and_the_next_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    execute(
        &db,
        "CREATE TRIGGER broken BEFORE UPDATE ON journal WHEN OLD.id = (SELECT min(id) FROM journal) AND NEW.state = 'settled'
         BEGIN SELECT json('{'); END",
    )
    .await;
    let (first, second) = (journalled(&db).await, journalled(&db).await);
    let effects = commit(&db, vec![translated(first, false), translated(second, false)]).await;
    assert_eq!(effects, [Effect::Parked, Effect::Settled]);
    assert_eq!(count(&db, "messages").await, 1);
    let reasons = "journal WHERE state = 'parked' AND reason LIKE 'it could not be stored: %'";
    assert_eq!(count(&db, reasons).await, 1);
    let shown = "findings WHERE channel_id = 'ch_1' AND code = 'inbound-not-stored' AND level = 'error'";
    assert_eq!(count(&db, shown).await, 1);

    execute(&db, "DROP TRIGGER broken; UPDATE journal SET state = 'pending' WHERE id = (SELECT min(id) FROM journal)")
        .await;
    assert_eq!(commit(&db, vec![translated(first, false)]).await, [Effect::Settled]);
    assert_eq!(count(&db, "messages").await, 2);
}

#[test]
fn a_panic_in_an_act_undoes_it_alone_and_says_what_it_was() {
    let db = Connection::open_in_memory().expect("memory is there");
    db.execute_batch("CREATE TABLE t (a INTEGER); BEGIN").expect("a table");
    let done = in_savepoint(&db, || -> Result<(), DbError> {
        db.execute("INSERT INTO t VALUES (1)", [])?;
        panic!("on purpose");
    });
    assert!(matches!(&done, Err(DbError::Damaged(words)) if words.contains("on purpose")), "{done:?}");
    let kept = in_savepoint(&db, || Ok(db.execute("INSERT INTO t VALUES (2)", [])?));
    assert_eq!(kept.expect("it stands"), 1);
    assert_eq!(db.query_row("SELECT a FROM t", [], |row| row.get::<_, i64>(0)).expect("one row"), 2);
}

async fn connect(db: &Db) {
    db.write(Priority::Routine, |db| {
        db.execute("UPDATE channels SET state = 'connected', step = NULL WHERE id = 'ch_1'", [])?;
        journal::release_waiting(db, "ch_1")
    })
    .await
    .expect("connected");
}

/// The requests that a channel's connection lets go of are stored before those that came after it, in whatever order they are
/// translated.
#[tokio::test]
async fn what_waited_for_a_channel_is_stored_before_what_came_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    execute(&db, "UPDATE channels SET state = 'connecting' WHERE id = 'ch_1'").await;
    let (waits, early) = (journalled(&db).await, journalled(&db).await);
    assert_eq!(commit(&db, vec![translated(waits, true)]).await, [Effect::Waiting]);
    connect(&db).await;
    let later = journalled(&db).await;
    let effects = commit(&db, vec![translated(early, true), translated(later, false)]).await;
    assert_eq!(effects, [Effect::Again, Effect::Again], "neither overtakes what waited");
    assert_eq!(commit(&db, vec![translated(early, false)]).await, [Effect::Again]);
    let all = vec![translated(waits, false), translated(early, false), translated(later, false)];
    assert_eq!(commit(&db, all).await, [Effect::Settled; 3]);
    assert_eq!(count(&db, "messages").await, 3);
}

/// What nobody translated because nobody waited at the provider is translated when by its commit somebody does.
#[tokio::test]
async fn a_request_that_was_too_early_is_translated_when_its_channel_waits_for_the_provider_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    execute(&db, "UPDATE channels SET state = 'connecting' WHERE id = 'ch_1'").await;
    let id = journalled(&db).await;
    let untranslated = Translated { translation: Translation::TooEarly, ..translated(id, true) };
    execute(&db, r#"UPDATE channels SET step = '{"kind":"wait"}' WHERE id = 'ch_1'"#).await;
    assert_eq!(commit(&db, vec![untranslated]).await, [Effect::Again]);
    assert_eq!(commit(&db, vec![translated(id, true)]).await, [Effect::Waiting]);
}

/// A request with many events is stored in steps, in the journal from the first one on: whichever step is the last before a crash,
/// a second translation stores the rest, and nothing twice.
#[tokio::test]
async fn a_request_with_many_events_is_stored_in_steps_each_once_whenever_it_is_cut_off() {
    let event_of = |index: usize| {
        let name = format!("m{index}");
        event(&name, FIRST + index as i64, Happening::Message(message(&name, "k1")))
    };
    // One large item, an ignored one, and many small ones.
    let mut items = vec![item((0..STEP * 2 + 10).map(event_of).collect(), &[])];
    items.push(Item { outcome: ItemResult::Ignored("on purpose".into()), ..item(vec![], &[]) });
    items.extend((STEP * 2 + 10..STEP * 4).map(|index| item(vec![event_of(index)], &[])));
    let events = STEP * 4;
    assert_eq!(events, 256);
    for cut_off_after in 0..6 {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path()).await;
        let mut whole = translated(journalled(&db).await, false);
        let Translation::Outcome { outcome, .. } = &mut whole.translation else { panic!("it is one") };
        Arc::make_mut(outcome).items = items.clone();
        let (mut request, mut steps, mut stored) = (whole.clone(), 0, 0);
        loop {
            let mut done = db.commit_translated(vec![request.clone()], NOW).await.expect("written");
            let done = done.remove(0).expect("committed");
            assert!(done.stored as usize <= STEP, "{done:?}");
            stored += done.stored as usize;
            steps += 1;
            if done.effect == Effect::Settled {
                break;
            }
            assert_eq!(done.effect, Effect::Partly);
            assert_eq!(
                count(&db, "journal JOIN raw_requests ON journal_id = id WHERE state = 'pending' AND body = x'00'")
                    .await,
                1
            );
            // Cut off, it is translated again from what the journal holds.
            let progress = done.progress.expect("there is a rest");
            request = match steps == cut_off_after {
                true => whole.clone(),
                false => Translated { progress, ..request },
            };
        }
        assert!(steps > 4, "{steps}");
        assert_eq!(stored, events);
        assert_eq!((count(&db, "messages").await, count(&db, "dedupe").await), (events as i64, events as i64));
        assert_eq!(count(&db, "journal WHERE state = 'settled' AND stored = 256").await, 1);
        assert_eq!(count(&db, "journal_items").await, 1);
    }
}

/// What came of a request is in the act that settles it, its unusual items included.
#[tokio::test]
async fn a_request_is_settled_with_what_came_of_it_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let mut request = translated(journalled(&db).await, false);
    let Translation::Outcome { outcome, .. } = &mut request.translation else { panic!("it is one") };
    let outcome = Arc::make_mut(outcome);
    outcome.items.push(Item { outcome: ItemResult::Ignored("on purpose".into()), ..item(vec![], &[]) });
    outcome.items.push(Item { outcome: ItemResult::Failed("not understood".into()), ..item(vec![], &[]) });
    assert_eq!(commit(&db, vec![request.clone()]).await, [Effect::Parked]);
    assert_eq!(count(&db, "journal WHERE state = 'parked' AND stored = 1 AND settled_at IS NOT NULL").await, 1);
    assert_eq!(count(&db, "journal_items").await, 2);
    assert_eq!(commit(&db, vec![request]).await, [Effect::Settled], "it came to its end already");
    assert_eq!(count(&db, "messages").await, 1);
}

/// Requests of an address are stored in the order of the journal, whatever was translated first, and those of another do not wait.
#[tokio::test]
async fn a_request_waits_for_those_of_its_address_that_came_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let (first, second, third) = (journalled(&db).await, journalled(&db).await, journalled(&db).await);
    assert_eq!(commit(&db, vec![translated(second, false), translated(third, false)]).await, [Effect::Again; 2]);
    execute(&db, "UPDATE journal SET address = 'p/ch_2' WHERE id = 3").await;
    let mut other = translated(third, false);
    other.row = Arc::new(PendingRow { address: "p/ch_2".into(), ..(*other.row).clone() });
    assert_eq!(commit(&db, vec![translated(second, false), other]).await, [Effect::Again, Effect::Settled]);
    // One that is to be translated again holds up what came after it.
    assert_eq!(commit(&db, vec![translated(first, true), translated(second, false)]).await, [Effect::Again; 2]);
    assert_eq!(commit(&db, vec![translated(first, false), translated(second, false)]).await, [Effect::Settled; 2]);
    assert_eq!(count(&db, "messages").await, 3);
}

/// A request of a channel that is connecting waits in the journal, translated or not, and is parked where the channel goes.
#[tokio::test]
async fn a_request_waits_for_its_channel() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    execute(&db, "UPDATE channels SET state = 'connecting' WHERE id = 'ch_1'").await;
    assert_eq!(commit(&db, vec![translated(journalled(&db).await, true)]).await, [Effect::Waiting]);
    assert_eq!(count(&db, "journal WHERE state = 'waiting' AND raw = 1").await, 1);
    execute(&db, "DELETE FROM channels WHERE id = 'ch_1'").await;
    assert_eq!(commit(&db, vec![translated(journalled(&db).await, false)]).await, [Effect::Parked]);
    assert_eq!(count(&db, "journal WHERE state = 'parked' AND reason LIKE '%disconnected%'").await, 1);
}
