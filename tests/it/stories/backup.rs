//! A backup of a running server, and its restore on an empty machine, with the program's own commands.

use std::time::Duration;

use sambung_tests::api::{now_ms, until};
use sambung_tests::host::{connect_line, hook, leading};
use sambung_tests::providers::line::Line;
use sambung_tests::server::Server;
use serde_json::json;

use super::CUSTOMER;

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_after_a_restore_on_an_empty_machine() {
    let line = Line::start().await;
    let mut old = Server::start(&leading(&line.overrides(), "")).await;
    let api = old.api();
    let channel = connect_line(&api, &line).await;
    assert_eq!(line.post_text(&hook(&api, &channel), CUSTOMER, now_ms(), "before").await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let apart = tempfile::tempdir().unwrap();
    let file = apart.path().join("backup").display().to_string();
    let made = old.run(&["backup", &file]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let refused = old.run(&["restore", &file]).await;
    assert!(!refused.status.success(), "a running server is left alone");
    let key = old.data().join("master.key");
    old.kill().await;

    let mut new = old.elsewhere();
    let words = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let missing = new.run(&["restore", &file]).await;
    assert!(!missing.status.success() && words(&missing).contains("key"), "{}", words(&missing));
    let stranger = Server::start("").await;
    let wrong = stranger.data().join("master.key").display().to_string();
    let refused = new.run(&["restore", &file, "--key", &wrong]).await;
    assert!(!refused.status.success() && words(&refused).contains("key"), "{}", words(&refused));
    assert!(!new.data().join("sambung.db").exists(), "nothing was written");
    let restored = new.run(&["restore", &file, "--key", &key.display().to_string()]).await;
    assert!(restored.status.success(), "{}", words(&restored));

    new.spawn();
    new.ready().await;
    let api = new.api();
    assert_eq!(line.post_text(&hook(&api, &channel), CUSTOMER, now_ms(), "after").await.unwrap(), 200);
    let id = conversation["id"].as_str().unwrap();
    until("the conversation goes on", async || {
        let messages = api.all(&format!("/v1/conversations/{id}/messages")).await;
        let texts: Vec<_> = messages.iter().map(|message| message["content"]["text"].clone()).collect();
        (texts == ["after", "before"]).then_some(())
    })
    .await;
    let reply = api.reply(id, "welcome back").await;
    assert_eq!(api.get(&format!("/v1/messages/{reply}")).await["status"], "queued", "outbound is held");
    let released = new.run(&["release"]).await;
    assert!(released.status.success(), "{}", words(&released));
    api.message_when(&reply, "sent").await;
    assert_eq!(line.deliveries().len(), 1);
}

/// What was in flight and what waited when the backup was made was sent by the old server afterwards: the new one shows both as
/// unknown, sends neither again, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_out_twice_after_a_restore_and_everything_is_shown() {
    let line = Line::start().await;
    let mut old = Server::start(&leading(&line.overrides(), "")).await;
    let api = old.api();
    let channel = connect_line(&api, &line).await;
    assert_eq!(line.post_text(&hook(&api, &channel), CUSTOMER, now_ms(), "before").await.unwrap(), 200);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let sent = api.reply(&conversation, "long ago").await;
    api.message_when(&sent, "sent").await;
    line.answer_after(Duration::from_secs(5));
    let in_flight = api.reply(&conversation, "in flight").await;
    api.message_when(&in_flight, "sending").await;
    let waits = api.reply(&conversation, "waits").await;
    let apart = tempfile::tempdir().unwrap();
    let file = apart.path().join("backup").display().to_string();
    let made = old.run(&["backup", &file]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(api.get(&format!("/v1/messages/{waits}")).await["status"], "queued", "the backup was made in time");
    line.answer_after(Duration::ZERO);
    api.message_when(&waits, "sent").await;
    assert_eq!(line.deliveries().len(), 3);
    let key = old.data().join("master.key").display().to_string();
    old.kill().await;

    let mut new = old.elsewhere();
    let restored = new.run(&["restore", &file, "--key", &key]).await;
    let words = String::from_utf8_lossy(&restored.stderr).into_owned();
    assert!(restored.status.success() && words.contains("2 messages were to be sent"), "{words}");
    new.spawn();
    new.ready().await;
    let api = new.api();
    assert!(new.run(&["release"]).await.status.success());
    let later = api.reply(&conversation, "later").await;
    api.message_when(&later, "sent").await;
    for id in [&in_flight, &waits] {
        let shown = api.message_when(id, "unknown").await;
        let last = shown["attempts"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["outcome"], &last["error"]["code"]), (&json!("unknown"), &json!("restored")), "{shown}");
    }
    assert_eq!(api.get(&format!("/v1/messages/{sent}")).await["status"], "sent");
    let texts: Vec<_> = line.deliveries().iter().map(|shown| shown.object["text"].clone()).collect();
    assert_eq!(texts, ["long ago", "in flight", "waits", "later"], "each once");
    let path = format!("/v1/messages/{waits}/resolve");
    let decided = api.expect(200, "POST", &path, json!({ "outcome": "sent" })).await;
    assert_eq!(decided["status"], "sent");
}
