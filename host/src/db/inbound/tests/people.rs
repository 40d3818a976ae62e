//! Whom a provider is asked about.

use sambung_runtime::contract::types::MediaRef;

use super::*;

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
        .strangers(vec![plugin], 10)
        .await
        .expect("read")
        .into_iter()
        .filter_map(|stranger| stranger.thread_key)
        .collect();
    asked.sort();
    assert_eq!(asked, ["named", "nameless", "pictured"]);
}
