//! How far what the business sent has come, and the windows of what has a thread and is no message.

use crate::db::inbound::tests::*;

async fn tell(db: &Db, event: Event) {
    run(db, Some("ch_1"), vec![item(vec![event], &[])]).await;
}

fn until(state: &str, time: i64) -> Happening {
    let time = Some(time as u64);
    Happening::Watermark(Watermark { thread: thread("k"), state: state.into(), id: None, time, extra: vec![] })
}

#[tokio::test]
async fn a_watermark_takes_along_what_was_sent_before_it_and_nothing_that_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    for (id, at) in [("o1", FIRST), ("o2", FIRST + 10), ("o3", FIRST + 20)] {
        tell(&db, event(id, at, Happening::Message(echo(id, "k")))).await;
    }
    let failed = Delivery {
        id: Some("o1".into()),
        correlation: None,
        state: "failed".into(),
        who: None,
        price: None,
        failure: None,
        extra: vec![],
    };
    tell(&db, event("failed", FIRST + 1, Happening::Delivery(failed))).await;
    tell(&db, event("arrived", FIRST + 15, until("delivered", FIRST + 15))).await;
    assert_eq!(count(&db, "messages WHERE status = 'delivered'").await, 1);
    assert_eq!(count(&db, "messages WHERE status = 'sent'").await, 1, "what was sent later has not arrived yet");
    tell(&db, event("seen", FIRST + 30, until("read", FIRST + 30))).await;
    tell(&db, event("late", FIRST + 31, until("delivered", FIRST + 31))).await;
    assert_eq!(count(&db, "messages WHERE status = 'read'").await, 2);
    assert_eq!(count(&db, "messages WHERE status = 'failed'").await, 1);
    tell(&db, event("word", FIRST + 40, until("framed", FIRST + 40))).await;
    assert_eq!(count(&db, "watermarks").await, 2, "a word that nobody knows is no mark");
}

#[tokio::test]
async fn a_reaction_and_an_edit_open_windows_in_their_conversation_though_nobody_knows_the_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    tell(&db, event("m1", FIRST, Happening::Message(message("m1", "k")))).await;
    let reaction = Reaction {
        message: target("of long ago"),
        thread: Some(thread("k")),
        who: Some(person("k")),
        emojis: vec!["x".into()],
        extra: vec![],
    };
    let edit = Message { kind: "edited".into(), ..message("of long ago", "k") };
    for (id, what) in [("reaction", Happening::Reaction(reaction)), ("edit", Happening::Message(edit))] {
        let mut event = event(id, FIRST + 5, what);
        event.opens.push(Opening { rule: id.into(), closes_at: None, token: None, extra: vec![] });
        tell(&db, event).await;
    }
    assert_eq!(count(&db, "conversations, json_each(openings)").await, 2);
    assert_eq!(count(&db, "messages").await, 1);
}
