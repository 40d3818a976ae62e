//! Whom a provider is asked about.

use sambung_runtime::contract::types::MediaRef;

use crate::db::inbound::tests::*;
use crate::keys::ContactId;

#[tokio::test]
async fn who_comes_with_name_and_picture_is_not_asked_about() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let picture = MediaRef {
        kind: "image".into(),
        blob: None,
        ref_: None,
        url: Some("https://example.com/a.jpg".into()),
        mime: None,
        name: None,
        bytes: None,
        width: None,
        height: None,
        duration_ms: None,
        extra: vec![],
    };
    let people = [
        ("nameless", None, None),
        ("named", Some("Named"), None),
        ("pictured", None, Some(&picture)),
        ("known", Some("Known"), Some(&picture)),
    ];
    for (who, name, avatar) in people {
        let mut said = message(who, who);
        let sender = said.sender.as_mut().expect("somebody");
        (sender.name, sender.avatar) = (name.map(str::to_owned), avatar.cloned());
        run(&db, Some("ch_1"), vec![item(vec![event(who, FIRST, Happening::Message(said))], &[])]).await;
    }
    let plugin = db.channel("ch_1").await.expect("read").expect("there").plugin.clone();
    let mut asked: Vec<String> = db
        .strangers(vec![plugin], Default::default(), 10)
        .await
        .expect("read")
        .into_iter()
        .filter_map(|stranger| stranger.thread.map(|(key, _)| key))
        .collect();
    asked.sort();
    assert_eq!(asked, ["named", "nameless", "pictured"]);
}

/// A provider may give somebody another id and another key for their conversation: what they write under both stands in one
/// conversation, and answers go to the new id.
#[tokio::test]
async fn a_conversation_goes_on_under_the_new_identity_whichever_came_first() {
    let change = |at: i64| {
        let identities = |value: &str| person(value).identities;
        let change = IdentityChange {
            old: identities("us.1"),
            new: identities("us.2"),
            proof: "The id changed.".into(),
            extra: vec![("thread".into(), r#"{"key":"us.2","aliases":["us.1"]}"#.into())],
        };
        item(vec![event("change", at, Happening::IdentityChanged(change))], &[])
    };
    let before = |at: i64| item(vec![event("m1", at, Happening::Message(message("m1", "us.1")))], &[]);
    let after = |at: i64| item(vec![event("m2", at, Happening::Message(message("m2", "us.2")))], &[]);
    let orders = [
        vec![before(FIRST), change(FIRST + 1), after(FIRST + 2)],
        vec![before(FIRST), after(FIRST + 2), change(FIRST + 1)],
    ];
    for order in orders {
        let folder = tempfile::tempdir().expect("a folder");
        let db = open(folder.path()).await;
        for item in order {
            run(&db, Some("ch_1"), vec![item]).await;
        }
        assert_eq!(count(&db, "contacts").await, 1);
        assert_eq!(count(&db, "conversations WHERE merged_into IS NULL").await, 1);
        let going_on = "conversations WHERE merged_into IS NULL AND thread_key = 'us.2'";
        assert_eq!(count(&db, going_on).await, 1);
        let to: Vec<String> = db
            .read(|db| {
                let contact: ContactId = db.query_row("SELECT id FROM contacts", [], |row| row.get(0))?;
                let known = crate::db::outbound::addressee::identities(db, contact)?;
                Ok(known.into_iter().map(|identity| identity.value).collect())
            })
            .await
            .expect("read");
        assert_eq!(to, ["us.2", "us.1"]);
    }
}

/// Nobody wrote yet: a change of somebody's identity opens no conversation, and one without a key is only a change.
#[tokio::test]
async fn an_identity_change_opens_no_conversation() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    for (id, extra) in [("a", r#"{"key":"new"}"#), ("b", "nonsense"), ("c", "{}")] {
        let change = IdentityChange {
            old: person("old").identities,
            new: person("new").identities,
            proof: String::new(),
            extra: vec![("thread".into(), extra.into())],
        };
        run(&db, Some("ch_1"), vec![item(vec![event(id, FIRST, Happening::IdentityChanged(change))], &[])]).await;
    }
    assert_eq!((count(&db, "conversations").await, count(&db, "contacts").await), (0, 1));
}

/// A name enters the database in one place, whichever plugin says it: as one line without control characters.
#[tokio::test]
async fn a_name_is_kept_as_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let mut said = message("m1", "siti");
    said.sender.as_mut().expect("somebody").name = Some(" Siti\r\nBcc: x@y.example\0\u{202e}gnp ".to_owned());
    run(&db, Some("ch_1"), vec![item(vec![event("e1", FIRST, Happening::Message(said))], &[])]).await;
    let contacts = db.contacts_page("ws_1", None, None, 10).await.expect("listed");
    assert_eq!(contacts[0].name.as_deref(), Some("Siti Bcc: x@y.examplegnp"));
}
