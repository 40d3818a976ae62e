//! Faults of the host itself while it sends: what cannot be stored, what panics, what is wrong with one account.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use reqwest::StatusCode;
use sambung::clock::Clock;
use sambung::db::{Addressee, NewMessage};
use sambung::keys::ConversationId;
use sambung::model::audit::Entry;
use sambung::model::channel::ChannelState;
use sambung_tests::providers::line::Trouble;
use serde_json::{Value, json};

use crate::common::{TestHost, read, until};
use crate::outbound::Story;

/// Changes the database behind the host's back.
fn meddle(host: &TestHost, sql: &str) {
    let db = rusqlite::Connection::open(host.data.join("sambung.db")).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db.execute_batch(sql).unwrap();
}

async fn metrics(host: &TestHost) -> String {
    let answer = host.request(reqwest::Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn an_answer_that_can_never_be_stored_leaves_the_message_unknown_and_the_rest_goes_on() {
    let story = Story::begin().await;
    meddle(&story.host, "CREATE TRIGGER broken BEFORE INSERT ON provider_ids BEGIN SELECT json('{'); END");
    let id = story.text("satu").await;
    let message = story.becomes(&id, "unknown").await;
    assert_eq!(message["attempts"][0]["error"]["code"], "not-stored", "{message}");
    assert!(metrics(&story.host).await.contains("sambung_settlements_refused_total"));
    assert_eq!(story.line.deliveries().len(), 1, "it is not sent again by itself");
    meddle(&story.host, "DROP TRIGGER broken");
    let resolve = format!("/v1/messages/{id}/resolve");
    assert_eq!(story.host.post(&resolve, json!({"outcome": "sent"})).await.0, StatusCode::OK);
    let next = story.text("dua").await;
    story.becomes(&next, "sent").await;
}

/// A web chat with one visitor who wrote; the conversation.
async fn web_chat(host: &TestHost) -> String {
    let settings = json!({"domain": ["https://shop.example"]});
    let (status, made) =
        host.post("/v1/channels", json!({"plugin": "webchat", "name": "Web", "settings": settings})).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let widget = format!("/widget/{}", made["id"].as_str().unwrap());
    let post =
        |path: &str| host.client.post(host.url(&format!("{widget}/{path}"))).header("origin", "https://shop.example");
    let (_, session) = read(post("sessions").send().await.unwrap()).await;
    let body = json!({"id": "m1", "content": {"type": "text", "text": "Dari web"}});
    let sent = post("messages").bearer_auth(session["token"].as_str().unwrap()).json(&body).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    let find = async || {
        let (_, inbox) = host.get("/v1/conversations").await;
        let of_web = |one: &&Value| one["channel"]["id"] == made["id"];
        inbox["items"].as_array().unwrap().iter().find(of_web).map(|one| one["id"].as_str().unwrap().to_owned())
    };
    until("the visitor's conversation is there", async || find().await.is_some()).await;
    find().await.unwrap()
}

#[tokio::test]
async fn what_is_wrong_with_one_account_holds_up_no_other() {
    let story = Story::begin().await;
    let web = web_chat(&story.host).await;
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON attempts WHEN NEW.account_id = 1 BEGIN SELECT json('{'); END";
    meddle(&story.host, broken);
    let stuck = story.text("macet").await;
    let path = format!("/v1/conversations/{web}/messages");
    let (status, other) = story.host.post(&path, json!({"content": {"type": "text", "text": "lancar"}})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{other}");
    story.becomes(other["id"].as_str().unwrap(), "sent").await;
    assert_eq!(story.message(&stuck).await["status"], "queued");
    assert!(metrics(&story.host).await.contains("sambung_claims_failed_total"));
    meddle(&story.host, "DROP TRIGGER broken");
    story.becomes(&stuck, "sent").await;
}

/// A clock that breaks once, when the task that carries a call to its end reads it.
fn fragile(armed: &Arc<AtomicBool>) -> Clock {
    let (armed, system) = (Arc::clone(armed), Clock::system());
    Clock::from_fn(move || {
        if armed.load(Ordering::Relaxed) && Backtrace::force_capture().to_string().contains("outbound::carry") {
            let breaks = armed.swap(false, Ordering::Relaxed);
            assert!(!breaks, "the clock broke, as the test told it to");
        }
        system.now()
    })
}

#[tokio::test]
async fn a_panic_while_sending_leaves_the_message_unknown_and_its_slot_free() {
    let armed = Arc::new(AtomicBool::new(false));
    let clock = fragile(&armed);
    let story = Story::begin_with(|options| {
        options.clock(clock).set("OUTBOUND__CALLS", 1).set("OUTBOUND__UNKNOWN_WAIT_MS", 50)
    })
    .await;
    armed.store(true, Ordering::Relaxed);
    let id = story.text("satu").await;
    let message = story.becomes(&id, "unknown").await;
    assert!(!armed.load(Ordering::Relaxed), "it did break");
    assert_eq!(message["attempts"][0]["error"]["code"], "engine", "{message}");
    let next = story.text("dua").await;
    story.becomes(&next, "sent").await;
    assert_eq!(story.message(&id).await["attempts"].as_array().unwrap().len(), 1, "it is not sent again");
}

#[tokio::test]
async fn a_refused_reply_keeps_its_free_token_for_the_next_try() {
    let story = Story::begin().await;
    story.line.trouble([Trouble::RateLimit]);
    let id = story.text("gratis").await;
    let message = story.becomes(&id, "sent").await;
    let rules: Vec<&Value> = message["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["rule"]).collect();
    assert_eq!(rules, ["reply-token", "reply-token"], "{message}");
    assert!(story.line.deliveries()[0].reply);
}

/// A message that waits behind an unknown one goes as soon as somebody decides, and not only at the end of its wait.
#[tokio::test]
async fn a_decision_lets_what_waited_for_it_go_at_once() {
    let story = Story::begin_with(|options| options.set("RUNTIME__LIMITS__DEADLINE_MS", 700)).await;
    story.line.trouble([Trouble::SilenceAfterTaking]);
    let first = story.text("satu").await;
    story.becomes(&first, "unknown").await;
    let second = story.text("dua").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(story.message(&second).await["status"], "queued");
    let decided = Instant::now();
    let resolve = format!("/v1/messages/{first}/resolve");
    assert_eq!(story.host.post(&resolve, json!({"outcome": "sent"})).await.0, StatusCode::OK);
    story.becomes(&second, "sent").await;
    assert!(decided.elapsed() < Duration::from_secs(10), "{:?}", decided.elapsed());
}

/// Whoever hangs up while a message is being committed has it sent all the same, and at once.
#[tokio::test]
async fn a_message_whose_caller_hung_up_is_sent_at_once() {
    let story = Story::begin().await;
    let state = &story.host.state;
    let channel = state.db.channel(&story.channel).await.unwrap().unwrap();
    let new = NewMessage {
        workspace: channel.workspace.clone(),
        to: Addressee::Conversation(ConversationId::of(&story.conversation)),
        account_id: channel.account_id.unwrap(),
        contents: vec![json!({"type": "text", "text": "tanpa menunggu"})],
        keys: vec!["123e4567-e89b-12d3-a456-426614174000".into()],
        reply_to: None,
        human: false,
        created_by: None,
        at: state.clock.now(),
        most_queued: 10,
        answer: None,
    };
    let began = Instant::now();
    // It is handed over, and its caller waits for no answer.
    drop(state.db.queue_message(new).now_or_never());
    until("it is sent", async || story.line.deliveries().len() == 1).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// What a commit has to say is said by the commit: a caller that goes away between it and the answer leaves nothing stale.
#[tokio::test]
async fn a_caller_that_goes_away_leaves_neither_memory_nor_followers_behind() {
    let story = Story::begin().await;
    let (state, now) = (&story.host.state, story.host.state.clock.now());
    let channel = state.db.channel(&story.channel).await.unwrap().unwrap();
    assert!(!channel.paused, "it is kept in memory like this");
    let (mut feed, epoch) = (state.db.wakes().feed.subscribe(), state.db.addresses_epoch());
    feed.mark_unchanged();
    let entry = Entry {
        workspace: Some(channel.workspace.clone()),
        at: now,
        actor: "cli".into(),
        role: "operator".into(),
        action: "channel.update".into(),
        subject: channel.id.clone(),
        detail: Value::Null,
    };
    let paused = state.db.rename_or_pause_channel(&channel.id, None, Some(true), entry, now);
    // The writer has the act, and its caller is gone.
    drop(paused.now_or_never());
    tokio::time::timeout(Duration::from_secs(5), feed.changed()).await.expect("followers are told").unwrap();
    assert!(state.db.channel(&story.channel).await.unwrap().unwrap().paused, "memory is current");
    assert!(state.db.addresses_epoch() > epoch, "addresses are read again");
    let credential = state.db.mark_needs_attention(&channel.id, channel.credential_version, "gone", now);
    drop(credential.now_or_never());
    tokio::time::timeout(Duration::from_secs(5), feed.changed()).await.expect("followers are told").unwrap();
    let after = state.db.channel(&story.channel).await.unwrap().unwrap();
    assert_eq!(after.state, ChannelState::NeedsAttention);
}
